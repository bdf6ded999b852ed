"""Denoising diffusion: learn to undo noise that was added step by step."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ...arguments import at_least, finite, unknown, whole
from ..base import Batch, Update, noise_source
from .denoiser import Denoiser


class NoiseSchedule(nn.Module):
    """How much signal and noise x_t holds: x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps.

    ``signal`` lists a_t ("alpha bar") for t = 0 ... timesteps - 1, from nearly 1 down
    to nearly 0. ``linear``: beta from 1e-4 to 0.02 over 1,000 steps (Ho et al. 2020,
    section 4), scaled to other lengths; ``cosine``: Nichol & Dhariwal 2021, equation
    17. Computed in float64 and cast once.

    Raises:
        ValueError: unknown ``kind``, or ``timesteps`` < 2.
    """

    def __init__(self, kind: str = "cosine", timesteps: int = 1000):
        super().__init__()
        at_least(2, timesteps=timesteps)
        if kind == "linear":
            scale = 1000 / timesteps
            beta = torch.linspace(
                1e-4 * scale, min(0.02 * scale, 0.999), timesteps, dtype=torch.float64
            )
        elif kind == "cosine":
            u = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
            angle = (u + 0.008) / 1.008 * math.pi / 2
            f = angle.cos().square()
            beta = (1 - f[1:] / f[:-1]).clamp_max(0.999)
        else:
            raise ValueError(f"kind={kind!r}: choose linear or cosine")
        signal = torch.cumprod(1 - beta, 0)
        self.timesteps = timesteps
        self.signal = signal.tolist()
        for name, values in {"signal_root": signal, "noise_root": 1 - signal}.items():
            self.register_buffer(name, values.sqrt().float(), persistent=False)

    def at(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return x_t for steps t (B,) int64 (Ho et al. 2020, equation 4)."""
        return self.weigh(self.signal_root, t, data) * data + (
            self.weigh(self.noise_root, t, data) * noise
        )

    def posterior(
        self, data: Tensor, x: Tensor, t: int, before: int, eta: float = 1.0
    ) -> tuple[Tensor, float]:
        """Return mean and standard deviation of x_before given x_t and x_0.

        ``before`` < t may skip steps; -1 is the data itself. ``eta`` = 1 is the
        posterior of the diffusion (Ho et al. 2020, equation 7), 0 its deterministic
        relative (Song et al. 2021, DDIM, equations 12 and 16), which may also be
        walked backwards, from the data to its noise: ``before`` > t.
        """
        a, b = self.signal[t], self.signal[before] if before >= 0 else 1.0
        std = eta * math.sqrt((1 - b) / (1 - a) * max(1 - a / b, 0.0))
        noise = (x - math.sqrt(a) * data) / math.sqrt(1 - a)
        mean = math.sqrt(b) * data + math.sqrt(max(1 - b - std**2, 0.0)) * noise
        return mean, std

    @staticmethod
    def weigh(values: Tensor, t: Tensor, like: Tensor) -> Tensor:
        """Pick values[t] and shape it (B, 1, ...) to multiply ``like`` (B, ...)."""
        return values[t].view(-1, *[1] * (like.dim() - 1))


PREDICTIONS = ("epsilon", "x0", "v")


