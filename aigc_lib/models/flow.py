"""Flow matching: learn the velocity that carries noise to data along straight lines."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import Batch, Update
from .denoiser import Denoiser
from .solvers import SOLVERS, uniform_times


class StraightPath:
    """x_t = (1 - t) noise + t data: noise at t = 0, data at t = 1.

    The path of rectified flow (Liu et al. 2023), and of conditional flow matching with
    the optimal-transport path for sigma_min = 0 (Lipman et al. 2023, equation 22).
    """

    def at(self, noise: Tensor, data: Tensor, t: Tensor) -> Tensor:
        """Return the point at times t (B,) between noise and data (B, ...)."""
        t = t.view(-1, *[1] * (data.dim() - 1))
        return torch.lerp(noise, data, t)

    def velocity(self, noise: Tensor, data: Tensor) -> Tensor:
        """Return d x_t / dt, the same all along the line."""
        return data - noise


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
        net: str = "unet",
        classes: int | None = None,
        label_dropout: float = 0.1,
        learning_rate: float = 2e-3,
    ):
        super().__init__(
            image_size,
            channels,
            width,
            net=net,
            classes=classes,
            label_dropout=label_dropout,
            learning_rate=learning_rate,
        )

    def training_step(self, batch: Batch, update: Update) -> None:
        """One regression: mean squared error of the velocity at random times."""
        data, labels = self.parts(batch)
        noise = torch.randn_like(data)
        t = torch.rand(len(data), device=data.device)
        guess = self.net(self.path.at(noise, data, t), t, labels)
        update("net", (guess - self.path.velocity(noise, data)).square().mean())

    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        labels: int | Tensor | None = None,
        guidance: float = 1.0,
        steps: int = 10,
        solver: str = "heun",
    ) -> Tensor:
        """Draw ``n`` images in [-1, 1] by following the flow in ``steps`` steps.

        ``labels`` is one class, one per sample (n,), or None for random ones.

        Raises:
            ValueError: ``n`` or ``steps`` < 1, unknown ``solver``, labels or guidance
                that the model does not know.
        """
        noise = self.noise(n, seed)
        return self._follow(noise, seed, labels, guidance, steps, solver)

    def inpaint(
        self,
        x: Tensor,
        known: Tensor,
        *,
        seed: int | None = None,
        labels: int | Tensor | None = None,
        guidance: float = 1.0,
        steps: int = 20,
        solver: str = "heun",
    ) -> Tensor:
        """Draw anew what is not ``known`` of images x (N, C, S, S) in [-1, 1].

        ``known`` is a boolean mask that broadcasts to x. Where the image is known the
        velocity is, too: straight from the noise to x, which is reached exactly. The
        net decides the rest, and sees both parts at the same time t. As with all such
        replacement, the rest is only roughly drawn from the model's conditional.

        Raises:
            ValueError: x of another shape, ``known`` not boolean; else as ``sample``.
        """
        x, known = self.masked(x, known)
        noise = self.noise(len(x), seed)
        return self._follow(noise, seed, labels, guidance, steps, solver, (x, known))

    def _follow(
        self, noise, seed, labels, guidance, steps, solver, given=None
    ) -> Tensor:
        """Carry noise (N, ...) along the flow; ``given``: (images, known mask)."""
        if solver not in SOLVERS:
            raise ValueError(f"solver={solver!r}: choose one of {', '.join(SOLVERS)}")
        if steps < 1:
            raise ValueError(f"steps={steps}: give at least 1")
        labels = self.labels_for(labels, len(noise), seed)
        times = uniform_times(steps, self.device)
        with self.for_sampling("net") as net:
            velocity = self.field(net, labels, guidance)
            if given is None:
                return SOLVERS[solver](velocity, noise, times).clamp_(-1, 1)
            image, known = given
            line = self.path.velocity(noise, image)

            def partly(x: Tensor, t: Tensor) -> Tensor:
                return torch.where(known, line, velocity(x, t))

            made = SOLVERS[solver](partly, noise, times).clamp_(-1, 1)
        return torch.where(known, image, made)  # without the solver's rounding
