"""GANs whose images obey a code: one given by labels, one found without them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, one_hot
from torch.optim import Optimizer

from ..nets.conv import ConvDiscriminator, ConvGenerator, ProjectionDiscriminator
from .base import Batch, Update, codes_for, noise_source
from .gan import GAN, HingeGAN, check_image_size


class ConditionalGAN(HingeGAN):
    """A DCGAN that draws the class it is asked for (Mirza & Osindero 2014).

    The generator gets the label beside the noise. The discriminator projects: labels
    pasted onto its input would need a first layer that learns what to do with ten
    constant planes, and cost time on every pixel (Miyato & Koyama 2018).

    Raises:
        ValueError: fewer than two classes, or ``image_size`` is no multiple of 4.
    """

    conditional = True

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        classes: int = 10,
        latent_dim: int = 64,
        width: int = 16,
        *,
        learning_rates: tuple[float, float] = (8e-3, 8e-3),
        betas: tuple[float, float] = (0.0, 0.9),
    ):
        check_image_size(image_size)
        check_classes("classes", classes)
        super().__init__(
            ConvGenerator(image_size, channels, latent_dim + classes, width),
            ProjectionDiscriminator(image_size, channels, width, classes),
            latent_dim=latent_dim,
            learning_rates=learning_rates,
            betas=betas,
            image_size=image_size,
            channels=channels,
            classes=classes,
            width=width,
        )
        self.classes = classes

    def training_step(self, batch: Batch, update: Update) -> None:
        """One step of each player; both see the labels of the batch."""
        real, labels = batch
        inputs = with_code(self.prior(len(real)), labels, self.classes)
        fake = self.generator(inputs)
        loss = self.loss.discriminator(
            self.discriminator(real, labels), self.discriminator(fake.detach(), labels)
        )
        update("discriminator", loss)
        update("generator", self.loss.generator(self.discriminator(fake, labels)))

    def sample(
        self, n: int, *, seed: int | None = None, labels: int | Tensor | None = None
    ) -> Tensor:
        """Draw ``n`` samples of the classes ``labels``: one, (n,) many, or random ones.

        Raises:
            ValueError: ``n`` < 1, or labels of the wrong number or out of range.
        """
        return sample_with_code(self, n, seed, "labels", labels, self.classes)


def information_bound(code_logits: Tensor, code: Tensor) -> Tensor:
    """A lower bound of the mutual information I(c; x) in nats, <= log K.

    H(c) + E log Q(c|x) for a uniform code of K values (Chen et al. 2016, equation 4);
    the gap is the mean divergence of Q from the true posterior. ``code_logits``:
    (B, K), ``code``: (B,) int64.
    """
    entropy = math.log(code_logits.shape[1])
    return entropy - cross_entropy(code_logits.float(), code)


class InfoGAN(HingeGAN):
    """A DCGAN that finds its own classes: a code that its images must reveal.

    ``reader`` is the network Q of Chen et al. (2016): it reads the code from the
    features of the discriminator. It has no spectral norm, for it must tell codes
    apart sharply. With ``distortion`` it reads images moved at random by so much, so
    that the code cannot be a place or a slant; no gain in a short run was found.

    Raises:
        ValueError: fewer than two codes, a negative weight, or ``image_size`` is no
            multiple of 4.
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        num_codes: int = 10,
        latent_dim: int = 32,
        width: int = 16,
        *,
        information: float = 1.0,
        distortion: float = 0.0,
        learning_rates: tuple[float, float] = (8e-3, 8e-3),
        betas: tuple[float, float] = (0.0, 0.9),
    ):
        check_image_size(image_size)
        check_classes("num_codes", num_codes)
        for name, value in {
            "information": information,
            "distortion": distortion,
        }.items():
            if value < 0:
                raise ValueError(f"{name}={value}: give a number >= 0")
        discriminator = ConvDiscriminator(image_size, channels, width)
        super().__init__(
            ConvGenerator(image_size, channels, latent_dim + num_codes, width),
            discriminator,
            latent_dim=latent_dim,
            learning_rates=learning_rates,
            betas=betas,
            image_size=image_size,
            channels=channels,
            num_codes=num_codes,
            width=width,
            information=information,
            distortion=distortion,
        )
        self.reader = nn.Sequential(
            nn.Linear(discriminator[-2].in_features, 128),
            nn.LeakyReLU(0.2),
            nn.Linear(128, num_codes),
        )
        self.num_codes = num_codes
        self.information = information
        self.distortion = distortion

    def optimizers(self) -> dict[str, Optimizer]:
        """The reader learns with the discriminator, whose features it reads."""
        optimizers = super().optimizers()
        readers = {"params": list(self.reader.parameters()), "lr": 1e-3}
        optimizers["discriminator"].add_param_group(readers)
        return optimizers

    def training_step(self, real: Tensor, update: Update) -> None:
        """One step of each player; both raise the bound on the information."""
        code = torch.randint(self.num_codes, (len(real),), device=real.device)
        fake = self.generator(with_code(self.prior(len(real)), code, self.num_codes))
        for name, images in {"discriminator": fake.detach(), "generator": fake}.items():
            if name == "discriminator":
                loss = self.discriminator_loss(real, images)
            else:
                loss = self.loss.generator(self.discriminator(images))
            read = self.read(distorted(images, self.distortion))
            update(name, loss - self.information * information_bound(read, code))

    def read(self, images: Tensor) -> Tensor:
        """Return the logits of the code: (B, C, S, S) -> (B, num_codes)."""
        return self.reader(self.discriminator.features(images))

    def code(self, images: Tensor) -> Tensor:
        """Return the code that the reader sees in each image in [-1, 1], (B,) int64."""
        with self.for_sampling("discriminator"), self.for_sampling("reader"):
            chunks = images.to(self.device).split(1_000)
            return torch.cat([self.read(chunk).argmax(1) for chunk in chunks])

    def sample(
        self, n: int, *, seed: int | None = None, codes: int | Tensor | None = None
    ) -> Tensor:
        """Draw ``n`` samples with the given ``codes``: one, (n,) many, or random ones.

        Raises:
            ValueError: ``n`` < 1, or codes of the wrong number or out of range.
        """
        return sample_with_code(self, n, seed, "codes", codes, self.num_codes)


