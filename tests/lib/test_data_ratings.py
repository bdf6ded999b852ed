"""Who took what: lists, the split by user and time, and what it must not let by."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import aigc_lib as aigc
from aigc_lib.data.catalog import CATALOG
from aigc_lib.data.ratings import Histories, Log, divided, known_to, rows_of
from aigc_lib.data.readers.ratings import log_of
from aigc_lib.data.store import find

REAL = ("online_retail", "complete_journey", "movietweetings")


def made(users=60, items=12, rows=900, seed=0):
    generator = np.random.default_rng(seed)
    return Log(
        [f"u{u}" for u in generator.integers(users, size=rows)],
        [f"i{i}" for i in generator.integers(items, size=rows)],
        generator.integers(1_000, size=rows),
    )


def pairs(data, lists):
    owner = torch.arange(len(data)).repeat_interleave(lists.lengths)
    return [
        (data.users[u], data.items[i])
        for u, i in zip(owner.tolist(), lists.items.tolist(), strict=True)
    ]


# ---- lists ---------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 6), max_size=5), min_size=1, max_size=8))
def test_a_batch_holds_the_lists_that_were_asked_for(lists):
    histories = Histories.of(lists, 7)
    users = torch.randperm(len(lists), generator=torch.Generator().manual_seed(0))
    batch = histories[users]
    assert batch.shape == (len(lists), max(map(len, lists)))
    for row, user in zip(batch.tolist(), users.tolist(), strict=True):
        n = len(lists[user])
        assert row[:n] == lists[user]
        assert set(row[n:]) <= {-1}
    dense = rows_of(histories[:], 7)
    for row, items in zip(dense, lists, strict=True):
        assert row.nonzero().flatten().tolist() == sorted(set(items))


def test_the_sparse_matrix_is_the_rows():
    histories = Histories.of([[3, 0], [], [2]], 5)
    np.testing.assert_array_equal(
        histories.matrix().toarray(), rows_of(histories[:], 5).numpy()
    )


def test_three_hundred_thousand_rows_take_the_memory_of_rows():
    """As a table of all users by all items they would be 8 GB."""
    starts = torch.arange(0, 300_001, 15)
    items = torch.randint(100_000, (300_000,))
    histories = Histories(items, starts, 100_000)
    assert len(histories) == 20_000
    assert histories.bytes < 3e6
    assert histories[torch.arange(64)].shape == (64, 15)


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="items go from 0 to 7"):
        Histories.of([[0, 7]], 7)
    with pytest.raises(ValueError, match="at least one user"):
        Histories.of([], 7)


# ---- the split -----------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(0, 4))
def test_nothing_leaks(seed, fold):
    log = made(seed=seed)
    parts = divided(log, fold=fold)
    train, test = parts["train"], parts["test"]
    first = {}
    for user, item, time in zip(*log[:3], strict=True):
        first[user, item] = min(time, first.get((user, item), time))
    cut = np.sort(list(first.values()))[int(0.8 * len(first))]
    assert not set(train.users) & set(test.users)
    assert train.items == test.items
    assert all(first[pair] < cut for pair in pairs(train, train.history))
    assert all(first[pair] < cut for pair in pairs(test, test.history))
    assert all(first[pair] >= cut for pair in pairs(test, test.later))
    assert not set(pairs(test, test.history)) & set(pairs(test, test.later))
    assert (test.history.lengths > 0).all()
    assert (test.later.lengths > 0).all()


@given(st.integers(0, 10_000))
def test_what_comes_later_changes_nothing_that_is_learned_from(seed):
    log = made(seed=seed)
    # each pair once, so that no other first time comes forward
    _, once = np.unique(
        [f"{u} {i}" for u, i in zip(log.users, log.items, strict=True)],
        return_index=True,
    )
    users, items = np.array(log.users)[once], np.array(log.items)[once]
    times = np.asarray(log.times)[once]
    cut = np.sort(times)[int(0.8 * len(times))]
    before = divided(Log(users, items, times))
    other = items.astype(object)  # those who are trained on take other things later
    late = (times >= cut) & ~np.isin(users, before["test"].users)
    other[late] = [f"new {k}" for k in range(late.sum())]
    after = divided(Log(users, other, times))["train"]
    assert pairs(after, after.history) == pairs(
        before["train"], before["train"].history
    )
    assert after.items == before["train"].items
    assert torch.equal(after.popularity, before["train"].popularity)


@given(st.integers(0, 10_000))
def test_rows_may_come_in_any_order_and_more_than_once(seed):
    log = made(seed=seed)
    log = log._replace(times=np.random.default_rng(seed).permutation(len(log.users)))
    order = np.random.default_rng(seed + 1).permutation(len(log.users))
    order = np.concatenate([order, order[:100]])  # and a hundred rows twice
    shuffled = Log(*(np.asarray(part)[order] for part in log[:3]))
    for split in ("train", "test"):
        mine, theirs = divided(log)[split], divided(shuffled)[split]
        as_lists = [
            {
                data.users[u]: [data.items[i] for i in row if i >= 0]
                for u, row in enumerate(data.history[:].tolist())
            }
            for data in (mine, theirs)
        ]
        assert as_lists[0] == as_lists[1]


def test_a_list_goes_forward_in_time():
    train = divided(made())["train"]
    for start, end in zip(train.history.starts, train.history.starts[1:], strict=False):
        assert (train.times[start:end].diff() >= 0).all()


def test_the_folds_hold_out_everybody_once():
    log = made(rows=4_000)
    held = [set(divided(log, fold=k)["test"].users) for k in range(5)]
    assert sum(map(len, held)) == len(set().union(*held))
    assert len(set().union(*held)) > 50
    with pytest.raises(ValueError, match=r"fold=5: held_out=0.2 has folds 0 to 4"):
        divided(log, fold=5)


def test_a_user_stays_on_one_side_when_rows_are_added():
    few, many = divided(made(rows=900)), divided(made(rows=2_000))
    assert not set(few["test"].users) & set(many["train"].users)


def test_who_and_what_is_rare_goes():
    log = made()
    train = divided(log, least_items=6, least_users=7)["train"]
    assert train.history.lengths.min() >= 6
    assert train.popularity.min() >= 7
    counted = train.history.items.bincount(minlength=len(train.items))
    assert torch.equal(train.popularity, counted)
    assert train.trained_users == len(train)


def test_a_split_can_be_divided_again():
    train = divided(made(items=40, rows=3_000))["train"]
    inner = divided(train.log(), fold=1)
    assert set(inner["test"].users) <= set(train.users)
    assert inner["test"].times.max() < train.times.max()


def test_without_times_a_share_is_held_out():
    log = made(items=40, rows=3_000)._replace(times=None)
    parts = divided(log)
    test = parts["test"]
    assert test.times is None
    share = len(test.later.items) / (len(test.later.items) + len(test.history.items))
    assert 0.1 < share < 0.3
    assert divided(log)["test"].users == test.users


def test_a_million_items_take_no_table():
    n = 1_000_000
    users = np.repeat([f"u{k}" for k in range(50)], n // 50)
    log = Log(users, [f"i{k}" for k in range(n)], np.arange(n) % 1_000)
    with pytest.raises(ValueError, match="leave nobody for split='train'"):
        divided(log)  # no item has two users


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": ["a", None, "b"]}, "users has None in row 1"),
        ({"users": ["a", "", "b"]}, "users has '' in row 1"),
        ({"items": ["x", "y", float("nan")]}, "items has nan in row 2"),
        ({"times": [1.0, float("nan"), 2.0]}, "times has none in row 1"),
        ({"times": [1.0, float("inf"), 2.0]}, "times has none in row 1"),
        ({"times": np.array(["2020-01-01", "NaT", "2020-01-01"], "M8[s]")}, "in row 1"),
        ({"times": [1, 2]}, "give one for each of 3 rows"),
        ({"items": ["x", "y"]}, "users has 3 rows, items 2"),
        ({"users": []}, "users has shape"),
        ({}, "3 rows of 2 users leave nobody"),
    ],
)
def test_bad_rows_are_named(change, message):
    log = {"users": ["a", "a", "b"], "items": ["x", "y", "x"], "times": [1, 2, 3]}
    with pytest.raises(ValueError, match=message):
        divided(Log(**(log | change)))


@pytest.mark.parametrize("share", [0, 1, float("nan"), -0.2])
def test_a_share_is_a_share(share):
    with pytest.raises(ValueError, match="held_out"):
        divided(made(), held_out=share)
    with pytest.raises(ValueError, match="before"):
        divided(made(), before=share)


def test_data_in_the_numbers_of_a_model():
    test = divided(made(rows=4_000))["test"]
    fewer = (*reversed(test.items[2:]), "never seen")
    mine = known_to(test, fewer)
    wanted = [pair for pair in pairs(test, test.history) if pair[1] in fewer]
    assert set(pairs(mine, mine.history)) <= set(wanted)
    dropped = set(test.users) - set(mine.users)
    assert {p for p in wanted if p[0] not in dropped} == set(pairs(mine, mine.history))
    assert mine.popularity[-1] == 0
    assert mine.popularity[0] == test.popularity[-1]
    assert len(mine.times) == len(mine.history.items)
    with pytest.raises(ValueError, match="no user of whom the model knows items"):
        known_to(test, ("p", "q"))


# ---- data sets -----------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_a_real_set_is_as_its_card_says(name):
    if find(name) is None:
        pytest.skip(f"no {name} here")
    train, test = (aigc.data.load(name, split=s) for s in ("train", "test"))
    assert len(train) == CATALOG[name].splits["train"]
    assert len(train.items) == len(test.items) == CATALOG[name].shape[0]
    assert not set(train.users) & set(test.users)
    assert test.history.lengths.min() >= 1
    assert all(train.titles)
    assert f"{name}/test: {len(test):,} users" in repr(test)


def test_online_retail_has_the_pairs_that_its_notes_count():
    if find("online_retail") is None:
        pytest.skip("no online_retail here")
    log = log_of(CATALOG["online_retail"])
    count = len(set(zip(log.users, log.items, strict=True)))
    assert 260_000 < count < 266_802  # of 266,802 some are no products
    assert len(set(log.users)) <= 4_339
