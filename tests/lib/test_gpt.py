"""GPT: the network, the numbers of transformers' GPT-2, and how it is trained."""

import math

import pytest
import torch
from tiny_gpt import SIZES, TEXT, some_tokens, tiny

import aigc_lib as aigc
from aigc_lib.data import BytePairs, Characters, Windows, prompted
from aigc_lib.models import GPT, load_gpt2
from aigc_lib.models.transformer.gpt import OPTIMIZERS, next_token_loss, readable
from aigc_lib.models.transformer.gpt2 import converted
from aigc_lib.models.transformer.lora import add_lora
from aigc_lib.nets.attention import (
    POSITIONS,
    SHORT,
    KVCache,
    Transformer,
    attention,
    rotated,
    rotations,
)

every_position = pytest.mark.parametrize("positions", POSITIONS)


# ---- the network --------------------------------------------------------------------


@every_position
def test_no_token_sees_what_follows(positions):
    net, tokens = tiny(positions=positions).net, some_tokens(2, 16)
    before = net(tokens)
    for t in range(16):
        changed = tokens.clone()
        changed[:, t:] = (changed[:, t:] + 3) % 11
        after = net(changed)
        torch.testing.assert_close(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t], before[:, t])


@every_position
@pytest.mark.parametrize("parts", [[1] * 16, [5, 1, 1, 9], [16], [3, 4, 6, 3]])
def test_read_in_parts_with_a_cache(positions, parts):
    net, tokens = tiny(positions=positions).net, some_tokens(3, 16)
    cache = KVCache(net, 3)
    logits = [net(part, cache) for part in tokens.split(parts, 1)]
    torch.testing.assert_close(torch.cat(logits, 1), net(tokens), atol=1e-5, rtol=1e-5)
    assert cache.length == 16
    with pytest.raises(ValueError, match="17 of them are more than context=16"):
        net(tokens[:, :1], cache)
    cache.clear()
    torch.testing.assert_close(net(tokens[:, :4], cache), net(tokens[:, :4]))


@every_position
@torch.no_grad()
def test_a_step_is_a_read_token(positions):
    net, tokens = tiny(positions=positions).net, some_tokens(3, 16)
    cache = KVCache(net, 3)
    first = net(tokens[:, :5], cache)
    steps = [net.step(token, cache) for token in tokens[:, 5:].unbind(1)]
    logits = torch.cat([first, torch.stack(steps, 1)], 1)
    torch.testing.assert_close(logits, net(tokens), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="the context of 16 is full"):
        net.step(tokens[:, 0], cache)


@every_position
@pytest.mark.parametrize("vocab_size", [65, 1000])
def test_the_first_loss_is_that_of_guessing(positions, vocab_size):
    torch.manual_seed(0)
    net = GPT(vocab_size=vocab_size, positions=positions).net
    tokens = some_tokens(8, 65, below=vocab_size)
    loss = next_token_loss(net(tokens[:, :-1]), tokens[:, 1:])
    assert abs(loss.item() - math.log(vocab_size)) < 0.1


def test_what_returns_to_the_sum_starts_smaller():
    torch.manual_seed(0)
    net = GPT(width=256, depth=8, bias=True).net
    block = net.blocks[3]
    for layer in (block.attention.mix, block.mlp[2]):
        assert layer.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert block.attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not block.mlp[0].bias.any()


def test_one_tensor_reads_and_writes_the_tokens():
    net = tiny().net
    wide = [p for p in net.parameters() if 11 in p.shape]
    assert [p.data_ptr() for p in wide] == [net.token.weight.data_ptr()]
    before = net(torch.tensor([[1]]))[0, 0]
    net.token.weight.data[7] += 1.0  # token 7 is not read: only its own logit moves
    moved = (net(torch.tensor([[1]]))[0, 0] - before).abs() > 1e-6
    assert moved.nonzero().flatten().tolist() == [7]


def test_rotary_products_depend_on_distance_only():
    q, k = torch.randn(2, 1, 8)
    turns = rotations(50, 8)
    q, k = rotated(q.expand(50, 8), turns), rotated(k.expand(50, 8), turns)
    products = q @ k.T
    for shift in (-7, 0, 20):
        diagonal = products.diagonal(shift)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    torch.testing.assert_close(q.norm(dim=1), q[:1].norm(dim=1).expand(50))


