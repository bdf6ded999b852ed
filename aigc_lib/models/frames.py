"""What comes next in a film: copied, moved on, or guessed by a regression.

Films are (N, T, C, S, S) in [-1, 1]; ``known`` are the first frames of each.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..arguments import at_least, finite, whole
from ..data.made.films import shifted
from ..metrics.films import centroids, light
from .base import Trainable, Update, in_parts
from .diffusion.denoiser import Denoiser
from .diffusion.unet import UNet


def windows(x: Tensor, frames: int) -> Tensor:
    """All runs of so many frames of films (N, T, C, S, S): (M, frames C, S, S).

    The frames become channels, one after another, as ``fit`` takes pictures.

    Raises:
        ValueError: films of another shape, or shorter than that.
    """
    if x.dim() != 5 or x.shape[1] < whole("frames", frames, 1):
        raise ValueError(
            f"x has shape {tuple(x.shape)}: give (N, T, C, S, S) of {frames} frames "
            "or more"
        )
    runs = x.unfold(1, frames, 1).movedim(-1, 2)  # (N, T - frames + 1, frames, ...)
    return runs.flatten(0, 1).flatten(1, 2)


def checked(known: Tensor, count: int, channels: int, size: int) -> Tensor:
    """Return the known frames (N, ``count``, C, S, S).

    Raises:
        ValueError: another shape, or other values than [-1, 1].
    """
    if known.dim() != 5 or known.shape[1:] != (count, channels, size, size):
        raise ValueError(
            f"known has shape {tuple(known.shape)}: give (N, {count}, {channels}, "
            f"{size}, {size}), the frames before"
        )
    if not known.is_floating_point() or not (known.abs() <= 1.001).all():
        raise ValueError(
            f"known is {known.dtype} from {known.min():.4g} to {known.max():.4g}: "
            "give floating point in [-1, 1], x / 127.5 - 1 for uint8"
        )
    return known


def copy_last(known: Tensor, frames: int) -> Tensor:
    """Let the last known frame stand still: (N, K, C, S, S) -> (N, frames, C, S, S)."""
    return known[:, -1:].repeat(1, whole("frames", frames, 1), 1, 1, 1)


def linear_motion(known: Tensor, frames: int, *, walls: bool = False) -> Tensor:
    """Move what each channel shows on, as fast as between the last two known frames.

    Motion is that of the centroid of the channel's light. With ``walls`` it turns where
    the edge of what is seen in the last frame meets the edge of the picture. Nothing is
    learned. Returns (N, frames, C, S, S) in [-1, 1].

    Raises:
        ValueError: fewer than two known frames.
    """
    frames = whole("frames", frames, 1)
    if known.dim() != 5 or known.shape[1] < 2:
        raise ValueError(f"known is {tuple(known.shape)}: give two frames or more")
    last, size = light(known[:, -1:])[:, 0], known.shape[-1]
    places, _ = centroids(known[:, -2:])
    velocity = places[:, 1] - places[:, 0]  # (N, C, 2)
    start = places[:, 1]
    low, high = (side + start for side in _room(last)) if walls else (None, None)
    made = []
    for k in range(1, frames + 1):
        now = start + k * velocity
        now = reflected(now, low, high) if walls else now
        each = last.flatten(0, 1)[:, None]  # a channel moves by itself
        moved = shifted(each, (now - start).flatten(0, 1))
        made.append(moved.view(len(known), -1, size, size))
    return torch.stack(made, 1) * 2 - 1


def _room(last: Tensor) -> tuple[Tensor, Tensor]:
    """How far each thing of (N, C, S, S) may go: back to the left and up, and ahead."""
    size, seen = last.shape[-1], last > 0.5
    edges = []
    for axis in (2, 3):  # columns with light, then rows
        line = seen.any(axis)  # (N, C, S)
        first = line.float().argmax(-1)
        after = size - line.flip(-1).float().argmax(-1)
        edges.append((-first.float(), (size - after).float()))
    back, ahead = (torch.stack(side, -1) for side in zip(*edges, strict=True))
    return back, ahead


def reflected(place: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Fold places back between two walls, as often as they pass them."""
    room = (high - low).clamp_min(1e-3)
    turn = (place - low) % (2 * room)
    return low + torch.where(turn > room, 2 * room - turn, turn)


class FramePredictor(Trainable):
    """The next frame as a regression on the ``known`` ones before it.

    The net says what changes against the last frame, and learns by squared error;
    ``predict`` feeds its answers back. Trains on ``windows(x, known + 1)``. Where two
    futures are possible, its best answer is their mean (Mathieu et al. 2016). Same net
    and optimiser as ``FilmFlow``.

    Raises:
        ValueError: sizes below 1, or that the net refuses; no learning rate.
    """

    sampled = ("net",)
    rough_steps = False
    optimizers = Denoiser.optimizers

    def __init__(
        self,
        image_size: int = 24,
        channels: int = 3,
        known: int = 4,
        width: int = 32,
        *,
        learning_rate: float = 2e-3,
    ):
        at_least(1, channels=channels, known=known)
        super().__init__()
        self.net = UNet(image_size, channels, width, given=(known - 1) * channels)
        self.image_size, self.channels, self.known = image_size, channels, known
        self.learning_rate = finite("learning_rate", learning_rate, above=0)
        self.sample_shape = ((known + 1) * channels, image_size, image_size)

    def training_step(self, batch: Tensor, update: Update) -> None:
        """One regression of the frame after the known ones."""
        known, after = batch.split([self.known * self.channels, self.channels], 1)
        update("net", (self.after(self.net, known) - after).square().mean())

    def after(self, net: torch.nn.Module, known: Tensor) -> Tensor:
        """Guess the frame (N, C, S, S) after (N, known C, S, S)."""
        return known[:, -self.channels :] + net(known, known.new_zeros(len(known)))

    def predict(self, known: Tensor, frames: int) -> Tensor:
        """Guess so many frames after (N, K, C, S, S): (N, frames, C, S, S), on the CPU.

        Raises:
            ValueError: known frames of another shape or range, ``frames`` < 1.
        """
        frames = whole("frames", frames, 1)
        known = checked(known, self.known, self.channels, self.image_size)

        def some(past: Tensor) -> Tensor:
            past, made = past.to(self.device).flatten(1, 2), []
            for _ in range(frames):
                made.append(self.after(net, past).clamp(-1, 1))
                past = torch.cat([past[:, self.channels :], made[-1]], 1)
            return torch.stack(made, 1).cpu()

        with self.for_sampling("net") as net:
            return in_parts(some, known)
