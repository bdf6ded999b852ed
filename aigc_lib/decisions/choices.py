"""Which of two would you choose? Pairs shown blind, choices recorded, a preference.

The page that a designer sees holds pictures and nothing else: which side is whose stays
in the form, outside of the page. Choices come back as a text that names the form.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from ..arguments import finite, whole, yes_or_no
from ..metrics.intervals import proportion_interval

SIDES = ("left", "right")

PAGE = """<!doctype html><html lang="zh"><meta charset="utf-8">
<title>两个里面选一个</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:12px;text-align:center;
background:#fff;color:#222}
#pair{display:flex;gap:20px;justify-content:center}
button.side{border:2px solid #ccc;border-radius:10px;background:#fff;padding:8px;
cursor:pointer;width:230px}
button.side:hover,button.side:focus{border-color:#2463a8}
button.side svg{width:100%%;height:260px;display:block}
textarea{width:90%%;height:5em}
</style>
<p id="told" role="status" aria-live="polite"></p>
<div id="pair"><button class="side" id="left" aria-label="选左边"></button>
<button class="side" id="right" aria-label="选右边"></button></div>
<div id="end" hidden><p>选完了。把下面这一行交给出题的人：</p>
<textarea readonly aria-label="选择的记录"></textarea></div>
<script>
const form=%(form)s, pairs=%(pairs)s, choices=[];
const at=id=>document.getElementById(id);
function show(){
  const k=choices.length;
  if(k===pairs.length){
    at("pair").hidden=true; at("pair").style.display="none"; at("end").hidden=false;
    at("told").textContent="";
    document.querySelector("textarea").value=JSON.stringify({form,choices});
    return;
  }
  at("told").textContent=
    `第 ${k+1} 对，共 ${pairs.length} 对：你会选哪一个？（也可以按 ← →）`;
  at("left").innerHTML=pairs[k][0]; at("right").innerHTML=pairs[k][1];
}
function choose(side){if(choices.length<pairs.length){choices.push(side);show();}}
for(const side of ["left","right"])at(side).onclick=()=>choose(side);
document.onkeydown=e=>{
  if(e.key==="ArrowLeft")choose("left"); if(e.key==="ArrowRight")choose("right");};
show();
</script></html>
"""


class Preference(NamedTuple):
    """How often the first kind was chosen, with its interval (Wilson)."""

    wins: int
    n: int
    share: float
    low: float
    high: float

    @property
    def found(self) -> bool:
        """Whether the interval lies on one side of one half."""
        return self.low > 0.5 or self.high < 0.5


class BlindForm:
    """Pairs of pictures, (first, second) as SVG, shuffled twice: in order and in sides.

    ``order`` (N,) are the numbers of the pairs as they are shown; ``first_left`` tells
    of each shown pair whether its first picture stands on the left.

    Raises:
        ValueError: no pairs, a negative seed, or something that is no SVG, or an SVG
            with a script.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], *, seed: int = 0):
        if not pairs:
            raise ValueError("pairs is empty: give at least one pair of pictures")
        for k, pair in enumerate(pairs):
            if len(pair) != 2 or not all(isinstance(one, str) for one in pair):
                raise ValueError(f"pairs[{k}]={pair!r:.60}: give two pictures as SVG")
            for picture in pair:
                if not picture.startswith("<svg") or "<script" in picture.lower():
                    raise ValueError(
                        f"pairs[{k}] holds {picture[:30]!r}: give pictures as SVG "
                        "without scripts"
                    )
        random = Random(whole("seed", seed, 0))
        self.order = random.sample(range(len(pairs)), len(pairs))
        self.first_left = [random.random() < 0.5 for _ in pairs]
        self.shown = [
            pairs[k] if left else pairs[k][::-1]
            for k, left in zip(self.order, self.first_left, strict=True)
        ]
        self.name = hashlib.sha256(json.dumps(self.shown).encode()).hexdigest()[:12]

    def page(self) -> str:
        """Return the form as one HTML page that needs nothing else."""
        pairs = json.dumps(self.shown).replace("</", "<\\/")
        return PAGE % {"form": json.dumps(self.name), "pairs": pairs}

    def frame(self, height: int = 400) -> str:
        """Return the form as a frame that can stand in another page."""
        inside = html.escape(self.page())
        return (
            f'<div><iframe title="两个里面选一个" height="{height}" srcdoc="{inside}" '
            'sandbox="allow-scripts" style="width:100%;border:1px solid #ccc">'
            "</iframe></div>"
        )

    def read(self, answer: str) -> list[bool]:
        """Return of each pair, in the order given, whether its first was chosen.

        Raises:
            ValueError: no record of choices, one of another form, or with other than
                one choice a pair.
        """
        try:
            told: Any = json.loads(answer)
            form, choices = told["form"], list(told["choices"])
        except (ValueError, TypeError, KeyError):
            raise ValueError(
                f"answer={answer[:40]!r}: give the line that the form shows at its end"
            ) from None
        if form != self.name:
            raise ValueError(
                f"answer is of the form {form!r}, this one is {self.name!r}: read it "
                "with the form that was shown"
            )
        if len(choices) != len(self.order) or any(c not in SIDES for c in choices):
            raise ValueError(
                f"answer holds {len(choices)} choices for {len(self.order)} pairs: one "
                "of 'left' and 'right' for each"
            )
        firsts = [False] * len(choices)
        for k, left, choice in zip(self.order, self.first_left, choices, strict=True):
            firsts[k] = (choice == "left") == left
        return firsts


def preference(firsts: Sequence[bool], *, level: float = 0.95) -> Preference:
    """Return how often the first of a pair was chosen, with Wilson's interval.

    Each pair counts as one draw of its own: one person's choices speak of that person.

    Raises:
        ValueError: no choices, one that is neither True nor False, or ``level`` outside
            (0, 1).
    """
    if not len(firsts):
        raise ValueError("firsts is empty: give at least one choice")
    finite("level", level, above=0, below=1)
    wins = sum(yes_or_no(f"firsts[{k}]", first) for k, first in enumerate(firsts))
    n = len(firsts)
    return Preference(wins, n, wins / n, *proportion_interval(wins, n, level=level))
