"""What strings mean as molecules: valid, different, new, and alike in what they weigh.

Chemistry is RDKit's (the extra ``chemistry``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np

from ..arguments import finite, whole
from ..codecs.tokenizers import check_several
from ..runtime import optional
from .series import finite_array

PROPERTIES = ("weight", "log_p", "drug_likeness", "rings")


@cache
def _rdkit() -> ModuleType:
    optional("rdkit", install='"aigc-lib[chemistry]"')
    from rdkit import Chem
    from rdkit.Chem import Crippen, Descriptors, Draw, rdMolDescriptors
    from rdkit.Chem import rdFingerprintGenerator as prints
    from rdkit.Chem.QED import qed
    from rdkit.Chem.Scaffolds import MurckoScaffold

    Chem.parts = (prints, Crippen, Descriptors, Draw, rdMolDescriptors)
    Chem.qed, Chem.scaffolds = qed, MurckoScaffold
    return Chem


def parsed(smiles: str) -> Any | None:
    """Return RDKit's molecule, or None where the string is none or has no atom.

    Raises:
        ValueError: no string, such as NaN where a table has none.
        ModuleNotFoundError: rdkit is missing; the message has the command.
    """
    if not isinstance(smiles, str):
        raise ValueError(f"smiles={smiles!r}: give a string, 'C' is methane")
    # what follows a space RDKit takes for a name
    if smiles.split() != [smiles] or not smiles.isascii():
        return None
    chem = _rdkit()
    with chem.rdBase.BlockLogs():  # it explains every invalid string on stderr
        molecule = chem.MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def molecule(smiles: str) -> Any:
    """Return RDKit's molecule of a string that must be one.

    Raises:
        ValueError: it is none: unknown signs, open rings or branches, or an atom with
            more bonds than it can have.
    """
    found = parsed(smiles)
    if found is None:
        raise ValueError(
            f"smiles={smiles!r:.80} is no molecule: close every ring and branch, give "
            "no atom more bonds than its valence; 'C' is methane"
        )
    return found


def canonical(smiles: str) -> str | None:
    """Return the one spelling of a molecule that all its spellings share, or None.

    "OCC" and "CCO" are both ethanol: without this a copy would pass for new.
    """
    found = parsed(smiles)
    return None if found is None else _rdkit().MolToSmiles(found)


def kekule(smiles: str) -> str:
    """Return a molecule with single and double bonds in the place of aromatic atoms.

    "c1ccccc1" becomes "C1=CC=CC=C1": longer, and a valence can be counted sign by sign.

    Raises:
        ValueError: no molecule.
    """
    chem, found = _rdkit(), molecule(smiles)
    chem.Kekulize(found, clearAromaticFlags=True)
    return chem.MolToSmiles(found, kekuleSmiles=True)


def judge(texts: Sequence[str], known: Iterable[str]) -> dict[str, float]:
    """Return the shares ``valid``, ``unique`` and ``new`` of generated strings.

    ``valid``: of all strings, those that are molecules. ``unique``: of the valid ones,
    different molecules. ``new``: of the different ones, those not among ``known``,
    canonical strings as MOSES gives them. ``useful`` is the product: different new
    molecules a string. Where nothing is valid the others are 0.

    Source: Polykovskiy et al. 2020, section 2.2 (with RDKit's own sanitisation).

    Raises:
        ValueError: no strings, or one string instead of several.
    """
    check_several(texts), check_several(known)
    if not len(texts):
        raise ValueError("texts is empty: give at least one string")
    valid = [one for one in map(canonical, texts) if one]
    unique = set(valid)
    new = unique - set(known)
    return {
        "valid": len(valid) / len(texts),
        "unique": len(unique) / max(1, len(valid)),
        "new": len(new) / max(1, len(unique)),
        "useful": len(new) / len(texts),
    }


def properties(smiles: Iterable[str]) -> np.ndarray:
    """Return (N, 4): weight in dalton, log P, drug-likeness in [0, 1], rings.

    Sources: Wildman and Crippen 1999 for log P; Bickerton et al. 2012 for the
    quantitative estimate of drug-likeness (QED).

    Raises:
        ValueError: a string that is no molecule.
    """
    chem = _rdkit()
    _, crippen, descriptors, _, more = chem.parts
    rows = [
        (
            descriptors.MolWt(m),
            crippen.MolLogP(m),
            chem.qed(m),
            more.CalcNumRings(m),
        )
        for m in _several(smiles)
    ]
    return np.array(rows, dtype=float).reshape(-1, len(PROPERTIES))


def _several(smiles: Iterable[str]) -> Iterator[Any]:
    """Read molecules one by one; one string would pass for many of one atom."""
    check_several(smiles)
    return map(molecule, smiles)


def property_distance(made: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Return how far each property of ``made`` (N, 4) is from that of ``real`` (M, 4).

    Wasserstein distance over the standard deviation of the real ones: 0 is equal, 1
    means shifted by one standard deviation. Where the real ones are all alike, it is
    infinite unless the made ones are the same.

    Raises:
        ValueError: other shapes, no rows, or values that are not finite.
    """
    from scipy.stats import wasserstein_distance

    made, real = finite_array("made", made), finite_array("real", real)
    for name, x in (("made", made), ("real", real)):
        if x.ndim != 2 or x.shape[1] != len(PROPERTIES) or not len(x):
            raise ValueError(
                f"{name} has shape {x.shape}: give (N, {len(PROPERTIES)}), as "
                "properties(smiles) does"
            )

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        distance, spread = wasserstein_distance(a, b), b.std()
        return float(distance / spread) if spread else (np.inf if distance else 0.0)

    return {name: apart(made[:, k], real[:, k]) for k, name in enumerate(PROPERTIES)}


def fingerprints(smiles: Iterable[str], *, bits: int = 1024) -> np.ndarray:
    """Return which groups of atoms occur, (N, ``bits``) of 0 and 1.

    Morgan fingerprints of radius 2 (Rogers and Hahn 2010): each bit stands for an atom
    with all that is at most two bonds away.

    Raises:
        ValueError: a string that is no molecule.
    """
    bits = whole("bits", bits, 1)
    make = _rdkit().parts[0].GetMorganGenerator(radius=2, fpSize=bits)
    rows = [make.GetFingerprintAsNumPy(m) for m in _several(smiles)]
    return np.array(rows, dtype=np.float32).reshape(-1, bits)


def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Tanimoto's likeness of all pairs of fingerprints, (N, B) (M, B) -> (N, M).

    The share of common bits among those that either has: 1 for the same groups.
    """
    both = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1)[None] - both
    return both / np.maximum(either, 1)


def diversity(prints: np.ndarray) -> float:
    """Return 1 minus the mean likeness of two different rows of fingerprints (N, B)."""
    n = len(prints)
    if n < 2:
        raise ValueError(f"prints has {n} rows: give at least 2")
    pairs = likeness(prints, prints)
    return float(1 - (pairs.sum() - np.trace(pairs)) / (n * (n - 1)))


def scaffold(smiles: str) -> str:
    """Return rings and what links them, without side chains; "" where there is no ring.

    Source: Bemis and Murcko 1996.

    Raises:
        ValueError: no molecule.
    """
    return _rdkit().scaffolds.MurckoScaffoldSmiles(mol=molecule(smiles))


def scaffold_split(
    smiles: Sequence[str], share: float = 0.2, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of two parts that share no scaffold; the second is for tests.

    Scaffolds are taken in random order, as long as they fit into ``share`` of the
    molecules: a larger one is never in the second part. Molecules without any ring
    have no scaffold, and stay in the first part.

    Raises:
        ValueError: ``share`` outside (0, 1), a string that is no molecule, or a part
            that would be empty.
    """
    check_several(smiles)
    share = finite("share", share, above=0, below=1)
    groups = defaultdict(list)
    for i, one in enumerate(smiles):
        groups[scaffold(one)].append(i)
    names = sorted(name for name in groups if name)
    np.random.default_rng(whole("seed", seed, 0)).shuffle(names)
    test: list[int] = []
    for name in names:
        if len(test) + len(groups[name]) <= share * len(smiles):
            test += groups[name]
    train = np.setdiff1d(np.arange(len(smiles)), test)
    if not test or not len(train):
        raise ValueError(f"{len(names)} scaffolds: too few for a share of {share}")
    return train, np.sort(np.array(test))


def delaney(smiles: Iterable[str]) -> np.ndarray:
    """Return the logarithm of the solubility in mol/l by Delaney's formula, (N,).

    0.16 - 0.63 log P - 0.0062 weight + 0.066 rotatable bonds - 0.74 aromatic share
    of the heavy atoms, with RDKit's log P for his (Delaney 2004).

    Raises:
        ValueError: a string that is no molecule.
    """
    _, crippen, descriptors, _, more = _rdkit().parts
    found = []
    for m in _several(smiles):
        heavy = max(1, m.GetNumHeavyAtoms())  # hydrogen has none
        aromatic = sum(a.GetIsAromatic() for a in m.GetAtoms()) / heavy
        found.append(
            0.16
            - 0.63 * crippen.MolLogP(m)
            - 0.0062 * descriptors.MolWt(m)
            + 0.066 * more.CalcNumRotatableBonds(m)
            - 0.74 * aromatic
        )
    return np.array(found)


def drawn(
    smiles: Iterable[str],
    legends: Iterable[str] = (),
    *,
    columns: int = 4,
    size: tuple[int, int] = (220, 170),
) -> Any:
    """Return a picture (PIL) of molecules in rows, with legends below.

    Raises:
        ValueError: a string that is no molecule.
    """
    molecules = [*_several(smiles)]
    legends = [*islice((*legends, *[""] * len(molecules)), len(molecules))]
    draw = _rdkit().parts[3]
    return draw.MolsToGridImage(
        molecules,
        molsPerRow=columns,
        subImgSize=size,
        legends=legends,
        returnPNG=False,  # by name: in a notebook RDKit puts another function here
    )
