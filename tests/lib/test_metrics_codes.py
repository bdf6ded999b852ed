"""Codes against classes: the best matching, by hand and by trying all."""

from itertools import permutations

import pytest
import torch

from aigc_lib.metrics.codes import matched_accuracy


def test_renamed_classes_are_found():
    labels = torch.arange(100) % 10
    names = torch.randperm(10)
    share, meaning = matched_accuracy(names[labels], labels)
    assert share == 1
    assert torch.equal(meaning[names], torch.arange(10))


def test_equals_the_best_of_all_permutations():
    source = torch.Generator().manual_seed(0)
    codes, labels = torch.randint(4, (2, 60), generator=source)
    best = max(
        (torch.tensor(order)[codes] == labels).float().mean().item()
        for order in permutations(range(4))
    )
    assert matched_accuracy(codes, labels)[0] == pytest.approx(best)


def test_two_codes_cannot_both_claim_a_class():
    codes, labels = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 0, 0, 1])
    share, meaning = matched_accuracy(codes, labels)
    assert share == 0.75
    assert meaning.tolist() == [0, -1, 1]


@pytest.mark.parametrize(
    ("codes", "labels", "message"),
    [
        ([0.5], [1], "codes is torch.float32"),
        ([0], [[1]], r"labels is torch.int64 of shape \(1, 1\)"),
        ([0, -2], [1, 1], "codes holds -2"),
        ([0, 1], [1], "codes=2, labels=1"),
    ],
)
def test_bad_arguments(codes, labels, message):
    with pytest.raises(ValueError, match=message):
        matched_accuracy(torch.tensor(codes), torch.tensor(labels))
