"""LoRA: nothing at first, then the same as merged weights and as peft's."""

import pytest
import torch
from torch import nn

import aigc_lib as aigc
from aigc_lib.models import GPT
from aigc_lib.models.transformer.lora import (
    LoRALinear,
    add_lora,
    add_peft_lora,
    merge_lora,
    merge_peft_lora,
)

TOKENS = torch.arange(12).view(2, 6) % 7


def gpt(**options):
    torch.manual_seed(0)
    sizes = {"vocab_size": 7, "context": 8, "depth": 2, "heads": 2, "width": 8}
    return GPT(**sizes | options)


def tuned(model, steps=5):
    runs = torch.randint(7, (32, 9), generator=torch.Generator().manual_seed(0))
    aigc.fit(model, runs, steps=steps, batch_size=8)
    return model


def test_at_first_nothing_changes():
    model = gpt()
    before = model.net(TOKENS)
    add_lora(model, rank=2)
    assert torch.equal(model.net(TOKENS), before)


def test_only_the_lora_learns():
    model = gpt()
    frozen = {k: v.clone() for k, v in model.net.named_parameters()}
    add_lora(model, rank=2)
    learning = [p for p in model.net.parameters() if p.requires_grad]
    # per block: qkv (8 -> 24) and mix (8 -> 8), each rank (in + out)
    assert sum(p.numel() for p in learning) == 2 * 2 * ((8 + 24) + (8 + 8))
    before = model.net(TOKENS)
    tuned(model)
    assert not torch.allclose(model.net(TOKENS), before)
    for name, p in model.net.named_parameters():
        original = frozen.get(name.replace(".linear.", "."))
        assert original is None or torch.equal(p, original), name


def test_merged_weights_give_the_same():
    model = gpt()
    add_lora(model, rank=3, alpha=5)
    tuned(model)
    fresh, averaged = model.net(TOKENS), model.generate(TOKENS[:, :2], 4, temperature=0)
    merge_lora(model)
    assert not any(isinstance(m, LoRALinear) for m in model.modules())
    torch.testing.assert_close(model.net(TOKENS), fresh, atol=1e-5, rtol=1e-5)
    again = model.generate(TOKENS[:, :2], 4, temperature=0)
    assert torch.equal(again, averaged)
    assert all(p.requires_grad for p in model.net.parameters())
    assert not any(p.requires_grad for p in model.averages.parameters())


def test_a_merged_model_is_saved_as_any_other(tmp_path):
    model = gpt()
    add_lora(model)
    merge_lora(tuned(model))
    loaded = GPT.load(model.save(tmp_path / "gpt.safetensors"))
    assert torch.equal(loaded.net(TOKENS), model.net(TOKENS))


def test_the_weights_that_sample_are_the_ones_tuned():
    model = tuned(gpt(), steps=30)
    with model.for_sampling("net") as net:
        sampling = net(TOKENS)
    add_lora(model)
    torch.testing.assert_close(model.net(TOKENS), sampling)


def test_the_same_as_peft():
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    theirs = nn.Sequential(nn.Linear(6, 4))
    ours = LoRALinear(nn.Linear(6, 4), rank=2, alpha=8)
    ours.b.data.normal_()
    ours.linear.load_state_dict(theirs[0].state_dict())
    config = peft.LoraConfig(r=2, lora_alpha=8, target_modules=["0"])
    theirs = peft.get_peft_model(theirs, config)
    layer = theirs.base_model.model[0]
    layer.lora_A["default"].weight.data = ours.a.data.clone()
    layer.lora_B["default"].weight.data = ours.b.data.clone()
    x = torch.randn(5, 6)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.merged()(x), theirs(x))


def test_peft_tunes_the_whole_gpt():
    peft = pytest.importorskip("peft")
    model = tuned(gpt(), steps=30)
    with model.for_sampling("net") as net:
        sampling = net(TOKENS)
    add_peft_lora(model, rank=2, alpha=4)
    torch.testing.assert_close(model.net(TOKENS), sampling)  # nothing at first
    learning = [p for p in model.net.parameters() if p.requires_grad]
    assert sum(p.numel() for p in learning) == 2 * 2 * ((8 + 24) + (8 + 8))
    tuned(model, steps=10)
    assert isinstance(model.net, peft.PeftModel)
    fresh, written = model.net(TOKENS), model.generate(TOKENS[:, :2], 4, temperature=0)
    assert not torch.allclose(fresh, sampling, atol=1e-3)
    merge_peft_lora(model)
    assert set(model.state_dict()) == set(tuned(gpt(), steps=1).state_dict())
    torch.testing.assert_close(model.net(TOKENS), fresh, atol=1e-5, rtol=1e-5)
    assert torch.equal(model.generate(TOKENS[:, :2], 4, temperature=0), written)
    assert all(p.requires_grad for p in model.net.parameters())


def test_ours_and_peft_learn_the_same():
    """From the same A, the same steps lead to the same weights."""
    pytest.importorskip("peft")
    ours, theirs = gpt(), gpt()
    add_lora(ours, rank=2, alpha=4)
    add_peft_lora(theirs, rank=2, alpha=4)
    layers = [m for m in ours.net.modules() if isinstance(m, LoRALinear)]
    others = [m for m in theirs.net.modules() if hasattr(m, "lora_A")]
    others = [m for m in others if "default" in m.lora_A]
    for mine, other in zip(layers, others, strict=True):
        other.lora_A["default"].weight.data = mine.a.data.clone()
    merge_lora(tuned(ours))
    merge_peft_lora(tuned(theirs))
    for name, p in ours.net.named_parameters():
        torch.testing.assert_close(
            p, theirs.net.get_parameter(name), atol=1e-5, rtol=1e-4
        )


def test_two_peft_loras_do_not_stack():
    pytest.importorskip("peft")
    model = gpt()
    add_peft_lora(model)
    with pytest.raises(ValueError, match="merge_peft_lora"):
        add_peft_lora(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank=0"),
        ({"rank": float("nan")}, "rank=nan"),
        ({"alpha": float("nan")}, "alpha=nan"),
        ({"layers": ["query"]}, "layers=.'query',."),
    ],
)
def test_bad_arguments(options, message):
    model = gpt()
    with pytest.raises(ValueError, match=message):
        add_lora(model, **options)
    assert all(p.requires_grad for p in model.net.parameters())


def test_two_loras_do_not_stack():
    model = gpt()
    add_lora(model)
    with pytest.raises(ValueError, match="merge_lora"):
        add_lora(model)
