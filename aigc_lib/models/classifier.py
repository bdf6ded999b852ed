"""A classifier of pictures: who judges what is drawn, and what finds look-alikes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, silu
from torch.optim import AdamW, Optimizer

from ..arguments import at_least, finite, multiple_of
from .base import Batch, Trainable, Update, checked_pictures, in_parts


class PictureNet(nn.Module):
    """Pictures (B, C, S, S) in [-1, 1] -> features (B, 4 width).

    Every 2 x 2 patch becomes a pixel first; three levels of two residual blocks follow,
    and the mean over all places.

    Raises:
        ValueError: S no multiple of 4.
    """

    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__()
        multiple_of(4, image_size=image_size)
        widths = [width, 2 * width, 4 * width]
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, width, 3, padding=1)
        )
        self.blocks = nn.ModuleList()
        for inputs, outputs, stride in zip(
            [width, *widths[:-1]], widths, [1, 2, 2], strict=True
        ):
            self.blocks.append(PictureBlock(inputs, outputs, stride))
            self.blocks.append(PictureBlock(outputs, outputs, 1))
        self.norm = nn.BatchNorm2d(widths[-1])

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            h = block(h)
        return silu(self.norm(h)).mean((2, 3)).float()


class PictureBlock(nn.Module):
    """Two convolutions beside a shortcut; ``stride`` 2 halves the picture."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.stride = stride
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(silu(self.norm1(x)))
        # Every second pixel is taken here: a strided 1 x 1 convolution of 4 channels,
        # channels last, writes past its memory on AVX2 (oneDNN 3.12).
        kept = x[:, :, :: self.stride, :: self.stride]
        return self.shortcut(kept) + self.conv2(silu(self.norm2(h)))


class PictureClassifier(Trainable):
    """Tells to which of ``classes`` a picture belongs; its features find look-alikes.

    Trained by cross-entropy with smoothed labels, on pairs (pictures, labels).
    ``classes`` is their number, or their names.

    Raises:
        ValueError: fewer than 2 ``classes`` or two of one name, a size below 1,
            ``image_size`` no multiple of 4, ``smoothing`` outside [0, 1).
    """

    conditional = True
    sampled = ("net", "head")
    least_batch = 2  # what a batch normalisation can learn from

    def __init__(
        self,
        image_size: int = 64,
        channels: int = 3,
        classes: int | Sequence[str] = 10,
        width: int = 32,
        *,
        smoothing: float = 0.1,
        learning_rate: float = 2e-3,
    ):
        count = classes
        if isinstance(classes, Sequence):
            classes = tuple(classes)
            count = len(set(classes))
            if count < len(classes):
                raise ValueError(f"classes={classes}: give each name once")
        at_least(2, classes=count)
        at_least(1, channels=channels, width=width)
        finite("smoothing", smoothing, least=0, below=1)
        finite("learning_rate", learning_rate, above=0)
        super().__init__()
        self.sample_shape = (channels, image_size, image_size)
        self.classes = classes
        self.net = PictureNet(image_size, channels, width)
        self.head = nn.Linear(4 * width, count)
        self.smoothing, self.learning_rate = smoothing, learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """One AdamW."""
        parts = nn.ModuleList([self.net, self.head])
        adam = AdamW(parts.parameters(), self.learning_rate, weight_decay=0.05)
        return {"net": adam}

    def training_step(self, batch: Batch, update: Update) -> None:
        """One step of cross-entropy."""
        x, labels = batch
        logits = self.head(self.net(x))
        update("net", cross_entropy(logits, labels, label_smoothing=self.smoothing))

    def features(self, x: Tensor) -> Tensor:
        """Return what the last layer reads: pictures (N, C, S, S) -> (N, 4 width).

        ``x``: uint8, or floating point in [-1, 1].

        Raises:
            ValueError: other pictures.
        """
        x = checked_pictures(x, self.sample_shape, self.device)
        with self.for_sampling("net") as net:
            return in_parts(net, x)

    def logits(self, x: Tensor) -> Tensor:
        """Return what the last layer says: pictures as for ``features`` -> (N, K)."""
        found = self.features(x)
        with self.for_sampling("head") as head:
            return head(found)

    def probabilities(self, x: Tensor) -> Tensor:
        """Return how likely each class is: pictures as for ``features`` -> (N, K)."""
        return self.logits(x).softmax(1)

    def classify(self, x: Tensor) -> Tensor:
        """Return the likeliest class of each picture, (N,) int64."""
        return self.probabilities(x).argmax(1)
