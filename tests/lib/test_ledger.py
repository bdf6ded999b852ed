"""Numbers of a report: written from cells, and found again by whoever reads it."""

from random import Random

import pytest

from aigc_lib.metrics.ledger import Ledger, Trace
from aigc_lib.simulators.funds import ALERT, FORMATS, alerts, funds, template

TABLE = {"华东": {"收入": 12.3, "增速": 0.081}, "西南": {"收入": 8.25, "增速": -0.02}}
LEDGER = Ledger.of(TABLE, {"收入": ".1f", "增速": "+.1%"})
TEXT = "".join(f"{x}收入{{{x}/收入}}亿元，增速{{{x}/增速}}。" for x in ("华东", "西南"))
ALL = list(LEDGER.cells)


def test_what_code_writes_is_traced_to_the_same_cells():
    text, traces = LEDGER.fill(TEXT)
    assert "华东收入12.3亿元，增速+8.1%。西南收入8.2亿元，增速-2.0%" in text
    audit = LEDGER.audit(text, ALL)
    assert audit.true
    assert audit.traced == traces
    assert all(text[t.start :].startswith(t.text) for t in traces)


@pytest.mark.parametrize(
    ("old", "new", "kind", "found"),
    [
        ("12.3", "12.4", "foreign", ["12.4"]),
        ("12.3", "8.2", "misplaced", ["8.2"]),
        ("亿元，增速+8.1%", "亿元，近三成", "foreign", ["三成"]),
        ("增速-2.0%", "增速-2.0%，同比翻番", "foreign", ["翻番"]),
        ("-2.0%", "2.0%", "foreign", ["2.0%"]),
        ("西南收入", "收入", "misplaced", ["8.2", "-2.0%"]),
    ],
)
def test_each_kind_of_wrong_number_is_named(old, new, kind, found):
    text, _ = LEDGER.fill(TEXT)
    assert old in text
    audit = LEDGER.audit(text.replace(old, new), ALL)
    assert getattr(audit, kind) == found
    assert not audit.true
    assert audit.exactness < 1


def test_what_was_left_out_is_named():
    audit = LEDGER.audit("华东收入12.3亿元。", ALL)
    assert audit.missing == ALL[1:]
    assert audit.exactness == 1
    assert LEDGER.audit("华东收入12.3亿元。").true


def test_full_width_digits_and_the_minus_sign_are_read():
    audit = LEDGER.audit("西南增速−２．０％")
    assert audit.traced == [Trace(4, "-2.0%", ("西南", "增速"))]


def test_the_longer_name_is_taken():
    ledger = Ledger({("甲", "收入"): "5", ("甲", "净收入"): "3"})
    assert ledger.audit("甲净收入3，收入5", ledger.cells).true
    assert ledger.audit("甲净收入5").misplaced == ["5"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{华东/利润}", "no such cell"),
        ("{华东/收入}，约占3成", "belongs to the ledger"),
    ],
)
def test_a_template_may_not_bring_numbers(template, words):
    with pytest.raises(ValueError, match=words):
        LEDGER.fill(template)


def test_bad_ledgers_are_refused():
    with pytest.raises(ValueError, match="empty"):
        Ledger({})
    with pytest.raises(ValueError, match="one number"):
        Ledger({("甲", "乙"): "约 3"})
    with pytest.raises(ValueError, match="one number"):
        Ledger({("甲", "乙"): "三成"})
    with pytest.raises(ValueError, match="rename"):
        Ledger({("甲", "乙"): "3", ("乙", "丙"): "4"})
    with pytest.raises(ValueError, match="formats has no"):
        Ledger.of({"甲": {"乙": 3.0}}, {})
    with pytest.raises(ValueError, match="no such cell"):
        LEDGER.audit("", [("华东", "利润")])


def test_reports_of_funds_are_true_and_follow_the_rule():
    drawn = funds(200)
    assert drawn == funds(200)
    loud = 0
    for k, (name, numbers) in enumerate(drawn):
        ledger = Ledger.of({name: numbers}, FORMATS)
        text, _ = ledger.fill(template(name, numbers, Random(k)))
        assert ledger.audit(text, list(ledger.cells)).true, text
        assert (ALERT in text) == alerts(numbers)
        loud += alerts(numbers)
    assert 50 < loud < 150
    with pytest.raises(ValueError, match="n=0"):
        funds(0)
