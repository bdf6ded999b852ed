"""Copies are found, mirrored or not; fresh and plain pictures are not accused."""

import math

import pytest
import torch
from torch.nn.functional import interpolate

from aigc_lib.metrics.memorisation import nearest_distances
from benchmarks.clothing import alone, as_many, copies


def pictures(n, seed):
    """Blurred noise, (n, 3, 16, 16) uint8."""
    small = torch.rand(n, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    large = interpolate(small, (16, 16), mode="bilinear")
    return (large * 255).to(torch.uint8)


def rows(x):
    return x.float().flatten(1) / 255


PHOTOGRAPHS, TEST = pictures(200, 0), pictures(60, 1)
EXACT = PHOTOGRAPHS[:5]
MIRRORED = PHOTOGRAPHS[5:10].flip(-1)
PALE = (PHOTOGRAPHS[10:15].float() * 0.98 + 2).to(torch.uint8)
PLAIN = torch.full((5, 3, 16, 16), 127, dtype=torch.uint8)


@pytest.mark.parametrize("copied", [EXACT, MIRRORED, PALE])
def test_copies_are_found(copied):
    found = copies(torch.cat([pictures(45, 2), copied]), TEST, copied, PHOTOGRAPHS)
    assert found["n"] == 5
    assert found["chance"] < 0.02
    assert found["found"]["share"] == 1
    assert found["least"] <= found["greatest_known"] < found["line"] / 2


def test_fresh_pictures_are_not_accused():
    found = [copies(pictures(60, s), TEST, EXACT, PHOTOGRAPHS) for s in range(10, 30)]
    assert all(row["chance"] > 0.01 for row in found)
    assert sum(row["n"] for row in found) / len(found) < 3  # 60 / 61 is expected


def test_plain_pictures_are_near_to_all_and_so_to_none():
    """The distance alone would take them for copies."""
    distances = [nearest_distances(rows(x), rows(PHOTOGRAPHS)) for x in (PLAIN, TEST)]
    assert distances[0].max() < distances[1].min()
    assert copies(PLAIN, TEST, EXACT, PHOTOGRAPHS)["n"] == 0


def test_a_copy_is_alone_and_a_mirror_image_does_not_count_as_another():
    """Else each photograph would hide its copy behind its own mirror image."""
    even = (PHOTOGRAPHS.float() + PHOTOGRAPHS.flip(-1).float()) / 2
    even = even.to(torch.uint8)  # equal to their mirror images
    assert alone(even[:5], even).max() < 0.01
    assert alone(TEST, PHOTOGRAPHS).max() <= 1


def test_how_likely_as_many_are():
    """Of 3 + 2 numbers alike, the k least are all among the 3: by counting."""
    for k in range(4):
        assert as_many(k, 3, 2) == pytest.approx(math.comb(3, k) / math.comb(5, k))
    assert as_many(8, 1_000, 372) == pytest.approx(0.079, abs=0.001)
