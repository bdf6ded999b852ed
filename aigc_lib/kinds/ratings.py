"""Ratings: models that rank items for users by what these took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.ratings import Histories, Ratings, known_to
from ..metrics import ranking
from ..metrics.intervals import bootstrap_interval, paired_gain
from ..models import MODELS, GenerativeModel, Trainable
from ..models.ranking import Popularity, judged

if TYPE_CHECKING:
    import pandas

LIST = 10  # items that a user would look at


def build(
    name: str, data: Ratings, options: dict[str, Any]
) -> tuple[Trainable, Histories]:
    """Make a model for these items."""
    return MODELS[name](**{"items": data.items} | options), data.history


def draw(model: GenerativeModel, n: int, seed: int) -> pandas.DataFrame:
    """Make up ``n`` users and what they took: a frame of user and item."""
    return model.sample(n, seed=seed)


def write(samples: pandas.DataFrame, path: Path, columns: int) -> None:
    """Write a CSV file that can be read as data again."""
    samples.to_csv(path, index=False, encoding="utf-8")


def evaluate(model: Trainable, data: Ratings, n: int, seed: int) -> dict[str, Any]:
    """Rank all items for up to ``n`` held-out users; what is popular stands beside it.

    Items that the model does not know are left out, and counted.

    Raises:
        ValueError: the split "train", or nobody left to judge.
    """
    known = known_to(data, model.items)
    some = known.first(n)
    figures, ranked = judged(model, some)
    base, _ = judged(Popularity(some), some)
    k = max(int(name.rpartition("_")[2]) for name in figures)
    result: dict[str, Any] = {
        "users": len(some),
        "items": len(some.items),
        "items_unknown_to_the_model": len(set(data.items) - set(model.items)),
    }
    for name, values in figures.items():
        result[name] = values.mean().item()
    main = f"ndcg_at_{k}"
    if len(some) > 1:  # one user has no interval
        low, high = bootstrap_interval(figures[main], lambda v: v.mean(), seed=seed)
        result |= {f"{main}_from": low, f"{main}_to": high}
        gain = paired_gain(figures[main], base[main], seed=seed)
        label = "gain_over_popularity"
        result |= {
            label: gain.mean,
            f"{label}_from": gain.low,
            f"{label}_to": gain.high,
        }
    shown = ranked[:, :LIST]
    result[f"coverage_at_{LIST}"] = ranking.coverage(shown, len(some.items))
    result[f"popularity_lift_at_{LIST}"] = ranking.popularity_lift(
        shown, some.history[:], some.popularity
    )
    result[f"novelty_at_{LIST}_bits"] = ranking.novelty(
        shown, some.popularity, some.trained_users
    )
    return result
