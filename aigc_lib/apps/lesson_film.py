"""A lesson as a film: a slide for each sentence, shown as long as it is spoken.

Slides are drawn from the sentence alone: the balls that it counts, the fractions and
the sums that it names. Nothing is on a slide that was not said.
"""

from __future__ import annotations

import html
import io
import re
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from matplotlib import patches
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from ..codecs.film import film_bytes
from ..data.made import items
from ..files import replacing
from ..playable import data_url
from .lessons import FILL, INK, PALE, SIZE, Lesson, spoken

WIDTH, HEIGHT, DPI = 640, 360, 80  # pixels of a slide
FPS = 2  # slides stand still: few frames change them in time
PAUSE = 0.2  # seconds of silence after a sentence, at least
TITLES = ("Idea", "Example", "Your turn", "Answers")  # of the paragraphs of a lesson
SENTENCE = re.compile(r"[^。；？！]+[。；？！]*")
COUNTED = re.compile(r"(?:一共|剩)(\d+)个(?:球)?，(.)球(\d+)个")
PAINT = dict(
    zip(items.COLOURS, ("#D55E00", "white", INK, "#F0E442", FILL), strict=True)
)
FORMULA = re.compile(r"(?<!第)[(\dx][\dx+\-×=()/.%]*")
RATIO = re.compile(r"(\d+)/(\d+)")

Voice = Callable[[str], bytes]  # a text to a WAV file, 16 bit mono


@dataclass(frozen=True)
class Slide:
    """One sentence ``text`` and its picture ``image`` (3, H, W) uint8."""

    title: str
    text: str
    image: Tensor


def slides(lesson: Lesson) -> list[Slide]:
    """Draw one slide for each sentence of an article, in its order."""
    titles = TITLES if len(lesson.paragraphs) == len(TITLES) else ()
    found = []
    for i, paragraph in enumerate(lesson.paragraphs):
        title = titles[i] if titles else f"Part {i + 1}"
        for text in SENTENCE.findall(paragraph):
            found.append(Slide(title, text, _drawn(title, text, lesson.picture)))
    return found


def formulas(text: str) -> list[str]:
    """Return the numbers and sums that a sentence names, as Matplotlib writes them.

    Numbers that only count balls or tasks (``第1题``, ``6个``) are no formulas, nor is
    an x alone.
    """
    found = []
    for match in FORMULA.finditer(text):
        one = match[0].rstrip(".")
        if one != "x" and text[match.end() :][:1] not in ("个", "题"):
            one = RATIO.sub(r"\\frac{\1}{\2}", one)
            one = one.replace("×", r" \times ").replace("%", r"\%")
            found.append(f"${one}$")
    return found


def balls(text: str) -> dict[str, int]:
    """How many balls of which colour a sentence tells of, those asked for first.

    Where it names one colour and how many there are in all, the others stand under "".
    """
    if match := items.DRAWN.search(text):
        bag = {match[2]: int(match[1]), match[4]: int(match[3])}
        return {match[6]: bag.pop(match[6])} | bag
    if match := COUNTED.search(text):
        return {match[2]: int(match[3]), "": int(match[1]) - int(match[3])}
    return {}


def _drawn(title: str, text: str, picture: str) -> Tensor:
    size = WIDTH / DPI, HEIGHT / DPI
    figure = Figure(size, dpi=DPI, facecolor="white", layout="none")
    figure.text(0.04, 0.91, title, size=18, color=FILL)
    written, counted = formulas(text), balls(text)
    # the lowest fifth is left to the subtitles
    ax = figure.add_axes(
        (0.04, 0.46, 0.92, 0.4) if written else (0.04, 0.22, 0.92, 0.64)
    )
    ax.set_axis_off()
    ax.set_aspect("equal")
    if counted:
        _balls(ax, counted)
    elif not written:
        _shapes(ax, picture)
    if written:
        line = "    ".join(written)
        height = 0.33 if counted else 0.54
        figure.text(0.5, height, line, size=_fitting(line), ha="center", va="center")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    return torch.from_numpy(pixels).movedim(2, 0)


def _fitting(line: str) -> float:
    """The size of letters with which a line of formulas fits on a slide."""
    letters = len(re.sub(r"\\[a-z]+|[${}]", "", line))
    return min(40, 900 / max(1, letters))