@pytest.mark.parametrize("length", [7, SHORT + 1])
@pytest.mark.parametrize("kind", ["causal", "all", "some"])
def test_attention_in_bfloat16(length, kind):
    torch.manual_seed(0)
    mask = (torch.rand(2, 1, 1, length) < 0.7) if kind == "some" else None
    exact = torch.randn(3, 2, 3, length, 8)
    found = []
    for dtype in (torch.float32, torch.bfloat16):  # one fused, one not if short
        qkv = exact.clone().to(dtype).requires_grad_()
        mixed = attention(*qkv, mask, kind == "causal", 0.0)
        mixed.float().square().sum().backward()
        assert mixed.dtype == dtype
        found.append((mixed.float(), qkv.grad.float()))
    for wanted, got in zip(*found, strict=True):
        assert (wanted - got).norm() < 0.02 * wanted.norm()


def test_dropout_of_attention_in_bfloat16():
    torch.manual_seed(0)
    q, k, v = torch.ones(3, 1, 1, 200, 2, dtype=torch.bfloat16)
    mixed = attention(q, k, v, None, False, 0.5)[..., 0].float()
    assert mixed.std() > 0.03  # of 200 equal weights of 1, half are gone
    assert mixed.mean().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 15}, "width=15, heads=2"),
        ({"width": 6}, "for rotary positions an even one"),
        ({"positions": "sine"}, "positions='sine': choose one of"),
        ({"gelu": "exact"}, "gelu='exact': choose one of"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"optimizer": "sgd"}, "optimizer='sgd': choose one of"),
        ({"depth": 0}, "depth=0: give at least 1"),
        ({"vocab_size": 0}, "vocab_size=0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        GPT(**{"vocab_size": 11} | SIZES | options)


def test_a_vocabulary_must_hold_the_tokenizer():
    with pytest.raises(ValueError, match="the tokenizer has 3 tokens"):
        GPT(Characters("abc"), vocab_size=2)
    assert GPT(Characters("abc"), vocab_size=8).net.vocab_size == 8


# ---- against transformers -----------------------------------------------------------


@pytest.fixture(scope="module")
def gpt2():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=300, n_positions=24, n_embd=32, n_layer=3, n_head=4
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    for p in model.parameters():  # biases and norms too, and far from linear
        p.data.add_(0.2 * torch.randn_like(p))
    return model


def test_the_logits_of_gpt2(gpt2):
    theirs = {"positions": "learned", "bias": True, "gelu": "tanh"}
    ours = Transformer(300, 24, depth=3, heads=4, width=32, **theirs).eval()
    ours.load_state_dict(converted(gpt2.state_dict(), 3))
    tokens = some_tokens(5, 24, below=300)
    with torch.no_grad():
        expected = gpt2(tokens).logits
        torch.testing.assert_close(ours(tokens), expected, atol=1e-4, rtol=0)
    assert expected.std() > 0.5


def test_gpt2_from_a_folder(gpt2, tmp_path):
    gpt2.save_pretrained(tmp_path)
    tokenizer = BytePairs.train([TEXT], vocab_size=280)
    (tmp_path / "tokenizer.json").write_text(tokenizer.description, encoding="utf-8")
    model = load_gpt2(tmp_path)
    tokens = some_tokens(2, 5, below=280)
    theirs = gpt2.generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        max_new_tokens=10,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        suppress_tokens=[*range(280, 300)],  # rows that no text has
    )
    assert torch.equal(model.generate(tokens, 10, temperature=0), theirs)
    assert len(model.tokenizer) == 280
    assert model.learning_rate < 1e-4  # what was learned elsewhere is not overrun
    again = GPT.load(model.save(tmp_path / "gpt2.safetensors"))
    assert again.complete("明月", 3, temperature=0) == model.complete(
        "明月", 3, temperature=0
    )


def test_what_is_no_gpt2_is_refused(gpt2, tmp_path):
    with pytest.raises(OSError, match="no such folder with a model in it"):
        load_gpt2(tmp_path / "none")
    gpt2.config.activation_function, kept = "relu", gpt2.config.activation_function
    gpt2.save_pretrained(tmp_path)
    gpt2.config.activation_function = kept
    with pytest.raises(ValueError, match="not built like GPT-2"):
        load_gpt2(tmp_path)


# ---- training -----------------------------------------------------------------------


def test_the_loss_counts_what_is_to_be_learned():
    logits = torch.randn(2, 3, 5)
    tokens = torch.tensor([[1, 4, ~2], [~0, ~0, 3]])
    log_p = logits.log_softmax(-1)
    expected = -(log_p[0, 0, 1] + log_p[0, 1, 4] + log_p[1, 2, 3]) / 3
    torch.testing.assert_close(next_token_loss(logits, tokens), expected)
    assert readable(tokens).tolist() == [[1, 4, 2], [0, 0, 3]]


