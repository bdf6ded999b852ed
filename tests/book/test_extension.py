"""The extension's parts on their own, and the project's data that they read."""

import json
import re
from collections import Counter
from pathlib import Path

import bookbuild
import pytest
import yaml
from aigc_book import glossary, results, resulttable, runcard
from aigc_book.search import Sections, spoken
from pybtex.database import parse_file

from aigc_lib.data import CATALOG

ROOT = Path(__file__).parents[2]
SPEED = bookbuild.FIXTURE / "results"


def data(name):
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("speed:steps", 20000),
        ("speed:runs.0.fd", 11.96),
        ("speed:passed", True),
        ("models:rows.vae.steps", 4000),
        ("models:rows.0.fd", 9.617),
    ],
)
def test_lookup_walks_by_name_and_position(target, value):
    assert results.lookup(SPEED, target)[0] == value


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("speed:stepz", ["stepz", "steps"]),
        ("speed:runs.1.fd", ["'1'"]),
        ("models:rows.gan.fd", ["gan", "dcgan"]),
        ("speed:steps.more", ["more"]),
        ("sped:steps", ["sped.json", "speed"]),
    ],
)
def test_lookup_names_what_is_missing(target, names):
    with pytest.raises(results.MissingResult) as raised:
        results.lookup(SPEED, target)
    assert all(name in str(raised.value) for name in names)


def test_lookup_tells_rows_apart_by_several_words(tmp_path):
    rows = [
        {"data": "films", "method": "EASE", "ndcg": 0.2},
        {"data": "shop", "method": "EASE", "ndcg": 0.1},
        {"data": "shop", "method": "popularity", "ndcg": 0.05},
    ]
    (tmp_path / "ranking.json").write_text(json.dumps({"rows": rows}))
    found = results.lookup(tmp_path, "ranking:rows.shop & popularity.ndcg")
    assert found[0] == 0.05
    assert results.lookup(tmp_path, "ranking:rows.films.ndcg")[0] == 0.2
    with pytest.raises(results.MissingResult, match="names 2 rows"):
        results.lookup(tmp_path, "ranking:rows.shop.ndcg")
    with pytest.raises(results.MissingResult, match="no 'EASE'"):
        results.lookup(tmp_path, "ranking:rows.EASE.ndcg")


def test_lookup_tells_rows_apart_by_a_number(tmp_path):
    rows = [
        {"bias": bias, "clients": clients, "source": source, "gap": bias * clients}
        for bias in (0.5, 2.0)
        for clients in (1, 16)
        for source in ("real", "made")
    ]
    (tmp_path / "bias.json").write_text(json.dumps({"rows": rows}))
    key = "bias:rows.bias=0.5 & clients=16 & made.gap"
    assert results.lookup(tmp_path, key)[0] == 8
    with pytest.raises(results.MissingResult, match="names 4 rows"):
        results.lookup(tmp_path, "bias:rows.bias=2.0.gap")
    with pytest.raises(results.MissingResult, match=r"no .bias=3\.0 & real"):
        results.lookup(tmp_path, "bias:rows.bias=3.0 & real.gap")


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (20000, "", "20,000"),
        (11.96432, "", "11.96"),
        (11.96432, ".1f", "12.0"),
        (0.953, ".0%", "95%"),
        (True, "", "是"),
        ("NVIDIA T4", "", "NVIDIA T4"),
    ],
)
def test_written(value, spec, text):
    assert results.written(value, spec) == text


@pytest.mark.parametrize(
    ("row", "key", "text"),
    [
        ({"gain": 0.02, "from": 0.01, "to": 0.03}, "gain", "+2.0% [+1.0%, +3.0%]"),
        (
            {"gain": 0.02, "from": -0.01, "to": 0.05},
            "gain",
            "+2.0% [-1.0%, +5.0%]，没有证据表明有增益",
        ),
        ({"a": -0.5, "a_interval": [-0.6, -0.4]}, "a", "-50.0% [-60.0%, -40.0%]"),
        (
            {"a": 0.0, "a_interval": [0.0, 0.1], "from": 1, "to": 2},
            "a",
            "+0.0% [+0.0%, +10.0%]，没有证据表明有增益",
        ),
    ],
)
def test_a_gain_is_written_with_its_interval_and_what_it_allows(
    row, key, text, tmp_path
):
    (tmp_path / "case.json").write_text(json.dumps({"gains": [row]}), "utf-8")
    assert results.gained(tmp_path, f"case:gains.0.{key}", "+.1%")[0] == text


