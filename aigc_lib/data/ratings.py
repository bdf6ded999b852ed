"""Who took what, and when: purchases, clicks, films, courses.

Only what happened is kept, in lists of item numbers. No table of all users by all items
is ever made: ``fit`` asks for the lists of one batch, and a model that wants rows of 0
and 1 makes them of these (``rows_of``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from torch import Tensor

from ..arguments import finite, whole
from .catalog import Card
from .download import CorruptFile

NOTHING = -1  # fills up the shorter lists of a batch


class Histories:
    """Lists of item numbers, one a user: ``histories[users]`` is a batch (B, T) int64.

    T is the longest list of the batch; ``NOTHING`` stands behind the end of a shorter
    one. ``items`` (M,) are all lists one after the other, that of user u from
    ``starts[u]`` to ``starts[u + 1]``; numbers lie below ``size``.

    Raises:
        ValueError: numbers that are none of an item, or starts that do not fit.
    """

    def __init__(self, items: Tensor, starts: Tensor, size: int):
        if len(starts) < 2 or starts[0] != 0 or starts[-1] != len(items):
            raise ValueError(
                f"starts has {len(starts)} numbers for {len(items)} items: give where "
                "each user begins, and the end; at least one user"
            )
        if len(items) and not 0 <= items.min() <= items.max() < size:
            raise ValueError(
                f"items go from {items.min()} to {items.max()}: give numbers from 0 to "
                f"{size - 1}"
            )
        self.items, self.starts, self.size = items, starts, size

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]], size: int) -> Self:
        """Make them of lists; an empty one is a user who took nothing yet."""
        ends = np.cumsum([0, *map(len, lists)])
        items = [item for some in lists for item in some]
        return cls(torch.tensor(items).long(), torch.from_numpy(ends), size)

    @property
    def lengths(self) -> Tensor:
        """How much each user took, (U,)."""
        return self.starts.diff()

    @property
    def bytes(self) -> int:
        """How much memory they take."""
        return self.items.nbytes + self.starts.nbytes

    def to(self, device: torch.device | str) -> Self:
        """Return the same lists on ``device``."""
        return type(self)(self.items.to(device), self.starts.to(device), self.size)

    def matrix(self) -> csr_matrix:
        """Return a sparse matrix (users, size) of 0 and 1, float32."""
        ones = np.ones(len(self.items), np.float32)
        shape = (len(self), self.size)
        found = csr_matrix((ones, self.items.numpy(), self.starts.numpy()), shape)
        return found.sorted_indices()

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, users: Tensor | slice) -> Tensor:
        start, length = self.starts[:-1][users], self.lengths[users]
        place = torch.arange(int(length.max()), device=start.device)
        inside = place < length[:, None]  # (B, T)
        found = (start[:, None] + place).where(inside, 0)
        return self.items[found].where(inside, NOTHING) if len(self.items) else found


def rows_of(batch: Tensor, size: int) -> Tensor:
    """Turn lists (B, T), as ``Histories`` gives them, into 0 and 1 (B, size)."""
    rows = torch.zeros(len(batch), size + 1, device=batch.device)
    # what is no item goes to a column of its own, which is cut off
    return rows.scatter_(1, batch.where(batch >= 0, size), 1.0)[:, :size]


@dataclass(frozen=True, eq=False)
class Ratings:
    """One split of who took what.

    ``history`` holds what each user took before the cut, in the order of time, each
    item once; ``later`` what held-out users took for the first time after it, and is
    None for the split "train". ``items`` are names by number, ``titles`` what a reader
    would call them, ``users`` are names too. ``popularity`` (items,) int64 counts the
    users of the split "train" who took each item, of ``trained_users``. ``times`` (M,)
    belong to ``history.items``, in seconds, and are None where nobody knows them.
    ``fit`` takes the lists of ``history``.
    """

    history: Histories = field(repr=False)
    later: Histories | None = field(repr=False)
    times: Tensor | None = field(repr=False)
    users: tuple[str, ...] = field(repr=False)
    items: tuple[str, ...] = field(repr=False)
    titles: tuple[str, ...] = field(repr=False)
    popularity: Tensor = field(repr=False)
    trained_users: int
    name: str = ""
    split: str = "train"
    card: Card | None = field(default=None, repr=False)
    stands_for: str | None = None

    @property
    def is_standin(self) -> bool:
        """Whether this is not the data set that was asked for."""
        return self.stands_for is not None

    @property
    def bytes(self) -> int:
        """How much memory the lists take."""
        return self.history.bytes

    def to(self, device: torch.device | str) -> Histories:
        """Return the lists on ``device``, as ``fit`` wants them."""
        return self.history.to(device)

    def first(self, n: int) -> Ratings:
        """Return the first ``n`` users, or all where there are fewer.

        Raises:
            ValueError: ``n`` < 1.
        """
        n = min(whole("n", n, 1), len(self))
        return _of_users(self, torch.arange(n))

    def log(self) -> Log:
        """Return the rows of ``history``, to be ``divided`` again.

        So settings are chosen on what comes before the cut. The users of this split's
        own ``fold`` are gone already: hold out those of another.
        """
        names, titles = np.array(self.users, object), np.array(self.items, object)
        return Log(
            np.repeat(names, self.history.lengths.numpy()),
            titles[self.history.items.numpy()],
            None if self.times is None else self.times.numpy(),
            dict(zip(self.items, self.titles, strict=True)),
        )

    def __len__(self) -> int:
        return len(self.history)

    def __getitem__(self, users: Tensor | slice) -> Tensor:
        return self.history[users]

    def __repr__(self) -> str:
        later = f", {len(self.later.items):,} later" if self.later else ""
        role = f", standing in for {self.stands_for}" if self.is_standin else ""
        role += ", some rows left out: see .card" if _left_out(self.card) else ""
        return (
            f"{self.name}/{self.split}: {len(self):,} users, {len(self.items):,} "
            f"items, {len(self.history.items):,} taken{later}{role}"
        )


def _left_out(card: Card | None) -> bool:
    return bool(card and card.left_out)


class Log(NamedTuple):
    """Rows of who took what: names (M,) of users and items, times (M,) or None."""

    users: ArrayLike
    items: ArrayLike
    times: ArrayLike | None = None
    titles: Mapping[str, str] = MappingProxyType({})


def divided(
    log: Log,
    *,
    held_out: float = 0.2,
    before: float = 0.8,
    least_items: int = 5,
    least_users: int = 5,
    fold: int = 0,
) -> dict[str, Ratings]:
    """Divide rows by user and by time into the splits "train" and "test".

    1. What a user took several times counts once, when it was first taken. Rows may
       come in any order.
    2. The cut is the time before which lie the share ``before`` of what is left.
    3. About the share ``held_out`` of the users are held out, by a hash of their names:
       a user always stands on the same side. ``fold`` 1, 2, ... holds out others.
    4. "train" is what the other users took before the cut. Users with fewer than
       ``least_items`` items, and items with fewer than ``least_users`` users, go, until
       none is left of these.
    5. "test" has the users held out: ``history`` is what they took before the cut,
       ``later`` what they took after it and not before. Items that "train" does not
       have are left out; users with nothing on one side too.

    So a model has seen neither a user of the test nor anything of the time that is
    asked about. Rows without times cannot be cut by time: then ``later`` is a share
    1 - ``before`` of what a held-out user took, by a hash too, and what "train" took
    afterwards may help: such figures are too good.

    Raises:
        ValueError: no rows, parts of different lengths, a user, an item or a time that
            is missing, shares outside (0, 1), or nothing left on one side.
    """
    held_out = finite("held_out", held_out, above=0, below=1)
    before = finite("before", before, above=0, below=1)
    fold = whole("fold", fold, 0)
    if (fold + 1) * held_out > 1 + 1e-9:
        raise ValueError(
            f"fold={fold}: held_out={held_out} has folds 0 to {round(1 / held_out) - 1}"
        )
    names, user = _numbered("users", log.users)
    things, item = _numbered("items", log.items)
    time = _times(log.times, len(user))
    if len(item) != len(user):
        raise ValueError(f"users has {len(user)} rows, items {len(item)}: give pairs")
    order = np.lexsort((time, user))  # stable: rows of one time keep their order
    pairs = (user * len(things) + item)[order]
    order = order[np.sort(np.unique(pairs, return_index=True)[1])]
    user, item, time = user[order], item[order], time[order]
    place = np.array([_place(name) for name in names])
    held = (place >= fold * held_out) & (place < (fold + 1) * held_out)
    held = held[user]
    if log.times is None:
        rows = zip(user.tolist(), item.tolist(), strict=True)
        late = np.array([_place(f"{names[u]}\n{things[i]}") >= before for u, i in rows])
        late &= held
    else:
        late = time >= np.sort(time)[int(before * len(time))]
    train = _core(user, item, ~held & ~late, least_items, least_users)
    known = np.zeros(len(things), bool)
    known[item[train]] = True
    history, later = held & ~late & known[item], held & late & known[item]
    asked = _marks(user[history], len(names)) & _marks(user[later], len(names))
    number = np.cumsum(known) - 1
    titles = [log.titles.get(things[i]) or things[i] for i in np.flatnonzero(known)]
    popularity = np.bincount(number[item[train]], minlength=known.sum())
    parts = {"train": (train, None), "test": (history & asked[user], later)}
    found = {}
    for split, (rows, after) in parts.items():
        if not rows.any():
            raise ValueError(
                f"{len(user):,} rows of {len(names):,} users leave nobody for "
                f"split={split!r}: give more rows over a longer time, or choose lower "
                f"least_items={least_items}, least_users={least_users}"
            )
        who = np.unique(user[rows])
        found[split] = Ratings(
            _lists(user, number[item], rows, who, known.sum()),
            None
            if after is None
            else _lists(user, number[item], after & asked[user], who, known.sum()),
            None if log.times is None else torch.from_numpy(time[rows]),
            tuple(names[u] for u in who),
            tuple(things[i] for i in np.flatnonzero(known)),
            tuple(titles),
            torch.from_numpy(popularity),
            len(np.unique(user[train])),
            split=split,
        )
    return found


def known_to(data: Ratings, items: Sequence[str]) -> Ratings:
    """Return ``data`` in the numbers of ``items``; others and who has only them go.

    Raises:
        ValueError: nobody is left.
    """
    if tuple(items) == data.items:
        return data
    number = {name: i for i, name in enumerate(items)}
    place = torch.tensor([number.get(name, NOTHING) for name in data.items])
    titles = dict(zip(data.items, data.titles, strict=True))
    popularity = torch.zeros(len(items), dtype=data.popularity.dtype)
    popularity[place[place >= 0]] = data.popularity[place >= 0]
    kept = place[data.history.items] >= 0
    data = replace(
        data,
        history=_renumbered(data.history, place, len(items)),
        later=data.later and _renumbered(data.later, place, len(items)),
        times=None if data.times is None else data.times[kept],
        items=tuple(items),
        titles=tuple(titles.get(name, name) for name in items),
        popularity=popularity,
    )
    left = data.history.lengths > 0
    if data.later:
        left &= data.later.lengths > 0
    if not left.any():
        raise ValueError(
            f"data={data.name!r} has no user of whom the model knows items: evaluate "
            "it on items that it was trained on"
        )
    return _of_users(data, left.nonzero().flatten())


def _renumbered(lists: Histories, place: Tensor, size: int) -> Histories:
    items = place[lists.items]
    kept = (items >= 0).long().cumsum(0)
    starts = torch.cat([kept.new_zeros(1), kept])[lists.starts]
    return Histories(items[items >= 0], starts, size)


def _of_users(data: Ratings, users: Tensor) -> Ratings:
    """Return only these users, by ascending numbers."""
    marks = torch.zeros(len(data), dtype=torch.bool)
    marks[users] = True
    rows = marks.repeat_interleave(data.history.lengths)
    return replace(
        data,
        history=_some(data.history, marks),
        later=data.later and _some(data.later, marks),
        times=None if data.times is None else data.times[rows],
        users=tuple(data.users[u] for u in users.tolist()),
    )


def _some(lists: Histories, users: Tensor) -> Histories:
    items = lists.items[users.repeat_interleave(lists.lengths)]
    ends = lists.lengths[users].cumsum(0)
    return Histories(items, torch.cat([ends.new_zeros(1), ends]), lists.size)


def collect(card: Card, split: str, log: Log) -> Ratings:
    """Divide ``log`` as the card says, and check the split against it.

    Raises:
        CorruptFile: another number of users or items.
    """
    data = divided(log, **card.parameters)[split]
    found = (len(data), len(data.items))
    if found != (card.splits[split], *card.shape):
        raise CorruptFile(
            f"{card.name}/{split} has {found[0]:,} users and {found[1]:,} items, its "
            f"card says {card.splits[split]:,} and {card.shape[0]:,}"
        )
    return replace(data, name=card.name, card=card)


def _numbered(name: str, values: ArrayLike) -> tuple[list[str], np.ndarray]:
    """Return the names, and the number of each row's (M,) int64."""
    values = np.asarray(values, object)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}: give one name a row")
    missing = (values == None) | (values == "") | (values != values)  # noqa: E711
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(
            f"{name} has {values[row]!r} in row {row}: leave out rows without a name"
        )
    names = list(map(str, values))
    # by their order, not that of the rows: nothing that comes later may show in it
    numbers = {each: number for number, each in enumerate(sorted(set(names)))}
    rows = np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))
    return list(numbers), rows


