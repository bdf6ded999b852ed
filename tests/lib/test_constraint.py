"""Phrases kept or shut out while a text is written, against plain string methods."""

from itertools import product

import pytest
import torch

from aigc_lib.data import BytePairs, Characters
from aigc_lib.models import GPT
from aigc_lib.models.transformer.constraint import Exactly, Phrases

TOKENIZER = Characters("\nabcd，。")
PHRASES = ["ab", "abc", "bca", "cab", "dd"]  # one in another, and overlaps
TEXTS = ["".join(letters) for letters in product("abcd", repeat=5)][::7]


def automaton(texts=(), phrases=PHRASES):
    return Phrases(phrases, TOKENIZER, texts)


def read(phrases, text):
    """The states behind each character."""
    state, states = 0, []
    for token in TOKENIZER.encode(text).tolist():
        state = int(phrases.after[state, token])
        states.append(state)
    return states


def test_it_knows_what_ends_and_what_has_begun():
    phrases = automaton()
    for text in TEXTS:
        for k, state in enumerate(read(phrases, text), start=1):
            begun = [b for b in phrases.beginnings if text[:k].endswith(b)]
            assert phrases.beginnings[state] == max(begun, key=len)
            for phrase, ends in zip(phrases.phrases, phrases.ends[state], strict=True):
                assert ends == text[:k].endswith(phrase), (text[:k], phrase)


def test_what_cannot_be_written_is_left_out():
    assert automaton(["ab，dde"], [*PHRASES, "ae", "eb"]).phrases == sorted(PHRASES)
    with pytest.raises(ValueError, match=r"phrases=\[\]"):
        automaton(phrases=["xyz"])


def test_what_begins_with_a_state():
    phrases = automaton()
    for beginning, row in zip(phrases.beginnings, phrases.under, strict=True):
        assert row.tolist() == [p.startswith(beginning) for p in phrases.phrases]


def test_a_beginning_is_a_promise_unless_it_is_used_otherwise():
    phrases = automaton(["，ab，dd", "dda"], ["ab", "dd", "ca"])
    found = dict(zip(phrases.beginnings, phrases.promise.tolist(), strict=True))
    # the second d of dd begins nothing; a alone stands at the end of dda
    assert found == {
        "": False,
        "a": False,
        "ab": True,
        "d": False,
        "dd": True,
        "c": False,  # never seen
        "ca": False,
    }


def test_forbidden_states_by_definition():
    phrases = automaton(["dd，", "bcab"])
    for wanted in ([], ["ab"], ["abc", "ab"], ["dd", "cab"]):
        row = torch.tensor([[p in wanted for p in phrases.phrases]])
        got = phrases.forbidden(row)[0]
        promised = dict(zip(phrases.beginnings, phrases.promise.tolist(), strict=True))
        for beginning, bad in zip(phrases.beginnings, got.tolist(), strict=True):
            tails = [beginning[i:] for i in range(len(beginning))]
            expected = any(p in tails for p in PHRASES if p not in wanted) or any(
                promised.get(tail) and not any(p.startswith(tail) for p in wanted)
                for tail in tails
            )
            assert bad == expected, (wanted, beginning)


# ---- in a generation ----------------------------------------------------------------


def writer():
    torch.manual_seed(0)
    return GPT(TOKENIZER, context=40, depth=1, heads=1, width=8).eval()


def written(wanted, *, room=24, phrases=None, seed=0, **options):
    constraint = Exactly(phrases or automaton(), wanted, room=room)
    prompt = TOKENIZER.encode("abdd，")[None].expand(len(wanted), -1)
    tokens = writer().generate(
        prompt, room, seed=seed, stop_token=0, constraint=constraint, **options
    )
    return [TOKENIZER.decode(row[5:]).partition("\n")[0] for row in tokens]


WANTED = [[], ["ab"], ["ab", "abc"], ["dd"], ["dd", "cab", "ab"]] * 40


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("texts", [(), TEXTS])
def test_each_row_says_exactly_what_it_should(cache, texts):
    """An untrained model writes noise, so that every rule comes to bear."""
    found = written(WANTED, phrases=automaton(texts), cache=cache)
    for text, wanted in zip(found, WANTED, strict=True):
        assert [p for p in PHRASES if p in text] == sorted(wanted), text
    assert len(set(found)) > 100  # and chooses the rest by itself


