"""Molecules as strings (SMILES, Weininger 1988), cut into atoms, bonds and rings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Self

import torch
from torch import Tensor

from ..arguments import at_least
from .tokenizers import KINDS, Characters, check_several, check_text

# An atom in brackets or of two letters is one sign, and so is a ring of two digits.
SIGN = re.compile(r"\[[^\[\]]+\]|Br|Cl|%\d\d|[BCNOSPFIbcnosp]|[-=#$:/\\().*~0-9]")
END = "\n"  # between molecules


def signs(smiles: str) -> list[str]:
    """Cut a SMILES string into its signs: "CCl" is ["C", "Cl"].

    Raises:
        ValueError: an empty string, or something that stands in no SMILES string.
    """
    if not check_text("smiles", smiles):
        raise ValueError("smiles='': give at least one atom, such as 'C' for methane")
    found = SIGN.findall(smiles)
    if sum(map(len, found)) != len(smiles):
        left = SIGN.sub("", smiles)
        raise ValueError(
            f"smiles={smiles!r:.60} has {left[0]!r}, which stands in no SMILES string: "
            "write atoms, bonds - = #, branches ( ) and rings 1 to 9"
        )
    return found


class Atoms(Characters):
    """One token a sign of SMILES; token 0, a line break, stands between molecules.

    Raises:
        ValueError: no sign, or one twice.
    """

    def __init__(self, alphabet: Iterable[str]):
        self.alphabet = tuple(alphabet)
        self.numbers = {sign: i for i, sign in enumerate(self.alphabet)}
        if len(self.numbers) != len(self.alphabet) or END not in self.numbers:
            raise ValueError(
                f"alphabet={self.alphabet}: give each sign once, and a line break"
            )

    @classmethod
    def train(cls, texts: Iterable[str]) -> Self:
        """Collect the signs of ``texts``, SMILES strings, sorted.

        Raises:
            ValueError: one string instead of several, or what ``signs`` refuses.
        """
        check_several(texts)
        return cls([END, *sorted({sign for text in texts for sign in signs(text)})])

    def encode(self, text: str) -> Tensor:
        """Return the tokens (T,) int64 of molecules, one a line.

        Raises:
            ValueError: what ``signs`` refuses, or a sign that the tokenizer never saw.
        """
        numbers = []
        for i, line in enumerate(check_text("text", text).split(END)):
            if i:
                numbers.append(self.numbers[END])
            for sign in signs(line) if line else ():
                if sign not in self.numbers:
                    raise ValueError(
                        f"text has {sign!r}, which the tokenizer never saw: train it "
                        "on such molecules too, or leave them out"
                    )
                numbers.append(self.numbers[sign])
        return torch.tensor(numbers, dtype=torch.long)

    def state(self) -> dict[str, Any]:
        """Return what ``tokenizer_from`` makes the same tokenizer of, fit for JSON."""
        return {"kind": "atoms", "alphabet": list(self.alphabet)}

    def __repr__(self) -> str:
        return f"Atoms({len(self):,} tokens)"


KINDS["atoms"] = Atoms

VALENCE = {
    **{"C": 4, "N": 3, "O": 2, "S": 6, "P": 5, "B": 3},
    **{"F": 1, "Cl": 1, "Br": 1, "I": 1, "[H]": 1},
}
ORDER = {"-": 1, "=": 2, "#": 3}


def is_ring(sign: str) -> bool:
    """Whether a sign opens or closes a ring."""
    return sign.strip("%").isdigit()


class Writing:
    """A molecule while it is written in Kekulé form: what may come next.

    ``left`` counts for each atom the bonds that it can still have, ``here`` is the atom
    to go on from, ``branches`` those to come back to, ``rings`` maps a digit to the
    atom that opened it and the order of that bond, 0 where it was not said.
    """

    def __init__(self):
        self.left: list[int] = []
        self.bonds: set[tuple[int, int]] = set()
        self.here, self.order, self.last = -1, 0, ""
        self.branches: list[int] = []
        self.rings: dict[str, tuple[int, int]] = {}

    def allows(self, sign: str) -> bool:
        """Whether a molecule can still be made after ``sign``."""
        begun, left = self.here >= 0, self.left[self.here] if self.here >= 0 else 0
        if sign in VALENCE:
            if not begun:
                return True
            order = self.order or 1
            rest = VALENCE[sign] - order
            lost = order if self.here in self.branches else 0
            way_on = self._goes_on(self.branches, rest - lost)
            return left >= order and rest >= 0 and way_on
        if not begun or (self.order and not is_ring(sign)):
            return False
        if sign == END:
            return not (self.rings or self.branches or self.last == "(")
        if sign in ORDER:
            return left >= ORDER[sign]
        if self.last == "(":
            return False
        if sign == "(":
            return left >= 1
        if sign == ")":
            return bool(self.branches) and self._goes_on(self.branches)
        return self._ring(sign) > 0

    def _ring(self, digit: str) -> int:
        """Return the order of the bond that a ring digit makes now; 0: it must not."""
        left, atoms = self.left[self.here], [self.here, *self.branches]
        if digit not in self.rings:
            order = self.order or 1
            good = left >= order and self._goes_on(atoms, -order, more=1)
            return order if good else 0
        other, said = self.rings[digit]
        if said and self.order and said != self.order:
            return 0
        order = said or self.order or 1
        apart = other != self.here and (other, self.here) not in self.bonds
        extra = order - (said or 1)  # of what the other end had kept for it
        enough = left >= order and self.left[other] >= extra
        lost = order + (extra if other in atoms else 0)
        good = apart and enough and self._goes_on(atoms, -lost, more=-1)
        return order if good else 0

    def _goes_on(self, atoms: Iterable[int], change: int = 0, more: int = 0) -> bool:
        """Whether ``more`` rings from now one can go on from ``atoms``, or need not."""
        if len(self.rings) + more <= 0:
            return True
        return change + sum(self.left[i] for i in set(atoms)) > 0

    def needs(self) -> int:
        """Return how many signs suffice to close all that is open, and to end."""
        return 4 * len(self.rings) + len(self.branches) + 4

    def add(self, sign: str) -> None:
        """Write ``sign``, which must be allowed."""
        if sign in VALENCE:
            self.left.append(VALENCE[sign])
            if self.here >= 0:
                self._bond(self.here, len(self.left) - 1, self.order or 1)
            self.here, self.order = len(self.left) - 1, 0
        elif sign in ORDER:
            self.order = ORDER[sign]
        elif sign == "(":
            self.branches.append(self.here)
        elif sign == ")":
            self.here = self.branches.pop()
        elif sign != END:
            order = self._ring(sign)
            if sign in self.rings:
                other, said = self.rings.pop(sign)
                self.left[other] += said or 1  # what was kept for it
                self._bond(other, self.here, order)
            else:
                self.rings[sign] = self.here, self.order
                self.left[self.here] -= order
            self.order = 0
        if sign not in ORDER:
            self.last = sign

    def _bond(self, a: int, b: int, order: int) -> None:
        self.bonds |= {(a, b), (b, a)}
        self.left[a] -= order
        self.left[b] -= order


class Valences:
    """A constraint of ``GPT.generate``: only what a molecule can still be made of.

    For molecules in Kekulé form, without charges. No atom gets more bonds than its
    valence, and every branch and ring is closed: when no more than ``room`` signs fit,
    those that are open are closed in time. Make a new one for every call; rows begin
    with a line break.

    Raises:
        ValueError: signs of which no valence is known, such as aromatic or charged
            atoms, or ``room`` < 10.
    """

    def __init__(self, tokenizer: Atoms, room: int):
        self.signs, self.room = tokenizer.alphabet, room
        at_least(10, room=room)
        for sign in self.signs:
            known = sign in {END, "(", ")"} | ORDER.keys() | VALENCE.keys()
            if not (known or is_ring(sign)):
                raise ValueError(
                    f"tokenizer has {sign!r}, whose valence is not known: write the "
                    "molecules in Kekulé form, without charges"
                )
        self.rows: list[Writing] = []
        self.read = 1

    def __call__(self, tokens: Tensor, logits: Tensor) -> Tensor:
        """Return logits (B, V) behind tokens (B, T), minus infinity where forbidden."""
        if not self.rows:
            self.rows = [Writing() for _ in tokens]
        new = tokens[:, self.read :].tolist()
        self.read = tokens.shape[1]
        left = self.room + 1 - self.read
        allowed = []
        for molecule, written in zip(self.rows, new, strict=True):
            for token in written:
                if molecule.last != END:
                    molecule.add(self.signs[token])
            allowed.append(self._allowed(molecule, left))
        forbidden = ~torch.tensor(allowed).to(logits.device)
        return logits.masked_fill(forbidden, -torch.inf)

    def _allowed(self, molecule: Writing, left: int) -> list[bool]:
        """Return for each sign whether it may come, with room for ``left`` of them."""
        if molecule.last == END:
            return [sign == END for sign in self.signs]
        found = [molecule.allows(sign) for sign in self.signs]
        if left <= molecule.needs():
            closing = [
                good and (sign in (END, ")") or sign in molecule.rings)
                for sign, good in zip(self.signs, found, strict=True)
            ]
            if any(closing):
                return closing
            # an atom with bonds to spare: the next sign can close something
            most = max([2, *(order for _, order in molecule.rings.values())])
            return [
                good and VALENCE.get(sign, 0) > most
                for sign, good in zip(self.signs, found, strict=True)
            ]
        return found