def _times(times: ArrayLike | None, n: int) -> np.ndarray:
    if times is None:
        return np.zeros(n, np.int64)
    times = np.asarray(times)
    if times.shape != (n,):
        raise ValueError(
            f"times has shape {times.shape}: give one for each of {n} rows"
        )
    if times.dtype.kind == "M":
        missing, times = np.isnat(times), times.astype("M8[s]").astype(np.int64)
    else:
        times = times.astype(np.float64)
        missing = ~np.isfinite(times)
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(
            f"times has none in row {row}: leave out such rows, or all times"
        )
    return times.astype(np.int64)


def _place(name: str) -> float:
    """A number in [0, 1) that a name always gets."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6]) / 2**48


def _core(
    user: np.ndarray, item: np.ndarray, rows: np.ndarray, items: int, users: int
) -> np.ndarray:
    """Keep rows of users with so many items and of items with so many users."""
    items, users = whole("least_items", items, 1), whole("least_users", users, 1)
    while True:
        enough = (np.bincount(user[rows], minlength=user.max() + 1) >= items)[user]
        enough &= (np.bincount(item[rows], minlength=item.max() + 1) >= users)[item]
        if (enough >= rows).all():
            return rows
        rows = rows & enough


def _marks(numbers: np.ndarray, n: int) -> np.ndarray:
    marks = np.zeros(n, bool)
    marks[numbers] = True
    return marks


def _lists(
    user: np.ndarray, item: np.ndarray, rows: np.ndarray, who: np.ndarray, size: int
) -> Histories:
    """The lists of the users ``who``; rows are sorted by user and time."""
    starts = np.append(np.searchsorted(user[rows], who), rows.sum())
    return Histories(torch.from_numpy(item[rows]), torch.from_numpy(starts), int(size))
