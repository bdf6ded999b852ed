"""Flow matching: learn the velocity that carries noise to data along straight lines."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ...arguments import at_least, finite, unknown
from ..base import Batch, Update, noise_source
from .denoiser import Denoiser
from .solvers import SOLVERS, uniform_times


class StraightPath:
    """x_t = (1 - t) noise + t data: noise at t = 0, data at t = 1.

    The path of rectified flow (Liu et al. 2023), and of conditional flow matching with
    the optimal-transport path for sigma_min = 0 (Lipman et al. 2023, equation 22).
    """

    def at(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return the point at times t (B,) between noise and data (B, ...)."""
        t = t.view(-1, *[1] * (data.dim() - 1))
        return torch.lerp(noise, data, t)

    def velocity(self, data: Tensor, noise: Tensor) -> Tensor:
        """Return d x_t / dt, the same all along the line."""
        return data - noise

    def back(
        self, data: Tensor, x: Tensor, t: float, after: float, fresh: Tensor
    ) -> Tensor:
        """Draw x at ``after`` > t given x at t and the data, with noise ``fresh``.

        The posterior of a diffusion that has this path's signal and noise at each time
        (Ho et al. 2020, equation 7, for signal t and noise 1 - t).
        """
        kept = t * (1 - after) / (after * (1 - t))  # share of the noise in x
        noise = (x - t * data) / (1 - t)
        noise = kept * noise + math.sqrt(1 - kept**2) * fresh
        return after * data + (1 - after) * noise


class FlowMatching(Denoiser):
    """Conditional flow matching (Lipman et al. 2023; Liu et al. 2023).

    The net sees x_t and t and guesses the velocity data - noise; its best guess under
    squared error is the mean over all lines through that point, which is the velocity
    of a flow that turns the noise into the data. ``sample`` follows that flow.

    Raises:
        ValueError: as ``Denoiser``.
    """

    path = StraightPath()

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        width: int = 32,
        *,
        sample_shape: tuple[int, ...] | None = None,
        images: bool | None = None,
        net: str | nn.Module = "unet",
        classes: int | None = None,
        label_dropout: float = 0.1,
        learning_rate: float = 2e-3,
    ):
        super().__init__(
            image_size,
            channels,
            width,
            sample_shape=sample_shape,
            images=images,
            net=net,
            classes=classes,
            label_dropout=label_dropout,
            learning_rate=learning_rate,
        )

    def training_step(self, batch: Batch, update: Update) -> None:
        """One regression: mean squared error of the velocity at random times.

        Most times lie in the middle, where there is most to learn (logit-normal times,
        Esser et al. 2024, section 3.1): at t = 0 the best answer is the mean of the
        data less x_t, at t = 1 it is x_t itself, whatever loss remains there.
        """
        data, labels = self.parts(batch)
        noise = torch.randn_like(data)
        t = self.learned_times(len(data), data.device)
        guess = self.net(self.path.at(data, noise, t), t, labels)
        update("net", (guess - self.path.velocity(data, noise)).square().mean())

    def learned_times(self, n: int, device: torch.device) -> Tensor:
        """Draw the times (n,) of a training step."""
        return torch.randn(n, device=device).sigmoid()

    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        labels: int | Tensor | None = None,
        guidance: float = 1.0,
        steps: int = 8,
        solver: str = "midpoint",
    ) -> Tensor:
        """Draw ``n`` images in [-1, 1] by following the flow in ``steps`` steps.

        ``labels`` is one class, one per sample (n,), or None for random ones.

        Raises:
            ValueError: ``n`` or ``steps`` < 1, unknown ``solver``, labels or guidance
                that the model does not know.
        """
        if solver not in SOLVERS:
            raise unknown("solver", solver, SOLVERS)
        times = self.times(steps)
        source = noise_source(seed)
        noise = self.noise(n, source)
        labels = self.labels_for(labels, n, source)
        with self.for_sampling("net") as net:
            velocity = self.field(net, labels, guidance)
            return self.bounded(SOLVERS[solver](velocity, noise, times))

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """The shape of what ``sample`` draws."""
        return self.sample_shape

    def coded(self, x: Tensor) -> Tensor:
        """Bring pictures to where the flow runs: here they are there already."""
        return x.to(self.device)

    def pictured(self, z: Tensor) -> Tensor:
        """Bring what the flow has made to pictures, the inverse of ``coded``."""
        return self.bounded(z)

    def follow(
        self,
        x: Tensor,
        start: float,
        stop: float,
        *,
        labels: Tensor | None = None,
        guidance: float = 1.0,
        steps: int = 20,
        solver: str = "midpoint",
    ) -> Tensor:
        """Carry x (N, *sample_shape) from time ``start`` to time ``stop``.

        Times are in [0, 1], 0 for noise; backwards (``stop`` < ``start``) the flow
        leads from a sample to its noise. ``labels`` are (N,) int64, of which number
        ``classes`` means "no label".

        Raises:
            ValueError: unknown ``solver``, ``steps`` < 1, a time outside [0, 1].
        """
        if solver not in SOLVERS:
            raise unknown("solver", solver, SOLVERS)
        finite("start", start, least=0, most=1)
        finite("stop", stop, least=0, most=1)
        times = start + (stop - start) * self.times(steps)
        with self.for_sampling("net") as net:
            velocity = self.field(net, labels, guidance)
            return SOLVERS[solver](velocity, x.to(self.device), times)

    def inpaint(
        self,
        x: Tensor,
        known: Tensor,
        *,
        seed: int | None = None,
        labels: int | Tensor | None = None,
        guidance: float = 1.0,
        steps: int = 20,
    ) -> Tensor:
        """Draw anew what is not ``known`` of images x (N, C, S, S) in [-1, 1].

        ``known`` is a boolean mask that broadcasts to x. Each step guesses the image,
        puts in what is known of it, and goes back to noise at the next time. Part of
        that noise is fresh, as in ``DDPM.inpaint``: the plain flow, whose noise stays,
        leaves a seam, for nothing drawn early is drawn again. The rest is only roughly
        a draw from the model's conditional; the known part equals x exactly.

        Raises:
            ValueError: x of another shape or range, ``known`` not boolean or of a shape
                that does not broadcast; else as ``sample``.
        """
        image, known = self.masked(x, known)
        times = self.times(steps).tolist()
        source = noise_source(seed)
        x = self.noise(len(image), source)
        labels = self.labels_for(labels, len(image), source)
        with self.for_sampling("net") as net:
            velocity = self.field(net, labels, guidance)
            for t, after in pairwise(times):
                guess = x + (1 - t) * velocity(x, x.new_full((len(x),), t))
                data = torch.where(known, image, guess)
                fresh = torch.randn(x.shape, generator=source).to(x.device)
                x = self.path.back(data, x, t, after, fresh)
        return torch.where(known, image, self.bounded(x))

    def times(self, steps: int) -> Tensor:
        """Return the times of ``steps`` steps from 0 to 1, (steps + 1,).

        Raises:
            ValueError: ``steps`` < 1.
        """
        at_least(1, steps=steps)
        return uniform_times(steps, self.device)
