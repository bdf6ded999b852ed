"""Inception Score in closed form, its faults, and the way to torch-fidelity."""

import math
import sys

import pytest
import torch

from aigc_lib.metrics.inception import inception_fid, inception_score


@pytest.mark.parametrize("k", [2, 10])
def test_from_one_to_the_number_of_classes(k):
    assert inception_score(torch.eye(k).repeat(7, 1)) == pytest.approx(k)
    assert inception_score(torch.full((9, k), 1 / k)) == pytest.approx(1)
    assert inception_score(torch.eye(k)[:1].repeat(9, 1)) == pytest.approx(1)


def test_two_rows_by_hand():
    a = 0.8
    entropy = -a * math.log(a) - (1 - a) * math.log(1 - a)
    found = inception_score([[a, 1 - a], [1 - a, a]])
    assert found == pytest.approx(math.exp(math.log(2) - entropy))


def test_fault_one_picture_per_class_earns_the_maximum():
    """Ten pictures repeated score as high as infinite variety could."""
    sharp = torch.eye(10)
    honest = 0.9 * sharp + 0.01
    assert inception_score(sharp.repeat(500, 1)) > inception_score(honest)


@pytest.mark.parametrize(
    ("bad", "names"),
    [
        (torch.ones(3), "shape"),
        (torch.ones(0, 3), "shape"),
        (torch.randn(4, 3), "softmax"),
        (torch.ones(4, 3), "softmax"),
        (torch.full((4, 3), float("nan")), "softmax"),
    ],
)
def test_score_of_bad_input(bad, names):
    with pytest.raises(ValueError, match=names):
        inception_score(bad)


IMAGES = torch.rand(4, 1, 28, 28) * 2 - 1


def test_images_reach_torch_fidelity_as_bytes(monkeypatch, tmp_path):
    import torch_fidelity

    weights = str(tmp_path / "w.pth")
    torch.save({"fc.bias": torch.zeros(3)}, weights)

    def stand_in(input1, input2, **options):
        assert options["fid"]
        assert options["feature_extractor_weights_path"] == weights
        assert input1[0].shape == input2[0].shape == (3, 28, 28)
        assert input1[0].dtype == input2[0].dtype == torch.uint8
        assert (len(input1), len(input2)) == (2, 4)  # generated first, real second
        back = input2[1].float() / 127.5 - 1
        assert (back - IMAGES[1]).abs().max() < 1 / 255 + 1e-6
        return {"frechet_inception_distance": 12.5}

    monkeypatch.setattr(torch_fidelity, "calculate_metrics", stand_in)
    bytes_ = torch.zeros(2, 3, 28, 28, dtype=torch.uint8)
    assert inception_fid(IMAGES, bytes_, weights=weights) == 12.5


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ImportError, match="pip install torch-fidelity"):
        inception_fid(IMAGES, IMAGES)


def test_without_the_weights(tmp_path):
    with pytest.raises(RuntimeError, match=r"missing\.pth.*frechet_distance"):
        inception_fid(IMAGES, IMAGES, weights=str(tmp_path / "missing.pth"))


def test_weights_that_are_a_program_are_refused_and_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return open, (str(tmp_path / "trap"), "w")

    weights = tmp_path / "w.pth"
    torch.save(Payload(), weights)
    with pytest.raises(ValueError, match=r"w\.pth' is no file of tensors"):
        inception_fid(IMAGES, IMAGES, weights=str(weights))
    assert list(tmp_path.iterdir()) == [weights]


@pytest.mark.parametrize("damage", ["cut", "text"])
def test_damaged_weights(damage, tmp_path):
    weights = tmp_path / "w.pth"
    torch.save({"fc.bias": torch.zeros(999)}, weights)
    weights.write_bytes(weights.read_bytes()[:900] if damage == "cut" else b"hello")
    with pytest.raises(ValueError, match="is no file of tensors"):
        inception_fid(IMAGES, IMAGES, weights=str(weights))


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        (IMAGES[:, 0], r"fake has shape \(4, 28, 28\)"),
        (IMAGES.long(), "fake has dtype torch.int64"),
        (IMAGES + 0.5, "fake has values from"),
        (IMAGES * torch.nan, "fake holds NaN"),
    ],
)
def test_bad_images(fake, message):
    with pytest.raises(ValueError, match=message):
        inception_fid(IMAGES, fake)