class DDPM(Denoiser):
    """Denoising diffusion (Ho et al. 2020), sampled by DDIM steps (Song et al. 2021).

    ``predicts`` says what the net guesses: the noise ``epsilon``, the clean image
    ``x0``, or ``v`` = sqrt(a) epsilon - sqrt(1 - a) x0 (Salimans & Ho 2022), which
    behaves at both ends of the schedule.

    Raises:
        ValueError: unknown ``predicts`` or ``schedule``; otherwise as ``Denoiser``.
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        width: int = 32,
        *,
        sample_shape: tuple[int, ...] | None = None,
        images: bool | None = None,
        net: str | nn.Module = "unet",
        predicts: str = "v",
        schedule: str = "cosine",
        timesteps: int = 1000,
        classes: int | None = None,
        label_dropout: float = 0.1,
        learning_rate: float = 2e-3,
    ):
        if predicts not in PREDICTIONS:
            raise unknown("predicts", predicts, PREDICTIONS)
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
        self.schedule = NoiseSchedule(schedule, timesteps)
        self.predicts = predicts

    def training_step(self, batch: Batch, update: Update) -> None:
        """One regression at random steps 0 ... timesteps - 1."""
        data, labels = self.parts(batch)
        noise = torch.randn_like(data)
        t = torch.randint(self.schedule.timesteps, (len(data),), device=data.device)
        guess = self.net(self.schedule.at(data, noise, t), self.moment(t), labels)
        update("net", (guess - self.target(data, noise, t)).square().mean())

    def moment(self, t: Tensor) -> Tensor:
        """Return steps as the net is told them, in (0, 1]."""
        return (t + 1) / self.schedule.timesteps

    def target(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return what the net should guess at steps t (B,)."""
        if self.predicts == "epsilon":
            return noise
        if self.predicts == "x0":
            return data
        weigh, s = self.schedule.weigh, self.schedule
        return weigh(s.signal_root, t, data) * noise - (
            weigh(s.noise_root, t, data) * data
        )

    def clean(self, guess: Tensor, x: Tensor, t: int) -> Tensor:
        """Turn the net's guess at step t into one of x_0; images kept in [-1, 1]."""
        a = self.schedule.signal_root[t].item()
        b = self.schedule.noise_root[t].item()
        if self.predicts == "epsilon":
            guess = (x - b * guess) / a
        elif self.predicts == "v":
            guess = a * x - b * guess
        return self.bounded(guess)

    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        labels: int | Tensor | None = None,
        guidance: float = 1.0,
        steps: int = 50,
        eta: float = 0.0,
    ) -> Tensor:
        """Draw ``n`` images in [-1, 1] in ``steps`` steps, spread over the schedule.

        ``eta`` = 0 is DDIM: the noise alone decides the image. ``eta`` = 1 with all
        ``timesteps`` steps is the original DDPM. The last step adds no noise.

        Raises:
            ValueError: ``n`` < 1, ``steps`` outside 1 ... timesteps, ``eta`` outside
                [0, 1], labels or guidance that the model does not know.
        """
        source = noise_source(seed)
        noise = self.noise(n, source)
        return self._denoise(noise, source, labels, guidance, steps, eta)

    def inpaint(
        self,
        x: Tensor,
        known: Tensor,
        *,
        seed: int | None = None,
        labels: int | Tensor | None = None,
        guidance: float = 1.0,
        steps: int = 50,
    ) -> Tensor:
        """Draw anew what is not ``known`` of images x (N, C, S, S) in [-1, 1].

        ``known`` is a boolean mask that broadcasts to x. At each step the known part is
        replaced by x with just the noise of that step (Lugmayr et al. 2022, without
        resampling); at the end it equals x exactly.

        Raises:
            ValueError: x of another shape or range, ``known`` not boolean or of a shape
                that does not broadcast; else as ``sample``.
        """
        given, source = self.masked(x, known), noise_source(seed)
        noise = self.noise(len(x), source)
        return self._denoise(noise, source, labels, guidance, steps, 1.0, given)

    def _denoise(self, x, source, labels, guidance, steps, eta, given=None) -> Tensor:
        """Walk from noise x (N, ...) to images; ``given``: (images, known mask).

        Whatever else is random comes from ``source``, which has drawn x.
        """
        total = self.schedule.timesteps
        steps, eta = whole("steps", steps), finite("eta", eta, least=0, most=1)
        if not 1 <= steps <= total:
            raise ValueError(f"steps={steps}: give 1 to {total}")
        labels = self.labels_for(labels, len(x), source)
        stops = torch.linspace(total - 1, -1, steps + 1).round().long().tolist()

        def fresh() -> Tensor:
            return torch.randn(x.shape, generator=source).to(x.device)

        with self.for_sampling("net") as net:
            answer = self.field(net, labels, guidance)
            for t, before in pairwise(stops):
                guess = answer(x, self.moment(torch.full((len(x),), t)).to(x))
                data = self.clean(guess, x, t)
                x, std = self.schedule.posterior(data, x, t, before, eta)
                if std > 0:
                    x = x + std * fresh()
                if given is not None:
                    image, known = given
                    if before >= 0:
                        image = self.schedule.at(
                            image, fresh(), torch.full((len(x),), before)
                        )
                    x = torch.where(known, image, x)
        return x
