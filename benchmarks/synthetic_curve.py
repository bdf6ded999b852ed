"""Can made pictures stand in for real ones? From none to all of them real.

A generator saw 1,000 real pictures. A classifier learns from 1,000, of which a share is
real and the rest is made, or from the real share alone; the test is real. Differences
are paired by seed: a seed draws the pictures, the generator, what is left out.
``SEEDS=1`` and ``STEPS=20`` is a quick try.
"""

from __future__ import annotations

from collections.abc import Sequence

import aigc_lib as aigc
from aigc_lib.metrics.intervals import student_gain
from benchmarks.image_quality import save_figure
from benchmarks.record import in_turns, record, seeds, summary
from benchmarks.synthetic_studies import MORE, REAL, SHARES, STEPS, TEST, replaced

SEEDS = seeds(5)


def by_share(
    results: list[dict],
    shares: Sequence[float] = SHARES,
    ways: Sequence[str] = ("made",),
) -> list[dict]:
    """Figures over the share of real samples: in ``ways`` to fill up, and without."""
    rows = []
    real = [run[REAL] for run in results]
    for share in shares:
        row = {"share": f"{share:.0%}"}
        found = {
            way: [run[f"{share:.0%}, {way}"] for run in results]
            for way in (*ways, "alone")
            if f"{share:.0%}, {way}" in results[0]
        }
        for way, values in found.items():
            row |= summary([{way: value} for value in values])
            if way != "alone":
                row |= difference(f"{way}_minus_real", values, real)
                if "alone" in found:
                    row |= difference(f"{way}_minus_alone", values, found["alone"])
        rows.append(row)
    both = (*ways, "alone")
    whole = {"share": "100%"} | summary([dict.fromkeys(both, v) for v in real])
    return [*rows, whole]


def difference(name: str, new: list[float], old: list[float]) -> dict:
    """Return new - old with its interval; nothing of one seed."""
    if len(new) < 2:
        return {}
    gain = student_gain(new, old)
    return {name: gain.mean, f"{name}_interval": [gain.low, gain.high]}


def draw(rows: list[dict]) -> None:
    """Write the curve over the share of real pictures."""
    _, ax = aigc.plots.figure(width=5.2, height=3.0)
    for name, label in (("made", "rest replaced by made"), ("alone", "rest left out")):
        some = [row for row in rows if name in row]
        share = [float(row["share"].rstrip("%")) for row in some]
        ax.plot(share, [row[name] for row in some], "o-", ms=4, label=label)
    ax.set(xlabel="real pictures, % of 1,000", ylabel="accuracy on real pictures")
    ax.legend()
    save_figure("synthetic_curve")


def main() -> None:
    runs = in_turns(
        "synthetic_curve", ["replaced"], SEEDS, lambda study, seed: replaced(seed)
    )
    rows = by_share(runs["replaced"])
    record(
        "synthetic_curve",
        rows,
        data="fashion_mnist",
        split=f"{10 * MORE:,} training pictures, all seen by the generator",
        n=f"{TEST:,} test pictures",
        metric="accuracy; mean differences paired by seed, 95% interval by Student's t",
        steps=STEPS,
        pairs=len(SEEDS),
        seeds=list(SEEDS),
    )
    draw(rows)


if __name__ == "__main__":
    main()
