"""How far two sets of rows are apart, and which regions they share.

The rows are features of images, coordinates of points, whatever is compared. A figure
means something only beside what the rows are, and how many.
"""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..arguments import at_least, whole
from ..arrays import tensor

ROWS = 400  # of a distance matrix at a time: 32 MB for 10,000 columns


def frechet_distance(real: ArrayLike, fake: ArrayLike) -> float:
    """Fréchet distance between the normal distributions fitted to two sets of rows.

    |m - n|² + tr(S + T - 2 (S T)^½) for means m, n and covariances S, T (divisor
    N - 1), in squared units of the features. ``real``: (N, D), ``fake``: (M, D). Few
    samples make it too large: compare only figures measured with the same N and M. On
    Inception features this is the FID; on any other features it is not.

    Source: Dowson and Landau 1982; Heusel et al. 2017, equation 6.

    Raises:
        ValueError: not two arrays of rows of one length; fewer than 2 rows; NaN.
    """
    real, fake = checked_pair(real, fake)
    shift = real.mean(0) - fake.mean(0)
    # S = AᵀA and T = BᵀB with the triangular factors A and B of the centred rows. Then
    # tr (S T)^½ is the sum of the singular values of A Bᵀ: real, never negative, and
    # exact where a covariance has no full rank and a matrix root would be noise.
    a, b = _covariance_factor(real), _covariance_factor(fake)
    overlap = torch.linalg.svdvals(a @ b.T).sum()
    distance = shift.square().sum() + a.square().sum() + b.square().sum() - 2 * overlap
    return max(distance.item(), 0.0)


def kernel_distance(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    subsets: int = 10,
    subset_size: int | None = None,
    seed: int = 0,
) -> tuple[float, float]:
    """Estimate the squared kernel distance without bias, with its standard error.

    Draws ``subsets`` disjoint sets of ``subset_size`` rows from either side (default:
    the most that fit, up to 1,000) and averages ``polynomial_mmd`` over them. Its
    expectation does not depend on the number of samples, and near 0 it may fall below.
    The sets are disjoint, hence independent, so that the standard error is honest; it
    covers the sampling of rows, not the training of the model.

    Source: Bińkowski et al. 2018 (KID, on Inception features).

    Raises:
        ValueError: too few rows for the sets; otherwise as ``frechet_distance``.
    """
    real, fake = checked_pair(real, fake)
    at_least(0, subsets=subsets)
    available = min(len(real), len(fake))
    if subset_size is None:
        subset_size = min(available // max(subsets, 1), 1000)
    subset_size = whole("subset_size", subset_size)
    if subsets < 2 or subset_size < 2 or subsets * subset_size > available:
        raise ValueError(
            f"subsets={subsets} of subset_size={subset_size} from {available} rows: "
            "give at least 2 sets of at least 2 rows each, or more samples"
        )
    generator = torch.Generator().manual_seed(whole("seed", seed))

    def draw(rows: Tensor) -> Tensor:  # (N, D) -> (subsets, subset_size, D)
        order = torch.randperm(len(rows), generator=generator)
        return rows[order[: subsets * subset_size]].unflatten(0, (subsets, subset_size))

    pairs = zip(draw(real), draw(fake), strict=True)
    values = torch.tensor([polynomial_mmd(x, y) for x, y in pairs], dtype=torch.float64)
    return values.mean().item(), values.std().item() / subsets**0.5


def polynomial_mmd(real: ArrayLike, fake: ArrayLike) -> float:
    """Squared maximum mean discrepancy with the kernel (x·y / D + 1)³, unbiased.

    ``real``: (N, D), ``fake``: (M, D); needs memory for N² + M² numbers.

    Source: Gretton et al. 2012, equation 3, with the kernel of Bińkowski et al. 2018.

    Raises:
        ValueError: as ``frechet_distance``.
    """
    real, fake = checked_pair(real, fake)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1).pow(3)

    def within(a: Tensor) -> Tensor:  # a row beside itself would add bias
        matrix = kernel(a, a)
        return (matrix.sum() - matrix.trace()) / (len(a) * (len(a) - 1))

    return (within(real) + within(fake) - 2 * kernel(real, fake).mean()).item()


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 5) -> dict[str, float]:
    """Compare the regions that real and generated rows occupy.

    A region is a set of balls, one around each row, reaching to its k-th nearest
    neighbour on its own side and holding their edge, as equation 2 has it: of rows that
    repeat themselves a ball may have radius 0. ``real``: (N, D), ``fake``: (M, D).

    - ``precision``: share of generated rows inside the real region, 0 to 1;
    - ``recall``: share of real rows inside the generated region, 0 to 1;
    - ``density``: mean number of real balls around a generated row, divided by k; about
      1 for equal distributions, above 1 if generated rows crowd where real ones are;
    - ``coverage``: share of real balls that hold a generated row, 0 to 1; more robust
      against outliers than recall.

    They depend on N, M and k: compare only figures measured with the same ones.

    Source: Kynkäänniemi et al. 2019, equation 2; Naeem et al. 2020, section 3.

    Raises:
        ValueError: k below 1 or not below N and M; otherwise as ``frechet_distance``.
    """
    real, fake = checked_pair(real, fake)
    k = whole("k", k)
    if not 1 <= k < min(len(real), len(fake)):
        raise ValueError(
            f"k={k} with {len(real)} real and {len(fake)} generated rows: "
            "give 1 <= k < the smaller number, or more samples"
        )
    center = real.mean(0)  # a common shift costs digits in |x|² + |y|² - 2 x·y
    real, fake = real - center, fake - center
    real_radii, fake_radii = _squared_radii(real, k), _squared_radii(fake, k)
    precise = torch.zeros(len(fake), dtype=torch.bool)
    # so much of |x|² + |y|² may rounding add to a distance, and rob an edge of its rows
    rounding = 4 * (real.shape[1] + 8) * torch.finfo(real.dtype).eps
    recalled = covered = inside = 0
    for rows, radii in zip(real.split(ROWS), real_radii.split(ROWS), strict=True):
        distances = squared_distances(rows, fake, rounding)  # (ROWS, M)
        in_real_ball = distances <= radii.unsqueeze(1)
        precise |= in_real_ball.any(0)
        inside += in_real_ball.count_nonzero()
        covered += in_real_ball.any(1).count_nonzero()
        recalled += (distances <= fake_radii).any(1).count_nonzero()
    return {
        "precision": precise.double().mean().item(),
        "recall": recalled.item() / len(real),
        "density": inside.item() / (k * len(fake)),
        "coverage": covered.item() / len(real),
    }


