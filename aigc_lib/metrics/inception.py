"""Figures that papers report: the Inception Score, and the FID by torch-fidelity."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils.data import Dataset

from ..arrays import tensor
from .images import check_pixels


def inception_score(probabilities: ArrayLike) -> float:
    """exp E KL(p(y|x) ‖ p(y)) of class probabilities (N, K): from 1 to K.

    Shown for its faults. It never looks at real data; one picture per class, however
    wrong, repeated for ever, earns the full K; and classes that the classifier does
    not know do not exist. Prefer a distance and precision with recall.

    Source: Salimans et al. 2016, section 4; faults: Barratt and Sharma 2018.

    Raises:
        ValueError: no rows of probabilities, that is, not >= 0 or not of sum 1.
    """
    p = tensor("probabilities", probabilities).detach().cpu().double()
    if p.ndim != 2 or not len(p):
        raise ValueError(
            f"probabilities has shape {tuple(p.shape)}: give one row per sample, (N, K)"
        )
    if not ((p >= 0).all() and (p.sum(1) - 1).abs().max() < 1e-4):
        raise ValueError(
            "probabilities has rows that are negative or do not add up to 1: give "
            "logits.softmax(1)"
        )
    log_ratio = torch.special.xlogy(p, p) - torch.special.xlogy(p, p.mean(0))
    return log_ratio.sum(1).mean().exp().item()


def inception_fid(real: Tensor, fake: Tensor, *, weights: str | None = None) -> float:
    """FID on Inception features, as papers report it, computed by torch-fidelity.

    ``real``, ``fake``: (N, C, H, W), C = 1 or 3, uint8 or floating point in [-1, 1].
    Grey images are repeated into three channels. ``weights`` is a file with the weights
    of the Inception network; without it torch-fidelity downloads them, about 90 MB.

    Raises:
        ValueError: another shape, number type or range of values; NaN; weights that are
            no file of tensors.
        ImportError: torch-fidelity is not installed.
        RuntimeError: the weights are not there and cannot be downloaded.
    """
    pair = _Bytes("real", real), _Bytes("fake", fake)
    try:
        from torch_fidelity import calculate_metrics
    except ImportError:
        raise ImportError(
            "inception_fid needs torch-fidelity: pip install torch-fidelity"
        ) from None
    try:
        if weights is not None:
            _check_weights(weights)
        found = calculate_metrics(
            input1=pair[1],
            input2=pair[0],
            fid=True,
            cuda=torch.cuda.is_available(),
            cache=False,
            verbose=False,
            feature_extractor_weights_path=weights,
        )
    except OSError as error:  # a missing file, and everything that urllib raises
        raise RuntimeError(
            f"weights={weights!r}: the Inception weights could not be read ({error}). "
            "Fetch the file that torch-fidelity names where there is internet and pass "
            "its path; or use frechet_distance on features(images), which needs none"
        ) from error
    return found["frechet_inception_distance"]


def _check_weights(path: str) -> None:
    """Refuse what torch-fidelity must not read: it runs whatever a pickle asks for."""
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # of many kinds, for the file may hold anything
        raise ValueError(
            f"weights={path!r} is no file of tensors ({error}): fetch the one that "
            "torch-fidelity names"
        ) from error


class _Bytes(Dataset):
    """Images as torch-fidelity wants them: (3, H, W) uint8, one at a time."""

    def __init__(self, name: str, images: Tensor):
        if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) < 2:
            raise ValueError(
                f"{name} has shape {tuple(images.shape)}: give (N, C, H, W), C = 1 or "
                "3, N >= 2"
            )
        check_pixels(name, images)
        if images.dtype != torch.uint8:
            images = ((images.float() + 1) * 127.5).round().byte()
        self.images = images.cpu().expand(-1, 3, -1, -1)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]
