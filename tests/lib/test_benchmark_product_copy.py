"""The benchmark of product copy: what it chooses by is not what it is tested on."""

import pytest

from aigc_lib.data.made.product_copy import stated
from benchmarks import product_copy


@pytest.fixture(scope="module")
def sets():
    train = product_copy.stock()
    return train.facts, *product_copy.unseen(train)


def test_no_set_of_attributes_serves_twice(sets):
    train, validation, test = ({frozenset(stated(f)) for f in part} for part in sets)
    assert len(validation) == product_copy.VALIDATION
    assert len(test) == product_copy.N
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_the_best_rate_has_the_fewest_wrong_lines_then_the_fewest_errors():
    best = product_copy.best
    assert best({"0.001": [0.5, 9.0], "0.003": [0.2, 9.5]}) == 0.003
    assert best({"0.001": [1.0, 4.0], "0.003": [1.0, 2.0], "0.01": [1.0, 3.0]}) == 0.003
