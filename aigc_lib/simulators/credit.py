"""Made-up applicants for a loan, and past decisions with a bias that one number sets.

Nobody here exists, and nothing here says how any real group repays. It is for asking
what a model learns from biased decisions: the true chance of everybody is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from ..arguments import finite, whole
from ..runtime import optional

if TYPE_CHECKING:
    import pandas as pd

CENTRE = 1.2  # log-odds of repaying for an average applicant
WEIGHTS = {
    "income": 0.8,
    "debt_ratio": -0.9,
    "years_employed": 0.5,
    "late_payments": -0.8,
}
FEATURES = tuple(WEIGHTS)
STRICTNESS = 2.0  # how sharply a past decision follows the risk


@dataclass(frozen=True)
class Applicants:
    """``frame`` is what a bank knows; ``repays`` (N,) the true chance to repay.

    Columns: ``income`` (thousands a year), ``debt_ratio`` (debt over income),
    ``years_employed``, ``late_payments`` (of the last two years), ``district`` (0 to 3,
    no part of the risk), ``group`` ("A" or "B"), ``approved`` (the past decision) and
    ``repaid`` (1 or 0, **also of those who were refused**: a real bank sees it of the
    approved only).
    """

    frame: pd.DataFrame
    repays: np.ndarray


def applicants(
    n: int,
    *,
    bias: float = 0.0,
    group_share: float = 0.3,
    proxy: float = 0.8,
    income_gap: float = 0.0,
    seed: int = 0,
) -> Applicants:
    """Draw ``n`` applicants; the same seed gives the same people, whatever the bias.

    - The chance to repay depends on the four ``FEATURES`` and on nothing else: given
      them, it is the same in both groups.
    - A past decision has log-odds ``STRICTNESS`` x (log-odds of repaying - their
      centre), less ``bias`` for group B. At 0 people alike are treated alike; at 1 the
      odds of B to be approved are 1/e = 0.37 of those of people alike in A.
    - The share ``group_share`` is of group B. ``proxy`` in [0, 1] says how well the
      district gives the group away: at 0 not at all, at 1 wholly. So leaving out the
      group does not take a bias away.
    - ``income_gap`` lowers the log of B's incomes by so many of its standard
      deviations: then the groups differ in risk, and not all gaps can be zero.

    Raises:
        ValueError: ``n`` < 1 or a number out of range.
        ModuleNotFoundError: pandas is missing.
    """
    pandas = optional("pandas")
    n = whole("n", n, 1)
    bias, income_gap = finite("bias", bias), finite("income_gap", income_gap)
    share = finite("group_share", group_share, least=0, most=1)
    proxy = finite("proxy", proxy, least=0, most=1)
    generator = np.random.default_rng(whole("seed", seed, 0))
    in_b = generator.random(n) < share
    # each feature from a standard normal, and the risk is linear in these
    z = generator.standard_normal((n, len(FEATURES)))
    z[:, 0] -= income_gap * in_b
    shown = generator.random(n) < proxy  # whether the district follows the group
    district = np.where(shown, 2 * in_b, 2 * generator.integers(0, 2, n))
    district = district + generator.integers(0, 2, n)
    odds = CENTRE + z @ np.array(list(WEIGHTS.values()))
    repays = expit(odds)
    repaid = generator.random(n) < repays
    chance = expit(STRICTNESS * (odds - CENTRE) - bias * in_b)
    approved = generator.random(n) < chance
    frame = pandas.DataFrame(
        {
            "income": np.round(40 * np.exp(0.5 * z[:, 0]), 2),
            "debt_ratio": np.round(0.3 * np.exp(0.6 * z[:, 1]), 4),
            "years_employed": np.round(6 * np.exp(0.7 * z[:, 2]), 2),
            "late_payments": np.maximum(0, np.round(1 + 1.5 * z[:, 3])).astype(int),
            "district": district,
            "group": np.where(in_b, "B", "A"),
            "approved": approved.astype(int),
            "repaid": repaid.astype(int),
        }
    )
    return Applicants(frame, repays)
