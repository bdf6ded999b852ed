"""Generative adversarial networks: one body, the objective chosen by name."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as add_spectral_norm
from torch.optim import Adam, Optimizer

from ...arguments import at_least, finite, multiple_of, pair, unknown
from ...nets.conv import ConvDiscriminator, ConvGenerator
from ..base import GenerativeModel, Seed, Update, in_parts, standard_normal
from .losses import LOSSES, gradient_penalty, r1_penalty


class GAN(GenerativeModel):
    """A generator and a discriminator that play one of ``LOSSES``.

    ``generator`` maps noise (B, latent_dim) to samples, ``discriminator`` maps samples
    to logits (B,). ``gradient_penalty`` and ``r1`` are weights, 0 for none;
    ``spectral_norm`` divides every weight matrix of the discriminator by its largest
    singular value, which becomes 1 (Miyato et al. 2018); with kernels that overlap
    the slope of a convolution may still exceed 1.

    Raises:
        ValueError: unknown ``loss``, or a negative penalty weight.
    """

    sampled = ("generator",)

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        latent_dim: int,
        loss: str,
        spectral_norm: bool,
        gradient_penalty: float,
        r1: float,
        learning_rates: tuple[float, float],
        betas: tuple[float, float],
    ):
        if loss not in LOSSES:
            raise unknown("loss", loss, LOSSES)
        for name, weight in {"gradient_penalty": gradient_penalty, "r1": r1}.items():
            finite(name, weight, least=0)
        for rate in pair("learning_rates", learning_rates):
            finite("learning_rates", rate, above=0)
        for beta in pair("betas", betas):
            finite("betas", beta, least=0, below=1)
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        if spectral_norm:
            bound_slopes(discriminator)
        self.loss = LOSSES[loss]
        self.latent_dim = latent_dim
        self.gradient_penalty = gradient_penalty
        self.r1 = r1
        self.learning_rates = learning_rates
        self.betas = betas

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for each player, with its own learning rate."""
        players = {"generator": self.generator, "discriminator": self.discriminator}
        return {
            name: Adam(player.parameters(), lr, tuple(self.betas), fused=True)
            for (name, player), lr in zip(
                players.items(), self.learning_rates, strict=True
            )
        }

    def prior(self, n: int, *, seed: Seed = None) -> Tensor:
        """Draw standard normal noise, (n, latent_dim), the same on every device."""
        return standard_normal(n, self.latent_dim, seed=seed).to(self.device)

    def training_step(self, real: Tensor, update: Update) -> None:
        """One step of the discriminator, then one of the generator."""
        fake = self.generator(self.prior(len(real)))
        update("discriminator", self.discriminator_loss(real, fake.detach()))
        update("generator", self.loss.generator(self.discriminator(fake)))

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's objective with its penalties."""
        loss = self.loss.discriminator(
            self.discriminator(real), self.discriminator(fake)
        )
        if self.gradient_penalty:
            penalty = gradient_penalty(self.discriminator, real, fake)
            loss = loss + self.gradient_penalty * penalty
        if self.r1:
            loss = loss + self.r1 * r1_penalty(self.discriminator, real)
        return loss

    def sample(self, n: int, *, seed: int | None = None) -> Tensor:
        """Draw ``n`` samples with the averaged generator, on the model's device.

        Raises:
            ValueError: ``n`` < 1.
        """
        return self.generated(self.prior(n, seed=seed))

    def generated(self, inputs: Tensor, **size: float) -> Tensor:
        """Send ``inputs`` (N, D) through the averaged generator.

        ``size`` is what else the generator of a ``GrowingGAN`` takes.
        """
        with self.for_sampling("generator") as generator:
            return in_parts(lambda part: generator(part, **size), inputs)


def bound_slopes(network: nn.Module) -> None:
    """Put spectral normalisation on every linear and convolution layer, in place.

    It sets the largest singular value of each flattened weight to 1, up or down; it is
    not a cap that acts only above 1 (Miyato et al. 2018).
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            add_spectral_norm(module)


class MLPGAN(GAN):
    """A GAN of two multilayer perceptrons, for points (N, data_dim).

    With ``steep_generator`` the generator has three hidden layers with layer
    normalisation. It can jump from one mode to the next within a narrow strip of
    noise, so that few samples lie between them.

    Raises:
        ValueError: a size below 1, and all that ``GAN`` refuses.
    """

    modality = "points"
    tolerates_bf16 = False  # a coordinate near 2 would be rounded to steps of 1/64

    def __init__(
        self,
        data_dim: int = 2,
        latent_dim: int = 2,
        hidden: int = 128,
        *,
        steep_generator: bool = False,
        loss: str = "nonsaturating",
        spectral_norm: bool = False,
        gradient_penalty: float = 0.0,
        r1: float = 0.0,
        learning_rates: tuple[float, float] = (1e-3, 1e-3),
        betas: tuple[float, float] = (0.0, 0.9),
    ):
        at_least(1, data_dim=data_dim, latent_dim=latent_dim, hidden=hidden)
        super().__init__(
            (steep_mlp if steep_generator else mlp)(latent_dim, hidden, data_dim),
            nn.Sequential(mlp(data_dim, hidden, 1), nn.Flatten(0)),
            latent_dim=latent_dim,
            loss=loss,
            spectral_norm=spectral_norm,
            gradient_penalty=gradient_penalty,
            r1=r1,
            learning_rates=learning_rates,
            betas=betas,
        )
        self.sample_shape = (data_dim,)


class DCGAN(GAN):
    """A convolutional GAN for square images (Radford et al. 2016).

    The widest layers have 4 * ``width`` channels. The defaults are the best that was
    found for two minutes of training on two CPU cores.

    Raises:
        ValueError: ``image_size`` is no multiple of 4, another size is below 1, and all
            that ``GAN`` refuses.
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 64,
        width: int = 16,
        *,
        loss: str = "hinge",
        spectral_norm: bool = True,
        gradient_penalty: float = 0.0,
        r1: float = 0.0,
        learning_rates: tuple[float, float] = (8e-3, 8e-3),
        betas: tuple[float, float] = (0.0, 0.9),
    ):
        multiple_of(4, image_size=image_size)
        at_least(1, channels=channels, latent_dim=latent_dim, width=width)
        super().__init__(
            ConvGenerator(image_size, channels, latent_dim, width),
            ConvDiscriminator(image_size, channels, width),
            latent_dim=latent_dim,
            loss=loss,
            spectral_norm=spectral_norm,
            gradient_penalty=gradient_penalty,
            r1=r1,
            learning_rates=learning_rates,
            betas=betas,
        )
        self.sample_shape = (channels, image_size, image_size)


class HingeGAN(GAN):
    """A GAN of images whose game is settled: hinge loss and spectral normalisation.

    For families that differ in their networks, so that they can be compared.
    ``sample_shape`` is (channels, image_size, image_size).
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        sample_shape: tuple[int, int, int],
        latent_dim: int,
        learning_rates: tuple[float, float],
        betas: tuple[float, float],
    ):
        super().__init__(
            generator,
            discriminator,
            latent_dim=latent_dim,
            loss="hinge",
            spectral_norm=True,
            gradient_penalty=0.0,
            r1=0.0,
            learning_rates=learning_rates,
            betas=betas,
        )
        self.sample_shape = sample_shape


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers: (B, inputs) -> (B, outputs)."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, outputs),
    )


def steep_mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Three hidden layers with layer normalisation: (B, inputs) -> (B, outputs)."""
    layers: list[nn.Module] = []
    for width in (inputs, hidden, hidden):
        layers += [nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, outputs))
