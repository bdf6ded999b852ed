"""A level of Sokoban that is played in the page: keyboard, buttons, undo, reset."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from .codecs.levels import SokobanLevel
from .simulators.sokoban import Sokoban

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
    reset: start, next: () => { number = (number + 1) % levels.length; start(); },
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
BUTTONS = {
    "ArrowLeft": ("←", "向左"),
    "ArrowUp": ("↑", "向上"),
    "ArrowDown": ("↓", "向下"),
    "ArrowRight": ("→", "向右"),
    "undo": ("撤销", "撤销一步"),
    "reset": ("重来", "这一关重来"),
    "next": ("下一关", "换下一关"),
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
