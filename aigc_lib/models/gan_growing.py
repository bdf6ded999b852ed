"""Progressive growing: first the outline, then the detail (Karras et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..nets.growing import STAGES, GrowingDiscriminator, GrowingGenerator, enlarged
from .base import Update
from .gan import HingeGAN, check_image_size


def growth(step: int, phase: int) -> tuple[int, float]:
    """Return (stage, alpha) after ``step`` steps.

    One phase of ``phase`` steps at a quarter of the resolution; then for each
    doubling a phase that fades the new layer in and one that trains it.
    """
    fading, position = divmod(step / phase - 1, 2)
    if step < phase:
        return 0, 1.0
    stage = int(fading) + 1
    return (stage, min(1.0, position)) if stage < STAGES else (STAGES - 1, 1.0)


class GrowingGAN(HingeGAN):
    """A DCGAN that begins at a quarter of the resolution and doubles it twice.

    The schedule counts steps, for it must be the same on every machine; ``phase`` is
    the length of each of its four first phases. The last goes on to the end.

    Raises:
        ValueError: ``phase`` < 1, or ``image_size`` is no multiple of 4.
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 64,
        width: int = 16,
        *,
        phase: int = 150,
        learning_rates: tuple[float, float] = (8e-3, 8e-3),
        betas: tuple[float, float] = (0.0, 0.9),
    ):
        check_image_size(image_size)
        if phase < 1:
            raise ValueError(f"phase={phase}: give at least one step")
        super().__init__(
            GrowingGenerator(image_size, channels, latent_dim, width),
            GrowingDiscriminator(image_size, channels, width),
            latent_dim=latent_dim,
            learning_rates=learning_rates,
            betas=betas,
            image_size=image_size,
            channels=channels,
            width=width,
            phase=phase,
        )
        self.phase = phase
        # a buffer: whoever resumes or loads the model finds it as far grown as it was
        self.register_buffer("step", torch.tensor(0))

    @property
    def size(self) -> tuple[int, float]:
        """The present (stage, alpha)."""
        return growth(int(self.step), self.phase)

    def training_step(self, real: Tensor, update: Update) -> None:
        """One step of each player at the present size; the images are shrunk to it."""
        stage, alpha = self.size
        real = shrunk(real, stage, alpha)
        fake = self.generator(self.prior(len(real)), stage, alpha)
        loss = self.loss.discriminator(
            self.discriminator(real, stage, alpha),
            self.discriminator(fake.detach(), stage, alpha),
        )
        update("discriminator", loss)
        judged = self.discriminator(fake, stage, alpha)
        update("generator", self.loss.generator(judged))
        self.step += 1

    def sample(self, n: int, *, seed: int | None = None) -> Tensor:
        """Draw ``n`` samples of the present stage, enlarged to the full size.

        Raises:
            ValueError: ``n`` < 1.
        """
        stage, alpha = self.size
        chunks = self.prior(n, seed=seed).split(1_000)
        with self.for_sampling("generator") as generator:
            images = torch.cat([generator(chunk, stage, alpha) for chunk in chunks])
        return enlarged(images, 2 ** (STAGES - 1 - stage))


def shrunk(images: Tensor, stage: int, alpha: float = 1.0) -> Tensor:
    """Bring full images to the resolution of ``stage``, as sharp as ``alpha`` says.

    While a stage fades in, the real images are blended like the generated ones.
    """
    images = avg_pool2d(images, 2 ** (STAGES - 1 - stage))
    if stage and alpha < 1:
        images = torch.lerp(enlarged(avg_pool2d(images, 2)), images, alpha)
    return images
