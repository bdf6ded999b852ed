"""A flow over films: what may follow the frames that are known, one film at a time."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from ...arguments import at_least, whole
from ..base import Seed, Update, in_parts, noise_source
from ..frames import checked
from .denoiser import Denoiser
from .flow import StraightPath
from .solvers import uniform_times
from .unet import UNet

EARLY = 1.0  # logits by which learned times lie nearer to the noise


def towards(x: Tensor, clean: Tensor, t: float, after: float) -> Tensor:
    """Step from time ``t`` to ``after`` on the straight line to the clean frames.

    At time 1 the line is there: the last step of a walk lands on the guess.
    """
    velocity = (clean - x) / (1 - t)
    return x + (after - t) * velocity


class FilmFlow(Denoiser):
    """Flow matching over all frames that follow ``known`` ones (Ho et al. 2022).

    The frames are the channels of one picture: each convolution mixes space and time.
    That is cheap and does for short films. A net with attention over time, as in the
    paper, is needed for long ones. Trains on ``frames.windows(x, frames)``; with
    ``frames`` = ``known`` + 1 it draws frame by frame.

    The net guesses the clean frames, as their difference from the last known one; the
    velocity follows from that. Most of a film is black: a net that guesses the velocity
    would have to name the noise at every pixel where this one says "nothing here".

    Raises:
        ValueError: no frame to draw, sizes below 1, or what ``Denoiser`` refuses.
    """

    path = StraightPath()

    def __init__(
        self,
        image_size: int = 24,
        channels: int = 3,
        frames: int = 16,
        known: int = 4,
        width: int = 32,
        *,
        learning_rate: float = 2e-3,
    ):
        at_least(1, channels=channels, known=known)
        if whole("frames", frames) <= known:
            raise ValueError(f"frames={frames}: give more than the known={known}")
        made = frames - known
        super().__init__(
            image_size,
            channels,
            width,
            sample_shape=(frames * channels, image_size, image_size),
            net=UNet(image_size, made * channels, width, given=known * channels),
            classes=None,
            label_dropout=0.0,
            learning_rate=learning_rate,
        )
        self.image_size, self.channels = image_size, channels
        self.known, self.made = known, made

    def training_step(self, batch: Tensor, update: Update) -> None:
        """One regression: mean squared error of the clean frames at random times.

        The times lie towards the noise: there it is decided what the film shows.
        """
        known, data = batch.split(
            [self.known * self.channels, self.made * self.channels], 1
        )
        t = (torch.randn(len(data), device=data.device) - EARLY).sigmoid()
        x = self.path.at(data, torch.randn_like(data), t)
        update("net", (self.guess(self.net, x, known, t) - data).square().mean())

    def guess(
        self, net: torch.nn.Module, x: Tensor, known: Tensor, t: Tensor
    ) -> Tensor:
        """Guess the clean frames (N, made C, S, S) in noisy ones after the known."""
        last = known[:, -self.channels :].repeat(1, self.made, 1, 1)
        return last + net(torch.cat([x, known], 1), t)

    def sample(
        self, n: int, *, known: Tensor, seed: Seed = None, steps: int = 8
    ) -> Tensor:
        """Draw what follows ``known`` (n or 1, K, C, S, S): (n, made, C, S, S).

        In [-1, 1]. With ``steps`` = 1 it is a regression: the mean of all futures.

        Raises:
            ValueError: ``n`` or ``steps`` < 1, known frames of another shape or range.
        """
        at_least(1, n=n, steps=steps)
        known = checked(known, self.known, self.channels, self.image_size)
        if len(known) not in (1, n):
            raise ValueError(f"known holds {len(known)} films: give 1 or n={n}")
        past = known.to(self.device).flatten(1, 2).expand(n, -1, -1, -1)
        shape = (n, self.made * self.channels, self.image_size, self.image_size)
        noise = torch.randn(shape, generator=noise_source(seed)).to(self.device)

        def walked(x: Tensor, past: Tensor) -> Tensor:
            for t, after in pairwise(uniform_times(steps).tolist()):
                clean = self.guess(net, x, past, x.new_full((len(x),), t))
                x = towards(x, clean, t, after)
            return x

        with self.for_sampling("net") as net:
            x = in_parts(walked, noise, past)
        return x.clamp(-1, 1).unflatten(1, (self.made, self.channels)).cpu()

    def predict(
        self, known: Tensor, frames: int, *, seed: Seed = None, steps: int = 8
    ) -> Tensor:
        """Draw so many frames after (N, K, C, S, S), in several goes if need be.

        What was drawn last is what the next go knows. Returns (N, frames, C, S, S).

        Raises:
            ValueError: ``frames`` < 1, else as ``sample``.
        """
        source, film = noise_source(seed), known
        while film.shape[1] < self.known + whole("frames", frames, 1):
            past = film[:, -self.known :]
            more = self.sample(len(film), known=past, seed=source, steps=steps)
            film = torch.cat([film, more], 1)
        return film[:, self.known : self.known + frames]
