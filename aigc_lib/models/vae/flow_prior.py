"""A variational autoencoder that learns its prior too."""

from __future__ import annotations

from torch import Tensor
from torch.optim import Optimizer

from ..base import Seed
from .bounds import normal_log_density, reparameterize
from .coupling import CouplingFlow
from .vae import VAE, Labels


class FlowPriorVAE(VAE):
    """A VAE whose prior is a normalizing flow (Chen et al. 2017, section 3.2).

    With N(0, I) the codes of the data fill the prior only in part: the bound pays for
    it, and samples are decoded from places where no code ever lay. The flow bends
    N(0, I) to where the codes are. The rate, E log q(z | x) / p(z), then has no closed
    form and is estimated with the one z.

    Raises:
        ValueError: odd ``latent_dim``, and all that ``VAE`` refuses.
    """

    sampled = ("decoder", "flow")

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 16,
        hidden: int = 512,
        couplings: int = 6,
        **options,
    ):
        super().__init__(image_size, channels, latent_dim, hidden, **options)
        self.flow = CouplingFlow(latent_dim, couplings, 64)

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam for everything: all share one objective."""
        optimizers = super().optimizers()
        optimizers["negative_elbo"].add_param_group(
            {"params": list(self.flow.parameters())}
        )
        return optimizers

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z) in nats, by the change of variables: (..., latent_dim) -> (...)."""
        noise, log_volume = self.flow.inverse(z)
        return super().log_prior(noise) + log_volume

    def rate_distortion(
        self, x: Tensor, labels: Labels = None
    ) -> tuple[Tensor, Tensor]:
        """Return estimates of KL and -log p(x | z) in nats, each (B,), from one z."""
        mu, log_var = self.encode(x, labels)
        z = reparameterize(mu, log_var)
        rate = normal_log_density(z, mu, log_var) - self.log_prior(z)
        return rate, -self.likelihood.log_prob(x, self.decoded(z, labels))

    def prior(self, n: int, *, seed: Seed = None) -> Tensor:
        """Draw z from the learned prior, (n, latent_dim), the same on every device."""
        with self.for_sampling("flow") as flow:
            return flow(super().prior(n, seed=seed))