def test_facts_of_several_data_sets_are_written_one_by_one():
    told = resulttable.facts({"seconds": {"online_retail": 61.4, "other": 2}})
    assert told == "秒数：网店订单 61、other 2"


def test_what_a_table_says_of_its_rows_is_said_in_chinese():
    tables = {
        ROOT / f"results/{name}.json"
        for source in ROOT.glob("chapters/*/*.md")
        for name in re.findall(r"{result-table} (\w+)", source.read_text("utf-8"))
    }
    measured = sorted(filter(Path.exists, tables))
    assert len(measured) > 10
    for path in measured:
        record = json.loads(path.read_text("utf-8"))
        for key in ("data", "split", "n", "metric", "interval"):
            told = resulttable.facts({key: record.get(key)})
            english = re.search(r"(?:[A-Za-z]{2,}[ ,;:]+){3}", told)
            assert not english, f"{path.name}: {key}: names.yml, for {told!r}"


# Names that stay as they are: the data sets', and those of published methods.
KEPT = re.compile(r"aigc_lib[.\w]*|scikit-learn|statsmodels|implicit|[A-Z][\w-]*")


def test_the_rows_of_a_table_are_named_in_chinese():
    """What names.yml leaves as it is names a data set or has a capital: R1, JPEG 75."""
    seen = 0
    for source in ROOT.glob("chapters/*/*.md"):
        text = source.read_text("utf-8")
        for name, body in re.findall(
            r"```{result-table} (\w+)\n(.*?)\n```", text, re.S
        ):
            path = ROOT / f"results/{name}.json"
            if not path.exists():
                continue
            rows = json.loads(path.read_text("utf-8"))["rows"]
            keys = [resulttable.column(line)[0] for line in body.splitlines() if line]
            for row in rows.values() if isinstance(rows, dict) else rows:
                for told in (results.written(row[key]) for key in keys):
                    left = [w for w in told.split("、") if w not in CATALOG]
                    english = re.search(r"[a-z]{3,}", KEPT.sub("", "、".join(left)))
                    assert not english, f"{name}: names.yml, for {told!r}"
                    seen += 1
    assert seen > 500


def test_a_gain_without_an_interval_is_refused(tmp_path):
    (tmp_path / "case.json").write_text('{"gains": [{"gain": 1, "from": 0}]}', "utf-8")
    with pytest.raises(results.MissingResult, match="from and to"):
        results.gained(tmp_path, "case:gains.0.gain")


@pytest.mark.parametrize("value", [None, {"a": 1}, [1]])
def test_only_single_figures_are_written(value):
    with pytest.raises(results.MissingResult):
        results.written(value)


BAD = """\
# 样书

{result}`speed:nothing` 与 {term}`不存在的词`

```{result-table} models
fid FID
```

```{latent-plane} latent_plane
```

```{latent-plane} unmade
:alt: 没有的模型
```

```{quiz} 77
```

```{mermaid}
flowchart LR
  a["噪声"] --> b["生成器"]
```

![](results/picture.png)
"""


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    bookbuild.lay_out(folder)
    (folder / "intro.md").write_text(BAD, "utf-8")
    finished, _ = bookbuild.build(folder)
    assert finished.returncode != 0
    return re.sub(r"\x1b\[[\d;]*m", "", finished.stderr)


@pytest.mark.parametrize(
    "complaint",
    [
        "no 'nothing' in",
        "不存在的词",
        "result-table models: no column 'fid' in the rows; there are ['model', 'fd'",
        "latent-plane: give :alt:, what the picture shows",
        "latent-plane: there is no ",
        "aigc_lib/check/quiz/ch77.json",
        "mermaid: give :alt:, what the diagram shows",
        "a picture under '样书' has no words for those who cannot see it",
    ],
)
def test_mistake_in_a_page_stops_the_build(failed, complaint):
    assert complaint in failed


