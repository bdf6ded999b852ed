"""What a project does not do, said to who asked for it."""


class Refused(ValueError):
    """What was asked cannot be; the message, in Chinese, says why and what can.

    It is told as it stands, with status 422. Any other ``ValueError`` that nobody
    catches is an error of ours: it is logged, and who asked learns only that.
    """
