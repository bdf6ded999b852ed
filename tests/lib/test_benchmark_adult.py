"""The benchmark of tables: the made-up table, and gains seed by seed."""

import pytest

pytest.importorskip("pandas")

from aigc_lib.codecs.tables import TableCodec
from benchmarks import adult


def test_the_made_up_table_has_gaps_a_date_and_an_order():
    table = adult.made_up("train")
    frame = table.frame
    gaps = frame.drop(columns="returned").isna().mean()
    assert gaps.between(0.27, 0.33).all()
    schema = TableCodec.fit(frame, **table.asked).schema()  # no row breaks one
    assert schema.loc["ordered", "kind"] == schema.loc["delivered", "kind"] == "date"
    assert schema.loc["price", "note"] == "at least paid"
    late = (frame["delivered"] - frame["ordered"]).dt.days
    share = (frame["returned"] == "yes").groupby(late >= 5).mean()
    assert share[True] > share[False] + 0.2
    assert not frame.equals(adult.made_up("test").frame)


def test_gains_are_taken_seed_by_seed():
    def runs(values):
        return [{"accuracy": value, "auc": value / 2} for value in values]

    found = adult.gains_of(
        {
            "x table_flow": runs([0.8, 0.7, 0.9]),
            "x real": runs([0.9, 0.8, 1.0]),
            "x tvae": runs([0.7, 0.7, 0.7]),
            "x ctgan": runs([0.5, 0.4, 0.6]),
        },
        "x",
    )
    rows = {(row["against"], row["figure"]): row for row in found}
    assert len(rows) == 6
    real = rows["real", "accuracy"]
    assert real["gain"] == pytest.approx(-0.1)
    assert real["from"] == pytest.approx(-0.1)
    assert rows["tvae", "accuracy"]["from"] < 0 < rows["tvae", "accuracy"]["to"]
    # Student's 4.30 for 2 degrees of freedom, times 0.05 / root of 3
    reach = rows["tvae", "auc"]["to"] - rows["tvae", "auc"]["gain"]
    assert reach == pytest.approx(4.3027 * 0.05 / 3**0.5, rel=1e-4)


def test_rows_of_one_class_teach_to_say_that_class():
    train, test = adult.made_up("train", 400), adult.made_up("test", 300)
    codec = TableCodec.fit(train.frame, **train.asked)
    made = codec.typed(train.frame)
    made["returned"] = "no"
    found = adult.judged(train, test, made, seed=0)
    share = (test.frame["returned"] == "no").mean()
    assert (found["accuracy"], found["auc"]) == (pytest.approx(share), 0.5)
