"""Tokenizers give the text back; windows and prompts hold what they should."""

import json

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from aigc_lib.codecs.tokenizers import BYTES, END_OF_TEXT, UNKNOWN, tokenizer_from
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
    assert pairs.end_token(END_OF_TEXT) == 269


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


# ---- any text at all ----------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"))  # all characters but halves


@given(TEXT)
@example(f"a{END_OF_TEXT}b")
def test_any_text_comes_back(text):
    pairs = BytePairs.train(TEXTS, vocab_size=270)
    tokens = pairs.encode(text)
    assert pairs.decode(tokens) == text
    assert 269 not in tokens  # what is typed is never the special token
    assert "".join(pairs.pieces(tokens.tolist())) == text
    assert b"".join(pairs.spelling()[token] for token in tokens) == text.encode()
    characters = Characters.train([text, "a"])
    assert characters.decode(characters.encode(text)) == text
    assert "".join(characters.pieces(characters.encode(text))) == text
    spelled = b"".join(
        characters.spelling()[token] for token in characters.encode(text)
    )
    assert spelled == text.encode()


@given(st.lists(st.integers(0, 269)))
def test_any_tokens_have_a_text(tokens):
    pairs = BytePairs.train(TEXTS, vocab_size=270)
    assert "".join(pairs.pieces(tokens)) == pairs.decode(tokens)
    spelled = b"".join(pairs.spelling()[token] for token in tokens)
    assert spelled.decode(errors="replace") == pairs.decode(tokens)


@given(TEXT, TEXT, st.characters(categories=["Cs"]))
def test_half_a_character_is_refused(before, after, half):
    text = before + half + after
    message = f"has .* at {len(before)}, half a character"
    pairs = BytePairs.train(TEXTS, vocab_size=270)
    for act in (
        lambda: Characters(text),
        lambda: Characters.train([text]),
        lambda: Characters.train(["a", "b"], min_count=2).encode(text),
        lambda: BytePairs.train([text], vocab_size=300),
        lambda: pairs.encode(text),
    ):
        with pytest.raises(ValueError, match=message):
            act()


@pytest.mark.parametrize("text", [None, b"bytes", 7, ["a"]])
def test_what_is_no_text(pairs, text):
    for tokenizer in (pairs, Characters("abc")):
        with pytest.raises(ValueError, match=r"text=.*: give a string"):
            tokenizer.encode(text)


@pytest.mark.parametrize("number", [-1, 270, 1.5, float("nan"), None, "a"])
def test_what_is_no_token(pairs, number):
    for tokenizer in (pairs, Characters("a" + UNKNOWN)):
        with pytest.raises(ValueError, match="tokens have"):
            tokenizer.decode([0, number])
    with pytest.raises(ValueError, match="tokens have 1"):
        pairs.decode(torch.tensor([1.0]))


def test_numbers_of_numpy_and_torch_are_tokens(pairs):
    for tokens in ([np.int64(3)], np.array([3], np.int32), torch.tensor([3]), (3,)):
        assert pairs.decode(tokens) == pairs.decode([3])
        assert Characters("abcd").decode(tokens) == "d"


@pytest.mark.parametrize("size", [float("nan"), 300.5, "many", None])
def test_sizes_are_whole_numbers(size):
    with pytest.raises(ValueError, match="vocab_size="):
        BytePairs.train(TEXTS, vocab_size=size)
    with pytest.raises(ValueError, match="min_count="):
        Characters.train(TEXTS, min_count=size)


def test_bytes_are_written_as_the_library_writes_them():
    library = pytest.importorskip("tokenizers").pre_tokenizers.ByteLevel
    assert set(BYTES) == set(library.alphabet())
    cut = library(add_prefix_space=False, use_regex=False)
    text = "".join(map(chr, [*range(0x800), 0xFFFD, 0x1F642, 0x10FFFF]))
    written = "".join(piece for piece, _ in cut.pre_tokenize_str(text))
    assert bytes(BYTES[character] for character in written) == text.encode()


def test_a_vocabulary_with_gaps():
    library = pytest.importorskip("tokenizers")
    words = {"a": 0, "b": 3, "[UNK]": 5, "<0xE9>": 6}
    code = library.Tokenizer(library.models.WordLevel(words, unk_token="[UNK]"))
    pairs = BytePairs(code.to_str())
    assert len(pairs) == 7
    assert pairs.gaps == (1, 2, 4)
    with pytest.raises(ValueError, match="tokens have 4"):
        pairs.decode([0, 4])
    assert pairs.spelling()[:4] == [b"a", b"", b"", b"b"]


def test_words_keep_their_spaces_piece_by_piece():
    library = pytest.importorskip("tokenizers")
    words = ["[UNK]", "a", "card", "##s", "lost", "."]
    code = library.Tokenizer(
        library.models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]")
    )
    code.decoder = library.decoders.WordPiece()
    pairs = BytePairs(code.to_str())
    assert list(pairs.pieces([1, 2, 3, 4, 5])) == ["a", " card", "s", " lost", "."]


def test_a_text_ends_with_one_token(pairs):
    assert Characters("\nab").end_token("b") == 2
    assert pairs.end_token("a") == pairs.encode("a")
    for tokenizer in (pairs, Characters("\nab")):
        with pytest.raises(ValueError, match="end='ba' is 2 tokens"):
            tokenizer.end_token("ba")


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
        (torch.arange(9), {"length": float("nan")}, "length=nan"),
        (torch.arange(9), {"length": 2, "step": 1.5}, "step=1.5"),
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
