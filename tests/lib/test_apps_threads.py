"""A project computes on half of the cores, before it computes anything."""

import importlib
from types import SimpleNamespace

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("obstore")
pytest.importorskip("fastapi")

COMMANDS = [  # a project, its words, and what comes next in its command
    ("copywriter", ("writer.safetensors",), "page"),
    ("image_platform", ("serve",), "Platform"),
    ("music_studio", ("serve",), "Store"),
    ("opinion_monitor", (), "Store"),
    ("service_desk", ("serve",), "Conversations"),
    ("service_desk", ("train",), "learn"),
    ("service_desk", ("corrections", "apply"), "newest"),
]


class Settled(Exception):
    """The number of threads was chosen."""


@pytest.mark.parametrize(
    ("project", "words", "next_"),
    COMMANDS,
    ids=[" ".join((a, *b)) for a, b, _ in COMMANDS],
)
def test_a_command_chooses_its_threads_first(
    monkeypatch, tmp_path, project, words, next_
):
    command = importlib.import_module(f"aigc_lib.apps.{project}.__main__")

    def settle():
        raise Settled

    def begin(*_, **__):
        pytest.fail(f"{project} came to {next_} with its threads as they were")

    monkeypatch.setattr(command, "settle_threads", settle)
    monkeypatch.setattr(command, next_, begin)
    if project == "copywriter":
        monkeypatch.setattr(command, "GPT", SimpleNamespace(load=str))
    else:
        words = ("--folder", str(tmp_path), *words)
    if "apply" in words:
        monkeypatch.setattr(command.Known, "corrections", lambda _: ["one"])
    with pytest.raises(Settled):
        command.main(words)
