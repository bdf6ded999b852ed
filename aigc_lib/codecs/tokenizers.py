"""From text to numbers and back: characters, and byte-pair encoding."""

from __future__ import annotations

import operator
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from ..arguments import at_least, unknown, whole
from ..runtime import optional

UNKNOWN = "□"
END_OF_TEXT = "<|endoftext|>"
BROKEN = "\ufffd"  # what half a character is decoded to

# Byte-level tokens are written with one printable character for each byte (Radford et
# al. 2019): the byte itself where it prints, else the next character after U+00FF.
_PRINTED = [*range(33, 127), *range(161, 173), *range(174, 256)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTED]
BYTES = {chr(byte): byte for byte in _PRINTED}
BYTES |= {chr(256 + i): byte for i, byte in enumerate(_OTHERS)}


class Characters:
    """One token per character.

    With ``UNKNOWN`` in the alphabet, characters outside it become that one.

    Raises:
        ValueError: an alphabet that is empty, has a character twice or half of one.
    """

    gaps: tuple[int, ...] = ()  # numbers below the length that are no token

    def __init__(self, alphabet: str):
        self.alphabet = check_text("alphabet", alphabet)
        self.numbers = {character: i for i, character in enumerate(alphabet)}
        if len(self.numbers) != len(alphabet) or not alphabet:
            raise ValueError(
                f"alphabet of {len(alphabet)} characters, {len(self.numbers)} of them "
                "distinct: give each character once, and at least one"
            )

    @classmethod
    def train(cls, texts: Iterable[str], *, min_count: int = 1) -> Self:
        """Collect the characters of ``texts``, in the order of their codes.

        With ``min_count`` above 1, those that are rarer are left to ``UNKNOWN``, which
        becomes token 0.

        Raises:
            ValueError: one string instead of several, a text with half a character.
        """
        check_several(texts)
        at_least(1, min_count=min_count)
        counts = Counter(c for text in texts for c in check_text("texts", text))
        kept = sorted(c for c, n in counts.items() if n >= min_count and c != UNKNOWN)
        rare = min_count > 1 or UNKNOWN in counts
        return cls((UNKNOWN if rare else "") + "".join(kept))

    def encode(self, text: str) -> Tensor:
        """Return the tokens (T,) int64 of ``text``.

        Raises:
            ValueError: half a character, or one that is not in an alphabet without
                ``UNKNOWN``.
        """
        check_text("text", text)
        other = self.numbers.get(UNKNOWN)
        numbers = [self.numbers.get(character, other) for character in text]
        if None in numbers:
            raise ValueError(
                f"text has {text[numbers.index(None)]!r}, which the tokenizer never "
                "saw: train it on this text too, or with min_count=2"
            )
        return torch.tensor(numbers, dtype=torch.long)

    def decode(self, tokens: Tensor | Iterable[int]) -> str:
        """Return the text of ``tokens`` (T,).

        Raises:
            ValueError: a number that is no token.
        """
        numbers = _numbers(tokens, self)
        return "".join(self.alphabet[number] for number in numbers)

    def pieces(self, tokens: Iterable[int]) -> Iterator[str]:
        """Decode tokens one after the other."""
        return (self.decode([token]) for token in tokens)

    def end_token(self, end: str) -> int:
        """Return the one token that ``end``, which closes a text, is.

        Raises:
            ValueError: it is none, or several.
        """
        return _single(self.encode(end), end)

    def spelling(self) -> list[bytes]:
        """Return what each token adds to a text, in UTF-8."""
        return [character.encode() for character in self.alphabet]

    def state(self) -> dict[str, str]:
        """Return what ``tokenizer_from`` makes the same tokenizer of, fit for JSON."""
        return {"kind": "characters", "alphabet": self.alphabet}

    def __len__(self) -> int:
        return len(self.alphabet)

    def __repr__(self) -> str:
        return f"Characters({len(self):,} tokens)"


