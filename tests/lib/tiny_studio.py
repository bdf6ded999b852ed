"""A music studio whose composer has learned nothing, beside a handful of tunes.

``main`` is the studio's command, which else would read all tunes at each start.
"""

from dataclasses import replace
from pathlib import Path

import torch

from aigc_lib.apps.music_studio import __main__ as command
from aigc_lib.data import pieces as tunes
from aigc_lib.models import Composer, WaveNet
from aigc_lib.models.wavenet.instrument import PITCHES
from benchmarks.forked import Program
from benchmarks.music_service import ALSO

FEW = 5


def few(genre, split="train"):
    """Pieces of the grammar, under the name of any genre."""
    return [replace(tunes.song(seed), genre=genre) for seed in range(FEW)]


def composer_in(folder):
    """Write the file of the composer that the studio in ``folder`` finds."""
    torch.manual_seed(0)
    small = Composer(depth=1, width=16, heads=1, context=400, dropout=0.0)
    small.save(folder / "composer.safetensors")


def wavenet():
    """An instrument that has learned nothing: what it plays is noise."""
    sizes = {"channels": 4, "skip_channels": 8, "depth": 2, "stacks": 1}
    model = WaveNet(classes=len(PITCHES), **sizes)
    torch.nn.init.normal_(model.net.head[-1].weight)
    return model


def program(log):
    """What starts studios quickly, in processes of their own that may be killed."""
    return Program("tiny_studio", *ALSO, log=log, folder=Path(__file__).parent)


def main(words):
    tunes.pieces = few
    command.main(words)
