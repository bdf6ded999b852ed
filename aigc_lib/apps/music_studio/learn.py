"""The studio's composer: read from its file, or trained on the spot."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...codecs.piece import GENRES
from ...codecs.score import ScoreCode
from ...data.download import DataUnavailable
from ...data.pieces import SPLITS, pieces
from ...models import Composer, WaveNet, load
from ...models.wavenet.instrument import strings, wavenet_instrument
from ...train import fit

SECONDS = 45
LONGER = {"composer": 800.0, "wavenet": 300.0}  # of the command ``learn``
LENGTH = 193  # of the runs that are learned: the context and the token after it
KEYS = range(-5, 7)
Say = Callable[[str], Any]


def at_hand(genre: str, *, say: Say = print) -> dict[str, Any]:
    """Return the splits of a genre, or of made-up songs where it is not at hand.

    "genre" tells which it is.
    """
    try:
        return {"genre": genre} | {split: pieces(genre, split) for split in SPLITS}
    except (DataUnavailable, ModuleNotFoundError) as error:
        say(f"without {genre}, made-up songs in its place: {error}")
        return at_hand("pop")


def learnable(
    code: ScoreCode,
    *,
    split: str = "train",
    genres: Sequence[str] = GENRES,
    length: int = LENGTH,
    keys: Sequence[int] = KEYS,
    say: Say = print,
) -> Tensor:
    """Return samples (N, length) of all genres that are at hand, told which are not.

    Raises:
        ValueError: none is at hand.
    """
    found = []
    for genre in genres:
        try:
            own = [code.snapped(piece) for piece in pieces(genre, split)]
        except (DataUnavailable, ModuleNotFoundError) as error:
            say(f"without {genre}: {error}")
            continue
        found.append(code.runs(own, length=length, transpose=keys))
    if not found:
        raise ValueError(f"genres={genres}: none of them is at hand")
    return torch.cat(found)


def trained_composer(
    *, seconds: float, genres: Sequence[str] = GENRES, seed: int = 0, say: Say = print
) -> Composer:
    """Return a composer that has learned for so many seconds, the same net for all."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Composer(context=LENGTH - 1)
    runs = learnable(model.code, genres=genres, say=say)
    say(f"training a composer on {len(runs):,} runs for {seconds:.0f} s")
    fit(model, runs, seconds=seconds, batch_size=12, seed=seed)
    return model.eval()


def ready_composer(
    path: str | os.PathLike, *, seconds: float = SECONDS, say: Say = print
) -> Composer:
    """Return the composer in the file at ``path``; without one, train and save it.

    Raises:
        ValueError: a file that holds something else.
    """
    path = Path(path)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        trained_composer(seconds=seconds, say=say).save(path)
    model = load(path)
    if not isinstance(model, Composer):
        raise ValueError(f"path={path}: it holds a {type(model).__name__}, no Composer")
    return model


def trained_wavenet(*, seconds: float, seed: int = 0, say: Say = print) -> WaveNet:
    """Return a WaveNet that has learned a string's pitches for so many seconds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = wavenet_instrument()
    sounds = strings(seed=seed)
    say(f"training a WaveNet on {len(sounds[0]):,} sounds for {seconds:.0f} s")
    fit(model, sounds, seconds=seconds, batch_size=4, seed=seed)
    return model.eval()
