"""N-grams that vote, beside the encoder and alone."""

import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_encoder import QUESTIONS, SIZES, classifier, tokenizer
from torch.nn.functional import cross_entropy

import aigc_lib as aigc
from aigc_lib.codecs.tokenizers import BytePairs
from aigc_lib.models import MaskedLM, TextClassifier
from aigc_lib.models.transformer.encoder import Encoded
from aigc_lib.models.transformer.encoder_nets import NGrams, lower_case, together


def restless_votes(spelling, longest, **options):
    torch.manual_seed(0)
    votes = NGrams(spelling, longest, 3, **options)
    votes.votes.weight.data.normal_()
    return votes


def test_votes_by_hand():
    net = restless_votes(["Ab", "c", "ba"], 3)
    numbers = net.buckets(torch.tensor([[*map(ord, "abc")]]))[0].tolist()
    names = ["a", "b", "c", "_a", "ab", "bc", "__a", "_ab", "abc"]
    assert len(set(numbers)) == len(set(names))
    again = net.buckets(torch.tensor([[*map(ord, "xabc")]]))[0].tolist()
    shared = {"a": 1, "b": 2, "c": 3, "ab": 6, "bc": 7, "abc": 11}  # not at the start
    for name, place in shared.items():
        assert again[place] == numbers[names.index(name)], name
    by_hand = 5 * net.votes.weight[numbers].sum(0) / 9**0.5
    torch.testing.assert_close(net(torch.tensor([[0, 1, -1]])), by_hand[None])


def test_only_letters_count_not_how_they_are_cut():
    net = restless_votes(["ab", "c", "a", "BC", ""], 4)
    a, b, c, other = net(torch.tensor([[0, 1, -1], [2, 3, -1], [2, 4, 3], [1, 0, -1]]))
    torch.testing.assert_close(a, b)
    torch.testing.assert_close(a, c)
    assert not torch.allclose(a, other, atol=1e-3)
    assert (net(torch.tensor([[4, -1, -1]])) == 0).all()  # nothing to read, no vote


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_letters_are_read_from_bytes(texts):
    """However they are spread over tokens, and whatever their case."""
    net = NGrams([bytes([byte]) for byte in range(256)], 2, 3)
    rows = [torch.tensor([*text.encode()], dtype=torch.long) for text in texts]
    tokens = torch.nn.utils.rnn.pad_sequence(rows, True, -1)
    letters = net.letters(together(net.spelling[tokens].flatten(1)))
    for row, text in zip(letters.tolist(), texts, strict=True):
        small = [c.lower() if len(c.lower()) == 1 else c for c in text]
        assert "".join(chr(c) for c in row if c >= 0) == "".join(small)
    if max(map(len, texts)):
        assert letters.shape[1] == max(map(len, texts))


def test_half_a_letter_is_read_as_something():
    net = NGrams([bytes([byte]) for byte in range(256)], 2, 3)
    cut = torch.tensor([[*"退".encode()[:2], -1], [*"退".encode()[1:], 0x41]])
    letters = net.letters(together(net.spelling[cut].flatten(1)))
    assert letters.tolist() == [[ord("退") >> 6], [ord("a")]]


def test_every_small_letter_is_known():
    beyond = (chr(c) for c in range(len(lower_case()), sys.maxunicode + 1))
    assert all(c.lower() == c for c in beyond)


def test_a_letter_in_several_tokens_has_its_vote():
    code = BytePairs.train(["the card was lost"] * 3, vocab_size=270)
    model = TextClassifier(code, ("a", "b"), **SIZES, ngrams=3)
    torch.nn.init.normal_(model.net.ngrams.votes.weight)
    votes = model.net.ngrams.eval()
    pairs = [("退款", "换货"), ("é", "ê"), ("£5", "¥5"), ("🙂", "🙃"), ("退", "逐")]
    for one, other in pairs:
        a, b = (votes(model.encode([text]).x) for text in (one, other))
        assert (a - b).abs().max() > 0.01
    upper, lower = (votes(model.encode([text]).x) for text in ("ÉCOLE Ж", "école ж"))
    torch.testing.assert_close(upper, lower)


def test_dropout_takes_votes_away_and_keeps_their_mean():
    net = restless_votes(["abcdefgh"], 4, dropout=0.5)
    tokens = torch.zeros(4_000, 1, dtype=torch.long)
    votes = net(tokens)
    assert votes.std(0).min() > 0.1
    net.eval()
    torch.testing.assert_close(votes.mean(0), net(tokens)[0], atol=0.3, rtol=0)


def test_votes_join_the_encoder_and_learn(tmp_path):
    torch.manual_seed(0)
    reader = MaskedLM(tokenizer(), **SIZES)
    model = TextClassifier.on(reader, ("丢卡", "忘密码"), ngrams=2, dropout=0.0)
    x = model.encode(QUESTIONS).x
    alone = TextClassifier.on(reader, ("丢卡", "忘密码"), dropout=0.0)
    alone.net.head.load_state_dict(model.net.head.state_dict())
    assert torch.equal(model.logits(x), alone.logits(x))  # at first they do not vote
    assert alone.net.ngrams is None  # nor by default
    data = Encoded(x.repeat(4, 1), torch.tensor([0, 0, 1, 1] * 4))
    aigc.fit(model, data, steps=20, batch_size=8, ema=0.0)
    votes = model.net.ngrams.votes.weight
    assert votes.abs().sum() > 0
    model.net.encoder.norm.weight.data.zero_()  # the encoder has nothing to say
    model.net.encoder.norm.bias.data.zero_()
    assert [y for y, _ in model.predict(QUESTIONS)] == [*["丢卡"] * 2, *["忘密码"] * 2]
    path = model.save(tmp_path / "model.safetensors")
    assert torch.equal(aigc.models.load(path).logits(x), model.logits(x))


def test_encoder_and_votes_learn_together_and_each_alone():
    model = classifier(ngrams=2, dropout=0.0)
    x, y = model.encode(QUESTIONS).x, torch.tensor([0, 0, 1, 1])
    losses = []
    model.training_step((x, y), lambda name, loss: losses.append(loss))
    a, b = model.net.opinions(x)
    torch.testing.assert_close(model.net(x), a + b)
    assert not torch.allclose(a, b, atol=0.1)
    alone = (cross_entropy(a, y) + cross_entropy(b, y)) / 2
    torch.testing.assert_close(losses[0], cross_entropy(a + b, y) + alone)
    model = classifier(dropout=0.0)
    model.training_step((x, y), lambda name, loss: losses.append(loss))
    torch.testing.assert_close(losses[1], cross_entropy(model.net(x), y))


def test_training_hides_tokens_from_the_encoder_only():
    model = classifier(hidden=0.5, ngrams=2, dropout=0.0)
    tokens = model.encode(["卡丢了"] * 400).x
    read = {}
    for name in ("encoder", "ngrams"):
        part = getattr(model.net, name)
        part.register_forward_pre_hook(
            lambda _, args, name=name: read.update({name: args[0]})
        )
    model.net(tokens)  # not in training
    assert torch.equal(read["encoder"], tokens)
    model.net.train()(tokens)
    assert torch.equal(read["ngrams"], tokens)
    hidden = read["encoder"] == model.net.encoder.mask
    assert torch.equal(read["encoder"][~hidden], tokens[~hidden])
    assert hidden.float().mean().item() == pytest.approx(0.5, abs=0.08)
    tokens[:, 2] = -1
    model.net(tokens)
    assert (read["encoder"][:, 2] == -1).all()
