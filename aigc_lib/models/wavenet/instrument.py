"""A WaveNet that was trained as a vocoder, played as an instrument."""

from __future__ import annotations

import torch
from torch import Tensor

from ...codecs.instruments import played, tone
from ...codecs.piece import Piece
from ...codecs.sound import SAMPLE_RATE
from ...codecs.spectrum import log_mel
from .wavenet import WaveNet

NOTES_AT_ONCE = 16


def wavenet_sound(
    model: WaveNet, piece: Piece, *, temperature: float = 0.6, seed: int = 0
) -> Tensor:
    """Play a piece, each different note drawn once by ``model``: (T,) in [-1, 1].

    What is asked of it is the log-mel spectrogram of a plucked string. Every second of
    the longest note takes 8,000 steps for ``NOTES_AT_ONCE`` notes.

    Raises:
        ValueError: the model was made without ``bands``.
    """
    if model.bands is None:
        raise ValueError("model has no bands: make a WaveNet(bands=...), a vocoder")
    asked: dict[tuple[int, int], float] = {}

    def note_down(pitch: int, seconds: float) -> Tensor:
        asked[pitch, round(seconds * SAMPLE_RATE)] = seconds
        return torch.zeros(1)

    played(piece, note_down)
    keys = sorted(asked, key=lambda key: key[1])
    made: dict[tuple[int, int], Tensor] = {}
    for start in range(0, len(keys), NOTES_AT_ONCE):
        part = keys[start : start + NOTES_AT_ONCE]
        length = part[-1][1]
        strings = torch.zeros(len(part), length)
        for row, (pitch, n) in zip(strings, part, strict=True):
            row[:n] = 0.8 * tone(pitch, asked[pitch, n], "strings")[:n]
        drawn = model.sample(
            len(part),
            mel=log_mel(strings, bands=model.bands),
            length=length,
            temperature=temperature,
            seed=seed + start,
        )
        for row, key in zip(drawn, part, strict=True):
            made[key] = row[: key[1]] * _fade(key[1])
    return played(piece, lambda p, seconds: made[p, round(seconds * SAMPLE_RATE)])


def _fade(n: int) -> Tensor:
    """Let the last 60 ms die away: a sudden end would click."""
    return (torch.arange(n - 1, -1, -1) / (0.06 * SAMPLE_RATE)).clamp(max=1)
