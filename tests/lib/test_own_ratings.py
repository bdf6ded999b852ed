"""The reader's own table of who took what, however written, whatever is missing."""

import csv

import numpy as np
import pytest

import aigc_lib as aigc
from aigc_lib.__main__ import main


def rows(n=400, seed=0, items=9):
    generator = np.random.default_rng(seed)
    return [
        (
            f"用户{generator.integers(30)}",
            f"商品{generator.integers(items)}",
            f"2026-01-{d:02}",
        )
        for d in sorted(generator.integers(1, 29, n))
    ]


def table(path, lines, header=None, encoding="utf-8", mark=","):
    with path.open("w", encoding=encoding, newline="") as file:
        out = csv.writer(file, delimiter=mark)
        out.writerows([header, *lines] if header else lines)
    return path


def lists(data):
    return {
        data.users[u]: [data.items[i] for i in row if i >= 0]
        for u, row in enumerate(data.history[:].tolist())
    }


def load(path, split="train"):
    return aigc.data.load(path, split=split, ratings=True)


@pytest.fixture
def plain(tmp_path):
    return lists(load(table(tmp_path / "plain.csv", rows())))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize(
    "header", [None, ("用户编号", "商品", "时间"), ("User ID", "item", "Date")]
)
def test_however_it_is_written(encoding, header, tmp_path, plain):
    path = table(tmp_path / "a.csv", rows(), header, encoding)
    assert lists(load(path)) == plain


def test_of_a_file_that_breaks_off_nothing_is_used(tmp_path, plain):
    table(tmp_path / "a.csv", rows())
    table(
        tmp_path / "b.csv",
        [*rows(50, seed=1), ("x" * (csv.field_size_limit() + 1), 1, 1)],
    )
    data = load(tmp_path)
    assert lists(data) == plain
    assert "b.csv" in str(data.card.left_out)


@pytest.mark.parametrize("mark", ["\t", ";"])
def test_other_marks_and_another_order_of_columns(mark, tmp_path, plain):
    turned = [(time, 5, item, user) for user, item, time in rows()]
    header = ("time", "rating", "item_id", "user_id")
    assert lists(load(table(tmp_path / "a.csv", turned, header, mark=mark))) == plain


@pytest.mark.parametrize(
    "write",
    [
        lambda day: day.replace("-0", "-").replace("-", "/"),
        lambda day: day + " 00:00",
        lambda day: day + "T00:00:00+00:00",
        lambda day: "{}年{}月{}日".format(*day.split("-")),
        lambda day: str(np.datetime64(day, "s").astype(int)),
    ],
)
def test_times_in_several_ways(write, tmp_path, plain):
    other = [(user, item, write(day)) for user, item, day in rows()]
    assert lists(load(table(tmp_path / "a.csv", other))) == plain


def test_what_is_missing_is_left_out_and_said(tmp_path, plain):
    holes = [("", "商品1", "2026-01-02"), ("用户1", "NaN", "2026-01-02")]
    holes += [("用户1", "商品1", ""), ("用户1", "商品2", "soon"), ("用户3",)]
    data = load(table(tmp_path / "a.csv", [*rows()[:200], *holes, *rows()[200:]]))
    assert lists(data) == plain
    said = "；".join(data.card.left_out)
    assert "没有用户或物品：3 个" in said
    assert "没有时间：1 个" in said
    assert "时间读不出：1 个，a.csv:204" in said
    assert "some rows left out" in repr(data)


def test_time_going_backwards_is_put_in_order(tmp_path, plain):
    backwards = sorted(rows(), key=lambda row: row[2], reverse=True)
    found = lists(load(table(tmp_path / "a.csv", backwards)))
    assert {user: set(some) for user, some in found.items()} == {
        user: set(some) for user, some in plain.items()
    }
    data = load(tmp_path / "a.csv")
    for start, end in zip(data.history.starts, data.history.starts[1:], strict=False):
        assert (data.times[start:end].diff() >= 0).all()


