import random
import subprocess
import sys

import numpy as np
import pytest
import torch

import aigc_lib as aigc
from aigc_lib import runtime


def test_profile_comes_from_argument_then_environment_then_hardware(monkeypatch):
    monkeypatch.setenv("AIGC_PROFILE", "smoke")
    assert aigc.start().profile == "smoke"
    assert aigc.start("gpu").profile == "gpu"
    monkeypatch.delenv("AIGC_PROFILE")
    on_gpu = torch.cuda.is_available()
    assert aigc.start().profile == ("gpu" if on_gpu else "cpu")


@pytest.mark.parametrize("origin", ["argument", "environment"])
def test_unknown_profile_says_where_it_came_from(monkeypatch, origin):
    if origin == "environment":
        monkeypatch.setenv("AIGC_PROFILE", "fast")
    with pytest.raises(ValueError, match=r"'fast': choose one of smoke, cpu, gpu") as e:
        aigc.start("fast" if origin == "argument" else None)
    assert ("AIGC_PROFILE" in str(e.value)) == (origin == "environment")


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
def test_bad_seed(seed):
    with pytest.raises(ValueError, match="seed="):
        aigc.start("smoke", seed=seed)


def test_pick_takes_the_value_of_the_profile():
    assert [aigc.start(p).pick(smoke=1, cpu=2, gpu=3) for p in runtime.PROFILES] == [
        1,
        2,
        3,
    ]


def test_start_seeds_every_generator():
    def draw():
        aigc.start("smoke", seed=7)
        return random.random(), np.random.rand(), torch.rand(1).item()

    assert draw() == draw()


def test_run_card_names_what_decides_the_numbers():
    card = repr(aigc.start("smoke", seed=3))
    for part in ("profile smoke", "seed 3", torch.__version__, aigc.__version__):
        assert part in card


@pytest.mark.parametrize(("major", "expected"), [(7, False), (8, True), (9, True)])
def test_bf16_follows_compute_capability_not_emulation(monkeypatch, major, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (major, 5))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *a: True)
    assert runtime.has_bf16(torch.device("cuda")) is expected


@pytest.mark.parametrize("value", ["1", "true"])
def test_quiet_where_bars_only_fill_a_log(monkeypatch, value):
    for name in ("AIGC_QUIET", "CI", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    assert not runtime.quiet()
    monkeypatch.setenv("CI", "false")
    assert not runtime.quiet()
    monkeypatch.setenv("AIGC_QUIET", value)
    assert runtime.quiet()


def test_import_is_lazy():
    code = (
        "import sys, aigc_lib; aigc_lib.runtime; "
        "print({'matplotlib', 'sklearn', 'accelerate'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "set()", out.stderr


def test_what_is_missing_is_named_with_its_command(monkeypatch):
    assert runtime.optional("json").dumps(1) == "1"
    with pytest.raises(ModuleNotFoundError, match="nosuch is missing: pip install so"):
        runtime.optional("nosuch", install="so")
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModuleNotFoundError, match="peft is missing: pip install peft"):
        runtime.optional("peft")
