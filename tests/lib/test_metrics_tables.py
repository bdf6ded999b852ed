"""Distances, usefulness and privacy of made-up rows."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from scipy.stats import ks_2samp  # noqa: E402

from aigc_lib.metrics import tables  # noqa: E402


def people(n=600, seed=0, told=True):
    """Whether somebody buys depends on age and town, unless it is not ``told``."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 12, n)
    town = rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    score = (age > 40).astype(int) + (town == "a")
    buys = rng.random(n) < np.array([0.05, 0.5, 0.95])[score]
    frame = pd.DataFrame({"age": age, "town": town, "spent": age * 2 + (town == "b")})
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    if not told:
        buys = rng.permutation(buys)
    return frame.assign(buys=np.where(buys, "yes", "no"))


def refused(call, *arguments, **options):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call(*arguments, **options)
    return str(caught.value)


# ---- distances -----------------------------------------------------------------------


def test_a_frame_is_at_distance_zero_from_itself_in_any_order():
    frame = people()
    mixed = frame.sample(frac=1, random_state=1)
    assert tables.distances(frame, mixed) == {
        "marginal_distance": 0.0,
        "pairwise_distance": 0.0,
    }


def test_marginals_are_what_scipy_says_and_shares_differ_by():
    real, made = people(500), people(300, seed=1)
    found = tables.marginals(real, made)
    truth = ks_2samp(real["spent"], made["spent"]).statistic
    assert found["spent"] == pytest.approx(truth)
    shares = [frame["town"].value_counts(normalize=True) for frame in (real, made)]
    assert found["town"] == pytest.approx((shares[0] - shares[1]).abs().sum() / 2)
    one, two = pd.DataFrame({"x": [np.nan, 1.0]}), pd.DataFrame({"x": [np.nan, np.nan]})
    assert tables.marginals(one, two)["x"] == 0.5
    one, two = pd.DataFrame({"x": ["a", "b"]}), pd.DataFrame({"x": ["c", None]})
    assert tables.marginals(one, two)["x"] == 1
    days = pd.DataFrame({"x": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    assert tables.marginals(days, days + pd.Timedelta("9D"))["x"] == 1


def test_pairs_see_what_marginals_do_not():
    frame = people(4_000)
    alone = pd.DataFrame(
        {n: frame[n].sample(frac=1, random_state=k).values for k, n in enumerate(frame)}
    )
    found = tables.distances(frame, alone)
    assert found["marginal_distance"] == 0
    again = tables.distances(frame, people(4_000, seed=1))
    assert found["pairwise_distance"] > 2 * again["pairwise_distance"]
    pairs = tables.pairwise(frame, alone)
    assert len(pairs) == 6
    assert pairs["age", "spent"] > 0.7
    exact = pd.DataFrame({"x": list("aabb"), "y": list("cdcd")})
    other = pd.DataFrame({"x": list("aabb"), "y": list("ccdd")})
    assert tables.pairwise(exact, other)["x", "y"] == 0.5


def test_frames_that_cannot_be_compared():
    frame = people(20)
    assert "made has no rows" in refused(tables.distances, frame, frame[:0])
    assert "differ in the columns ['town']" in refused(
        tables.marginals, frame, frame.drop(columns="town")
    )


# ---- features ------------------------------------------------------------------------


def test_features_are_scaled_and_tell_what_is_missing():
    frame = people()
    features = tables.Features(frame)
    x = features(frame)
    assert x.shape == (600, 2 + 2 + 3 + 2)  # two numbers, two sets of categories
    assert x[:, 0].mean() == pytest.approx(0, abs=1e-5)
    known = frame["age"].notna().to_numpy()
    assert x[known, 0].std() == pytest.approx(1, abs=1e-5)
    assert (x[~known, 0] == 0).all()
    assert (x[:, 1] == ~known).all()
    two = features(frame.iloc[[0, 0]].assign(town=["a", "b"]))
    assert np.linalg.norm(two[0] - two[1]) == pytest.approx(1)
    assert np.isfinite(features(frame.assign(spent=7.0, town="new"))).all()
    assert "numbers here and names" in refused(features, frame.assign(age="old"))


# ---- usefulness ----------------------------------------------------------------------


def test_rows_that_tell_the_target_teach_and_others_do_not():
    test = people(800, seed=9)
    good = tables.utility(people(800), test, "buys")
    none = tables.utility(people(800, told=False), test, "buys")
    assert good["accuracy"] > none["accuracy"] + 0.15
    assert good["auc"] > 0.75
    assert none["auc"] == pytest.approx(0.5, abs=0.12)
    assert good == tables.utility(people(800), test, "buys")


def test_targets_of_three_classes_and_of_numbers():
    train, test = people(), people(seed=9)
    three = tables.utility(train, test, "town")
    assert set(three) == {"accuracy", "auc"}
    number = tables.utility(train, test, "spent")
    assert number["r2"] > 0.8
    assert number["r2_linear"] > 0.8
    assert "target='buy': did you mean 'buys'" in refused(
        tables.utility, train, test, "buy"
    )
    assert "one class only" in refused(
        tables.utility, train.assign(buys="no"), test, "buys"
    )


# ---- privacy -------------------------------------------------------------------------


def test_copies_are_found_and_honest_rows_are_not_accused():
    train, held_out, honest = (people(1_000, seed=k) for k in range(3))
    fair = tables.privacy(train, held_out, honest)
    assert fair["copies"] == 0
    assert fair["closer"] == pytest.approx(0.5, abs=0.05)
    assert fair["membership"] == pytest.approx(0.5, abs=0.05)
    assert fair["nearest_made"] == pytest.approx(fair["nearest_held_out"], rel=0.2)
    copied = tables.privacy(train, held_out, train.sample(1_000, random_state=0))
    assert copied["copies"] == 1
    assert copied["closer"] == 1
    assert copied["nearest_made"] == 0
    assert copied["membership"] > 0.95
    noisy = train.assign(age=train["age"] + 0.01)
    assert tables.privacy(train, held_out, noisy)["closer"] > 0.9
    half = pd.concat([train[:300], honest[:700]])
    assert tables.privacy(train, held_out, half)["copies"] == pytest.approx(0.3)


def test_few_rows_are_enough_and_one_is_not():
    train, held_out, made = (people(300, seed=k) for k in range(3))
    found = tables.privacy(train, held_out, made, rows=50)
    assert 0 <= found["membership"] <= 1
    assert "give at least 2" in refused(tables.privacy, train, held_out, made, rows=1)


def test_a_class_of_one_row_is_not_learned():
    test = people(400)
    train = test.copy()
    train.loc[train.index[0], "town"] = "nowhere else"
    found = tables.utility(train, test, "town")
    assert 0.4 < found["auc"] <= 1


def test_too_few_rows_of_each_class_are_named():
    some = people(400)
    few = pd.concat([some[some["town"] == town][:2] for town in some["town"].unique()])
    with pytest.raises(ValueError, match=r"target='town': \d+ rows of \d classes"):
        tables.utility(few, some, "town")


def test_two_columns_of_one_name_are_refused():
    good = people(50)
    with pytest.raises(ValueError, match="made has two columns named"):
        tables.distances(good, pd.concat([good, good], axis=1))


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinity_is_no_value_of_a_table(infinite):
    good, bad = people(50), people(50)
    bad.loc[bad.index[3], "spent"] = infinite
    for call in (
        lambda: tables.distances(good, bad),
        lambda: tables.privacy(bad, good, good),
        lambda: tables.utility(bad, good, "buys"),
    ):
        with pytest.raises(ValueError, match="holds infinity in 'spent'"):
            call()