def distorted(images: Tensor, strength: float) -> Tensor:
    """Turn, stretch, shear and shift each image a little, differentiably.

    Each entry of the 2 x 3 matrix of the motion is off by up to ``strength``, where
    1 means half the image; black comes in at the edges (images in [-1, 1]).
    """
    if strength == 0:
        return images
    motion = torch.empty(len(images), 2, 3, device=images.device)
    motion.uniform_(-strength, strength)
    motion += torch.eye(2, 3, device=images.device)
    grid = affine_grid(motion, list(images.shape), align_corners=False)
    return grid_sample(images.float() + 1, grid, align_corners=False) - 1


def with_code(noise: Tensor, code: Tensor, values: int) -> Tensor:
    """Set one-hot codes beside the noise: (B, L) and (B,) -> (B, L + values)."""
    return torch.cat([noise, one_hot(code, values).to(noise)], dim=1)


def sample_with_code(
    model: GAN, n: int, seed: int | None, name: str, code: int | Tensor | None, k: int
) -> Tensor:
    """Draw ``n`` samples whose ``code`` has ``k`` values; ``name`` is for messages."""
    if n < 1:
        raise ValueError(f"n={n}: ask for at least one sample")
    source = noise_source(seed)
    noise = torch.randn(n, model.latent_dim, generator=source)
    code = codes_for(code, n, k, source, name)
    inputs = with_code(noise, code, k).to(model.device)
    with model.for_sampling("generator") as generator:
        return torch.cat([generator(chunk) for chunk in inputs.split(1_000)])


def check_classes(name: str, value: int) -> None:
    """Refuse a code that says nothing."""
    if value < 2:
        raise ValueError(f"{name}={value}: give at least 2")
