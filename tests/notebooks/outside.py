"""The environment of a reader's shell, for tests that call make under a make."""

import os

OUTER = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PROFILE", "CHAPTER", "JOBS"}


def environment() -> dict[str, str]:
    """Return the variables without those that the outer make has set."""
    return {name: value for name, value in os.environ.items() if name not in OUTER}
