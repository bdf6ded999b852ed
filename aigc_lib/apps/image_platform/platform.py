"""The image platform put together: store, jobs, accounts, studio."""

from __future__ import annotations

import logging
import shutil
import threading
from functools import partial
from pathlib import Path
from typing import Any

from ..accounts import Account, Accounts
from ..jobs import OPEN, Jobs, Kind
from ..refused import Refused
from . import trainer
from .store import Store
from .studio import LONG, OTHER, SHORT, Studio, kind_of, told_label
from .wishes import AnyEdit, Make, Train

log = logging.getLogger(__name__)

PROJECT, TITLE = "image-platform", "图像生成平台"
COST_TRAIN = 50  # pictures' worth of quota
CLEAN = 3_600.0  # seconds between looks for what is to be purged
# jobs at once; those of "quick" draw one after another, the others beside them
WORK = {"quick": 16, "long": 1, "slow": 1}


class Platform:
    """One process of the platform: it accepts, and works where it is told to.

    ``folder`` holds the checkpoints of trainings.

    Raises:
        ValueError: a URL that names no database or no store.
    """

    def __init__(self, url: Any, blobs: str, folder: Path):
        self.store = Store(url, blobs)
        self.accounts = Accounts(self.store.engine)
        self.studio = Studio(self.store)
        self.trainings = folder / "training"
        learned = partial(trainer.finish, self.store)
        drawn = self.studio.finish
        self.jobs = Jobs(
            PROJECT,
            self.store.engine,
            {
                "make": Kind(self.studio.make, "quick", drawn),
                SHORT: Kind(self.studio.edit, "quick", drawn),
                LONG: Kind(self.studio.edit, "long", drawn),
                "train": Kind(
                    partial(trainer.train, self.store, self.trainings),
                    "slow",
                    learned,
                ),
                "house": Kind(partial(trainer.house, self.store), "slow", learned),
            },
        )
        self._closed, self._house = threading.Event(), []

    def start(self, work: dict[str, int] | None = None) -> None:
        """Begin to accept, and to work on the queues of ``work``."""
        self.jobs.start(work)
        if work:
            threading.Thread(target=self._clean, daemon=True).start()

    def prepare(self) -> None:
        """Bring the models of the house; small ones are learned while it serves."""
        self._house = trainer.settle(self.store, self.jobs)

    def preparing(self) -> list[dict[str, Any]]:
        """The jobs of the house that have not ended."""
        found = [self.jobs.status(identity) for identity in self._house]
        return [row for row in found if row and row["state"] in OPEN]

    def close(self) -> None:
        """End; what is not done is taken up by another process or the next start."""
        self._closed.set()
        self.jobs.close()
        self.store.engine.dispose()

    def make(
        self, account: Account, wish: Make, source: str = "", key: str | None = None
    ) -> str:
        """Accept a request for pictures; returns the id of its job.

        Raises:
            Refused: a model or a label that is not there.
            Busy, OverQuota, Reused: nothing was accepted.
        """
        row = self.store.model(wish.model, account.id)
        if row is None:
            raise Refused("没有这个模型，或者它不公开。")
        told_label(row, wish.label)
        asked = _guided(row, wish)
        return self._accept("make", asked, account, wish.n, source, key)

    def edit(
        self,
        account: Account,
        picture: int,
        wish: AnyEdit,
        source: str = "",
        key: str | None = None,
    ) -> str:
        """Accept a request for a new version of a picture.

        Raises:
            KeyError: the account has no such picture.
            Refused: it cannot be edited so.
            Busy, OverQuota, Reused: nothing was accepted.
        """
        parent = self.store.picture(picture, account.id)
        if parent is None or not parent["raw"]:
            raise KeyError(picture)
        if parent["deleted"] is not None:
            raise Refused("这张图已删除，不能编辑：请先恢复它。")
        row = parent["model"] and self.store.model(parent["model"], account.id)
        if not row or not row["edits"]:
            raise Refused("这张图的模型只能生成，不能编辑。")
        asked = _guided(row, wish)
        if wish.action == "paint":
            if any(len(line) != len(wish.mask) for line in wish.mask):
                raise Refused("遮罩的每行要和行数一样长。")
            if not any("1" in line for line in wish.mask):
                raise Refused("请先涂出要重画的地方。")
            asked["label"] = wish.label or parent["label"]
        if wish.action == "walk":
            if wish.other == picture:
                raise Refused("两张图要不同。")
            other = self.store.picture(wish.other, account.id)
            if not other or other["deleted"] or other["model"] != row["id"]:
                raise Refused(OTHER)
        for name in ("label", "plus", "minus"):
            if name in asked:
                told_label(row, asked[name])
        return self._accept(
            kind_of(asked),
            {"picture": picture, **asked},
            account,
            asked.get("n", 1),
            source,
            key,
        )

    def train(
        self,
        account: Account,
        album: int,
        wish: Train,
        source: str = "",
        key: str | None = None,
    ) -> str:
        """Accept a training on an album.

        Raises:
            KeyError: the account has no such album.
            Busy, OverQuota, Reused: nothing was accepted.
        """
        if self.store.album(album, account.id) is None:
            raise KeyError(album)
        request = {"album": album, **wish.model_dump()}
        return self._accept("train", request, account, COST_TRAIN, source, key)

    def _accept(
        self,
        kind: str,
        request: dict[str, Any],
        account: Account,
        cost: int,
        source: str,
        key: str | None,
    ) -> str:
        """Accept a job, its quota and its line of the audit log, or none of them."""
        with self.store.engine.begin() as connection:
            job, new = self.jobs.submit(
                kind, request, account=account.id, key=key, connection=connection
            )
            if new:
                self.accounts.spend(connection, account, cost)
                told = {"job": job}
                self.accounts.note(
                    account.id, kind, told, source, connection=connection
                )
        return job

    def clear(self) -> None:
        """Remove what was deleted long ago, and what nothing belongs to any more.

        That is checkpoints of trainings that ended, and blobs that no row names.
        """
        self.store.purge()
        for work in self.trainings.glob("*"):
            row = self.jobs.status(work.name)
            if row is None or row["state"] not in OPEN:
                shutil.rmtree(work, ignore_errors=True)
        self.store.sweep()

    def _clean(self) -> None:
        while True:
            try:
                self.clear()
            except Exception:  # a database that is away comes back
                log.exception("clearing up failed; it goes on")
            if self._closed.wait(CLEAN):
                return


def _guided(row: dict[str, Any], wish: Make | AnyEdit) -> dict[str, Any]:
    """What a wish asks of a model; one without labels cannot be guided by any."""
    asked = wish.model_dump()
    return asked if row["words"] or row["classes"] else asked | {"guidance": 1.0}
