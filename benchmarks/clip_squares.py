"""Is CLIP hard to fool, or do gradients not see how? An attack without any.

On the emoji of ``benchmarks.clip``, with the same training: every way may change a
pixel by as much, and wants a foreign text to score higher than the own one. Squares of
one colour are tried one after another and kept where the score of the foreign text
gains on the own one; noise all over the picture has as many tries. Gradients, which
see only what can be differentiated, get few steps and many.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from aigc_lib.metrics.retrieval import mean_over
from benchmarks.clip import STEPS, attacked, compared, part, trained
from benchmarks.record import in_turns, record, seeds

SEEDS, TRIES = seeds(3), int(os.environ.get("TRIES", 500))
SIZE = 4 / 255  # the greatest change of a pixel, of brightness in [0, 1]
FEW, MANY = 10, 100  # steps along the gradient
Propose = Callable[[Tensor, Tensor, float, torch.Generator], Tensor]


def signs(shape: tuple[int, ...], source: torch.Generator) -> Tensor:
    return 2.0 * torch.randint(0, 2, shape, generator=source) - 1


def noise(x: Tensor, best: Tensor, done: float, source: torch.Generator) -> Tensor:
    """Change all pixels of ``x`` (N, 3, S, S) by chance, whatever was ``best``."""
    return (x + 2 * SIZE * signs(x.shape, source)).clamp(-1, 1)


def square(x: Tensor, best: Tensor, done: float, source: torch.Generator) -> Tensor:
    """Change a square of each picture to one colour more; squares become smaller.

    From half a side to two pixels as ``done`` goes from 0 to 1. Source: Andriushchenko
    et al. 2020, section 3, whose schedule is for more tries.
    """
    n, _, _, size = x.shape
    side = max(2, round(size / 2 * (1 - done) ** 2))
    place = torch.randint(0, size - side + 1, (2, n, 1), generator=source)
    inside = (torch.arange(size) >= place) & (torch.arange(size) < place + side)
    here = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    colour = 2 * SIZE * signs((n, 3, 1, 1), source)
    return torch.where(here, (x + colour).clamp(-1, 1), best)


def climbed(
    margin: Callable[[Tensor], Tensor],
    x: Tensor,
    propose: Propose,
    source: torch.Generator,
) -> Tensor:
    """Keep for each picture what ``margin`` (N, 3, S, S) -> (N,) likes best.

    ``x`` itself is the first, then come ``TRIES`` proposals.
    """
    best, value = x, margin(x)
    for k in range(TRIES):
        tried = propose(x, best, k / TRIES, source)
        told = margin(tried)
        better = told > value
        best = torch.where(better[:, None, None, None], tried, best)
        value = torch.where(better, told, value)
    return best


TRIED = {"noise": noise, "squares": square}


def measure(group: str, seed: int) -> dict:
    """What some of the ways make of the pictures: margins of the foreign text, (N,)."""
    began = time.process_time()
    model = trained(part()["both"], "CLIP", seed)
    x, texts = compared()
    own, foreign = model.encode_texts(texts), model.encode_texts(texts[1:] + texts[:1])

    def margin(x: Tensor) -> Tensor:
        return (model.encode_images(x) * (foreign - own)).sum(1)

    if group in TRIED:
        source = torch.Generator().manual_seed(seed)
        changed = {group: climbed(margin, x, TRIED[group], source)}
    else:
        slope = partial(attacked, model, x, foreign - own, 2 * SIZE)
        changed = {
            "as it is": x,
            "gradient, few": slope(steps=FEW),
            "gradient, many": slope(steps=MANY),
        }
    margins = {way: margin(y).tolist() for way, y in changed.items()}
    print(seed, {way: sum(m > 0 for m in each) for way, each in margins.items()})
    return {
        "margins": margins,
        "reach": max((y - x).abs().max().item() for y in changed.values()) / 2,
        "seconds": time.process_time() - began,
    }


def rows_of(runs: list[dict[str, list[float]]]) -> list[dict]:
    """Shares fooled, and what squares have more, from the margins of each seed."""
    margins = {way: torch.tensor([run[way] for run in runs]) for way in runs[0]}
    fooled = {way: (own > 0).double() for way, own in margins.items()}
    rows = []
    for way, each in fooled.items():
        share = mean_over(each)
        row = {"way": way, "fooled": share.mean, "from": share.low, "to": share.high}
        row["fooled_by_seed"] = each.mean(1).tolist()
        row["raised"] = (margins[way] - margins["as it is"]).mean().item()
        if way != "squares":
            more = mean_over(fooled["squares"] - each)
            row |= {"gain": more.mean, "gain_interval": [more.low, more.high]}
        rows.append(row)
    return rows


def main() -> None:
    told = in_turns("clip_squares", ("gradients", *TRIED), SEEDS, measure)
    runs = [
        {way: own for one in parts for way, own in one["margins"].items()}
        for parts in zip(*told.values(), strict=True)
    ]
    every = [one for parts in told.values() for one in parts]
    record(
        "clip_squares",
        rows_of(runs),
        tries=TRIES,
        size=SIZE,
        reach=max(one["reach"] for one in every),
        pictures=len(runs[0]["squares"]),
        gradient_steps={"few": FEW, "many": MANY},
        data="openmoji, names and keywords in Chinese",
        split="pictures of different stems, held out from training",
        metric="share whose foreign text, that of the next, scores above the own one; "
        "raised: mean margin of cosines over the picture as it is; gain: of squares; "
        "95% interval of the bootstrap over pictures",
        steps=STEPS,
        seconds=sum(one["seconds"] for one in every) / len(runs),
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
