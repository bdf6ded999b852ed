"""Several threads sample one model, as services do."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from aigc_lib.data import Characters
from aigc_lib.models import DCGAN, GPT, TextClassifier, WaveNet
from aigc_lib.models.gan.inspection import GANEncoder, search
from aigc_lib.nets.direct import without_onednn


def tiny_gpt(**options):
    torch.manual_seed(0)
    code = Characters("abcd\n")
    return GPT(code, context=16, width=16, heads=2, depth=2, **options)


def test_texts_written_side_by_side_are_those_written_alone():
    model = tiny_gpt(dropout=0.5)
    model.train()
    alone = [model.complete("ab", 40, seed=k) for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda k: model.complete("ab", 40, seed=k), range(8)))
    assert together == alone
    assert model.net.training
    assert torch.backends.mkldnn.enabled


def test_a_network_stays_in_eval_mode_until_the_last_is_done():
    model = tiny_gpt(dropout=0.5)
    model.train()
    with model.for_sampling("net") as first:
        with model.for_sampling("net") as second:
            assert first is second
        assert not first.training, "the second has left, the first is still here"
    assert model.net.training
    model.eval()
    with model.for_sampling("net"):
        pass
    assert not model.net.training


def test_the_switch_of_the_process_comes_back_whoever_leaves_last():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with without_onednn():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    with without_onednn():
        leave.set()
        thread.join()
        assert not torch.backends.mkldnn.enabled
    assert torch.backends.mkldnn.enabled


def test_other_models_answer_side_by_side_too():
    torch.manual_seed(0)
    code = Characters("abcd\n")
    reader = TextClassifier(code, ["a", "b"], width=16, heads=2, depth=1, dropout=0.5)
    sound = WaveNet(channels=4, skip_channels=8, depth=3, stacks=1)
    reader.train(), sound.train()
    tasks = [
        lambda: reader.logits(["abca", "dd"]),
        lambda: sound.sample(1, seed=0, length=50),
    ]
    alone = [task() for task in tasks]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda k: tasks[k % 2](), range(8)))
    for k, found in enumerate(together):
        assert torch.equal(found, alone[k % 2])


def test_averages_stay_in_place_until_the_last_has_measured():
    """The second once left the averages in the place of what learns, for good."""
    model = DCGAN(8, 1, 4, 2)
    model.start_averaging()
    learning, average = model.generator, model.averages["generator"]
    first, second = model.averaged(), model.averaged()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert model.generator is average, "the first has left, the second is still here"
    second.__exit__(None, None, None)
    assert model.generator is learning
    with model.averaged():
        assert model.generator is average
    assert model.generator is learning


@pytest.mark.parametrize("averages", [True, False])
def test_who_looks_for_pictures_lends_both_networks(averages):
    """Several search at once, and what learns goes back to learning."""
    torch.manual_seed(0)
    model = DCGAN(8, 1, 4, 2)
    encoder = GANEncoder(model, 16)
    if averages:
        model.start_averaging()
    x = torch.rand(3, 1, 8, 8) * 2 - 1
    tasks = [
        lambda seed: search(model, x, steps=5, seed=seed).pictures,
        lambda seed: encoder.find(x).pictures,
    ]
    alone = [tasks[k % 2](k) for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda k: tasks[k % 2](k), range(8)))
    assert all(map(torch.equal, together, alone))
    for network in (model.generator, model.discriminator, encoder.gan.discriminator):
        assert all(module.training for module in network.modules())
