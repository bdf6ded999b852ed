"""How good made-up rows of a table are: like the real ones, useful, and nobody's copy.

Frames of pandas go in; both have the same columns. Numbers and dates are compared as
numbers, all else by the names of its categories.
"""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..arguments import at_least, unknown
from ..codecs.cells import as_date
from ..runtime import optional
from .memorisation import copying, nearest_distances

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FEW = 10  # values of a target that are classes, even if they are numbers
BINS = 20  # of a number in pairwise distances
COMMON = 50  # categories that get a column of their own


# ---- distances -----------------------------------------------------------------------


def distances(real: DataFrame, made: DataFrame) -> dict[str, float]:
    """Return means of marginal and pairwise distances, each in [0, 1], 0 for equal.

    - ``marginal_distance``: mean over the columns of ``marginals``;
    - ``pairwise_distance``: mean over all pairs of columns of the total variation
      distance between their joint distributions, numbers in ``BINS`` bins that hold as
      many real rows each.

    Real rows against real rows are not at 0 either: compare with a second real sample
    of the size of the made one.

    Raises:
        ValueError: no rows, or other columns.
    """
    columns = marginals(real, made)
    pairs = pairwise(real, made)
    return {
        "marginal_distance": float(np.mean(list(columns.values()))),
        "pairwise_distance": float(np.mean(list(pairs.values()) or [0.0])),
    }


def marginals(real: DataFrame, made: DataFrame) -> dict[str, float]:
    """Return the distance of each column: Kolmogorov-Smirnov or total variation.

    Of numbers the greatest difference of the distribution functions, of categories half
    the sum of differences of shares; missing cells count as one more value, below all
    numbers.

    Raises:
        ValueError: no rows, or other columns.
    """
    _check(real, made)
    found = {}
    for name in real.columns:
        a, b = (_values(frame[name]) for frame in (real, made))
        if a.dtype != object and b.dtype != object:
            points = np.unique(np.concatenate([a, b]))
            share = [
                np.searchsorted(np.sort(x), points, "right") / len(x) for x in (a, b)
            ]
            found[name] = float(np.abs(share[0] - share[1]).max())
        else:
            found[name] = _variation(a.astype(str), b.astype(str))
    return found


def pairwise(real: DataFrame, made: DataFrame) -> dict[tuple[str, str], float]:
    """Return the total variation distance of each pair of columns, see ``distances``.

    Raises:
        ValueError: no rows, or other columns.
    """
    _check(real, made)
    codes = {name: _binned(real[name], made[name]) for name in real.columns}
    found = {}
    for one, other in combinations(real.columns, 2):
        width = 1 + max(part.max() for part in codes[other])
        a, b = (
            x.astype(np.int64) * width + y
            for x, y in zip(codes[one], codes[other], strict=True)
        )
        found[one, other] = _variation(a, b)
    return found


def _check(real: DataFrame, made: DataFrame) -> None:
    for name, frame in (("real", real), ("made", made)):
        if not len(frame):
            raise ValueError(f"{name} has no rows: give at least one")
        if len(twice := frame.columns[frame.columns.duplicated()]):
            raise ValueError(f"{name} has two columns named {twice[0]!r}: rename one")
        for column, cells in frame.select_dtypes("number").items():
            if np.isinf(cells.to_numpy(np.float64, na_value=np.nan)).any():
                raise ValueError(
                    f"{name} holds infinity in {column!r}: correct it, or write NaN "
                    "for missing"
                )
    if absent := set(real.columns) ^ set(made.columns):
        raise ValueError(
            f"real and made differ in the columns {sorted(absent)[:5]}: give frames of "
            "the same"
        )


def _values(cells: Series) -> np.ndarray:
    """Return numbers, -inf for missing; or names, as objects."""
    types = optional("pandas").api.types
    if types.is_datetime64_any_dtype(cells.dtype):
        values = as_date(str(cells.name), cells, "s")
    elif types.is_numeric_dtype(cells.dtype) and not types.is_bool_dtype(cells.dtype):
        values = cells.to_numpy(np.float64, na_value=np.nan)
    else:
        return cells.astype(object).where(cells.notna(), None).to_numpy(object)
    return np.where(np.isnan(values), -np.inf, values)


