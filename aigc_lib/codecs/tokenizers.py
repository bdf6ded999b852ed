"""From text to numbers and back: characters, and byte-pair encoding."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from ..arguments import unknown
from ..runtime import optional

UNKNOWN = "□"
END_OF_TEXT = "<|endoftext|>"


class Characters:
    """One token per character.

    With ``UNKNOWN`` in the alphabet, characters outside it become that one.
    """

    def __init__(self, alphabet: str):
        self.alphabet = alphabet
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
            ValueError: one string instead of several.
        """
        check_several(texts)
        counts = Counter(character for text in texts for character in text)
        kept = sorted(c for c, n in counts.items() if n >= min_count and c != UNKNOWN)
        rare = min_count > 1 or UNKNOWN in counts
        return cls((UNKNOWN if rare else "") + "".join(kept))

    def encode(self, text: str) -> Tensor:
        """Return the tokens (T,) int64 of ``text``.

        Raises:
            ValueError: a character that is not in an alphabet without ``UNKNOWN``.
        """
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
        numbers = [int(token) for token in tokens]
        for number in numbers:
            if not 0 <= number < len(self):
                raise ValueError(
                    f"tokens have {number}: give numbers from 0 to {len(self) - 1}; "
                    "aigc_lib.models.gpt.readable turns ~t, only to be read, into t"
                )
        return "".join(self.alphabet[number] for number in numbers)

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

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int) -> Self:
        """Learn so many tokens from ``texts``; the last one means the end of a text.

        Raises:
            ValueError: ``vocab_size`` does not even hold the 256 bytes and the end, or
                one string instead of several.
        """
        check_several(texts)
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
            vocab_size=vocab_size - 1,
            initial_alphabet=byte_level.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
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
        """Return the tokens (T,) int64 of ``text``."""
        return torch.tensor(self.tokenizer.encode(text).ids, dtype=torch.long)

    def decode(self, tokens: Tensor | Iterable[int]) -> str:
        """Return the text of ``tokens`` (T,); half a character shows as U+FFFD."""
        numbers = [int(token) for token in tokens]
        return self.tokenizer.decode(numbers, skip_special_tokens=False)

    def state(self) -> dict[str, str]:
        """Return what ``tokenizer_from`` makes the same tokenizer of, fit for JSON."""
        return {"kind": "byte_pairs", "description": self.description}

    def __len__(self) -> int:
        return self.tokenizer.get_vocab_size()

    def __repr__(self) -> str:
        return f"BytePairs({len(self):,} tokens)"


def check_several(texts: object) -> None:
    """Refuse one string, which would pass for many texts of one character."""
    if isinstance(texts, str):
        raise ValueError(f"texts={texts[:20]!r}: give a list of texts, such as [text]")


Tokenizer = Characters | BytePairs
KINDS = {"characters": Characters, "byte_pairs": BytePairs}


def tokenizer_from(state: dict[str, Any]) -> Tokenizer:
    """Rebuild the tokenizer whose ``state()`` this is.

    Raises:
        ValueError: an unknown kind.
    """
    if state.get("kind") not in KINDS:
        raise unknown("kind", state.get("kind"), KINDS)
    return KINDS[state["kind"]](**{k: v for k, v in state.items() if k != "kind"})
