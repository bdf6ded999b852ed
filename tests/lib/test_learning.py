"""The small classifier learns from what it is given, and from nothing else."""

import pytest
import torch

from aigc_lib.data.augment import soft
from aigc_lib.metrics.learning import accuracy, taught


def bars(n, seed):
    """Ten classes: a bright row of pixels at ten heights, in noise."""
    source = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 10
    x = 0.3 * torch.randn(n, 1, 28, 28, generator=source)
    x[torch.arange(n), 0, 2 * y + 4] += 1
    return x.clamp(-1, 1), y


def test_it_learns_what_labels_say():
    x, y = bars(200, 0)
    tested = bars(300, 1)
    assert accuracy(taught(x, soft(y, 10), steps=60), *tested) > 0.95
    wrong = soft((y + 1) % 10, 10)
    assert accuracy(taught(x, wrong, steps=60), *tested) < 0.05


def test_a_change_reaches_every_batch_and_the_seed_decides():
    x, y = bars(100, 0)
    seen = []

    def change(x, y, generator):
        seen.append(len(x))
        return -x, y

    before = torch.random.get_rng_state()
    nets = [taught(x, soft(y, 10), change, steps=5, seed=3) for _ in range(2)]
    assert seen == [64] * 10
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(map(torch.equal, nets[0].parameters(), nets[1].parameters()))


@pytest.mark.parametrize(
    ("x", "y", "options", "name"),
    [
        (torch.zeros(3, 1, 28, 28, dtype=torch.uint8), torch.zeros(3, 10), {}, "uint8"),
        (torch.zeros(3, 1, 14, 14), torch.zeros(3, 10), {}, "x is"),
        (torch.zeros(3, 1, 28, 28), torch.zeros(3), {}, "y has shape"),
        (torch.zeros(3, 1, 28, 28), torch.zeros(3, 10), {"steps": 0}, "steps"),
    ],
)
def test_bad_input_is_named(x, y, options, name):
    with pytest.raises(ValueError, match=name):
        taught(x, y, **options)
