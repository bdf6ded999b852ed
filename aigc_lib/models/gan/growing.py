"""Progressive growing: first the outline, then the detail (Karras et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ...arguments import at_least, multiple_of
from ...nets.conv import halvings
from ..base import Update
from .game import HingeGAN
from .growing_nets import GrowingDiscriminator, GrowingGenerator, enlarged


def growth(step: int, phase: int, stages: int = 3) -> tuple[int, float]:
    """Return (stage, alpha) after ``step`` steps.

    One phase of ``phase`` steps at the smallest resolution; then for each doubling a
    phase that fades the new layer in and one that trains it.
    """
    fading, position = divmod(step / phase - 1, 2)
    if step < phase:
        return 0, 1.0
    stage = int(fading) + 1
    return (stage, min(1.0, position)) if stage < stages else (stages - 1, 1.0)


class GrowingGAN(HingeGAN):
    """A DCGAN that begins at 7 or 8 pixels and doubles them up to the full size.

    The schedule counts steps, for it must be the same on every machine; ``phase`` is
    the length of each of its phases. The last goes on to the end.

    Raises:
        ValueError: ``image_size`` is no multiple of 4, or another size is below 1.
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
        multiple_of(4, image_size=image_size)
        at_least(1, channels=channels, latent_dim=latent_dim, width=width, phase=phase)
        super().__init__(
            GrowingGenerator(image_size, channels, latent_dim, width),
            GrowingDiscriminator(image_size, channels, width),
            sample_shape=(channels, image_size, image_size),
            latent_dim=latent_dim,
            learning_rates=learning_rates,
            betas=betas,
        )
        self.phase = phase
        self.stages = halvings(image_size) + 1
        self.step = 0  # no buffer: on a GPU every look at it would wait for the device

    @property
    def size(self) -> tuple[int, float]:
        """The present (stage, alpha)."""
        return growth(self.step, self.phase, self.stages)

    def get_extra_state(self) -> Tensor:
        """Keep the step: a model that is resumed or loaded is as grown as it was."""
        return torch.tensor(self.step)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore what ``get_extra_state`` returned."""
        self.step = int(state)

    def training_step(self, real: Tensor, update: Update) -> None:
        """One step of each player at the present size; the images are shrunk to it."""
        stage, alpha = self.size
        real = shrunk(real, stage, alpha, self.stages)
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
        size = {"alpha": alpha} if alpha < 1 else {}
        if stage < self.stages - 1:
            size["stage"] = stage
        images = self.generated(self.prior(n, seed=seed), **size)
        return enlarged(images, 2 ** (self.stages - 1 - stage))


def shrunk(images: Tensor, stage: int, alpha: float = 1.0, stages: int = 3) -> Tensor:
    """Bring full images to the resolution of ``stage``, as sharp as ``alpha`` says.

    While a stage fades in, the real images are blended like the generated ones.
    """
    images = avg_pool2d(images, 2 ** (stages - 1 - stage))
    if stage and alpha < 1:
        images = torch.lerp(enlarged(avg_pool2d(images, 2)), images, alpha)
    return images
