"""Readers of tables that come as files: people, loans, hours of bicycle rental."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime import optional
from ..catalog import Card
from ..download import CorruptFile

if TYPE_CHECKING:
    from pandas import DataFrame

FOLD = 5  # every fifth goes to the test where the files do not say

# ---- readers: (card, split, paths) -> frame -----------------------------------------

ADULT = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status"),
    *("occupation", "relationship", "race", "sex", "capital_gain", "capital_loss"),
    *("hours_per_week", "native_country", "income"),
)


def read_adult(card: Card, split: str, paths: list[Path]) -> DataFrame:
    """Read the census of 1994; the test file has a line more, and full stops."""
    first = 1 if split == "test" else 0
    how = {"names": ADULT, "skiprows": first, "skipinitialspace": True}
    frame = _read(paths[0], header=None, na_values="?", **how)
    return frame.assign(income=frame["income"].str.rstrip("."))


GERMAN = (
    *("checking", "months", "history", "purpose", "amount", "savings", "employment"),
    *("rate", "status_sex", "debtors", "residence_years", "property", "age"),
    *("other_plans", "housing", "credits", "job", "dependants", "telephone"),
    *("foreign_worker", "risk"),
)


def read_german_credit(card: Card, split: str, paths: list[Path]) -> DataFrame:
    """Read 1,000 loans, codes as they are; every fifth row goes to the test."""
    frame = _read(paths[0], sep=" ", names=GERMAN, header=None)
    frame = frame.assign(risk=frame["risk"].map({1: "good", 2: "bad"}))
    return _fold(frame, frame.index, split)


def read_credit_default(card: Card, split: str, paths: list[Path]) -> DataFrame:
    """Read 30,000 credit cards without their numbers; every fifth goes to the test."""
    frame = _read(paths[0]).drop(columns="ID")
    frame = frame.rename(columns={"default.payment.next.month": "default"})
    frame.columns = [name.lower() for name in frame.columns]
    frame["default"] = frame["default"].map({0: "no", 1: "yes"})
    return _fold(frame, frame.index, split)


def read_bike_sharing(card: Card, split: str, paths: list[Path]) -> DataFrame:
    """Read hours of bicycle rental; every fifth day goes to the test, all its hours."""
    pd = optional("pandas")
    frame = _read(paths[0]).drop(columns="instant")
    frame["dteday"] = pd.to_datetime(frame["dteday"], format="%Y-%m-%d")
    day = (frame["dteday"] - frame["dteday"].min()).dt.days
    return _fold(frame, day, split)


def _read(path: Path, **how) -> DataFrame:
    pd = optional("pandas")
    try:
        return pd.read_csv(path, **how)
    except (ValueError, EOFError, OSError) as error:
        raise CorruptFile(f"{path} is no table as expected: {error}") from None


def _fold(frame: DataFrame, numbers, split: str) -> DataFrame:
    return frame[(numbers % FOLD == FOLD - 1) == (split == "test")]
