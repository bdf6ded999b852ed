"""Preferences: the loss by hand, and a model that comes to prefer."""

import math

import pytest
import torch

import aigc_lib as aigc
from aigc_lib.data import Characters, prompted
from aigc_lib.models import GPT
from aigc_lib.models.transformer.lora import add_lora
from aigc_lib.models.transformer.preference import DPO, dpo_loss, log_probability

TOKENIZER = Characters("\nabc→")


def gpt():
    torch.manual_seed(0)
    return GPT(TOKENIZER, context=8, depth=1, heads=2, width=32)


def pairs():
    better = prompted([("a→", "b"), ("b→", "aa")] * 8, TOKENIZER, length=5)
    worse = prompted([("a→", "cc"), ("b→", "c")] * 8, TOKENIZER, length=5)
    return torch.stack([better, worse], 1)


def test_the_probability_of_what_is_learned():
    net, runs = gpt().net, prompted([("a→", "bc"), ("→", "b")], TOKENIZER, length=5)
    log_p = net(torch.where(runs < 0, ~runs, runs)).log_softmax(-1)
    first = log_p[0, 1, 2] + log_p[0, 2, 3] + log_p[0, 3, 0]
    second = log_p[1, 0, 2] + log_p[1, 1, 0]
    expected = torch.stack([first, second])
    torch.testing.assert_close(log_probability(net, runs), expected)


def test_the_loss_by_hand():
    loss = dpo_loss(torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 0.0]), beta=0.5)
    expected = (math.log(1 + math.exp(-1.5)) + math.log(2)) / 2
    assert loss.item() == pytest.approx(expected)


@pytest.mark.parametrize("lora", [False, True])
def test_it_comes_to_prefer(lora):
    model, data = gpt(), pairs()
    if lora:
        add_lora(model, rank=2)
    tuning = DPO(model, beta=0.5, learning_rate=1e-2)
    reference = {k: v.clone() for k, v in tuning.reference.state_dict().items()}

    def margin(net):
        better, worse = (log_probability(net, data[:, i]) for i in (0, 1))
        return (better - worse).mean().item()

    losses = []
    tuning.training_step(data, lambda name, loss: losses.append(loss.item()))
    assert losses[0] == pytest.approx(math.log(2))  # no preference at first
    before = margin(model.net)
    aigc.fit(tuning, data, steps=40, batch_size=16)
    assert margin(model.net) > before + 1
    assert all(
        torch.equal(v, tuning.reference.state_dict()[k]) for k, v in reference.items()
    )
    assert model.sample(2, seed=0).shape == (2, 8)


def test_the_reference_has_no_dropout():
    torch.manual_seed(0)
    model = GPT(TOKENIZER, context=8, depth=1, heads=2, width=16, dropout=0.5)
    tuning, data = DPO(model), pairs()
    expected = log_probability(tuning.reference.eval(), data[:, 0])
    tuning.train()  # as `fit` does
    tuning.training_step(data, lambda name, loss: None)
    assert torch.equal(log_probability(tuning.reference, data[:, 0]), expected)


@pytest.mark.parametrize("options", [{"beta": 0}, {"learning_rate": -1}])
def test_bad_arguments(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"{name}="):
        DPO(gpt(), **options)