class BytePairs:
    """Byte-pair encoding of UTF-8 bytes (Sennrich et al. 2016; Radford et al. 2019).

    The frequent pairs of bytes, then of pairs, become tokens; nothing is unknown. The
    work is done by the ``tokenizers`` library, whose files it reads and writes: so it
    can also be BERT's WordPiece, or whatever else a ``tokenizer.json`` describes.

    What a user types is text: "<|endoftext|>" in it is no special token. ``end_token``
    finds that one, and ``special`` holds all of them with their numbers.
    """

    def __init__(self, description: str):
        """Build the tokenizer of the JSON text that ``tokenizers`` writes."""
        self.description, library = description, optional("tokenizers")
        try:
            self.tokenizer = library.Tokenizer.from_str(description)
        except Exception as error:  # the library raises nothing more special
            raise ValueError(
                f"description={description[:40]!r} is no tokenizer ({error}): give "
                "the content of a tokenizer.json"
            ) from None
        self.tokenizer.encode_special_tokens = True  # letter by letter, as other text
        added = self.tokenizer.get_added_tokens_decoder()
        self.special = {t.content: i for i, t in added.items() if t.special}
        numbers = set(self.tokenizer.get_vocab().values())
        self.size = max(numbers, default=-1) + 1
        self.gaps = tuple(i for i in range(self.size) if i not in numbers)

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int) -> Self:
        """Learn so many tokens from ``texts``; the last one means the end of a text.

        Raises:
            ValueError: ``vocab_size`` does not even hold the 256 bytes and the end, or
                one string instead of several, or a text with half a character.
        """
        check_several(texts)
        vocab_size = whole("vocab_size", vocab_size)
        if vocab_size < 257:
            raise ValueError(
                f"vocab_size={vocab_size}: 256 bytes and the end of a text are tokens "
                "already, so give at least 257"
            )
        library = optional("tokenizers")
        tokenizer = library.Tokenizer(library.models.BPE())
        byte_level = library.pre_tokenizers.ByteLevel
        tokenizer.pre_tokenizer = byte_level(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=int(vocab_size) - 1,
            initial_alphabet=byte_level.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(
            (check_text("texts", text) for text in texts), trainer
        )
        tokenizer.add_special_tokens([END_OF_TEXT])
        return cls(tokenizer.to_str())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Read a ``tokenizer.json``, of our own or of a model from elsewhere.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not such a file.
        """
        return cls(Path(path).read_text(encoding="utf-8"))

    def encode(self, text: str) -> Tensor:
        """Return the tokens (T,) int64 of ``text``.

        Raises:
            ValueError: half a character in it.
        """
        numbers = self.tokenizer.encode(check_text("text", text)).ids
        return torch.tensor(numbers, dtype=torch.long)

    def decode(self, tokens: Tensor | Iterable[int]) -> str:
        """Return the text of ``tokens`` (T,); half a character shows as U+FFFD.

        Raises:
            ValueError: a number that is no token.
        """
        numbers = _numbers(tokens, self)
        return self.tokenizer.decode(numbers, skip_special_tokens=False)

    def pieces(self, tokens: Iterable[int]) -> Iterator[str]:
        """Decode tokens one after the other, each character as soon as it is whole."""
        before: list[int] = []  # of the last piece: a word may need a space behind it
        pending: list[int] = []
        for token in tokens:
            pending.append(token)
            piece = self.decode(before + pending)[len(self.decode(before)) :]
            if piece and not piece.endswith(BROKEN):
                yield piece
                before, pending = pending, []
        if rest := self.decode(before + pending)[len(self.decode(before)) :]:
            yield rest

    def end_token(self, end: str) -> int:
        """Return the one token, special or not, that ``end``, which closes a text, is.

        Raises:
            ValueError: it is none, or several.
        """
        if end in self.special:
            return self.special[end]
        return _single(self.encode(end), end)

    def spelling(self) -> list[bytes]:
        """Return what each token adds to a text, in UTF-8: half a letter, too."""
        return [b"" if i in self.gaps else self._spelled(i) for i in range(self.size)]

    def _spelled(self, number: int) -> bytes:
        text = self.decode([number])
        if BROKEN not in text:
            return text.encode()
        token = self.tokenizer.id_to_token(number)
        if token.startswith("<0x"):  # of tokenizers that fall back on bytes
            return bytes.fromhex(token[3:-1])
        if BYTES.keys() >= set(token):
            return bytes(BYTES[character] for character in token)
        return token.encode()

    def state(self) -> dict[str, str]:
        """Return what ``tokenizer_from`` makes the same tokenizer of, fit for JSON."""
        return {"kind": "byte_pairs", "description": self.description}

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"BytePairs({len(self):,} tokens)"


def check_several(texts: object) -> None:
    """Refuse one string, which would pass for many texts of one character."""
    if isinstance(texts, str):
        raise ValueError(f"texts={texts[:20]!r}: give a list of texts, such as [text]")


def check_text(name: str, text: str) -> str:
    """Refuse what is no text, or no file could hold: half a character.

    Raises:
        ValueError: no string, or a lone surrogate in it.
    """
    try:
        text.encode()
    except AttributeError:
        raise ValueError(f"{name}={text!r:.40}: give a string") from None
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} has {text[error.start]!a} at {error.start}, half a character (a "
            "lone surrogate): read its file with the right encoding, or leave it out"
        ) from None
    return text


def _numbers(tokens: Tensor | Iterable[int], code: Tokenizer) -> list[int]:
    numbers = tokens.tolist() if isinstance(tokens, Tensor) else tokens
    found = []
    for number in numbers:
        try:
            found.append(operator.index(number))
        except TypeError:
            raise ValueError(f"tokens have {number!r}: give whole numbers") from None
        if not 0 <= found[-1] < len(code) or found[-1] in code.gaps:
            raise ValueError(
                f"tokens have {number}: give numbers from 0 to {len(code) - 1}; "
                "aigc_lib.models.transformer.gpt.readable turns ~t, only to be read, "
                "into t"
            )
    return found


def _single(tokens: Tensor, end: str) -> int:
    if len(tokens) != 1:
        raise ValueError(f"end={end!r} is {len(tokens)} tokens: choose one that is one")
    return int(tokens)


Tokenizer = Characters | BytePairs
KINDS = {"characters": Characters, "byte_pairs": BytePairs}
ELSEWHERE = {"atoms": "molecules"}  # kinds whose modules import this one


def tokenizer_from(state: dict[str, Any]) -> Tokenizer:
    """Rebuild the tokenizer whose ``state()`` this is.

    Raises:
        ValueError: an unknown kind.
    """
    if state.get("kind") in ELSEWHERE:
        import_module(f"{__package__}.{ELSEWHERE[state['kind']]}")  # adds itself
    if state.get("kind") not in KINDS:
        raise unknown("kind", state.get("kind"), KINDS)
    return KINDS[state["kind"]](**{k: v for k, v in state.items() if k != "kind"})
