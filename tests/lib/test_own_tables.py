"""The reader's own tables: however they are written, and what cannot be used."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

import aigc_lib as aigc  # noqa: E402

ROWS = "\n".join(f"{18 + i % 60},{'男女'[i % 2]},{i / 10}" for i in range(300))
TABLE = f"年龄,性别,收入\n{ROWS}\n"


def refused(name, **options):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        aigc.data.load(name, **options)
    return str(caught.value)


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_however_it_is_written(encoding, mark, tmp_path):
    path = written(tmp_path / "t.csv", TABLE.replace(",", mark), encoding)
    train, test = (aigc.data.load(path, split=s) for s in ("train", "test"))
    assert list(train.frame.columns) == ["年龄", "性别", "收入"]
    assert len(train) + len(test) == 300
    assert 10 < len(test) < 60
    both = pd.concat([train.frame, test.frame])
    assert both["收入"].sum() == pytest.approx(sum(i / 10 for i in range(300)))
    assert train.target == "收入"
    assert set(train.frame["性别"]) == {"男", "女"}
    assert "t/train" in repr(train) or "t.csv/train" in repr(train)


def test_decimal_commas_between_semicolons_are_numbers(tmp_path):
    rows = [f"{i},5;{i % 3}.{i:03},25;{i % 5},{i % 7},1;－{i}" for i in range(40)]
    path = written(tmp_path / "t.csv", "\n".join(["a;b;codes;c", *rows]))
    parts = [aigc.data.load(path, split=s).frame for s in ("train", "test")]
    both = pd.concat(parts).sort_values("a")
    assert both["a"].tolist() == [i + 0.5 for i in range(40)]
    assert both["b"].tolist() == [1_000 * (i % 3) + i + 0.25 for i in range(40)]
    assert both["codes"].iloc[8] == "3,1,1"  # three numbers are none
    path = written(
        tmp_path / "u.csv", "x;y\n" + "\n".join(f"1.5;{i},a" for i in range(40))
    )
    assert aigc.data.load(path).frame["x"].eq(1.5).all()


def test_parquet_is_read_as_it_is(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {"day": pd.date_range("2024-01-01", periods=50), "x": range(50)}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    data = aigc.data.load(tmp_path / "t.parquet")
    assert data.frame["day"].dtype.kind == "M"
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and no more")
    assert "no Parquet file" in refused(tmp_path / "t.parquet")
    frame["x"] = [[k, k] for k in range(50)]
    frame.to_parquet(tmp_path / "t.parquet")
    assert "'x' holds lists or records" in refused(tmp_path / "t.parquet")


def test_equal_rows_stay_on_one_side(tmp_path):
    rows = [f"{i % 40},{i % 40}" for i in range(400)]
    path = written(tmp_path / "t.csv", "\n".join(["a,b", *rows]))
    train, test = (aigc.data.load(path, split=s) for s in ("train", "test"))
    assert not set(train.frame["a"]) & set(test.frame["a"])


def test_a_file_whose_name_says_its_split_is_not_divided(tmp_path):
    path = written(tmp_path / "my_test.csv", TABLE)
    assert len(aigc.data.load(path, split="test")) == 300
    assert "split='train'" in refused(path)
    folder = tmp_path / "loans"
    folder.mkdir()
    for split in ("train", "test"):
        written(folder / f"{split}.csv", TABLE)
    assert len(aigc.data.load(folder)) == len(aigc.data.load(folder, split="test"))


def test_missing_cells_and_columns_without_a_name(tmp_path):
    text = ",x,k\n0,1,a\n1,,b\n2,NA,?\n3,null,a\n"
    data = aigc.data.load(written(tmp_path / "my_train.csv", text))
    assert list(data.frame.columns) == ["x", "k"]
    assert data.frame["x"].isna().tolist() == [False, True, True, True]
    assert data.frame["k"].isna().sum() == 1
    assert "没有名字的列" in data.card.left_out[0]


def test_what_is_told_of_a_table(tmp_path):
    path = written(tmp_path / "t.csv", TABLE)
    told = {
        "target": "性别",
        "kinds": {"年龄": "category"},
        "constraints": ["收入 <= 年龄"],
    }
    data = aigc.data.load(path, **told)
    assert data.target == "性别"
    assert data.asked == {"kinds": told["kinds"], "constraints": ("收入 <= 年龄",)}
    assert "target='性': " in refused(path, target="性")
    assert "kinds='x': " in refused(path, kinds={"x": "number"})
    assert "target=性别: for files of your own only" in refused("ring8", target="性别")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\n\n", "no rows"),
        ("a,b\n", "no rows"),
        ("a,b\n\n\n", "no rows"),
        ("a,a\n1,2\n", "two columns named 'a'"),
        ("a,b\n1,2\n1,2,3\n", "no table"),
        ("a,b\n1,2,3\n1,2,3\n", "no table"),
        ('a,b\n1,"2\n', "no table"),
        ("a,b\n1,2\n", "one row only"),
    ],
)
def test_what_is_no_table(text, message, tmp_path):
    assert message in refused(written(tmp_path / "t.csv", text))


def test_files_with_other_columns(tmp_path):
    written(tmp_path / "a.csv", "x,y\n1,2\n")
    written(tmp_path / "b.csv", "x,z\n1,2\n")
    assert "has other columns than the file before it" in refused(tmp_path)
    written(tmp_path / "b.csv", "x,y\n3,4\n")
    assert sum(len(aigc.data.load(tmp_path, split=s)) for s in ("train", "test")) == 2


def test_what_is_no_text(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\n\0\0,1\n")
    assert "no text" in refused(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff\xff,1\n")
    assert "neither UTF-8 nor GB18030" in refused(tmp_path / "t.csv")
    written(tmp_path / "u.xlsx", "PK")
    assert "sheets of Excel, which cannot be loaded" in refused(tmp_path / "u.xlsx")


@pytest.mark.parametrize(
    "name", ["adult", "german_credit", "credit_default", "bike_sharing"]
)
def test_the_tables_of_the_catalogue(name):
    if aigc.data.find(name) is None:
        pytest.skip(f"{name} is not here")
    parts = [aigc.data.load(name, split=split) for split in ("train", "test")]
    for part in parts:
        assert part.target in part.frame.columns
        numbers = part.frame.select_dtypes("number")
        assert np.isfinite(numbers.to_numpy(float, na_value=0.0)).all()
    assert parts[0].frame.dtypes.equals(parts[1].frame.dtypes)
    if name == "bike_sharing":
        days = [set(part.frame["dteday"]) for part in parts]
        assert not days[0] & days[1]
        whole = pd.concat([part.frame for part in parts])
        assert whole["cnt"].sum() == 3_292_679
        assert (whole["casual"] + whole["registered"] == whole["cnt"]).all()
    if name == "german_credit":
        assert sum((part.frame["risk"] == "good").sum() for part in parts) == 700
    if name == "credit_default":
        late = pd.concat([part.frame["default"] for part in parts]) == "yes"
        assert late.mean() == pytest.approx(0.2212)
    if name == "adult":
        assert set(parts[1].frame["income"]) == {"<=50K", ">50K"}
        assert parts[0].frame["workclass"].isna().sum() == 1_836


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ('年龄,"性别\n（男女）",收入', ["年龄", "性别 （男女）", "收入"]),  # Alt+Enter
        ('年龄,"a;b;c;d",收入', ["年龄", "a;b;c;d", "收入"]),
        ('年龄,"a ""x;y;z;w"" b",收入', ["年龄", 'a "x;y;z;w" b', "收入"]),
    ],
)
def test_names_in_quotes_may_hold_line_breaks_and_marks(header, names, tmp_path):
    path = written(tmp_path / "t.csv", f"{header}\n{ROWS}\n")
    train, test = (aigc.data.load(path, split=s) for s in ("train", "test"))
    assert list(train.frame.columns) == names
    assert len(train) + len(test) == 300
