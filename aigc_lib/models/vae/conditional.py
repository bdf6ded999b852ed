"""A variational autoencoder that draws the class it is asked for."""

from __future__ import annotations

from torch import Tensor

from ...arguments import at_least
from ..base import codes_for, noise_source
from .autoencoder import LabelledDecoder, LabelledEncoder
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
        at_least(2, classes=classes)
        super().__init__(image_size, channels, latent_dim, hidden, **options)
        body, shape = self.body, self.sample_shape
        self.encoder = LabelledEncoder(body, shape, hidden, 2 * latent_dim, classes)
        maps = (shape[0] * self.likelihood.maps, *shape[1:])
        self.decoder = LabelledDecoder(body, latent_dim, hidden, maps, classes)
        self.classes = classes

    def sample(
        self, n: int, *, seed: int | None = None, labels: int | Tensor | None = None
    ) -> Tensor:
        """Draw expected images of the classes ``labels``: one, (n,) many, or random.

        Raises:
            ValueError: ``n`` < 1, or labels of the wrong number or out of range.
        """
        source = noise_source(seed)
        z = self.prior(n, seed=source)
        labels = codes_for(labels, n, self.classes, source)
        return self.drawn(z, labels.to(self.device))
