"""Sampling rules against distributions worked out by hand."""

import pytest
import torch

from aigc_lib.models.transformer.sampling import (
    Sampling,
    drawn_from,
    keep_top_k,
    keep_top_p,
    penalized,
)

P = torch.tensor([[0.5, 0.25, 0.15, 0.1]])
LOGITS = P.log() + 3  # a constant changes nothing


def check(got, expected):
    torch.testing.assert_close(got, torch.tensor([expected]))


def test_plain_sampling_is_softmax():
    check(Sampling().probabilities(LOGITS), P[0].tolist())


def test_temperature_is_a_power():
    squares = P[0] ** 2
    check(
        Sampling(temperature=0.5).probabilities(LOGITS),
        (squares / squares.sum()).tolist(),
    )
    check(Sampling(temperature=0).probabilities(LOGITS), [1.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("k", "expected"),
    [(1, [1, 0, 0, 0]), (2, [2 / 3, 1 / 3, 0, 0]), (9, [0.5, 0.25, 0.15, 0.1])],
)
def test_top_k(k, expected):
    check(Sampling(top_k=k).probabilities(LOGITS), [float(e) for e in expected])


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0.1, [1, 0, 0, 0]),
        (0.49, [1, 0, 0, 0]),
        (0.6, [2 / 3, 1 / 3, 0, 0]),
        (0.8, [5 / 9, 2.5 / 9, 1.5 / 9, 0]),
        (1.0, [0.5, 0.25, 0.15, 0.1]),
    ],
)
def test_top_p(p, expected):
    order = torch.tensor([2, 0, 3, 1])  # they need not come sorted
    got = Sampling(top_p=p).probabilities(LOGITS[:, order])
    check(got, torch.tensor(expected, dtype=torch.float)[order].tolist())


def test_rows_are_apart():
    logits = torch.stack([LOGITS[0], LOGITS[0].flip(0)])
    for kept in (keep_top_k(logits, 2), keep_top_p(logits, 0.6)):
        assert kept.isinf().tolist() == [
            [False, False, True, True],
            [True, True, False, False],
        ]


def test_penalty_makes_the_seen_less_likely():
    logits = torch.tensor([[2.0, -2.0, 1.0, 0.5]])
    seen = torch.tensor([[0, 1, 0]])
    assert penalized(logits, seen, 2.0).tolist() == [[1.0, -4.0, 1.0, 0.5]]
    expected = torch.tensor([[1.0, -4.0, 1.0, 0.5]]).softmax(-1)
    rule = Sampling(repetition_penalty=2.0)
    torch.testing.assert_close(rule.probabilities(logits, seen), expected)
    torch.testing.assert_close(rule.probabilities(logits), logits.softmax(-1))


def test_greedy_draws_after_the_penalty():
    logits, seen = torch.tensor([[2.0, 1.5, -1.0]]), torch.tensor([[0]])
    assert Sampling(temperature=0).draw(logits, seen).tolist() == [0]
    rule = Sampling(temperature=0, repetition_penalty=2.0)
    assert rule.draw(logits, seen).tolist() == [1]
    assert rule.probabilities(logits, seen).tolist() == [[0.0, 1.0, 0.0]]


def test_rules_apply_in_their_order():
    """First the temperature, then top-k, then top-p of what is left."""
    squares = P[0] ** 2 / (P[0] ** 2).sum()
    kept = squares[:3] / squares[:3].sum()
    assert kept[0] < 0.8 < kept[:2].sum()
    expected = [*(kept[:2] / kept[:2].sum()).tolist(), 0.0, 0.0]
    check(Sampling(temperature=0.5, top_k=3, top_p=0.8).probabilities(LOGITS), expected)


def test_draws_follow_the_probabilities():
    logits = LOGITS.expand(20_000, -1)
    generator = torch.Generator().manual_seed(0)
    drawn = Sampling(top_k=3).draw(logits, generator=generator)
    shares = drawn.bincount(minlength=4) / len(drawn)
    expected = torch.tensor([5 / 9, 2.5 / 9, 1.5 / 9, 0])
    torch.testing.assert_close(shares, expected, atol=0.015, rtol=0)
    assert (Sampling(temperature=0).draw(logits) == 0).all()


def test_what_has_no_probability_is_never_drawn():
    p = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0]])
    rows = p.repeat_interleave(50_000, 0)
    drawn = drawn_from(rows, torch.Generator().manual_seed(0)).view(2, -1)
    assert set(drawn[0].tolist()) == {1, 3}
    assert (drawn[1] == 2).all()
    assert abs((drawn[0] == 3).double().mean().item() - 0.7) < 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature=-1"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"top_k": 0}, "top_k=0"),
        ({"top_p": 0.0}, "top_p=0.0"),
        ({"top_p": 1.1}, "top_p=1.1"),
        ({"repetition_penalty": 0}, "repetition_penalty=0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**options)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "hot", None])
def test_what_is_no_number_is_refused(value):
    for name in ("repetition_penalty", "temperature"):
        with pytest.raises(ValueError, match=f"{name}="):
            Sampling(**{name: value})
    if value is not None:
        for name in ("top_k", "top_p"):
            with pytest.raises(ValueError, match=f"{name}="):
                Sampling(**{name: value})


@pytest.mark.parametrize("top_k", [0, 1.5, True])
def test_tokens_are_kept_in_whole_numbers(top_k):
    with pytest.raises(ValueError, match="top_k="):
        Sampling(top_k=top_k)


@pytest.mark.parametrize("temperature", [1e-6, 1e-38, 1e-40, 5e-324])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_smallest_temperatures_are_greedy(temperature, dtype):
    logits = torch.tensor([[1.0, 3.0, 2.0], [-7.0, -9.0, -torch.inf]], dtype=dtype)
    rule = Sampling(temperature=temperature, top_k=2, top_p=0.9)
    expected = torch.tensor([[0.0, 1, 0], [1, 0, 0]])
    torch.testing.assert_close(rule.probabilities(logits).float(), expected)
    assert rule.draw(logits).tolist() == Sampling(temperature=0).draw(logits).tolist()


def test_of_equal_tokens_no_more_than_k_are_kept():
    kept = keep_top_k(torch.zeros(3, 5), 2).isfinite()
    assert kept.sum(1).tolist() == [2, 2, 2]
    assert Sampling(top_k=1).probabilities(torch.zeros(1, 5)).max() == 1


@pytest.mark.parametrize("temperature", [0, 0.5, 1])
@pytest.mark.parametrize("logits", [[torch.nan, 1.0], [-torch.inf, -torch.inf]])
def test_no_token_is_possible(temperature, logits):
    rule = Sampling(temperature=temperature)
    with pytest.raises(ValueError, match="logits hold NaN or leave no token"):
        rule.draw(torch.tensor([[0.0, 1.0], logits]))