def test_column_of_a_table():
    assert resulttable.column("fd|.1f FD ↓") == ("fd", ".1f", "FD ↓")
    with pytest.raises(ValueError, match="'fd' has no heading"):
        resulttable.column("fd")


def test_range_stands_only_where_runs_differ():
    row = {"kd": -0.5, "kd_min": -1.0, "kd_max": 2.0, "n": 5, "n_min": 5, "n_max": 5}
    assert resulttable.cell(row, "kd", ".1f") == "-0.5（-1.0 至 2.0）"
    assert resulttable.cell(row, "n", "") == "5"


def test_facts_leave_out_what_the_record_does_not_say():
    record = {"n": 5, "commit": None, "dirty": True, "rows": []}
    assert resulttable.facts(record) == "样本：5；提交：无（有未提交的改动）"


def test_terms_are_in_the_order_of_their_sound():
    words = ["指数滑动平均", "变分自编码器", "模式坍塌", "大语言模型"]
    ordered = sorted(({"zh": word} for word in words), key=glossary.by_sound)
    assert [term["zh"][0] for term in ordered] == list("变大模指")


PAGE = """<p>outside</p><article class="bd-article">
<section id="a"><h1>题<a class="headerlink">#</a></h1>
<p>一个<strong>词</strong>（word），<span class="katex"><span class="katex-mathml">
<math><semantics><mrow>x</mrow><annotation>\\beta</annotation></semantics></math></span>
<span class="katex-html">β</span></span>。</p>
<div class="cell"><pre>code</pre></div>
<section id="b"><h2><span class="section-number">1.1 </span>节</h2><p>二。<br>三。</p>
<div class="exercise admonition" id="ex-1"><p class="admonition-title">练</p><p>做。</p>
</div><div class="admonition note"><p class="admonition-title">注</p><p>记。</p></div>
</section></section></article>"""


def test_sections_of_a_page():
    parser = Sections()
    parser.feed(PAGE)
    found = {
        s["anchor"]: (s["title"], re.sub(r"\s+", "", s["text"])) for s in parser.found
    }
    assert found == {
        "a": ("题", "一个词（word），β。"),
        "b": ("节", "二。三。注记。"),
        "ex-1": ("练", "做。"),
    }
    assert parser.found[0]["defines"] == ["词"]


@pytest.mark.parametrize(
    ("tex", "said"),
    [("D(x)", "D(x)"), (r"\beta=1", "β=1"), (r"\frac12", "…"), (r"\betax", "…")],
)
def test_formulas_in_snippets(tex, said):
    assert spoken(tex) == said


def test_run_facts():
    run = {"profile": "gpu", "seconds": 372.0, "device": None, "standin": False}
    facts = runcard.facts(run)
    assert facts["用时"] == "6.2 分钟"
    assert facts["数据"] == facts["设备"] == facts["内存峰值"] == ""


def test_every_term_has_one_translation():
    terms = data("terms.yml")
    names = [t[k].lower() for t in terms for k in ("zh", "en", "abbr") if t.get(k)]
    assert not [name for name, count in Counter(names).items() if count > 1]
    labels = {c["label"] for p in data("outline.yml")["parts"] for c in p["chapters"]}
    for term in terms:
        assert set(term) <= {"zh", "en", "abbr", "definition", "chapter"}, term
        assert re.fullmatch(r"[^。]+。", term["definition"]), term["zh"]
        assert term["chapter"] in labels, term["zh"]


def test_outline_has_each_chapter_once():
    outline = data("outline.yml")
    labels = [c["label"] for part in outline["parts"] for c in part["chapters"]]
    assert labels == [f"{n:02}" for n in range(32)] + list("ABCDEF")
    assert {keyword["chapter"] for keyword in outline["keywords"]} <= set(labels)


def test_references_are_complete():
    entries = parse_file(ROOT / "references.bib").entries
    for key, entry in entries.items():
        assert entry.persons.get("author") or entry.fields.get("organization"), key
        assert re.fullmatch(r"\d{4}", entry.fields["year"]), key
        assert entry.fields["title"], key


def test_lock_file_names_no_registry_and_has_every_checksum():
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    packages = {name: p for name, p in lock["packages"].items() if name}
    assert all("integrity" in p and "resolved" not in p for p in packages.values())