def test_without_it_they_do_not():
    prompt = TOKENIZER.encode("，")[None].expand(len(WANTED), -1)
    tokens = writer().generate(prompt, 24, seed=0, stop_token=0)
    texts = [TOKENIZER.decode(row[1:]).partition("\n")[0] for row in tokens]
    right = [
        [p for p in PHRASES if p in text] == sorted(wanted)
        for text, wanted in zip(texts, WANTED, strict=True)
    ]
    assert sum(right) < 0.5 * len(right)


@pytest.mark.parametrize("room", [11, 12, 13, 20])
@pytest.mark.parametrize("seed", [0, 4, 7])
def test_little_room_is_enough(room, seed):
    """Also after a b, where cab would make the forbidden bca."""
    found = written([["cab", "dd", "ab"]] * 50, room=room, seed=seed)
    assert all("cab" in text and "dd" in text for text in found)


def test_a_row_that_owes_nothing_is_left_alone():
    """With no forbidden phrase in reach, the logits are what they were."""
    phrases = Phrases(["dddd"], TOKENIZER)
    constraint = Exactly(phrases, [["dddd"]], room=30)
    prompt, logits = TOKENIZER.encode("\n")[None], torch.randn(1, len(TOKENIZER))
    logits[0, 0] = -9.0  # it does not want to end
    got = constraint(prompt, logits)
    assert got[0, 0] == -torch.inf
    assert torch.equal(got[0, 1:], logits[0, 1:])
    said = torch.cat([prompt, TOKENIZER.encode("dddd")[None]], 1)
    assert torch.equal(constraint(said, logits), logits)


@pytest.mark.parametrize("length", [4, 9])
def test_it_is_good_for_one_generation(length):
    constraint, logits = Exactly(automaton(), [["dd"]], room=9), torch.zeros(1, 7)
    prompt = TOKENIZER.encode("abc")[None]
    constraint(prompt, logits)
    constraint(torch.cat([prompt, TOKENIZER.encode("dd")[None]], 1), logits)
    with pytest.raises(ValueError, match=rf"\(1, {length}\) do not go on from those"):
        constraint(TOKENIZER.encode("ab，dd，abd"[:length])[None], logits)


@pytest.mark.parametrize(
    ("wanted", "room", "message"),
    [
        ([["abd"]], 24, "wanted='abd' is none .* choose from phrases.phrases"),
        ([["cab", "dd"]], 7, "room=7: .* give at least 8"),
    ],
)
def test_bad_wishes(wanted, room, message):
    with pytest.raises(ValueError, match=message):
        Exactly(automaton(), wanted, room=room)


@pytest.mark.parametrize("phrases", [[], ["ab", ""]])
def test_bad_phrases(phrases):
    with pytest.raises(ValueError, match="give some, none of them empty"):
        automaton(phrases=phrases)


def test_byte_pairs_are_refused():
    pytest.importorskip("tokenizers")
    with pytest.raises(ValueError, match="hide across byte pairs"):
        Phrases(PHRASES, BytePairs.train(["abc"], vocab_size=257))


def test_one_string_is_not_several_phrases():
    with pytest.raises(ValueError, match="give a list"):
        Phrases("ab", TOKENIZER)
    with pytest.raises(ValueError, match="give a list"):
        Phrases(["ab"], TOKENIZER, texts="abc")


def test_as_many_rows_as_wishes():
    with pytest.raises(ValueError, match="wanted is empty"):
        Exactly(automaton(), [], room=9)
    rule = Exactly(automaton(), [["ab"]], room=9)
    with pytest.raises(ValueError, match="give 1 rows"):
        rule(torch.zeros(2, 1, dtype=torch.long), torch.zeros(2, len(TOKENIZER)))


def test_a_rounded_vocabulary_keeps_the_rules():
    torch.manual_seed(0)
    model = GPT(TOKENIZER, vocab_size=64, context=16, width=16, heads=2, depth=1)
    rule = Exactly(automaton(), [["dd"]] * 8, room=12)
    prompt = torch.zeros(8, 1, dtype=torch.long)
    for text in model.texts(model.generate(prompt, 12, seed=0, constraint=rule)):
        assert "dd" in text
        assert not any(phrase in text for phrase in PHRASES if phrase != "dd")
