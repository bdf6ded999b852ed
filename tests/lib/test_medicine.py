"""Phantoms, chest pictures, what a detector is worth, reports that can be traced."""

import gzip

import numpy as np
import pytest
import torch

import aigc_lib as aigc
from aigc_lib.data import CATALOG
from aigc_lib.data.download import CorruptFile
from aigc_lib.data.made.phantoms import KINDS, phantoms
from aigc_lib.data.readers import medicine
from aigc_lib.metrics.detection import chances, detection, scaled, within
from aigc_lib.metrics.findings import (
    Finding,
    audit,
    joined,
    measured,
    report,
)
from aigc_lib.metrics.learning import taught

# ---- phantoms and readers


def test_phantoms_have_a_lesion_where_they_say_and_only_there():
    made = phantoms(400, seed=1)
    assert made.x.shape == (400, 1, 28, 28)
    assert made.x.dtype == torch.uint8
    lesion = made.mask.flatten(1).any(1)
    assert torch.equal(lesion, made.y == 1)
    assert torch.equal(lesion, made.kind >= 0)
    assert (made.mask & made.lungs).sum() > 0.8 * made.mask.sum()  # edges are soft
    # the same noise with and without lesions is not to be had: on average they brighten
    x = made.x[:, 0].float()
    ill = x[made.y == 1]
    inside = ill[made.mask[made.y == 1]].mean()
    place = made.mask[made.y == 1].float().mean(0)
    healthy = (x[made.y == 0].mean(0) * place).sum() / place.sum()
    assert inside > healthy + 10


def test_shares_of_kinds_are_kept_and_the_seed_decides():
    made = phantoms(3_000, seed=2, ill=1.0, shares=(0.2, 0.3, 0.5))
    counts = torch.bincount(made.kind, minlength=3) / 3_000
    assert counts.tolist() == pytest.approx([0.2, 0.3, 0.5], abs=0.03)
    again = phantoms(3_000, seed=2, ill=1.0, shares=(0.2, 0.3, 0.5))
    assert torch.equal(made.x, again.x)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n=0"),
        ({"n": 3, "ill": 1.5}, "ill"),
        ({"n": 3, "shares": (1.0,)}, "give 3 numbers"),
        ({"n": 3, "shares": (0.5, 0.6, 0.1)}, "sum 1"),
    ],
)
def test_bad_wishes_for_phantoms_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        phantoms(**options)


def archive(path, train, val):
    blank = np.zeros((1, 28, 28), np.uint8)
    parts = {"train": train, "val": val, "test": blank}
    arrays = {f"{k}_images": x for k, x in parts.items()}
    arrays |= {f"{k}_labels": np.ones((len(x), 1), np.uint8) for k, x in parts.items()}
    np.savez(path, **arrays)


def test_pictures_of_the_validation_split_are_not_trained_on(tmp_path):
    random = np.random.default_rng(0)
    train, val = (random.integers(0, 256, (n, 28, 28), np.uint8) for n in (6, 3))
    train[2], train[4] = val[1], train[0]  # one of validation, one twice
    archive(tmp_path / "x.npz", train, val)
    card = CATALOG["pneumoniamnist"]
    x, y = medicine.read_chest(card, "train", [tmp_path / "x.npz"])
    assert torch.equal(x[:, 0], torch.from_numpy(train[[0, 1, 3, 5]]))
    assert y.tolist() == [1] * 4
    assert len(medicine.read_chest(card, "validation", [tmp_path / "x.npz"])[0]) == 3


@pytest.mark.parametrize(
    "wrong", [np.zeros((3, 32, 32), np.uint8), np.zeros((3, 28, 28), np.uint16)]
)
def test_an_archive_of_another_size_or_depth_is_refused(tmp_path, wrong):
    archive(tmp_path / "x.npz", wrong, wrong)
    with pytest.raises(CorruptFile, match="train images"):
        medicine.read_chest(CATALOG["pneumoniamnist"], "train", [tmp_path / "x.npz"])


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"nothing")
    with pytest.raises(CorruptFile, match="no such archive"):
        medicine.read_chest(CATALOG["pneumoniamnist"], "test", [path])
    with pytest.raises(CorruptFile, match="no gzip file"):
        medicine.read_molecules(CATALOG["molecules"], "train", [path])
    path.write_bytes(gzip.compress(b"smiles\nCCO\n"))
    with pytest.raises(CorruptFile, match="begins with 'smiles'"):
        medicine.read_molecules(CATALOG["molecules"], "train", [path])
    path.write_text("smiles,other\nCCO,1\n")
    with pytest.raises(CorruptFile, match="no such table"):
        list(medicine.read_solubility(CATALOG["solubility"], "train", [path]))


