"""Who composes: the model, the tunes it learned from, and the jobs that they do."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ...codecs.piece import GENRES, METRES, Piece
from ...codecs.score import LAYOUTS
from ...data.download import DataUnavailable
from ...metrics.music import Likeness
from ...models.transformer.rules import Wishes
from ..jobs import Kind, Task
from ..refused import Refused
from .store import Store
from .wishes import GENRE_NAMES, fitting, key_name

log = logging.getLogger(__name__)

PATIENCE = 0.2  # seconds between looks whether the model is there
NEAREST = 5
FEW = 3  # notes: a shorter run says nothing
WORK = {"quick": 1, "long": 1}  # queues: what takes long holds up its like only
SHORT, LONG = "write", "write_long"  # kinds of jobs
MANY = 256  # places of notes to be filled in, from which a job is a long one


class Alike(NamedTuple):
    """What a piece shares with the tunes that were learned from.

    ``notes`` of the longest run, from ``start`` on for ``seconds``, also in ``title``;
    ``nearest`` are (number of the tune, its title, likeness from 0 to 1).
    """

    notes: int
    seconds: float
    start: int
    title: str
    nearest: list[tuple[int, str, float]]


class Tunes:
    """The tunes of each genre that the model learned from, and how alike a piece is.

    ``load`` is given a genre and returns its training pieces; one whose data or package
    is missing has none at hand.
    """

    def __init__(self, load: Callable[[str], Sequence[Piece]]):
        self.load, self.ready = load, threading.Event()
        self.known: dict[str, Likeness] = {}

    def prepare(self) -> None:
        """Load all that is at hand."""
        for genre in GENRES:
            try:
                self.known[genre] = Likeness(self.load(genre))
            except (DataUnavailable, ModuleNotFoundError) as error:
                log.warning("no tunes to compare %s with: %s", genre, error)
        self.ready.set()

    def get(self, genre: str, number: int) -> Piece | None:
        """One of the tunes, or None where there is no such one at hand."""
        others = self.known[genre].others if genre in self.known else ()
        return others[number] if 0 <= number < len(others) else None

    def alike(self, piece: Piece) -> Alike | None:
        """Compare a piece with the tunes of its genre; None where there are none."""
        known = self.known.get(piece.genre)
        if known is None:
            return None
        found = known.copied(piece)
        run = [note for note in piece.voices[0] if note.start >= found.start]
        seconds = 0.0
        if found.notes >= FEW:
            steps = run[found.notes - 1].end - found.start
            seconds = steps * piece.seconds / piece.length
        near = [
            (number, known.others[number].title, round(share, 3))
            for number, share in known.nearest(piece, k=NEAREST)
            if share > 0
        ]
        title = found.title if found.notes >= FEW else ""
        return Alike(found.notes, round(seconds, 2), found.start, title, near)


class Studio:
    """The model, loaded or trained behind the page's back, and what it does.

    ``load`` returns the model and the file it came from; it is given a function that
    says what it does meanwhile.
    """

    def __init__(self, load: Callable[[Callable[[str], None]], tuple[Any, Path]]):
        self.load, self.ready = load, threading.Event()
        self.told, self.wrong, self.mark = "正在准备模型。", "", ""
        self.composer: Any = None

    def start(self) -> threading.Thread:
        """Load the model in a thread of its own."""
        thread = threading.Thread(target=self._prepare, daemon=True)
        thread.start()
        return thread

    def _prepare(self) -> None:
        try:
            self.composer, path = self.load(self._say)
            self.mark = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            self.told = "模型已就绪。"
        except Exception as error:
            log.exception("the model could not be made ready")
            self.wrong = (
                "模型没有准备好：请检查文件夹里的模型文件，再重新启动。"
                f"（{str(error)[:200]}）"
            )
            self.told = self.wrong
        self.ready.set()

    def _say(self, told: str) -> None:
        self.told = told

    def work(self, task: Task) -> dict[str, Any]:
        """Do a job: wait for the model, compose, return piece and recipe.

        Raises:
            Refused: the model cannot do what was asked.
        """
        while not self.ready.wait(PATIENCE):
            task.tell(0.0, self.told)
        if self.composer is None:
            raise Refused(self.wrong)
        begin = time.perf_counter()
        piece = composed(
            self.composer, task.request, lambda share: task.tell(share, "正在写……")
        )
        return {
            "piece": piece.to_json(),
            "model": self.mark,
            "took": round(time.perf_counter() - begin, 3),
        }

    def kinds(self, store: Store) -> dict[str, Kind]:
        """The jobs of the studio, whose end puts the piece into the store."""

        def finish(connection: Any, task: Task, result: dict[str, Any]) -> None:
            request = task.request
            store.add(
                task.account,
                task.id,
                Piece.from_json(result["piece"]),
                made=request["kind"],
                recipe=recipe_of(request, result["model"]),
                parent=request["parent"],
                by_model=True,
                connection=connection,
            )

        return {
            SHORT: Kind(self.work, "quick", finish),
            LONG: Kind(self.work, "long", finish),
        }


def kind_of(request: dict[str, Any]) -> str:
    """Return the kind of job of a checked request: by how much is to be written."""
    piece, bars = request["piece"] or request, request.get("bars")
    if request["kind"] == "harmonise":
        bars = Piece.from_json(piece).bars
    elif isinstance(bars, list):
        bars = bars[1] - bars[0]
    layout = LAYOUTS[request.get("genre") or piece["genre"]]
    places = bars * METRES[piece["metre"]] // layout.grid * len(layout.voices)
    return SHORT if places <= MANY else LONG


def recipe_of(request: dict[str, Any], mark: str) -> dict[str, Any]:
    """What makes the same piece again: the request, what it began with, the model."""
    kept = {k: v for k, v in request.items() if k not in ("piece", "parent", "title")}
    if request["piece"] is not None:
        told = repr(sorted(request["piece"].items())).encode()
        kept["from"] = hashlib.sha256(told).hexdigest()[:16]
    return kept | {"model": mark}


def composed(
    composer: Any, request: dict[str, Any], progress: Callable[[float], Any]
) -> Piece:
    """Do what a checked request asks for; the same request gives the same piece.

    Raises:
        Refused: the model cannot do it.
    """
    options = {
        "seed": request["seed"],
        "temperature": request["temperature"],
        "wishes": Wishes(**request["wishes"]),
        "progress": progress,
    }
    kind, bars = request["kind"], request.get("bars")
    before = Piece.from_json(request["piece"]) if request["piece"] else None
    try:
        if kind == "compose":
            named = ("genre", "metre", "key", "mood", "bars")
            piece = composer.compose(**{n: request[n] for n in named}, **options)
            title = request["title"] or _title(request)
            piece = replace(piece, tempo=request["tempo"], title=title)
        elif kind == "go_on":
            piece = composer.go_on(before, bars=bars, **options)
        elif kind == "harmonise":
            piece = composer.harmonise(before, genre=request["genre"], **options)
        elif kind == "vary":
            keep = request["keep"]
            piece = composer.vary(before, keep=keep, bars=tuple(bars), **options)
        else:
            piece = composer.fill(before, bars=tuple(bars), **options)
    except ValueError as error:
        log.info("the model could not do %s: %s", kind, error)
        raise Refused(
            "模型做不到：没有一稿同时满足这些约束和已经写下的音。"
            "请放宽音域或约束，或多留几小节给它写。"
        ) from None
    return fitting(piece)


def _title(request: dict[str, Any]) -> str:
    genre, key = GENRE_NAMES[request["genre"]], key_name(request["key"])
    return f"{genre} · {key} · {request['metre']} · {request['seed']}"