def test_a_folder_of_tables_is_one(tmp_path, plain):
    folder = tmp_path / "days"
    folder.mkdir()
    table(folder / "1.csv", rows()[:150])
    table(folder / "2.tsv", rows()[150:], ("user", "item", "time"), mark="\t")
    assert lists(load(folder)) == plain


def test_without_times(tmp_path):
    path = table(tmp_path / "a.csv", [row[:2] for row in rows()])
    train, test = load(path), load(path, "test")
    assert train.times is None
    assert not set(train.users) & set(test.users)
    assert "没有时间" in train.card.summary


def refused(path, text, **options):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        aigc.data.load(path, **({"ratings": True} | options))
    return str(caught.value)


def test_what_cannot_be_used(tmp_path):
    path = tmp_path / "a.csv"
    assert "no file can be used (a.csv: empty" in refused(path, "")
    assert "no file can be used" in refused(path, "user,item\n")
    text = refused(path, "a,b,c,d\n1,2,3,4\n")
    assert "its first line, a, b, c, d, names no column user and item" in text
    text = refused(path, "user,item,time\na,x,2026-01-01\nb,y,17\n")
    assert "times as numbers and as dates" in text
    assert "leave nobody for split='train'" in refused(path, "a,x,1\nb,y,2\n")
    assert "split='val'" in refused(path, "\n".join(map(",".join, rows())), split="val")
    with pytest.raises(ValueError, match="ratings=True: for files of your own only"):
        aigc.data.load("digits", ratings=True)


def test_a_row_of_more_cells_is_left_out(tmp_path, plain):
    path = table(tmp_path / "a.csv", rows(), ("user", "item", "time"))
    with path.open("a") as file:
        file.write("u1,Tea, green,2026-01-01\n")
    data = load(path)
    assert lists(data) == plain
    assert "单元格比第一行多：1 个" in data.card.left_out[0]


# ---- on the command line -------------------------------------------------------------


def run(*words):
    return main([str(word) for word in words])


@pytest.mark.parametrize("name", ["mult_vae", "sasrec"])
def test_from_fit_to_evaluate(name, tmp_path, capsys):
    path, out = table(tmp_path / "clicks.csv", rows()), tmp_path / "m.safetensors"
    assert run("fit", name, path, "--steps", 3, "--out", out) == 0
    assert "clicks.csv/train: " in capsys.readouterr().err
    assert run("evaluate", out, path) == 0
    printed = capsys.readouterr().out
    assert "ndcg at 9" in printed
    assert "gain over popularity from" in printed
    assert run("evaluate", out, "digits") == 2
    assert "holds images, the model makes ratings" in capsys.readouterr().err
    assert run("fit", "dcgan", path, "--steps", 1, "--out", out) == 2


def test_what_a_model_makes_up_can_be_read_again(tmp_path, capsys):
    pytest.importorskip("pandas")
    path, out = table(tmp_path / "clicks.csv", rows()), tmp_path / "m.safetensors"
    run("fit", "mult_vae", path, "--steps", 3, "--out", out)
    made = tmp_path / "made.csv"
    assert run("sample", out, "--n", 50, "--out", made, "--seed", 1) == 2
    assert "length=10: give 1 to 9 items" in capsys.readouterr().err
    more = table(tmp_path / "more.csv", rows(900, items=20))
    run("fit", "mult_vae", more, "--steps", 3, "--out", out)
    assert run("sample", out, "--n", 50, "--out", made, "--seed", 1) == 0
    again = load(made)
    assert set(again.items) <= set(load(more).items)
    assert len(again) + len(load(made, "test")) <= 50


@pytest.mark.parametrize("option", ["ratings", "series"])
def test_a_word_is_no_yes(option, tmp_path):
    (tmp_path / "t.csv").write_text("user,item\na,b\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"{option}='false': give True or False"):
        aigc.data.load(tmp_path / "t.csv", **{option: "false"})