def test_only_matrices_decay():
    (optimizer,) = GPT(weight_decay=0.2).optimizers().values()
    decays, rests = optimizer.param_groups
    assert (decays["weight_decay"], rests["weight_decay"]) == (0.2, 0.0)
    assert {p.dim() for p in decays["params"]} == {2}
    assert {p.dim() for p in rests["params"]} == {1}
    both = [*decays["params"], *rests["params"]]
    assert len({id(p) for p in both}) == len(both) == len([*GPT().net.parameters()])


def test_muon_steps_the_matrices_of_the_blocks():
    model = tiny(optimizer="muon", learning_rate=3e-3)
    (optimizer,) = model.optimizers().values()
    matrices, others = optimizer.param_groups
    assert (matrices["lr"], others["lr"]) == pytest.approx((0.01, 3e-3))
    blocks = model.net.blocks.parameters()
    inner = {id(p) for p in blocks if p.dim() == 2}
    assert {id(p) for p in matrices["params"]} == inner
    rest = {id(p) for p in model.net.parameters()} - inner
    assert {id(p) for p in others["params"]} == rest
    add_lora(model)
    matrices, others = model.optimizers()["net"].param_groups
    assert not matrices["params"]
    assert len(others["params"]) == 2 * 2 * 2  # blocks, layers, factors


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_learns_a_text_by_heart_and_recites_it(optimizer):
    torch.manual_seed(0)
    tokenizer = Characters.train([TEXT])
    sizes = {"context": 16, "depth": 2, "heads": 2, "width": 32}
    model = GPT(tokenizer, optimizer=optimizer, **sizes)
    windows = Windows(tokenizer.encode(TEXT), 17)
    before = model.nats_per_token(windows)
    history = aigc.fit(model, windows, steps=150, batch_size=16, ema=0.9)
    assert model.nats_per_token(windows) < 0.5 < math.log(len(tokenizer)) < before + 0.5
    assert history.losses["net"][-1] < 0.5
    assert model.complete("床前", 4, temperature=0) == "明月光，"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_equals_uninterrupted(tmp_path, optimizer):
    def learn(steps, **kept):
        torch.manual_seed(0)
        model = GPT(optimizer=optimizer, vocab_size=11, **SIZES)
        windows = Windows(some_tokens(1, 200)[0], 9)
        aigc.fit(model, windows, steps=steps, batch_size=4, cooldown=0.0, **kept)
        return model.state_dict()

    kept = {"checkpoint": tmp_path / "run.ckpt"}
    learn(4, **kept)
    resumed, whole = learn(9, **kept), learn(9)
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_prompts_teach_answers_only():
    tokenizer = Characters("\nab→")
    samples = prompted([("a→", "b"), ("b→", "a")] * 8, tokenizer, length=4)
    torch.manual_seed(0)
    model = GPT(tokenizer, context=8, depth=1, heads=1, width=16)
    aigc.fit(model, samples, steps=120, batch_size=8, ema=0.9)
    for prompt, answer in (("a→", "b"), ("b→", "a")):
        assert model.complete(prompt, 5, stop="\n", temperature=0) == answer
    # after "a" comes "→" in every sample, but it was only read
    p = model.net(tokenizer.encode("a")[None]).softmax(-1)[0, 0]
    assert p[tokenizer.encode("→")] < 0.9


def test_the_mean_loss_weighs_every_token_alike():
    model = tiny()
    runs = some_tokens(7, 9)
    runs[3:, 4:] = ~runs[3:, 4:]
    whole = model.nats_per_token(runs)
    assert model.nats_per_token(runs, batch_size=2) == pytest.approx(whole, rel=1e-5)
    with torch.no_grad():
        loss = next_token_loss(model.net(readable(runs[:, :-1])), runs[:, 1:])
    assert whole == pytest.approx(loss.item(), rel=1e-5)
    with pytest.raises(ValueError, match="no token to be learned"):
        model.nats_per_token(~runs.abs())


def test_the_tokenizer_is_saved_with_the_model(tmp_path):
    poet = GPT(Characters.train([TEXT]), **SIZES)
    loaded = aigc.models.load(poet.save(tmp_path / "poet.safetensors"))
    assert loaded.tokenizer.alphabet == poet.tokenizer.alphabet
    assert loaded.complete("明月", 9, seed=3) == poet.complete("明月", 9, seed=3)
