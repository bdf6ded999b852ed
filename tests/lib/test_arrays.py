"""Numbers come as lists, arrays of any layout, columns of pandas, tensors."""

import numpy as np
import pytest
import torch

from aigc_lib.arrays import array, tensor
from aigc_lib.decisions import alarm, stock
from aigc_lib.metrics import (
    calibration,
    codes,
    detection,
    distances,
    drift,
    fairness,
    inspection,
    intervals,
    levels,
    lips,
    memorisation,
    pictures,
    ranking,
    retrieval,
    risk,
    series,
    tracing,
)

pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
N = 40
CHANCE = np.round(RNG.random(N) * 64) / 64  # exact in bfloat16
RIGHT = (RNG.random(N) < CHANCE).astype(int)
CLASSES = np.tile([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]], (N // 2, 1))
NAMES = np.arange(N) % 3
ROWS = np.round(RNG.normal(size=(N, 3)) * 16) / 16
TRUE = RIGHT.astype(bool)
MAPS = RNG.integers(0, 64, (2, 8, 8)) / 64
MASKS = MAPS > 0.75
LISTS = np.array([[0, 1], [2, -1], [1, 0]])
TAKEN = np.eye(3, dtype=bool)
COUNTS = np.array([1, 2, 3])
GRIDS = RNG.integers(35, 38, (5, 4, 4))
MOUTHS = RNG.integers(0, 64, (2, 120, 2)) / 64
ONES = np.ones((N, 3))

KINDS = {
    "list": np.ndarray.tolist,
    "backwards": lambda x: x[::-1].copy()[::-1],
    "columns first": np.asfortranarray,
    "objects": lambda x: x.astype(object),
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "pandas": lambda x: (
        (pd.DataFrame if x.ndim == 2 else pd.Series)(
            x, index=np.arange(len(x))[::-1] + 7
        )
        if x.ndim < 3
        else x
    ),
    "tensor": lambda x: torch.from_numpy(x.copy()),
    "bfloat16": lambda x: torch.from_numpy(x.copy()).to(
        torch.bfloat16 if x.dtype.kind == "f" else None
    ),
    "wants a gradient": lambda x: torch.from_numpy(x.copy()).requires_grad_(
        x.dtype.kind == "f"
    ),
}

MEASURES = {
    "calibration": lambda f: calibration.expected_calibration_error(
        f(CLASSES), f(NAMES)
    ),
    "rejection": lambda f: calibration.rejection_threshold(f(CHANCE), f(CHANCE / 2)),
    "codes": lambda f: codes.matched_accuracy(f(NAMES), f(NAMES[::-1].copy()))[0],
    "detection": lambda f: detection.detection(f(CHANCE), f(RIGHT), f(NAMES)),
    "within": lambda f: detection.within(f(CHANCE), f(RIGHT), f(NAMES)),
    "distances": lambda f: distances.frechet_distance(f(ROWS), f(ROWS + 1)),
    "drift": lambda f: drift.binned(f(CHANCE), f(CHANCE)),
    "fairness": lambda f: fairness.group_rates(f(RIGHT), f(RIGHT), f(NAMES)),
    "defects": lambda f: inspection.image_auroc(f(CHANCE), f(TRUE)),
    "overlap": lambda f: inspection.aupro(f(MAPS), f(MASKS)),
    "interval": lambda f: intervals.student_gain(f(CHANCE), f(RIGHT)),
    "copies": lambda f: memorisation.nearest_distances(f(ROWS), f(ROWS + 1)),
    "similar": lambda f: pictures.similar(f(ROWS), f(ROWS), 2)[0],
    "best": lambda f: ranking.best(f(ROWS), 2),
    "seen": lambda f: ranking.best(f(COUNTS[None]), 3, f(TAKEN[:1])),
    "hits": lambda f: ranking.hits(f(LISTS), f(TAKEN)),
    "novelty": lambda f: ranking.novelty(f(LISTS), f(COUNTS), 5),
    "places": lambda f: retrieval.places(f(ROWS[:3]), f(COUNTS - 1)),
    "recall": lambda f: retrieval.recall_at(1, f(1.0 + NAMES), f(NAMES)),
    "hits of risk": lambda f: risk.kupiec(f(RIGHT)),
    "crps": lambda f: series.crps(f(ROWS), f(CHANCE)),
    "auc": lambda f: tracing.auc(f(RIGHT), f(CHANCE)),
    "auc of learners": lambda f: tracing.auc_interval(f(RIGHT), f(CHANCE), f(NAMES)),
    "levels": lambda f: [
        levels.nearest(f(GRIDS), f(GRIDS[:2])),
        levels.spread(f(GRIDS)),
    ],
    "range": lambda f: levels.expressive_range(
        f(ROWS[:, :2]), f(ROWS[:, 1:]), [[0], [0]]
    ),
    "mouths": lambda f: lips.delay(f(MOUTHS), f(MOUTHS), 0.008),
    "stock": lambda f: stock.run_policy(f(ONES), f(ONES), f(ONES + 1), lead=1),
    "order": lambda f: stock.newsvendor(f(ONES), 3, 1),
    "alarm": lambda f: alarm.CUSUM().rings(f(CHANCE)),
}


def flat(found):
    if isinstance(found, dict):
        found = [*found.values()]
    if isinstance(found, list | tuple):
        return [one for part in found for one in flat(part)]
    return np.ravel(array("found", found, float)).tolist()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("measure", MEASURES)
def test_numbers_count_whatever_holds_them(measure, kind):
    wanted = flat(MEASURES[measure](np.copy))
    assert flat(MEASURES[measure](KINDS[kind])) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    "values",
    [["a"], [1, [2]], [1j], np.array(["2024-01-01"], "M8[D]"), {"a": 1}, [None, "b"]],
)
def test_what_holds_no_numbers_is_refused(values):
    with pytest.raises(ValueError, match=r"^x=.*give numbers"):
        array("x", values, float)
    with pytest.raises(ValueError, match=r"^x=.*give numbers"):
        tensor("x", values)


def test_what_is_masked_is_not_counted():
    masked = np.ma.masked_array([0.5, 99.0], [False, True])
    for read in (array, tensor):
        with pytest.raises(ValueError, match="x holds masked values: fill or remove"):
            read("x", masked)
    assert array("x", masked[:1]).tolist() == [0.5]


def test_names_stay_names():
    names = array("x", pd.Series(["a", None]))
    assert names[0] == "a"
    assert names[1] is None or names[1] != names[1]
    assert array("x", pd.Series([1, 2], dtype="Int64")).dtype == np.int64
    assert array("x", [torch.ones((), requires_grad=True), 2.0]).tolist() == [1, 2]


def test_a_tensor_stays_as_it_is():
    x = torch.ones(2, requires_grad=True)
    assert tensor("x", x) is x
