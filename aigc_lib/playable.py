"""What can be played in a page: a level of Sokoban, a face with a sound, a film.

No script is loaded from elsewhere: pages work without a network.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from torch import Tensor

from .arguments import finite
from .codecs.film import film_bytes
from .codecs.levels import SokobanLevel
from .codecs.sound import wav_bytes
from .codecs.spectrum import HOP
from .simulators.sokoban import Sokoban
from .simulators.speech import FRAME

NUMBERS = count(1)
STYLE = """
.soko{max-width:22rem;margin:0 auto;text-align:center;touch-action:manipulation}
.soko .board{display:grid;aspect-ratio:1;user-select:none;outline-offset:3px}
.soko .board i{font-style:normal;display:grid;place-items:center;background:#e8e2d4;
 color:#222;font-size:min(1.25rem,5vw);line-height:1}
.soko .board .wall{background:#56606b}
.soko .board .goal{box-shadow:inset 0 0 0 3px #1971c2}
.soko .board .box{background:#c77d2e}.soko .board .box.goal{background:#2f9e44}
.soko button{min-width:2.75rem;min-height:2.75rem;margin:.15rem;font-size:1rem}
.soko output{display:block;min-height:1.6em}
"""
SCRIPT = """
((root, levels) => {
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1],
    ArrowRight: [0, 1] };
  const board = root.querySelector(".board"), told = root.querySelector("output");
  let number = 0, past = [], rows, player, boxes, pushes;
  const key = (y, x) => y + "," + x;
  const has = (y, x, signs) => signs.includes(rows[y]?.[x] ?? "#");
  const start = () => {
    rows = levels[number].rows; past = []; pushes = 0; boxes = new Set();
    rows.forEach((row, y) => [...row].forEach((sign, x) => {
      if ("$*".includes(sign)) boxes.add(key(y, x));
      if ("@+".includes(sign)) player = [y, x];
    }));
    draw();
  };
  const won = () => [...boxes].every((b) => has(...b.split(",").map(Number), ".*+"));
  const draw = () => {
    board.style.gridTemplateColumns = `repeat(${rows[0].length}, 1fr)`;
    board.replaceChildren(...rows.flatMap((row, y) => [...row].map((sign, x) => {
      const tile = document.createElement("i");
      if (sign === "#") tile.className = "wall";
      if (has(y, x, ".*+")) tile.classList.add("goal");
      if (boxes.has(key(y, x))) tile.classList.add("box");
      if (player[0] === y && player[1] === x) tile.textContent = "☻";
      return tile;
    })));
    const best = levels[number].pushes;
    told.textContent = `第 ${number + 1} 关，推了 ${pushes} 次` +
      (best ? `（最少 ${best} 次）` : "") + (won() ? "：过关！" : "");
    root.dataset.state = JSON.stringify([player, [...boxes].sort(), won()]);
  };
  const move = ([dy, dx]) => {
    const [y, x] = player, to = [y + dy, x + dx], on = [y + 2 * dy, x + 2 * dx];
    if (has(...to, "#")) return;
    const pushed = boxes.has(key(...to));
    if (pushed && (has(...on, "#") || boxes.has(key(...on)))) return;
    past.push([player, new Set(boxes), pushes]);
    if (pushed) { boxes.delete(key(...to)); boxes.add(key(...on)); pushes++; }
    player = to; draw();
  };
  const acts = {
    undo: () => { if (past.length) { [player, boxes, pushes] = past.pop(); draw(); } },
    reset: start, next: () => { number = (number + 1) %% levels.length; start(); },
  };
  board.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = event.key in steps ? () => move(steps[event.key])
      : { z: acts.undo, r: acts.reset, n: acts.next }[event.key];
    if (act) { event.preventDefault(); event.stopPropagation(); act(); }
  });
  root.querySelectorAll("button").forEach((button) => button.addEventListener("click",
    () => { const a = button.dataset.act; a in steps ? move(steps[a]) : acts[a](); }));
  root.querySelector("pre").hidden = true; root.querySelector(".live").hidden = false;
  start();
})(document.getElementById(%s), %s);
"""
COLOURS = {  # ground and, on it, a round thing
    "#": ("#56606b", None),
    " ": ("#f1ece1", None),
    ".": ("#f1ece1", "#1971c2"),
    "$": ("#c77d2e", None),
    "*": ("#2f9e44", None),
    "@": ("#f1ece1", "#222222"),
    "+": ("#f1ece1", "#1971c2"),
    "-": ("#d0ebff", None),
    "o": ("#d0ebff", "#f08c00"),
    "E": ("#d0ebff", "#c92a2a"),
    "X": ("#8d6e63", None),
    "S": ("#bf8f5a", None),
    **dict.fromkeys("Q?", ("#f0b429", None)),
    **dict.fromkeys("<>[]", ("#2b8a3e", None)),
    **dict.fromkeys("Bb", ("#343a40", None)),
}


def board(rows: Sequence[str]) -> str:
    """Draw a level, of boxes or of platforms, as SVG, 10 units a square.

    Raises:
        ValueError: a sign that has no colour.
    """
    parts = [
        f'<svg viewBox="0 0 {10 * len(rows[0])} {10 * len(rows)}">'
        f'<rect width="100%" height="100%" fill="{COLOURS[" "][0]}"/>'
    ]
    for y, row in enumerate(rows):
        for x, sign in enumerate(row):
            if sign not in COLOURS:
                raise ValueError(f"sign {sign!r}: give one of {''.join(COLOURS)!r}")
            ground, thing = COLOURS[sign]
            parts.append(
                f'<rect x="{10 * x}" y="{10 * y}" width="10" height="10" '
                f'fill="{ground}"/>'
            )
            if thing:
                parts.append(
                    f'<circle cx="{10 * x + 5}" cy="{10 * y + 5}" r="3" '
                    f'fill="{thing}"/>'
                )
    return "".join(parts) + "</svg>"


BUTTONS = {
    "ArrowLeft": ("←", "向左"),
    "ArrowUp": ("↑", "向上"),
    "ArrowDown": ("↓", "向下"),
    "ArrowRight": ("→", "向右"),
    "undo": ("撤销", "撤销一步"),
    "reset": ("重来", "重来这一关"),
    "next": ("下一关", "下一关"),
}


def playable(levels: Sequence[SokobanLevel], limit: int = 50_000) -> Any:
    """Show levels that can be played: arrow keys or buttons; z undoes, r begins again.

    Nothing is loaded from elsewhere. Where scripts do not run, the first level stands
    there as text. The fewest pushes are told where the solver finds them in ``limit``.

    Raises:
        ValueError: no levels.
    """
    from IPython.display import HTML  # only notebooks show it

    if not levels:
        raise ValueError("levels is empty: give at least one")
    told = [
        {"rows": one.rows, "pushes": len(Sokoban(one).solve(limit).pushes)}
        for one in levels
    ]
    name = f"soko-{next(NUMBERS)}"
    buttons = "".join(
        f'<button type="button" data-act="{act}" aria-label="{label}">{sign}</button>'
        for act, (sign, label) in BUTTONS.items()
    )
    data = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
    return HTML(
        f'<style>{STYLE}</style><div class="soko" id="{name}">'
        f"<pre>{html.escape(str(levels[0]))}</pre>"
        '<div class="live" hidden><div class="board" tabindex="0" role="application" '
        'aria-label="推箱子：方向键走，z 撤销，r 重来，n 下一关"></div>'
        f'<output aria-live="polite"></output>{buttons}</div></div>'
        f"<script>{SCRIPT % (json.dumps(name), data)}</script>"
    )


FACE = (
    '<svg viewBox="0 0 120 120" role="img" aria-label="{alt}">'
    '<circle cx="60" cy="60" r="46" fill="#ffd8a8" stroke="#333" stroke-width="2"/>'
    '<circle cx="44" cy="50" r="4"/><circle cx="76" cy="50" r="4"/>'
    '<ellipse class="mouth" cx="60" cy="80" rx="{rx:.1f}" ry="{ry:.1f}" '
    'fill="#862e2e"/>'
    '<rect x="4" y="2" width="{wide}" height="18" rx="4" fill="#212529"/>'
    '<text x="8" y="15" font-size="11" fill="#fff">{label}</text></svg>'
)
DISCLOSURE = "AI 生成"


def lips(opening: float, spread: float) -> tuple[float, float]:
    """Half the width and height of the mouth drawn for opening and spread, 0 to 1."""
    return 8 + 12 * float(spread), 1 + 14 * float(opening)


def face(opening: float, spread: float, label: str = DISCLOSURE) -> str:
    """Draw a face as SVG; ``label`` in its corner says what made it.

    Raises:
        ValueError: an empty label, or a mouth that is not from 0 to 1.
    """
    if not label.strip():
        raise ValueError("label is empty: a made face has to say so, give a text")
    finite("opening", opening, least=0, most=1)
    finite("spread", spread, least=0, most=1)
    rx, ry = lips(opening, spread)
    wide = 8 + sum(11 if ord(c) > 255 else 7 for c in label)
    text = html.escape(label, quote=True)
    return FACE.format(rx=rx, ry=ry, label=text, alt=f"一张脸，标着：{text}", wide=wide)


def speaking(sound: Tensor, mouths: Tensor, label: str = DISCLOSURE) -> Any:
    """Show a face whose mouth follows a sound: (T,) at 8 kHz, (F, 2) every 8 ms.

    The mouth is where the player of the sound is; the label stays in the picture.

    Raises:
        ValueError: no sound and mouths of one length, or an empty label.
    """
    from IPython.display import HTML  # only notebooks show it

    if sound.ndim != 1 or mouths.shape != (len(sound) // HOP + 1, 2):
        raise ValueError(
            f"sound {tuple(sound.shape)}, mouths {tuple(mouths.shape)}: give (T,) and "
            f"(T // {HOP} + 1, 2)"
        )
    source = data_url("audio/wav", wav_bytes(sound.clamp(-1, 1)))
    shapes = [[round(v, 1) for v in lips(*row)] for row in mouths.tolist()]
    name = f"face-{next(NUMBERS)}"
    script = FOLLOW % (json.dumps(name), json.dumps(shapes), FRAME)
    return HTML(
        f'<div id="{name}" style="max-width:12rem;margin:0 auto;text-align:center">'
        f"{face(0.0, 0.5, label)}"
        f'<audio controls style="width:100%" src="{source}">'
        f"</audio></div><script>{script}</script>"
    )


FOLLOW = """
((root, shapes, frame) => {
  const audio = root.querySelector("audio"), mouth = root.querySelector(".mouth");
  const draw = () => {
    const at = Math.min(shapes.length - 1, Math.round(audio.currentTime / frame));
    mouth.setAttribute("rx", shapes[at][0]); mouth.setAttribute("ry", shapes[at][1]);
    if (!audio.paused) requestAnimationFrame(draw);
  };
  audio.addEventListener("play", draw); audio.addEventListener("seeked", draw);
})(document.getElementById(%s), %s, %s);
"""


def film(frames: Tensor, label: str, *, fps: float = 10, ending: str = ".mp4") -> Any:
    """Show a film (T, C, H, W) uint8 that the reader starts and stops; it repeats.

    ``label`` says what is to be seen, for those who cannot see it. ".mp4" is a player;
    ".gif" is a picture that moves, in a frame that can be shut. Where the program that
    writes MP4 is missing, it is a GIF too.

    Raises:
        ValueError: an empty label, or what ``write_film`` refuses.
    """
    from IPython.display import HTML  # only notebooks show it

    if not label.strip():
        raise ValueError(f"label={label!r}: say in a few words what is to be seen")
    try:
        content = film_bytes(frames, ending, fps=fps)
    except ModuleNotFoundError:
        ending = ".gif"
        content = film_bytes(frames, ending, fps=fps)
    told, style = (
        html.escape(label, quote=True),
        "max-width:100%;image-rendering:pixelated",
    )
    if ending == ".mp4":
        return HTML(
            f'<video controls loop muted playsinline style="{style}" '
            f'width="{max(240, frames.shape[-1])}" aria-label="{told}" '
            f'src="{data_url("video/mp4", content)}"></video>'
        )
    return HTML(
        f'<details open><summary>播放 / 收起</summary><img alt="{told}" '
        f'style="{style}" src="{data_url("image/gif", content)}"></details>'
    )


def data_url(kind: str, content: bytes) -> str:
    """Return a file as an address that a page can hold; ``kind`` is its MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