def _balls(ax, counted: dict[str, int]) -> None:
    """Draw balls in rows of ten, each in the colour that was named, else pale."""
    fills = [PAINT.get(name, PALE) for name, n in counted.items() for _ in range(n)]
    total = len(fills)
    for k, fill in enumerate(fills):
        at = k % 10, -(k // 10)
        ax.add_patch(patches.Circle(at, 0.4, facecolor=fill, edgecolor=INK))
    ax.set(
        xlim=(-0.6, max(3, min(total, 10)) - 0.4),
        ylim=(-((total - 1) // 10) - 0.6, 0.6),
    )


def _shapes(ax, picture: str) -> None:
    """Draw the shapes of an article's SVG, its background left out."""
    for shape in list(ElementTree.fromstring(picture))[1:]:
        given = shape.attrib
        kind = shape.tag.rpartition("}")[2]
        number = {k: float(v) for k, v in given.items() if _is_number(v)}
        if kind == "line":
            x, y = [number["x1"], number["x2"]], [number["y1"], number["y2"]]
            ax.plot(x, y, color=given["stroke"], linewidth=2)
        elif kind == "polyline":
            points = [pair.split(",") for pair in given["points"].split()]
            ax.plot(*np.array(points, float).T, color=given["stroke"], linewidth=3)
        elif kind == "circle":
            at = number["cx"], number["cy"]
            style = {"facecolor": given["fill"], "edgecolor": INK, "zorder": 3}
            ax.add_patch(patches.Circle(at, number["r"], **style))
        elif kind == "rect":
            style = {"facecolor": given["fill"], "edgecolor": INK}
            corner = number["x"], number["y"]
            wide, high = number["width"], number["height"]
            ax.add_patch(patches.Rectangle(corner, wide, high, **style))
    ax.set(xlim=(0, SIZE), ylim=(SIZE, 0))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


@dataclass(frozen=True)
class LessonFilm:
    """Slides with their speech: ``lengths`` (S,) in frames, ``sound`` a WAV file."""

    slides: tuple[Slide, ...]
    lengths: tuple[int, ...]
    sound: bytes

    @property
    def starts(self) -> list[float]:
        """When each slide comes, in seconds, and when the last one ends."""
        return [0.0, *(np.cumsum(self.lengths) / FPS).tolist()]

    @property
    def seconds(self) -> float:
        """How long the speech lasts, by its own count of samples."""
        with wave.open(io.BytesIO(self.sound)) as file:
            return file.getnframes() / file.getframerate()

    @property
    def frames(self) -> Tensor:
        """All pictures (T, 3, H, W) uint8, ``FPS`` a second."""
        images = torch.stack([slide.image for slide in self.slides])
        return images.repeat_interleave(torch.tensor(self.lengths), 0)

    @property
    def subtitles(self) -> str:
        """What is said and when, as a WebVTT file."""
        times = pairwise(map(_clock, self.starts))
        cues = [
            f"{start} --> {end}\n{slide.text}\n"
            for slide, (start, end) in zip(self.slides, times, strict=True)
        ]
        return "\n".join(["WEBVTT\n", *cues])

    def mp4(self) -> bytes:
        """Return the film with its sound as an MP4 file.

        Raises:
            ModuleNotFoundError: imageio-ffmpeg is missing.
            OSError: the program failed; its words.
        """
        return film_bytes(self.frames, ".mp4", fps=FPS, sound=self.sound)

    def write(self, path: str | Path) -> Path:
        """Write the MP4 file, and the subtitles beside it as .vtt.

        Raises:
            ModuleNotFoundError, OSError: as ``mp4``.
        """
        film, path = self.mp4(), Path(path)
        words = self.subtitles.encode()
        for at, content in ((path, film), (path.with_suffix(".vtt"), words)):
            with replacing(at) as temporary:
                temporary.write_bytes(content)
        return path

    def _repr_html_(self) -> str:
        lines = "".join(
            f"<li>{start:.0f} s　{html.escape(slide.text)}</li>"
            for slide, start in zip(self.slides, self.starts, strict=False)
        )
        words = data_url("text/vtt", self.subtitles.encode())
        try:
            shown = (
                '<video controls playsinline style="max-width:100%" '
                f'width="{WIDTH}" aria-label="一课的短片，逐句有字幕" '
                f'src="{data_url("video/mp4", self.mp4())}">'
                '<track kind="captions" srclang="zh" label="中文" default '
                f'src="{words}"></video>'
            )
        except (ModuleNotFoundError, OSError, ValueError) as error:
            shown = (
                f"<p>只有声音：{html.escape(str(error))}</p>"
                f'<audio controls src="{data_url("audio/wav", self.sound)}"></audio>'
            )
        return f"{shown}<details><summary>念的文字</summary><ol>{lines}</ol></details>"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(1000 * seconds), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def filmed(parts: Sequence[Slide], voice: Voice) -> LessonFilm:
    """Let ``voice`` speak each slide's sentence, and show the slide as long.

    Silence fills the last frame of a sentence, so that pictures and sound have one
    length. Signs are written as they are said before, see ``lessons.spoken``.

    Raises:
        ValueError: no slides, or sounds that are not 16 bit mono of one rate.
    """
    if not parts:
        raise ValueError("parts is empty: give at least one slide")
    sounds, lengths, rates = [], [], set()
    for slide in parts:
        with wave.open(io.BytesIO(voice(spoken(slide.text)))) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise ValueError("voice does not give 16 bit mono: choose another one")
            rates.add(rate := file.getframerate())
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        if rate % FPS or len(rates) > 1:
            raise ValueError(
                f"voice gives {sorted(rates)} samples a second: give one rate that "
                f"{FPS} divides"
            )
        each = rate // FPS  # samples of a frame
        lengths.append(-(-(len(samples) + round(PAUSE * rate)) // each))
        sounds.append(np.pad(samples, (0, lengths[-1] * each - len(samples))))
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(np.concatenate(sounds).astype("<i2").tobytes())
    return LessonFilm(tuple(parts), tuple(lengths), file.getvalue())
