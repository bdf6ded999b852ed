"""The reference that our GPT is measured against does what its settings say."""

import math

import pytest
import torch

from aigc_lib.data import Characters, Windows
from aigc_lib.models.transformer.gpt import next_token_loss
from benchmarks.tinyshakespeare import Reference, ReferenceRun, nats, ours

TEXT = torch.arange(400) % 7


def test_reference_begins_with_guessing_and_sees_no_future():
    torch.manual_seed(0)
    net, tokens = Reference(65), torch.randint(65, (8, 64))
    logits = net(tokens)
    wanted = torch.randint(65, (8, 64))
    assert abs(next_token_loss(logits, wanted).item() - math.log(65)) < 0.1
    changed = tokens.clone()
    changed[:, 40:] = (changed[:, 40:] + 1) % 65
    torch.testing.assert_close(net(changed)[:, :40], logits[:, :40])
    assert not any("bias" in name for name, _ in net.named_parameters())


def test_rate_of_the_reference():
    run, rates = ReferenceRun(TEXT, 7), []
    for run.step in (0, 99, 100, 1050, 2000):
        rates.append(run.rate())
    wanted = [1e-3 / 101, 1e-1 / 101, 1e-3, 5.5e-4, 1e-4]
    assert rates == pytest.approx(wanted)


def test_reference_learns_and_goes_on():
    torch.manual_seed(0)
    run = ReferenceRun(TEXT, 7)
    windows = Windows(TEXT, 65, step=64)
    before = nats(run.net, windows)
    run.train(10)
    run.train(10)
    assert run.step == 20
    assert nats(run.net, windows) < before - 0.3


def test_both_are_judged_alike():
    model = ours(Characters("abcdefg"), optimizer="muon")
    windows = Windows(TEXT, 65, step=64)
    with model.for_sampling("net") as net:
        assert nats(net, windows) == pytest.approx(model.nats_per_token(windows))
