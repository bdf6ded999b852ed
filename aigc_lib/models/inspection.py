"""Detectors that know normal pictures only: each tells where a picture is unlike them.

A map (N, S, S) says of each pixel how unlike it is; ``smoothed`` and
``picture_scores`` are the same for all, so that detectors can be compared.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    binary_cross_entropy_with_logits,
    interpolate,
    silu,
    unfold,
)
from torch.optim import Adam, Optimizer

from ..arguments import at_least, finite, multiple_of, unknown, whole
from ..metrics.feature_net import pretrained
from ..metrics.series import finite_array
from .base import Trainable, Update, checked_pictures, in_parts
from .diffusion import FlowMatching
from .vae import VAE

DRAWN = 20_000  # patches from which a memory is chosen


def as_floats(x: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
    """Return pictures (N, C, S, S) uint8 as floats in [-1, 1].

    Raises:
        ValueError: no pictures, others than uint8, or of another ``shape`` (C, S, S)
            than the detector has seen.
    """
    if not isinstance(x, Tensor) or x.ndim != 4 or x.dtype != torch.uint8 or not len(x):
        told = f"{tuple(x.shape)} {x.dtype}" if isinstance(x, Tensor) else type(x)
        raise ValueError(f"x is {told}: give uint8 (N, C, S, S), N >= 1")
    if shape is not None and tuple(x.shape[1:]) != tuple(shape):
        raise ValueError(
            f"x is {tuple(x.shape)}: this detector has learned {tuple(shape)}, bring "
            "pictures to that size and number of channels (data.surfaces.grey)"
        )
    return x.float() / 127.5 - 1


def smoothed(maps: np.ndarray, sigma: float = 1.0) -> np.ndarray:
    """Blur maps (N, S, S) by a Gaussian of ``sigma`` pixels: one bad pixel is noise."""
    return gaussian_filter(finite_array("maps", maps), (0, sigma, sigma))


def picture_scores(maps: np.ndarray, share: float = 0.02) -> np.ndarray:
    """Return the mean of the highest ``share`` of each map: (N, S, S) -> (N,).

    The mean of all pixels would drown a small defect, the highest alone trusts noise.

    Raises:
        ValueError: ``share`` outside (0, 1].
    """
    finite("share", share, above=0, most=1)
    flat = finite_array("maps", maps).reshape(len(maps), -1)
    count = max(1, round(share * flat.shape[1]))
    return np.sort(flat, 1)[:, -count:].mean(1)


def difference(x: Tensor, rebuilt: Tensor) -> np.ndarray:
    """Return |x - rebuilt|, averaged over channels: twice (N, C, S, S) -> (N, S, S)."""
    return (x - rebuilt.to(x.device)).abs().mean(1).cpu().numpy()


class PixelPCA:
    """What principal components of normal pictures cannot rebuild.

    As many components as explain ``share`` of the variance. Computed by scikit-learn.

    Raises:
        ValueError: fewer than 2 normals, others than uint8, ``share`` outside (0, 1).
    """

    def __init__(self, normals: Tensor, share: float = 0.95):
        share = finite("share", share, above=0, below=1)
        flat = as_floats(normals).flatten(1).numpy()
        if len(flat) < 2:
            raise ValueError(f"normals holds {len(flat)} picture: give 2 or more")
        self.shape = tuple(normals.shape[1:])
        self.pca = PCA(share, svd_solver="full").fit(flat)

    def rebuilt(self, x: Tensor) -> Tensor:
        """Project pictures (N, C, S, S) uint8 on the components, floats in return."""
        flat = as_floats(x, self.shape).flatten(1).numpy()
        back = self.pca.inverse_transform(self.pca.transform(flat))
        return torch.from_numpy(back).float().view(-1, *self.shape)

    def maps(self, x: Tensor) -> np.ndarray:
        """Return the residual of each pixel, (N, S, S)."""
        return difference(as_floats(x, self.shape), self.rebuilt(x))


@torch.no_grad()
def garment_features(x: Tensor) -> Tensor:
    """Describe each place by its surroundings: (N, 1, S, S) -> (N, 48, S/2, S/2).

    ``x`` in [-1, 1], brought to one brightness and contrast first. The first two levels
    of the network that judges garments (``metrics.feature_net``), which has seen
    neither these pictures nor any defect; each place takes the mean of itself and its
    eight neighbours.

    Source: PatchCore (Roth et al. 2022), section 3.1, with a network of our own.
    """
    spread = x.std((1, 2, 3), keepdim=True).clamp_min(1e-3)
    x = (x - x.mean((1, 2, 3), keepdim=True)) / (2 * spread)
    body = pretrained(x.device).body
    fine = body[0](x)
    coarse = interpolate(body[1](fine), size=fine.shape[2:], mode="bilinear")
    both = torch.cat([fine, coarse], 1)
    return avg_pool2d(both, 3, stride=1, padding=1, count_include_pad=False)


@torch.no_grad()
def pixel_features(x: Tensor) -> Tensor:
    """Describe each place by its 5 x 5 pixels: (N, 1, S, S) -> (N, 25, S/2, S/2).

    ``x`` in [-1, 1]; of the pixels what exceeds the mean around, in units of the
    deviation around (Gaussian windows of 3 pixels), so that light and shade are gone.
    """

    def around(values: Tensor) -> Tensor:
        return torch.from_numpy(gaussian_filter(values.numpy(), (0, 0, 3, 3)))

    high = x - around(x)
    high = high / (around(high.square()).sqrt() + 0.02)
    patches = unfold(high, 5, padding=2).view(len(x), 25, *x.shape[2:])
    return avg_pool2d(patches, 1, stride=2)


DESCRIPTORS = {"garments": garment_features, "pixels": pixel_features}


def spread_out(rows: Tensor, n: int, *, seed: int = 0) -> Tensor:
    """Choose ``n`` of rows (N, D) so that none of the others is far from all of them.

    The farthest row joins, again and again; returns their numbers (n,).

    Source: Gonzalez 1985; PatchCore (Roth et al. 2022), algorithm 1.

    Raises:
        ValueError: ``n`` outside 1 .. N.
    """
    if not 1 <= whole("n", n) <= len(rows):
        raise ValueError(f"n={n} of {len(rows)} rows: give 1 to {len(rows)}")
    generator = torch.Generator().manual_seed(seed)
    chosen = [int(torch.randint(len(rows), (1,), generator=generator))]
    nearest = torch.full((len(rows),), torch.inf)
    for _ in range(n - 1):
        nearest = torch.minimum(nearest, (rows - rows[chosen[-1]]).square().sum(1))
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen)


class PatchMemory:
    """How far each patch is from the nearest patch of a normal picture.

    ``descriptor`` says what a patch is described by, one of ``DESCRIPTORS``. ``size``
    patches are kept, chosen by ``spread_out`` from up to 20,000 random ones;
    features are divided by their standard deviation over the normals, but by no less
    than a tenth of the mean one.

    Source: PatchCore (Roth et al. 2022), without the weight of neighbours.

    Raises:
        ValueError: no normals, more than one channel, others than uint8, ``size`` < 1,
            an unknown ``descriptor``.
    """

    def __init__(
        self,
        normals: Tensor,
        size: int = 1_000,
        *,
        descriptor: str = "garments",
        seed: int = 0,
    ):
        if descriptor not in DESCRIPTORS:
            raise unknown("descriptor", descriptor, DESCRIPTORS)
        self.describe = DESCRIPTORS[descriptor]
        x = as_floats(normals)
        if x.shape[1] != 1:
            raise ValueError(
                f"normals has {x.shape[1]} channels: give grey pictures "
                "(data.surfaces.grey)"
            )
        self.shape = tuple(normals.shape[1:])
        found = in_parts(self.describe, x).movedim(1, 3).flatten(0, 2)
        spread = found.std(0)
        self.scale = spread.clamp_min(0.1 * spread.mean())  # or a dead unit would shout
        seed = whole("seed", seed)
        generator = torch.Generator().manual_seed(seed)
        some = torch.randperm(len(found), generator=generator)[:DRAWN]
        some = found[some] / self.scale
        size = min(whole("size", size, 1), len(some))
        self.memory = some[spread_out(some, size, seed=seed)]

    def maps(self, x: Tensor) -> np.ndarray:
        """Return the distance to the memory, (N, S, S), brought to that size."""
        x = as_floats(x, self.shape)
        return in_parts(self._near, x)[:, 0].numpy()

    def _near(self, x: Tensor) -> Tensor:
        found = self.describe(x).movedim(1, 3) / self.scale
        # exact, for the shortcut by products rounds small distances up
        mode = "donot_use_mm_for_euclid_dist"
        far = torch.cat(
            [
                torch.cdist(f, self.memory, compute_mode=mode).amin(1)
                for f in found.flatten(1, 2)
            ]
        )
        far = far.view(len(x), 1, *found.shape[1:3])
        return interpolate(far, size=x.shape[2:], mode="bilinear")


class DefectMarker(Trainable):
    """Marks the pixels of pasted defects, in the hope that real ones look as foreign.

    Trained on pairs (pictures, masks), such as ``paste_defects`` makes of normal
    pictures; pixels of defects count ``weight`` times. No real defect is needed.

    Source: pasted defects as in CutPaste (Li et al. 2021); a mark for each pixel as in
    DRAEM (Zavrtanik et al. 2021), without its reconstruction.

    Raises:
        ValueError: ``image_size`` no multiple of 2, a size below 1, a ``weight`` or
            ``learning_rate`` of 0 or less.
    """

    def __init__(
        self,
        image_size: int = 32,
        channels: int = 1,
        width: int = 32,
        *,
        weight: float = 5.0,
        learning_rate: float = 2e-3,
    ):
        multiple_of(2, image_size=image_size)
        at_least(1, channels=channels, width=width)
        finite("weight", weight, above=0)
        finite("learning_rate", learning_rate, above=0)
        super().__init__()
        self.sample_shape = (channels, image_size, image_size)
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, width, 3, padding=1)
        )
        self.layers = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=reach, dilation=reach)
            for reach in (1, 2, 4, 1)
        )
        self.leave = nn.Sequential(nn.Conv2d(width, 4, 1), nn.PixelShuffle(2))
        self.weight, self.learning_rate = weight, learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam."""
        return {"marks": Adam(self.parameters(), self.learning_rate)}

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, C, S, S) in [-1, 1] -> logits of their pixels (B, S, S)."""
        h = self.enter(x)
        for layer in self.layers:
            h = h + silu(layer(silu(h)))
        return self.leave(h)[:, 0].float()

    def training_step(self, batch: tuple[Tensor, Tensor], update: Update) -> None:
        """One step of weighted binary cross-entropy."""
        x, masks = batch
        weight = torch.tensor(self.weight, device=x.device)
        loss = binary_cross_entropy_with_logits(
            self(x), masks.float(), pos_weight=weight
        )
        update("marks", loss)

    @torch.no_grad()
    def maps(self, x: Tensor) -> np.ndarray:
        """Return how foreign a pixel is, a logit: (N, C, S, S) uint8 -> (N, S, S).

        Raises:
            ValueError: as ``as_floats``.
        """
        x = as_floats(x, self.sample_shape).to(self.device)
        return in_parts(self, x).cpu().numpy()


@torch.no_grad()
def rebuilt_by_vae(vae: VAE, x: Tensor) -> Tensor:
    """Return what the decoder makes of the mean code of x (N, C, S, S) in [-1, 1].

    Raises:
        ValueError: what ``checked_pictures`` refuses.
    """
    x = checked_pictures(x, tuple(vae.sample_shape), vae.device)
    with vae.averaged():
        return in_parts(lambda part: vae.decode(vae.encode(part)[0]), x)


def rebuilt_by_flow(
    flow: FlowMatching, x: Tensor, *, start: float = 0.5, draws: int = 4, seed: int = 0
) -> Tensor:
    """Return the mean of ``draws`` pictures: x under noise, and back along the flow.

    x (N, C, S, S) in [-1, 1] goes to the time ``start``, where (1 - start) of it is
    noise; a defect that noise covers comes back as something normal. Going all the way
    back without noise would bring the defect back too.

    Source: AnoDDPM (Wyatt et al. 2022), with a flow.

    Raises:
        ValueError: ``start`` outside [0, 1), ``draws`` < 1, and what
            ``checked_pictures`` refuses.
    """
    start = finite("start", start, least=0, below=1)
    x = checked_pictures(x, tuple(flow.sample_shape), torch.device("cpu"))
    generator = torch.Generator().manual_seed(whole("seed", seed))
    total = torch.zeros_like(x)
    for _ in range(whole("draws", draws, 1)):
        noise = torch.randn(x.shape, generator=generator)
        time = torch.full((len(x),), float(start))
        hidden = flow.path.at(x, noise, time)
        total += flow.follow(hidden, start, 1.0, steps=4).cpu()
    return (total / draws).clamp(-1, 1)