def _variation(a: np.ndarray, b: np.ndarray) -> float:
    _, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    size = codes.max() + 1
    shares = [
        np.bincount(part, minlength=size) / len(part)
        for part in (codes[: len(a)], codes[len(a) :])
    ]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _binned(real: Series, made: Series) -> tuple[np.ndarray, np.ndarray]:
    a, b = _values(real), _values(made)
    if a.dtype == object or b.dtype == object:
        _, codes = np.unique(
            np.concatenate([a.astype(str), b.astype(str)]), return_inverse=True
        )
        return codes[: len(a)], codes[len(a) :]
    known = a[np.isfinite(a)]
    edges = np.quantile(known, np.linspace(0, 1, BINS + 1)) if len(known) else [0.0]
    edges = np.unique(edges)  # a missing value lies below the first
    return tuple(np.searchsorted(edges, x, "right") for x in (a, b))


# ---- features ------------------------------------------------------------------------


class Features:
    """Turns rows like those of ``frame`` into numbers, for learners and distances.

    Numbers are scaled to mean 0 and deviation 1, missing ones are the mean; each column
    with missing cells gets one that says so. Categories become one column each, the
    rarer ones of more than ``COMMON`` share nothing. A category, and a missing cell,
    counts in Euclidean distances as much as a difference of one deviation.
    """

    def __init__(self, frame: DataFrame):
        self.names = list(frame.columns)
        self.numbers: dict[str, tuple[float, float]] = {}
        self.categories: dict[str, list[str]] = {}
        for name in self.names:
            values = _values(frame[name])
            if values.dtype == object:
                names, counts = np.unique(values.astype(str), return_counts=True)
                self.categories[name] = names[np.argsort(-counts)][:COMMON].tolist()
            else:
                known = values[np.isfinite(values)]
                mean = float(known.mean()) if len(known) else 0.0
                self.numbers[name] = mean, float(known.std()) if len(known) else 0.0

    def __call__(self, frame: DataFrame) -> np.ndarray:
        """Return (N, D) float32."""
        columns = []
        for name in self.names:
            values = _values(frame[name])
            if name in self.categories:
                texts = values.astype(str)
                ones = [texts == value for value in self.categories[name]]
                columns += [0.5**0.5 * one.astype(np.float32) for one in ones]
                continue
            mean, std = self.numbers[name]
            if values.dtype == object:
                raise ValueError(f"{name!r} holds numbers here and names there")
            absent = np.isneginf(values)
            columns.append((np.where(absent, mean, values) - mean) / (std or 1.0))
            columns.append(absent)
        return np.stack(columns, 1).astype(np.float32)


# ---- utility -------------------------------------------------------------------------


def learners(seed: int = 0) -> dict[str, Any]:
    """Return four classifiers of scikit-learn, each of another family."""
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.tree import DecisionTreeClassifier

    return {
        "logistic regression": LogisticRegression(max_iter=300),
        "decision tree": DecisionTreeClassifier(
            max_depth=12, min_samples_leaf=10, random_state=seed
        ),
        "AdaBoost": AdaBoostClassifier(n_estimators=50, random_state=seed),
        "perceptron": MLPClassifier(
            (50,), max_iter=30, early_stopping=True, random_state=seed
        ),
    }


def utility(
    train: DataFrame, test: DataFrame, target: str, *, seed: int = 0
) -> dict[str, float]:
    """Train on made rows, test on real ones: what the made rows teach.

    For a target of classes: ``accuracy``, the mean of four ``learners``, and ``auc``,
    the area under the curve of gradient-boosted trees (of more than two classes: the
    mean of each against the rest); a class of one row is not learned. For a number:
    ``r2`` of gradient-boosted trees, and of a linear regression, ``r2_linear``. Rows
    without a target are left out. What the same learners get from real rows is the
    figure to compare with.

    Source: Esteban et al. 2017, section 4 (train on synthetic, test on real).

    Raises:
        ValueError: no such column, no rows, fewer than two classes to learn, or so few
            rows that some would be missing among those that tell when to halt.
    """
    _check(test, train)
    if target not in train.columns:
        raise unknown("target", target, train.columns)
    train, test = (frame[frame[target].notna()] for frame in (train, test))
    _check(test, train)
    features = Features(train.drop(columns=target))
    x, x_test = features(train), features(test.drop(columns=target))
    y, y_test = (_values(frame[target]) for frame in (train, test))
    if y_test.dtype != object and len(np.unique(y_test)) > FEW:
        return _regression(x, y, x_test, y_test, seed)
    y, y_test = y.astype(str), y_test.astype(str)
    names, counts = np.unique(y, return_counts=True)
    if len(names) < 2 or len(np.unique(y_test)) < 2:
        raise ValueError(
            f"target={target!r} has one class only: give rows of two or more"
        )
    # a tenth of the rows tells the perceptron when to halt: one of each class at least
    often, classes = np.isin(y, names[counts > 1]), (counts > 1).sum()
    if classes < 2 or often.sum() <= 10 * (classes - 1):
        raise ValueError(
            f"target={target!r}: {often.sum()} rows of {classes} classes that come "
            f"twice or more, give over {10 * max(classes - 1, 1)} rows, or join some"
        )
    return _classification(x[often], y[often], x_test, y_test, seed)


