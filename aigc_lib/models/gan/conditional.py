"""GANs whose images obey a code: one given by labels, one found without them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import (
    affine_grid,
    cross_entropy,
    grid_sample,
    interpolate,
    one_hot,
)
from torch.optim import Adam, Optimizer

from ...arguments import at_least, finite, multiple_of
from ...nets.conv import (
    ConvDiscriminator,
    ConvGenerator,
    ConvReader,
    ProjectionDiscriminator,
)
from ..base import Batch, Update, codes_for, in_parts, noise_source
from .game import GAN, HingeGAN


class ConditionalGAN(HingeGAN):
    """A DCGAN that draws the class it is asked for (Mirza & Osindero 2014).

    The generator gets the label beside the noise. The discriminator projects: labels
    pasted onto its input would need a first layer that learns what to do with ten
    constant planes, and cost time on every pixel (Miyato & Koyama 2018).

    Raises:
        ValueError: fewer than two classes, ``image_size`` is no multiple of 4, or
            another size is below 1.
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
        multiple_of(4, image_size=image_size)
        at_least(1, channels=channels, latent_dim=latent_dim, width=width)
        at_least(2, classes=classes)
        super().__init__(
            ConvGenerator(image_size, channels, latent_dim + classes, width),
            ProjectionDiscriminator(image_size, channels, width, classes),
            sample_shape=(channels, image_size, image_size),
            latent_dim=latent_dim,
            learning_rates=learning_rates,
            betas=betas,
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


def shared_information(first: Tensor, second: Tensor, balance: float = 1.0) -> Tensor:
    """What two readings of the same images tell of each other, in nats, <= log K.

    Mutual information of the table P = E p(x) p'(x)^T, made symmetric, where p and p'
    are the softmax of the logits (B, K) of two views of an image (Ji et al. 2019,
    equations 2 and 3). It is log K where both agree, are sure, and use all codes alike.
    ``balance`` > 1 weighs the two marginal entropies more (Hu et al. 2017 do alike).
    """
    p, q = first.float().softmax(1), second.float().softmax(1)
    table = p.T @ q / len(p)  # (K, K)
    table = (table + table.T) / 2
    marginal = table.sum(0)  # the same for rows and columns

    def entropy(shares: Tensor) -> Tensor:
        return -(shares * shares.clamp_min(1e-12).log()).sum()

    return 2 * balance * entropy(marginal) - entropy(table)


HEADS = 4  # one head alone may settle on a bad grouping; four share their features


class InfoGAN(HingeGAN):
    """A DCGAN that finds its own classes: a code that its images must reveal.

    ``reader`` is the network Q of Chen et al. (2016), here one of its own. Left to
    generated images alone, as in the paper, generator and reader agree within a few
    steps on what is easiest to tell, slant or weight, and are slow to leave it. So the
    reader also reads real images, without labels: plain and ``distorted`` ones must
    get the same code, and all codes be used alike (``agreement`` is the weight).
    ``agreement=0`` and ``distortion=0`` give the objective of the paper.

    The reader is slow to learn and cheap: for one round of the game, played with the
    first 64 images of a batch, it takes four steps, each with a quarter of the batch.
    Its table of codes needs about 128 images, hence ``recipe``. It has four heads on
    one body; the code of an image is what their mean says.

    Raises:
        ValueError: fewer than two codes, a negative weight, ``image_size`` is no
            multiple of 4, ``width`` is below 2, or another size below 1.
    """

    least_batch = 8  # its reader normalises over quarters of a batch
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 512}

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        num_codes: int = 10,
        latent_dim: int = 32,
        width: int = 16,
        *,
        information: float = 0.3,
        agreement: float = 1.0,
        distortion: float = 0.25,
        learning_rates: tuple[float, float] = (8e-3, 8e-3),
        betas: tuple[float, float] = (0.0, 0.9),
    ):
        multiple_of(4, image_size=image_size)
        at_least(1, channels=channels, latent_dim=latent_dim)
        at_least(2, num_codes=num_codes, width=width)  # the reader is half as wide
        weights = {
            "information": information,
            "agreement": agreement,
            "distortion": distortion,
        }
        for name, value in weights.items():
            finite(name, value, least=0)
        super().__init__(
            ConvGenerator(image_size, channels, latent_dim + num_codes, width),
            ConvDiscriminator(image_size, channels, width),
            sample_shape=(channels, image_size, image_size),
            latent_dim=latent_dim,
            learning_rates=learning_rates,
            betas=betas,
        )
        self.reader = ConvReader(image_size, channels, width // 2, HEADS * num_codes)
        self.num_codes = num_codes
        self.information = information
        self.agreement = agreement
        self.distortion = distortion

    def optimizers(self) -> dict[str, Optimizer]:
        """A third player: the reader."""
        reader = Adam(self.reader.parameters(), 4e-3, fused=True)
        return super().optimizers() | {"reader": reader}

    def training_step(self, real: Tensor, update: Update) -> None:
        """One step of the two players, and four of the reader, on all of the batch."""
        few = real[:64]
        code = torch.randint(self.num_codes, (len(few),), device=real.device)
        fake = self.generator(with_code(self.prior(len(few)), code, self.num_codes))
        update("discriminator", self.discriminator_loss(few, fake.detach()))

        seen = self.read(distorted(fake, self.distortion))
        loss = self.loss.generator(self.discriminator(fake))
        loss = loss - self.information * information_bound(seen, code)
        update("generator", loss)

        for part in real.chunk(4):
            views = torch.cat([part, fake.detach()])
            views = torch.cat([part, distorted(views, self.distortion)])
            sizes = [len(part), len(part), len(fake)]
            loss = 0.0
            for read in self.reader(views).chunk(HEADS, dim=1):
                plain, moved, seen = read.split(sizes)
                loss -= self.information * information_bound(seen, code)
                loss -= self.agreement * shared_information(plain, moved, balance=4.0)
            update("reader", loss / HEADS)

    def read(self, images: Tensor) -> Tensor:
        """Return the mean of the heads' log-probabilities: (B, C, S, S) -> (B, K)."""
        heads = self.reader(images).float().unflatten(1, (HEADS, self.num_codes))
        return heads.log_softmax(2).mean(1)

    def code(self, images: Tensor) -> Tensor:
        """Return the code that the reader sees in each image in [-1, 1], (B,) int64."""
        with self.for_sampling("reader"):
            return in_parts(lambda x: self.read(x.to(self.device)).argmax(1), images)

    def sample(
        self, n: int, *, seed: int | None = None, codes: int | Tensor | None = None
    ) -> Tensor:
        """Draw ``n`` samples with the given ``codes``: one, (n,) many, or random ones.

        Raises:
            ValueError: ``n`` < 1, or codes of the wrong number or out of range.
        """
        return sample_with_code(self, n, seed, "codes", codes, self.num_codes)


def distorted(images: Tensor, strength: float) -> Tensor:
    """Turn, stretch, shear, shift and bend each image a little, differentiably.

    Lengths are in halves of the image. Each entry of the 2 x 2 matrix of the motion is
    off by up to ``strength``, each shift by up to half of that; bending moves a grid
    of 4 x 4 points by normal noise of 0.4 ``strength`` (Simard et al. 2003, coarser).
    Black comes in at the edges (images in [-1, 1]).
    """
    if strength == 0:
        return images
    n, device = len(images), images.device
    scale = torch.tensor([1.0, 1.0, 0.5], device=device) * strength
    motion = (2 * torch.rand(n, 2, 3, device=device) - 1) * scale
    motion += torch.eye(2, 3, device=device)
    bends = 0.4 * strength * torch.randn(n, 2, 4, 4, device=device)
    bends = interpolate(bends, images.shape[2:], mode="bicubic")  # (B, 2, S, S)
    grid = affine_grid(motion, list(images.shape), align_corners=False)
    grid = grid + bends.movedim(1, 3)
    return grid_sample(images.float() + 1, grid, align_corners=False) - 1


def with_code(noise: Tensor, code: Tensor, values: int) -> Tensor:
    """Set one-hot codes beside the noise: (B, L) and (B,) -> (B, L + values)."""
    return torch.cat([noise, one_hot(code, values).to(noise)], dim=1)


def sample_with_code(
    model: GAN, n: int, seed: int | None, name: str, code: int | Tensor | None, k: int
) -> Tensor:
    """Draw ``n`` samples whose ``code`` has ``k`` values; ``name`` is for messages."""
    source = noise_source(seed)
    noise = model.prior(n, seed=source)
    code = codes_for(code, n, k, source, name).to(model.device)
    return model.generated(with_code(noise, code, k))
