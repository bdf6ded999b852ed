"""Can probabilities be believed, and where should a classifier rather say nothing?"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..arguments import whole
from ..arrays import tensor


def expected_calibration_error(
    probabilities: Tensor, y: Tensor, *, bins: int = 15
) -> float:
    """Mean distance between confidence and accuracy, over bins of equal width.

    ``probabilities`` (N, K) with rows that add up to 1, ``y`` (N,) int64 the classes;
    0 is perfect. Few rows in a bin make it too large, even for a perfect classifier.
    Source: Guo et al. 2017, equation 3.

    Raises:
        ValueError: shapes or classes that do not fit, rows that are no probabilities,
            or ``bins`` < 1.
    """
    probabilities, y = _checked(probabilities, y)
    bins = whole("bins", bins, 1)
    sums = probabilities.double().sum(1)
    if not ((sums - 1).abs().max() < 1e-2 and probabilities.min() >= 0):
        raise ValueError(
            f"probabilities from {probabilities.min():.3g}, rows that add up to "
            f"{sums.min():.3g} to {sums.max():.3g}: give logits.softmax(1)"
        )
    confidence, guess = probabilities.double().max(1)  # (N,)
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    surplus = confidence - (guess == y).double()
    totals = surplus.new_zeros(bins).index_add_(0, place, surplus)
    return (totals.abs().sum() / len(y)).item()


def fitted_temperature(logits: Tensor, y: Tensor) -> float:
    """Return the T with which softmax(logits / T) gives ``y`` the least mean NLL.

    ``logits`` (N, K) of data that the classifier was **not** trained on, ``y`` (N,).
    One number for all: no guess changes, only how sure it is. The loss is convex in
    1/T, so its slope is followed to zero by halving, between T = 1/100 and 100.
    Source: Guo et al. 2017, section 4.2.

    Raises:
        ValueError: shapes or classes that do not fit, or logits that are not finite.
    """
    logits, y = _checked(logits, y)
    if not logits.isfinite().all():
        raise ValueError("logits hold NaN or infinity: see whether the model diverged")
    z = logits.double()
    wanted = z.gather(1, y[:, None])[:, 0]  # (N,)
    low, high = -4.6, 4.6  # log(1 / T)
    for _ in range(50):
        middle = (low + high) / 2
        expected = ((z * torch.tensor(middle).exp()).softmax(1) * z).sum(1)
        if (expected - wanted).mean() > 0:  # the slope of the loss: too sure
            high = middle
        else:
            low = middle
    temperature = torch.tensor(-(low + high) / 2).exp().item()
    # all right, or no better than chance: the best T is no number or at the end
    before, after = cross_entropy(z, y), cross_entropy(z / temperature, y)
    return temperature if after <= before else 1.0


def rejection_threshold(inside: Tensor, outside: Tensor) -> float:
    """Return where to draw the line between scores (N,) inside and (M,) outside.

    Below it a text is rejected. Chosen is the line with the greatest mean of two
    shares: inside and kept, outside and rejected. It lies halfway between two scores;
    of equally good ones the lowest is taken, which rejects the least.

    Raises:
        ValueError: one of the two is empty, or a score is not finite.
    """
    inside, outside = tensor("inside", inside), tensor("outside", outside)
    for name, scores in {"inside": inside, "outside": outside}.items():
        if scores.dim() != 1 or not len(scores) or not scores.isfinite().all():
            raise ValueError(
                f"{name} {tuple(scores.shape)}: give at least one finite score (N,)"
            )
    inside, outside = inside.double().sort().values, outside.double().sort().values
    values = torch.cat([inside, outside]).unique()
    # a line below all scores keeps everything
    lines = torch.cat([values[:1] - 1, (values[:-1] + values[1:]) / 2, values[-1:] + 1])
    lost = torch.searchsorted(inside, lines) / len(inside)
    rejected = torch.searchsorted(outside, lines) / len(outside)
    return lines[(rejected - lost).argmax()].item()


def _checked(scores: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    scores, y = tensor("scores", scores), tensor("y", y)
    if scores.dim() != 2 or y.shape != scores.shape[:1] or not len(y):
        raise ValueError(
            f"{tuple(scores.shape)} scores for y {tuple(y.shape)}: give (N, K) and "
            "(N,), with at least one row"
        )
    classes = scores.shape[1]
    if y.is_floating_point() or not 0 <= y.min() <= y.max() < classes:
        raise ValueError(
            f"y is {y.dtype} from {y.min()} to {y.max()}: give the numbers of classes, "
            f"0 to {classes - 1}"
        )
    return scores, y.long()
