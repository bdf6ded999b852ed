"""A variational autoencoder that draws the class it is asked for."""

from __future__ import annotations

from torch import Tensor

from ..nets.autoencoder import LabelledDecoder, LabelledEncoder
from .base import codes_for, noise_source
from .vae import VAE


class ConditionalVAE(VAE):
    """A VAE of p(x | y): encoder and decoder both get the label (Sohn et al. 2015).

    The class need not be stored in z, which is left with the style. Every bound and the
    likelihood are those of log p(x | y), so they all take ``labels``.

    Raises:
        ValueError: fewer than two classes, and all that ``VAE`` refuses.
    """

    conditional = True

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        classes: int = 10,
        latent_dim: int = 16,
        hidden: int = 512,
        **options,
    ):
        if classes < 2:
            raise ValueError(f"classes={classes}: give at least 2")
        super().__init__(image_size, channels, latent_dim, hidden, **options)
        self.config["classes"] = classes
        body, shape = self.config["body"], (channels, image_size, image_size)
        self.encoder = LabelledEncoder(body, shape, hidden, 2 * latent_dim, classes)
        maps = (channels * self.likelihood.maps, image_size, image_size)
        self.decoder = LabelledDecoder(body, latent_dim, hidden, maps, classes)
        self.classes = classes

    def sample(
        self, n: int, *, seed: int | None = None, labels: int | Tensor | None = None
    ) -> Tensor:
        """Draw expected images of the classes ``labels``: one, (n,) many, or random.

        Raises:
            ValueError: ``n`` < 1, or labels of the wrong number or out of range.
        """
        z = self.prior(n, seed=seed)
        labels = codes_for(labels, n, self.classes, noise_source(seed))
        with self.for_sampling("decoder") as decoder:
            return self.likelihood.mean(decoder(z, labels.to(self.device)))