def test_molecules_and_solubilities_are_read(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"SMILES\nCCO\nCCN\n"))
    records = [*medicine.read_molecules(CATALOG["molecules"], "train", [path])]
    assert [one.text for one in records] == ["CCO", "CCN"]
    rows = "".join(f"C{'C' * i} ,-{i}\n" for i in range(10))
    path.write_text(f"smiles,{medicine.SOLUBILITY}\n{rows}")
    test = [*medicine.read_solubility(CATALOG["solubility"], "test", [path])]
    assert [one.facts["log_solubility"] for one in test] == [-4, -9]
    assert test[0].text == "CCCCC"


# ---- detectors


def test_a_detector_of_phantoms_learns_and_its_kinds_are_told_apart():
    train, test = phantoms(400, seed=3), phantoms(300, seed=4)
    labels = torch.nn.functional.one_hot(train.y, 2).float()
    net = taught(scaled(train.x), labels, steps=150)
    p = chances(net, scaled(test.x))
    found = detection(p, test.y, np.array(["none", *KINDS])[test.kind + 1])
    assert found["auc"] > 0.7
    assert {f"auc {kind}" for kind in KINDS} <= found.keys()


def test_figures_of_a_detector_are_those_of_hand():
    y = np.array([0, 0, 1, 1])
    found = detection(np.array([0.1, 0.4, 0.35, 0.8]), y, ["-", "-", "a", "b"])
    assert found["auc"] == pytest.approx(0.75)
    assert (found["auc a"], found["auc b"]) == (0.5, 1.0)
    assert found["brier"] == pytest.approx((0.01 + 0.16 + 0.65**2 + 0.04) / 4)
    assert detection(np.array([0.0, 1.0]), [0, 1])["ece"] == 0


def test_a_class_that_is_absent_is_named():
    with pytest.raises(ValueError, match="both; without one of them no AUC"):
        detection([0.2, 0.4], [1, 1])
    assert within([0.1, 0.9, 0.5], [0, 1, 1], ["a", "a", "b"]) == {"a": 1.0, "b": None}


@pytest.mark.parametrize(
    ("p", "y", "words"),
    [([0.5], [0, 1], "give two"), ([1.2, 0], [0, 1], "outside"), ([], [], "give two")],
)
def test_bad_chances_are_named(p, y, words):
    with pytest.raises(ValueError, match=words):
        detection(p, y)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(2, 1, 32, 32, dtype=torch.uint8), "32"),
        (torch.zeros(2, 3, 28, 28, dtype=torch.uint8), "grey"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.int16), "12 or 16 bits"),
        (torch.zeros(0, 1, 28, 28, dtype=torch.uint8), "N"),
    ],
)
def test_pictures_of_another_size_or_depth_are_refused(x, words):
    with pytest.raises(ValueError, match=words):
        scaled(x)


def test_a_generator_refuses_pictures_of_another_size():
    model = aigc.models.FlowMatching(28, 1, 16, classes=2)
    with pytest.raises(ValueError, match="28"):
        aigc.fit(model, (torch.zeros(8, 1, 32, 32), torch.zeros(8).long()), steps=1)


# ---- reports

LESION = Finding("左肺", "下野", "片状影", 12)


def test_what_is_measured_is_where_the_mask_is():
    lungs = np.zeros((28, 28), bool)
    lungs[4:22, 4:12] = lungs[4:22, 16:24] = True
    mask = np.zeros_like(lungs)
    mask[17:22, 16:20] = True
    assert measured(mask, lungs, "积液") == [
        Finding("左肺", "下野", "积液", round(100 * 20 / 144))
    ]
    with pytest.raises(ValueError, match="none on the side of 左肺"):
        measured(mask, lungs & (np.arange(28) < 14), "积液")


@pytest.mark.parametrize("seed", range(8))
def test_a_report_of_code_is_traced_whole(seed):
    findings = [LESION, Finding("左肺", "上野", "结节", 1)]
    found = audit(joined(report(findings, seed=seed)), findings)
    assert found.true
    assert sorted(one.finding for one in found.traced) == [-1, 0, 1]
    assert audit(joined(report([], seed=seed)), []).true


@pytest.mark.parametrize(
    "sentence",
    [
        "右肺下野见片状影，约占该肺12%",  # the other side
        "左肺上野见片状影，约占该肺12%",  # another zone
        "左肺下野见结节，约占该肺12%",  # another look
        "左肺下野见片状影，约占该肺21%",  # another share
        "左肺未见病灶",  # there is one
        "右肺未见结节",  # only the whole lung was looked at for all
        "左肺下野见片状影，考虑肺炎",  # a disease
        "左肺下野见片状影，约占该肺12%，建议复查",  # an advice
        "患者可以放心",
    ],
)
def test_what_findings_do_not_say_is_foreign(sentence):
    found = audit(f"{sentence}。", [LESION])
    assert found.foreign == [sentence]
    assert found.missing == [LESION]


def test_findings_outside_the_vocabulary_are_named():
    with pytest.raises(ValueError, match="look"):
        report([LESION._replace(look="肺炎")])
    with pytest.raises(ValueError, match="share"):
        audit("", [LESION._replace(share=0)])