def _covariance_factor(rows: Tensor) -> Tensor:
    """(N, D) -> A (min(N, D), D) with AᵀA the covariance of the rows."""
    triangle = torch.linalg.qr(rows - rows.mean(0), mode="r").R
    return triangle / (len(rows) - 1) ** 0.5


def squared_distances(a: Tensor, b: Tensor, rounding: float = 0.0) -> Tensor:
    """Squared Euclidean distances: (N, D), (M, D) -> (N, M). Some round to below 0.

    They are less by a share ``rounding`` of |x|² + |y|².
    """
    kept = 1 - rounding
    product = torch.addmm(kept * b.square().sum(1), a, b.T, alpha=-2)
    return product.add_(kept * a.square().sum(1, keepdim=True))


def _squared_radii(rows: Tensor, k: int) -> Tensor:
    """Squared distance of each row to its k-th nearest other row: (N, D) -> (N,)."""
    nearest = [  # k + 1, for every row is also its own neighbour
        squared_distances(part, rows).topk(k + 1, largest=False).values[:, -1]
        for part in rows.split(ROWS)
    ]
    return torch.cat(nearest)


def checked_pair(real: ArrayLike, fake: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return both as float64 rows, (N, D) and (M, D), or refuse what is no such pair.

    Raises:
        ValueError: not two arrays of rows of one length; fewer than 2 rows; NaN.
    """
    real, fake = _checked_rows("real", real), _checked_rows("fake", fake)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"fake has {fake.shape[1]} columns and real {real.shape[1]}: compute both "
            "with the same feature network"
        )
    return real, fake


def _checked_rows(name: str, rows: ArrayLike) -> Tensor:
    rows = tensor(name, rows).detach().cpu().double()
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(
            f"{name} has shape {tuple(rows.shape)}: give one row of features per "
            "sample, (N, D), as features(images) does"
        )
    if len(rows) < 2:
        raise ValueError(f"{name} has {len(rows)} rows: give at least 2 samples")
    if bad := (~rows.isfinite().all(1)).sum().item():
        raise ValueError(
            f"{name} holds NaN or infinity in {bad} of {len(rows)} rows: see whether "
            "the model diverged, or drop those rows"
        )
    return rows
