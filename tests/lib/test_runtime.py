import os
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


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True, 2**64])
def test_bad_seed(seed):
    with pytest.raises(ValueError, match="seed="):
        aigc.start("smoke", seed=seed)


def test_a_seed_of_numpy_is_one():
    assert aigc.start("smoke", seed=np.int64(3)).seed == 3


def test_a_variable_without_a_value_is_as_good_as_none(monkeypatch):
    monkeypatch.setenv("AIGC_PROFILE", "")
    assert aigc.start().profile in ("cpu", "gpu")


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
    monkeypatch.delenv("AIGC_BF16", raising=False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (major, 5))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *a: True)
    assert runtime.has_bf16(torch.device("cuda")) is expected


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
@pytest.mark.parametrize(("asked", "expected"), [("0", False), ("1", True)])
def test_bf16_as_asked(monkeypatch, device, asked, expected):
    monkeypatch.setenv("AIGC_BF16", asked)
    assert runtime.has_bf16(torch.device(device)) is expected


def test_bf16_asked_in_words(monkeypatch):
    monkeypatch.setenv("AIGC_BF16", "false")
    with pytest.raises(ValueError, match="AIGC_BF16='false': set it to 0, 1 or not"):
        runtime.has_bf16(torch.device("cpu"))


@pytest.fixture
def threads(monkeypatch):
    """No thread count chosen by whoever runs the tests; afterwards it is as before."""
    for name in runtime.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("cores", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (64, 32)]
)
def test_half_of_the_cores_compute(threads, monkeypatch, cores, expected):
    monkeypatch.setattr(runtime, "physical_cores", lambda: cores)
    aigc.start("smoke")
    assert torch.get_num_threads() == expected


@pytest.mark.parametrize("name", runtime.THREAD_VARIABLES)
def test_threads_chosen_by_the_reader_stay(threads, monkeypatch, name):
    monkeypatch.setattr(runtime, "physical_cores", lambda: 64)
    monkeypatch.setenv(name, "3")
    torch.set_num_threads(3)  # as torch does when it is imported
    assert runtime.settle_threads() == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_cores_are_those_of_this_process():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert runtime.physical_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("value", ["1", "true"])
def test_quiet_where_bars_only_fill_a_log(monkeypatch, value):
    for name in ("AIGC_QUIET", "CI", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    assert not runtime.quiet()
    for off in ("false", "0", "no", "OFF", "", "n", " 0 "):
        monkeypatch.setenv("CI", off)
        assert not runtime.quiet()
    monkeypatch.setenv("AIGC_QUIET", value)
    assert runtime.quiet()


def test_what_is_missing_is_named_with_its_command(monkeypatch):
    assert runtime.optional("json").dumps(1) == "1"
    with pytest.raises(ModuleNotFoundError, match="nosuch is missing: pip install so"):
        runtime.optional("nosuch", install="so")
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModuleNotFoundError, match="peft is missing: pip install peft"):
        runtime.optional("peft")


PAGES = """
import resource, sys
import torch
from aigc_lib import runtime
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(12):
        torch.zeros(9_000_000)  # 36 MB, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
before = faults()
if not runtime.keep_memory():
    print("skip")
else:
    faults()  # the heap grows around what lies in it, half a dozen times at most
    print(before, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts the page faults of glibc")
def test_freed_memory_is_kept_for_the_next_tensor():
    done = subprocess.run([sys.executable, "-c", PAGES], capture_output=True, text=True)
    if done.stdout == "skip\n":
        pytest.skip("another C library")
    before, after = map(int, done.stdout.split())
    assert after < before / 20
