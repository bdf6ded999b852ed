"""How well defects are found: a picture at a time, a pixel at a time, in false alarms.

Scores grow with what is wrong; ``defect`` says with True which pictures have one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import label
from sklearn.metrics import roc_auc_score

from ..arguments import finite
from ..arrays import array
from .series import finite_array

EIGHT = np.ones((3, 3), int)  # pixels that touch at a corner belong together


def image_auroc(scores: ArrayLike, defect: ArrayLike) -> float:
    """The chance that a defect scores above a normal picture; ties count one half.

    ``scores`` (N,), ``defect`` (N,) bool. Computed by scikit-learn.

    Raises:
        ValueError: other shapes, NaN, or only one of the two kinds of pictures.
    """
    scores, defect = _judged(scores, defect)
    return float(roc_auc_score(defect, scores))


def false_alarms(
    scores: ArrayLike, defect: ArrayLike, *, recall: float = 0.95
) -> float:
    """The share of normal pictures that are stopped where ``recall`` of defects are.

    The threshold is the highest at which at least that share of the defects scores as
    high or higher. It is taken from the very defects that are judged: a plant that does
    not have them yet cannot set it so well.

    Raises:
        ValueError: as ``image_auroc``; ``recall`` outside (0, 1].
    """
    scores, defect = _judged(scores, defect)
    recall = finite("recall", recall, above=0, most=1)
    found = np.sort(scores[defect])[::-1]
    threshold = found[int(np.ceil(recall * len(found) - 1e-9)) - 1]
    return float((scores[~defect] >= threshold).mean())


def aupro(maps: ArrayLike, masks: ArrayLike, *, limit: float = 0.3) -> float:
    """Area under the per-region overlap, up to false positives of ``limit``, in [0, 1].

    ``maps`` (N, H, W) are scores of pixels, ``masks`` (N, H, W) bool the defects. At
    each threshold: the share of a defect that is marked, averaged over all defects,
    large or small, against the share of normal pixels that are marked. Divided by
    ``limit``, so that marking every defect whole before any normal pixel gives 1, and
    chance limit / 2.

    Source: Bergmann et al. 2021, The MVTec Anomaly Detection Dataset, section 5.3.

    Raises:
        ValueError: masks of another shape or not bool, NaN, no defect at all, nothing
            but defects, or ``limit`` outside (0, 1].
    """
    maps = finite_array("maps", maps)
    masks = array("masks", masks)
    if maps.ndim != 3 or masks.shape != maps.shape or masks.dtype != bool:
        raise ValueError(
            f"maps is {maps.shape}, masks is {masks.shape} {masks.dtype}: give "
            "(N, H, W) and a bool of the same shape for each pixel"
        )
    limit = finite("limit", limit, above=0, most=1)
    weight = np.zeros(maps.shape)  # of a pixel in the mean overlap of the regions
    regions = 0
    for k, mask in enumerate(masks):
        names, count = label(mask, EIGHT)
        sizes = np.bincount(names.ravel(), minlength=count + 1)
        weight[k] = np.where(mask, 1 / sizes[names], 0)
        regions += count
    if not regions or masks.all():
        raise ValueError(
            f"masks marks {regions} defects and {int((~masks).sum())} normal pixels: "
            "give at least one of each"
        )
    order = np.argsort(-maps, axis=None, kind="stable")
    overlap = np.cumsum(weight.ravel()[order]) / regions
    alarms = np.cumsum(~masks.ravel()[order]) / (~masks).sum()
    ordered = maps.ravel()[order]
    last = np.append(ordered[1:] != ordered[:-1], True)  # the last of equal scores
    overlap = np.append(0, overlap[last])
    alarms = np.append(0, alarms[last])
    k = np.searchsorted(alarms, limit)  # the first at or beyond it: the foot of a jump
    end = np.interp(limit, alarms[k - 1 : k + 1], overlap[k - 1 : k + 1])
    x, y = np.append(alarms[:k], limit), np.append(overlap[:k], end)
    return float(np.trapezoid(y, x) / limit)


def _judged(scores: ArrayLike, defect: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores, defect = finite_array("scores", scores), array("defect", defect)
    if scores.ndim != 1 or defect.shape != scores.shape or defect.dtype != bool:
        raise ValueError(
            f"scores is {scores.shape}, defect is {defect.shape} {defect.dtype}: give "
            "(N,) and (N,) bool"
        )
    if defect.all() or not defect.any():
        raise ValueError(
            f"defect marks {int(defect.sum())} of {len(defect)}: to judge, pictures "
            "with a defect and without are needed"
        )
    return scores, defect
