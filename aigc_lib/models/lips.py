"""From sound to mouth: a lookup table, and a small net over time."""

from __future__ import annotations

import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from ..arguments import at_least, finite
from ..arrays import tensor
from ..codecs.spectrum import HOP, N_FFT, log_mel
from .base import Trainable, Update

BANDS, RANGE = 28, 5.0
SILENT = 1e-3  # amplitude below which there is nothing to follow
SHORTEST = 5 * N_FFT  # samples, 160 ms


def heard(x: Tensor) -> Tensor:
    """What is heard of sounds (N, T), each by itself: (N, F, BANDS) from 0 to 1.

    Only what lies within 43 dB of the loudest place counts, as in ``SoundClassifier``.

    Raises:
        ValueError: sounds shorter than 160 ms, or a silent one.
    """
    x = tensor("x", x).float()
    if x.ndim != 2 or x.shape[1] < SHORTEST:
        raise ValueError(
            f"x has shape {tuple(x.shape)}: give sounds (N, T) of {SHORTEST} samples "
            "or more, 160 ms"
        )
    mel = log_mel(x, bands=BANDS)  # refuses NaN
    quiet = (x.abs().amax(1) < SILENT).nonzero().flatten().tolist()
    if quiet:
        raise ValueError(f"x[{quiet[0]}] is silent: there is no mouth to be moved")
    mel = (mel - mel.amax((1, 2), keepdim=True)).clamp(min=-RANGE) / RANGE + 1
    return mel.mT


class MouthTable:
    """The mean mouth of each of ``entries`` kinds of frames (Lloyd's k-means).

    What it says is averaged over ``smooth`` frames, the latest in the middle of them:
    it waits for half of these.

    Raises:
        ValueError: sizes below 1, other mouths than one a frame, or what ``heard``
            refuses.
    """

    def __init__(
        self, x: Tensor, mouths: Tensor, *, entries: int = 64, smooth: int = 9
    ):
        at_least(1, entries=entries, smooth=smooth)
        frames, mouths = heard(x), tensor("mouths", mouths).float()
        if mouths.shape != (*frames.shape[:2], 2):
            raise ValueError(
                f"mouths is {tuple(mouths.shape)}: give {(*frames.shape[:2], 2)}, one "
                "a frame"
            )
        rows = frames.flatten(0, 1)
        centres, which = kmeans2(rows.numpy(), entries, minit="++", seed=0, iter=20)
        self.centres, self.smooth = torch.from_numpy(centres), smooth
        which = torch.from_numpy(which).long()
        sums = torch.zeros(entries, 2).index_add_(0, which, mouths.flatten(0, 1))
        counts = torch.bincount(which, minlength=entries).clamp(min=1)
        self.shapes = sums / counts[:, None]

    @property
    def lookahead(self) -> int:
        """How many frames of the future it waits for."""
        return self.smooth // 2

    def predict(self, x: Tensor) -> Tensor:
        """Return mouths (N, F, 2) of sounds (N, T)."""
        said = self.shapes[torch.cdist(heard(x), self.centres[None]).argmin(-1)].mT
        half = self.smooth // 2
        said = nn.functional.pad(said, (half, self.smooth - 1 - half), mode="replicate")
        return nn.functional.avg_pool1d(said, self.smooth, 1).mT


class LipSync(Trainable):
    """Convolutions over time from what is heard to the mouth; trains on (x, mouths).

    Frame f is decided when ``lookahead`` frames of 8 ms after it are known, besides
    half a window of the spectrum: ``latency`` in seconds.

    Raises:
        ValueError: ``lookahead`` below 0, ``width`` below 1, no learning rate.
    """

    modality = "sounds"
    sampled = ("net",)

    def __init__(
        self, *, lookahead: int = 8, width: int = 48, learning_rate: float = 3e-3
    ):
        at_least(0, lookahead=lookahead)
        at_least(1, width=width)
        finite("learning_rate", learning_rate, above=0)
        super().__init__()
        self.lookahead, self.width, self.learning_rate = lookahead, width, learning_rate
        self.net = nn.Sequential(
            nn.Conv1d(BANDS, width, 9),
            nn.GELU(),
            nn.Conv1d(width, width, 9),
            nn.GELU(),
            nn.Conv1d(width, 2, 9),
        )
        self.past = 3 * 8 - lookahead

    @property
    def latency(self) -> float:
        """Seconds from a sound to the mouth that it asks for."""
        from ..codecs.sound import SAMPLE_RATE

        return (self.lookahead * HOP + N_FFT / 2) / SAMPLE_RATE

    def optimizers(self) -> dict[str, Optimizer]:
        """One AdamW."""
        return {"net": AdamW(self.parameters(), self.learning_rate, fused=True)}

    def mouths(self, x: Tensor) -> Tensor:
        """Return mouths (N, F, 2), from 0 to 1, of sounds (N, T)."""
        return self._said(self.net, x)

    def _said(self, net: nn.Module, x: Tensor) -> Tensor:
        frames = nn.functional.pad(
            heard(x).mT, (self.past, self.lookahead), mode="replicate"
        )
        return net(frames).float().sigmoid().mT

    def training_step(self, batch: tuple[Tensor, Tensor], update: Update) -> None:
        """Lessen the squared error of opening and spread."""
        x, wanted = batch
        update("net", (self.mouths(x) - wanted).square().mean())

    def predict(self, x: Tensor) -> Tensor:
        """Return mouths (N, F, 2) of sounds (N, T), with the averaged weights."""
        with self.for_sampling("net") as net:
            return self._said(net, tensor("x", x).to(self.device)).cpu()
