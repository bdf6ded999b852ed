"""The music studio, killed again and again: nothing lost, nothing twice."""

import pytest

pytest.importorskip("dbos")
pytest.importorskip("httpx")

import torch

from aigc_lib.models import Composer
from benchmarks.forked import Program
from benchmarks.music_service import ALSO, MODULE, House, killed


@pytest.fixture
def house(database_url, tmp_path):
    torch.manual_seed(0)
    small = Composer(depth=1, width=16, heads=1, context=400, dropout=0.0)
    small.save(tmp_path / "composer.safetensors")
    with Program(MODULE, *ALSO, log=tmp_path / "log") as program:
        yield House(tmp_path, database_url, program)


def test_nothing_is_lost_or_done_twice_when_the_server_is_killed(house):
    found = killed(house, 4)
    assert found["accepted"] > 4
    assert found["lost"] == 0
    assert found["twice"] == 0
    assert found["different_for_one_seed"] == 0
