"""The committed feature network: accuracy, contract, bad input."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from aigc_lib import data
from aigc_lib.metrics.distances import frechet_distance
from aigc_lib.metrics.feature_net import WEIGHTS, FeatureNet, pretrained
from aigc_lib.metrics.images import classify, features

needs_data = pytest.mark.skipif(
    not data.find("fashion_mnist"), reason="Fashion-MNIST is not on this machine"
)


def pictures(n=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, 1, 28, 28), generator=generator, dtype=torch.uint8)


@needs_data
def test_accuracy_and_floor_on_real_images():
    test = data.load("fashion_mnist", split="test")
    right = classify(test.x) == test.y
    assert right.double().mean() >= 0.90
    train = data.load("fashion_mnist", split="train")
    seen = features(test.x)
    floor = frechet_distance(seen, features(train.x[:5000]))
    worse = frechet_distance(seen, features(train.x[:5000].flip(-2)))
    assert floor < 0.8
    assert worse > 50 * floor


def test_committed_weights():
    assert WEIGHTS.stat().st_size < 400_000
    assert all(value.isfinite().all() for value in load_file(WEIGHTS).values())


def test_every_feature_is_finite_and_not_negative():
    values = features(pictures())
    assert values.shape == (12, 64)
    assert values.dtype == torch.float32
    assert not values.requires_grad
    assert values.isfinite().all()
    assert values.min() == 0 < values.max()


def test_fused_network_equals_the_trained_one():
    trained = FeatureNet()
    trained.load_state_dict(load_file(WEIGHTS))
    trained.eval()
    x = pictures().float() / 127.5 - 1
    with torch.no_grad():
        expected = trained(x), trained.body(x)
        fused = pretrained(torch.device("cpu"))
        torch.testing.assert_close(fused(x), expected[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(fused.body(x), expected[1], rtol=1e-4, atol=1e-4)


def test_bytes_floats_arrays_and_batches_agree():
    images = pictures()
    expected = features(images)
    scaled = images.float() / 127.5 - 1
    same = {"rtol": 1e-5, "atol": 1e-4}
    torch.testing.assert_close(features(scaled), expected, **same)
    torch.testing.assert_close(features(scaled.double()), expected, **same)
    torch.testing.assert_close(features(images.numpy()), expected, **same)
    torch.testing.assert_close(features(images, batch_size=5), expected, **same)


def test_classes():
    images = pictures()
    assert classify(images).shape == (12,)
    assert classify(images).dtype == torch.int64
    head = pretrained(torch.device("cpu")).head
    assert torch.equal(classify(images), head(features(images)).argmax(1))


@pytest.mark.parametrize("function", [features, classify])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (pictures()[:, 0], r"shape \(12, 28, 28\): give \(N, 1, 28, 28\)"),
        (pictures()[:0], r"shape \(0, 1, 28, 28\)"),
        (torch.zeros(2, 3, 28, 28), r"shape \(2, 3, 28, 28\)"),
        (torch.zeros(2, 1, 32, 32), r"shape \(2, 1, 32, 32\)"),
        (pictures().long(), r"dtype torch.int64: give uint8"),
        (pictures().float(), r"values from 0 to 255: give .*\[-1, 1\]"),
        (pictures().float() / 255, r"values from 0 to 1: give .*images \* 2 - 1"),
        (torch.full((2, 1, 28, 28), -1.1), "values from -1.1 to -1.1"),
        (torch.full((2, 1, 28, 28), np.nan), "images holds NaN: see whether"),
        (torch.full((2, 1, 28, 28), np.inf), "values from inf to inf"),
    ],
)
def test_bad_images(function, images, message):
    with pytest.raises(ValueError, match=message):
        function(images)


def test_bad_batch_size():
    with pytest.raises(ValueError, match="batch_size=0: give at least 1"):
        features(pictures(), batch_size=0)


def test_a_diverged_generator_is_no_error():
    """All black, all grey, all white: poor pictures, but pictures."""
    for value in (-1, 0, 1):
        assert features(torch.full((2, 1, 28, 28), float(value))).shape == (2, 64)


def test_the_first_look_draws_nothing():
    pretrained.cache_clear()
    before = torch.get_rng_state()
    features(pictures())
    assert torch.equal(torch.get_rng_state(), before)