def _classification(x, y, x_test, y_test, seed: int) -> dict[str, float]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import roc_auc_score

    with warnings.catch_warnings():  # an iteration more would change little
        warnings.simplefilter("ignore", ConvergenceWarning)
        hits = [
            float((model.fit(x, y).predict(x_test) == y_test).mean())
            for model in learners(seed).values()
        ]
    boosting = HistGradientBoostingClassifier(random_state=seed).fit(x, y)
    p, classes = boosting.predict_proba(x_test), boosting.classes_
    asked = range(1, 2) if len(classes) == 2 else range(len(classes))
    asked = [k for k in asked if 0 < (y_test == classes[k]).sum() < len(y_test)]
    if not asked:
        raise ValueError(
            f"the classes {list(classes)[:5]} that were learned from are not those to "
            f"be told, {sorted(set(y_test))[:5]}: give rows of the same"
        )
    auc = [roc_auc_score(y_test == classes[k], p[:, k]) for k in asked]
    return {"accuracy": float(np.mean(hits)), "auc": float(np.mean(auc))}


def _regression(x, y, x_test, y_test, seed: int) -> dict[str, float]:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge

    boosting = HistGradientBoostingRegressor(random_state=seed).fit(x, y)
    return {
        "r2": float(boosting.score(x_test, y_test)),
        "r2_linear": float(Ridge().fit(x, y).score(x_test, y_test)),
    }


# ---- privacy -------------------------------------------------------------------------


def privacy(
    train: DataFrame,
    held_out: DataFrame,
    made: DataFrame,
    *,
    rows: int = 2_000,
    seed: int = 0,
) -> dict[str, float]:
    """Ask how near made rows come to those that they were made from.

    ``train`` are the rows that the model learned from, ``held_out`` real ones that it
    never saw; of each, and of the made ones, up to ``rows`` are drawn. Distances are
    those of ``Features``.

    - ``nearest_made``, ``nearest_held_out``: median distance of a made, and of a held
      out row, to the nearest of the training rows. A made row should be no nearer;
    - ``closer``: how probably a made row is the nearer one: 0.5 by chance;
    - ``copies``: share of made rows that equal a training row, ``copies_held_out`` that
      of held-out rows;
    - ``membership``: area under the curve of a guess who was in the training set, by
      the distance to the nearest made row. 0.5 means that it cannot be told.

    Source: Meehan et al. 2020 (``closer``); Chen et al. 2020, section 4 (the attack).

    Raises:
        ValueError: fewer than 2 rows, or other columns.
    """
    from sklearn.metrics import roc_auc_score

    at_least(2, rows=rows)
    _check(train, held_out)
    _check(train, made)
    features = Features(train)
    few = [
        torch.from_numpy(features(_some(frame, rows, seed)[list(train.columns)]))
        for frame in (train, held_out, made)
    ]
    known, chance, drawn = few
    whole = torch.from_numpy(features(train))
    to_made, to_chance = (nearest_distances(part, whole) for part in (drawn, chance))
    told = copying(whole, chance, drawn)
    members, others = (-nearest_distances(part, drawn) for part in (known, chance))
    inside = np.r_[np.ones(len(members)), np.zeros(len(others))]
    guess = roc_auc_score(inside, torch.cat([members, others]).numpy())
    return {
        "nearest_made": to_made.median().item(),
        "nearest_held_out": to_chance.median().item(),
        "closer": told["closer"],
        "copies": (to_made < 1e-6).double().mean().item(),
        "copies_held_out": (to_chance < 1e-6).double().mean().item(),
        "membership": float(guess),
    }


def _some(frame: DataFrame, rows: int, seed: int) -> DataFrame:
    return frame.sample(min(rows, len(frame)), random_state=seed)
