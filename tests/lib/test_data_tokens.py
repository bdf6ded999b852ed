"""Tokenizers give the text back; windows and prompts hold what they should."""

import json

import pytest
import torch

from aigc_lib.codecs.tokenizers import END_OF_TEXT, UNKNOWN, tokenizer_from
from aigc_lib.data import BytePairs, Characters, Windows, prompted

pytest.importorskip("tokenizers")
TEXTS = ["床前明月光，疑是地上霜。", "举头望明月，低头思故乡。", "abc abc abc 明月明月"]
ANYTHING = ["", "明月", " a  b\n", "🙂�", "éßø", "\x00", "<|endoftext|"]


@pytest.fixture(scope="module")
def pairs():
    return BytePairs.train(TEXTS, vocab_size=270)


def test_characters_come_back():
    tokenizer = Characters.train(TEXTS)
    for text in TEXTS:
        tokens = tokenizer.encode(text)
        assert tokens.dtype == torch.int64
        assert len(tokens) == len(text)
        assert tokenizer.decode(tokens) == text
    assert len(tokenizer) == len(set("".join(TEXTS)))
    assert tokenizer.encode("").shape == (0,)


def test_characters_do_not_depend_on_the_order_of_texts():
    assert Characters.train(TEXTS).alphabet == Characters.train(TEXTS[::-1]).alphabet


def test_rare_characters_become_unknown():
    tokenizer = Characters.train(TEXTS, min_count=2)
    assert tokenizer.alphabet[0] == UNKNOWN
    assert tokenizer.decode(tokenizer.encode("明月龘")) == "明月" + UNKNOWN


def test_without_unknown_a_strange_character_is_named():
    with pytest.raises(ValueError, match="'龘', which the tokenizer never saw"):
        Characters.train(TEXTS).encode("明龘")


@pytest.mark.parametrize("alphabet", ["", "aba"])
def test_an_alphabet_has_each_character_once(alphabet):
    with pytest.raises(ValueError, match="each character once"):
        Characters(alphabet)


@pytest.mark.parametrize("number", [-1, 3])
def test_a_number_that_is_no_token_has_no_text(number):
    with pytest.raises(ValueError, match=f"tokens have {number}: give .* 0 to 2"):
        Characters("abc").decode(torch.tensor([0, number]))


def test_one_string_is_not_several_texts():
    with pytest.raises(ValueError, match="texts='abc': give a list of texts"):
        Characters.train("abc")
    with pytest.raises(ValueError, match="texts='abc': give a list of texts"):
        BytePairs.train("abc", vocab_size=300)


@pytest.mark.parametrize("text", [*TEXTS, *ANYTHING])
def test_byte_pairs_give_every_text_back(pairs, text):
    assert pairs.decode(pairs.encode(text)) == text


def test_byte_pairs_learn_what_is_frequent(pairs):
    assert len(pairs) == 270
    assert len(pairs.encode("明月")) < len("明月".encode())
    assert pairs.encode(END_OF_TEXT).tolist() == [269]


def test_byte_pairs_need_room_for_the_bytes():
    with pytest.raises(ValueError, match="vocab_size=100: 256 bytes"):
        BytePairs.train(TEXTS, vocab_size=100)


def test_byte_pairs_in_a_file(pairs, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(pairs.description, encoding="utf-8")
    loaded = BytePairs.load(path)
    assert torch.equal(loaded.encode(TEXTS[0]), pairs.encode(TEXTS[0]))
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no tokenizer"):
        BytePairs.load(path)
    with pytest.raises(FileNotFoundError):
        BytePairs.load(tmp_path / "none")


def test_a_state_is_json_and_enough(pairs):
    for tokenizer in (pairs, Characters.train(TEXTS)):
        again = tokenizer_from(json.loads(json.dumps(tokenizer.state())))
        assert type(again) is type(tokenizer)
        assert torch.equal(again.encode("明月"), tokenizer.encode("明月"))
    with pytest.raises(ValueError, match="kind='words': choose one of"):
        tokenizer_from({"kind": "words"})


# ---- samples ------------------------------------------------------------------------


def test_windows_are_all_runs():
    windows = Windows(torch.arange(10), 4)
    assert len(windows) == 7
    assert windows[torch.tensor([0, 6])].tolist() == [[0, 1, 2, 3], [6, 7, 8, 9]]
    assert windows.to("cpu")[:2].tolist() == [[0, 1, 2, 3], [1, 2, 3, 4]]
    assert "7 of 4 tokens" in repr(windows)


@pytest.mark.parametrize("n", [13, 14, 16])
def test_windows_with_a_step_ask_for_no_token_twice(n):
    """13 tokens are three windows and nothing over; up to three more are left out."""
    windows = Windows(torch.arange(n), 5, step=4)
    assert windows[:][:, 1:].flatten().tolist() == list(range(1, 13))


@pytest.mark.parametrize(
    ("tokens", "arguments", "message"),
    [
        (torch.zeros(3, 3, dtype=torch.long), {"length": 2}, "give .N,. int64"),
        (torch.zeros(9), {"length": 2}, "give .N,. int64"),
        (torch.arange(9), {"length": 10}, "only 9 tokens"),
        (torch.arange(9), {"length": 0}, "length=0"),
        (torch.arange(9), {"length": 2, "step": 0}, "step=0"),
    ],
)
def test_windows_refuse(tokens, arguments, message):
    with pytest.raises(ValueError, match=message):
        Windows(tokens, **arguments)


def test_prompts_are_read_and_answers_learned():
    tokenizer = Characters("\nabc")
    samples = prompted([("a", "bc"), ("ab", "c")], tokenizer, length=5)
    assert samples.tolist() == [[~1, 2, 3, 0, ~0], [~1, ~2, 3, 0, ~0]]
    with pytest.raises(ValueError, match=r"length=3: 'abc' takes 4 tokens"):
        prompted([("a", "bc")], tokenizer, length=3)
    with pytest.raises(ValueError, match="end='ab' is 2 tokens"):
        prompted([("a", "bc")], tokenizer, length=9, end="ab")
    with pytest.raises(ValueError, match="pairs is empty"):
        prompted([], tokenizer, length=9)
