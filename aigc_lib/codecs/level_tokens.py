"""Sokoban levels as short rows of tokens, in two orders.

"rows": all signs row by row, four neighbours a token. "room": first walls, floor and
goals, four a token, then the place of each goal's box, then the player's: when a box
is placed, the room it has to move in is known.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..arguments import multiple_of, unknown, whole
from ..arrays import array

ORDERS = ("rows", "room")
TILES = "# .$@"  # a box on a goal and a player on a goal are not written


class LevelCodec:
    """Levels of ``size`` x ``size`` squares, the border among them, with ``boxes``.

    A row of tokens begins with the difficulty asked for, 0 to ``classes`` - 1, or
    ``classes`` for any. Within the border, whose squares are walls, there are
    ``inner`` x ``inner`` squares.

    Raises:
        ValueError: an unknown ``order``, or sizes that do not fit: an inner size that
            is no multiple of ``pack``.
    """

    def __init__(
        self,
        size: int = 10,
        boxes: int = 4,
        *,
        order: str = "room",
        classes: int = 4,
        pack: int = 4,
    ):
        if order not in ORDERS:
            raise unknown("order", order, ORDERS)
        self.size, self.boxes = whole("size", size, 3), whole("boxes", boxes, 1)
        self.order, self.classes = order, whole("classes", classes, 1)
        pack = self.pack = whole("pack", pack, 1)
        self.inner = self.size - 2
        multiple_of(pack, inner=self.inner)
        self.base = len(TILES) if order == "rows" else 3
        self.packs = self.inner**2 // pack
        self.powers = self.base ** np.arange(pack)
        self.places = self.base**pack  # tokens of places begin here
        self.first = self.places + (self.inner**2 if order == "room" else 0)
        self.length = 1 + self.packs + (self.boxes + 1 if order == "room" else 0)
        tokens = np.arange(self.places)
        self.tiles = tokens[:, None] // self.powers % self.base  # (places, pack)

    def __len__(self) -> int:
        return self.first + self.classes + 1

    def encode(
        self,
        grids: np.ndarray,
        kinds: np.ndarray | None = None,
        homes: np.ndarray | None = None,
    ) -> Tensor:
        """Write grids of signs (N, size, size) as tokens, (N, length) int64.

        ``kinds`` (N,) are the difficulties, any without them. ``homes`` (N, boxes) are,
        for the order "room", the squares of the boxes in the order of the goals that
        they go to; else they are written as they stand.

        Raises:
            ValueError: grids of another size, boxes or goals of another number, an open
                border, or a thing that stands on a goal; kinds that are no classes,
                homes where no box stands.
        """
        inner = self._tiles(np.asarray(grids))
        kinds = np.full(len(inner), self.classes) if kinds is None else kinds
        kinds = array("kinds", kinds)
        if (
            kinds.shape != inner.shape[:1]
            or not np.isin(kinds, range(self.classes + 1)).all()
        ):
            raise ValueError(
                f"kinds has shape {kinds.shape}: give one of 0 to {self.classes} for "
                f"each of {len(inner)} grids"
            )
        rows = np.empty((len(inner), self.length), dtype=np.int64)
        rows[:, 0] = self.first + kinds
        room = np.where(inner > 2, 1, inner) if self.order == "room" else inner
        rows[:, 1 : 1 + self.packs] = (
            room.reshape(len(inner), self.packs, self.pack) @ self.powers
        )
        if self.order == "room":
            boxes = np.nonzero(inner == 3)[1].reshape(len(inner), self.boxes)
            if homes is not None:
                y, x = np.divmod(array("homes", homes), self.size)
                wanted, boxes = boxes, (y - 1) * self.inner + x - 1
                if boxes.shape != wanted.shape or (np.sort(boxes) != wanted).any():
                    raise ValueError(
                        f"homes has shape {boxes.shape}: give the squares of the "
                        f"{self.boxes} boxes of each of {len(inner)} grids"
                    )
            rows[:, 1 + self.packs : -1] = self.places + boxes
            rows[:, -1] = self.places + np.nonzero(inner == 4)[1]
        return torch.from_numpy(rows)

    def decode(self, tokens: Tensor) -> list[tuple[str, ...]]:
        """Turn tokens (N, length) into grids of signs, levels or not.

        What cannot be read so is drawn as a wall; two things on one square as the last.
        """
        rows, inner = tokens.cpu().numpy(), self.squares(tokens)
        signs = np.array(list(TILES))[inner]
        if self.order == "room":
            for k in range(1 + self.packs, self.length):
                place = rows[:, k] - self.places
                good = (place >= 0) & (place < self.inner**2)
                at = np.flatnonzero(good), place[good]
                over = "$" if k < self.length - 1 else "@"
                other = "*" if over == "$" else "+"
                signs[at] = np.where(signs[at] == ".", other, over)
        side = "#" * self.size
        return [
            (side, *("#" + "".join(r) + "#" for r in grid), side)
            for grid in signs.reshape(-1, self.inner, self.inner)
        ]

    def squares(self, tokens: Tensor) -> np.ndarray:
        """Return the inner squares that the packs say, as numbers of ``TILES``.

        (N, 1 + packs or more) -> (N, inner ** 2); what is no pack is read as walls.
        """
        packs = tokens[:, 1 : 1 + self.packs].cpu().numpy()
        inner = self.tiles[np.where((packs >= 0) & (packs < self.places), packs, 0)]
        return inner.reshape(len(packs), -1)

    def _tiles(self, grids: np.ndarray) -> np.ndarray:
        """The inner squares of grids of signs as numbers of ``TILES``."""
        if grids.ndim != 3 or grids.shape[1:] != (self.size, self.size):
            raise ValueError(
                f"grids has shape {grids.shape}: give (N, {self.size}, {self.size})"
            )
        inner = np.full(grids.shape, -1)
        for number, sign in enumerate(TILES):
            inner[grids == sign] = number
        rows = inner[:, 1:-1, 1:-1].reshape(len(grids), -1)
        counts = np.stack([(rows == k).sum(1) for k in (2, 3, 4)], 1)
        border = inner.sum((1, 2)) - rows.sum(1)  # walls are 0
        bad = (inner < 0).any((1, 2)) | (border != 0)
        bad |= (counts != (self.boxes, self.boxes, 1)).any(1)
        if bad.any():
            raise ValueError(
                f"grids[{bad.argmax()}]: give one player, {self.boxes} boxes and "
                "goals, walls as border, and nothing on a goal"
            )
        return rows
