"""Made-up product copy: distinct, true to its facts, and checked by a fair judge."""

import pytest
from umbrella import FACTS, LINE

import aigc_lib as aigc
from aigc_lib.data.made.grammar import expanded, phrases, slots
from aigc_lib.data.made.product_copy import (
    ATTRIBUTES,
    check_copy,
    prompt_of,
    stated,
    vocabulary,
)


@pytest.fixture(scope="module")
def splits():
    return [aigc.data.load("product_copy", split=s) for s in ("train", "test")]


def test_patterns_expand():
    assert expanded("a[b|c]d[e|]") == ["abde", "abd", "acde", "acd"]
    assert expanded("{x}") == ["{x}"]
    assert slots("{a}和{b2}") == ["a", "b2"]
    for broken in ("a[b", "a]b", "[a[b]"):
        with pytest.raises(ValueError, match="has no partner"):
            expanded(broken)


def test_no_two_lines_alike(splits):
    train, test = splits
    assert len(train) >= 20_000
    assert len({*train, *test}) == len(train) + len(test)


def test_combinations_of_the_test_are_new(splits):
    train, test = splits
    combinations = {frozenset(stated(facts)) for facts in (*train.facts, *test.facts)}
    assert len(combinations) == len(train) + len(test)


def test_two_selling_points_are_the_same_in_either_order():
    both = [FACTS | {"卖点": points} for points in (("a", "b"), ("b", "a"))]
    assert stated(both[0]) == stated(both[1])
    assert {("卖点", "a"), ("卖点", "b"), ("颜色", "墨绿")} <= stated(both[0])


def test_the_same_lines_every_time(splits):
    from aigc_lib.data.made import product_copy

    product_copy._lines.cache_clear()
    assert aigc.data.load("product_copy").texts == splits[0].texts


def test_every_line_is_true_to_its_facts(splits):
    for part in splits:
        for text, facts in zip(part.texts, part.facts, strict=True):
            assert check_copy(text, facts).true, text


def test_no_value_hides_in_another():
    values = sorted({value for _, value in vocabulary()})
    assert not [(a, b) for a in values for b in values if a != b and a in b]


def test_lines_are_whole(splits):
    for text in splits[1]:
        assert text.endswith(("。", "？"))
        assert not set(text) & set("{}[]| ")
        assert 20 <= len(text) <= 90


def test_labels_are_products(splits):
    for i in range(50):
        product = splits[0].classes[splits[0].y[i]]
        assert product == splits[0].facts[i]["品类"]
        assert product in splits[0][i]


def test_every_product_has_enough_to_say():
    for known in phrases("product_copy")["品类"].values():
        assert len(known["卖点"]) >= 6
        for point, ways in known["卖点"].items():
            assert len(set(ways)) == len(ways) >= 2
            assert all(point in way for way in ways)


# ---- the judge ----------------------------------------------------------------------


def test_a_true_line():
    assert check_copy(LINE, FACTS) == ([], [])


def test_what_is_missing_and_what_is_made_up():
    assert check_copy(LINE.replace("墨绿", "酒红"), FACTS) == (
        [("颜色", "墨绿")],
        [("颜色", "酒红")],
    )
    verdict = check_copy(LINE + "抗八级风。", FACTS)
    assert verdict.invented == [("卖点", "抗八级风")]
    assert not verdict.true
    assert len(check_copy("", FACTS).missing) == 5


def test_the_judge_refuses_facts_it_does_not_know():
    with pytest.raises(ValueError, match="facts='尺寸'"):
        check_copy(LINE, FACTS | {"尺寸": "大"})
    with pytest.raises(ValueError, match="品类='飞船'"):
        check_copy(LINE, FACTS | {"品类": "飞船"})


def test_a_prompt_names_every_fact_in_order():
    prompt = "品类=雨伞；颜色=墨绿；材质=碳纤维骨架；卖点=一键开合；场景=毕业旅行→"
    assert prompt_of(FACTS) == prompt
    assert prompt_of(dict(reversed(FACTS.items()))) == prompt
    two = {"品类": "雨伞", "卖点": ("一键开合", "晴雨两用")}
    assert prompt_of(two) == "品类=雨伞；卖点=一键开合、晴雨两用→"
    assert set(FACTS) < set(ATTRIBUTES)


def test_it_stands_in_for_other_texts(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("AIGC_DATA_DIR", raising=False)
    monkeypatch.setenv("AIGC_CACHE_DIR", str(tmp_path))
    data = aigc.data.load("chinese_poetry", standin="product_copy")
    assert data.is_standin
    assert "standing in for chinese_poetry" in repr(data)
    assert "20,000 条" in capsys.readouterr().err
    with pytest.raises(OSError, match="put it at") as error:
        aigc.data.load("chinese_poetry")
    assert "with internet" not in str(error.value)
    assert '"product_copy"' in str(error.value)
    with pytest.raises(ValueError, match="standin='digits'"):
        aigc.data.load("chinese_poetry", standin="digits")
