"""What the benchmarks of the desk stand on.

Refusals: F1, its baseline, their lines. Answers that are composed: what may be copied.
"""

from functools import partial
from random import Random

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from aigc_lib.apps.service_desk.understanding import HELD_OUT, OUTSIDE, Said
from aigc_lib.data import Characters
from aigc_lib.models import GPT
from benchmarks import desk_composed as composing
from benchmarks import desk_dialogues as talking
from benchmarks import desk_intents as bench

WORDS = {"退货": "退货退回", "发票": "发票抬头", "保修": "保修几年"}
WORDS |= {OUTSIDE: "天气月亮"}


def said(part="train"):
    """Twelve patterns of each intent, each with its own sign, four times."""
    return [
        Said(f"{words}{chr(0x4E00 + 20 * k + n)}", intent, f"{part} {n}")
        for k, (intent, words) in enumerate(WORDS.items())
        for n in range(12)
        for _ in range(4)
    ]


def test_the_f1_of_refusals_is_that_of_scikit_learn():
    inside, outside = np.arange(9) < 2, np.arange(5) < 3
    truth = [False] * 9 + [True] * 5
    assert bench.f1(inside, outside) == pytest.approx(
        f1_score(truth, [*inside, *outside])
    )
    assert bench.f1(inside, np.zeros(5, bool)) == 0


def test_the_line_of_tfidf_is_chosen_on_what_it_has_not_learned():
    data, classes = said(), ("保修", "发票", "退货")
    line = bench.line_of(data, classes)
    assert 0.35 < line < 1  # outsiders share no letter: all classes are as likely
    numbers = [int(one.pattern.split()[1]) for one in data]
    held = [n % HELD_OUT == HELD_OUT - 1 for n in numbers]
    strange = [one.intent == OUTSIDE for one in data]
    both = list(zip(data, held, strange, strict=True))
    # outsiders that are not held out are neither learned nor looked at
    other = [o._replace(text="月球") if s and not h else o for o, h, s in both]
    assert bench.line_of(other, classes) == line
    other = [o._replace(text="退货退回") if h and s else o for o, h, s in both]
    assert bench.line_of(other, classes) != line


def test_the_refusals_of_the_assistant_stand_beside_those_of_tfidf(monkeypatch):
    strangers = {"made": ["天气怎样", "退货"], "other sets": ["长城多长"] * 3}
    few = partial(bench.difference, resamples=9)
    monkeypatch.setattr(bench, "difference", few)
    monkeypatch.setattr(bench.aigc, "start", lambda **options: None)
    monkeypatch.setattr(bench, "made", said)
    monkeypatch.setattr(bench, "real_outsiders", lambda: [])
    monkeypatch.setattr(bench, "outsiders", lambda: strangers)
    monkeypatch.setattr(bench, "_steps", lambda: {"steps": 2})
    answer = bench.service(seed=0)
    for kind in strangers:
        ours = answer[f"f1 {kind}|assistant, real"]
        theirs = answer[f"f1 {kind}|TF-IDF with a threshold, real"]
        mean, low, high = answer[f"gain f1 {kind}|assistant, real"]
        assert mean == pytest.approx(ours - theirs)
        assert low <= high
    # who shares no letter with what was learned is refused by both
    assert answer["f1 other sets|TF-IDF with a threshold, real"] == 1


def test_a_difference_is_paired():
    inside, outside = np.linspace(0.3, 1, 40), np.linspace(0, 0.7, 30)
    same = inside, outside
    assert bench.difference(bench.auroc, same, same) == [0, 0, 0]
    mean, low, high = bench.difference(bench.auroc, same, (inside[::-1], outside))
    assert mean == 0
    assert low < 0 < high


SOURCES = ["七天内可以退货。", "七天以后不可以。"], ["长城东起虎山。", "虎山在丹东。"]


@pytest.mark.parametrize("seed", range(5))
def test_a_composed_answer_is_a_run_of_one_source(seed):
    code = Characters.train(["\n|", *SOURCES[0], *SOURCES[1]])
    torch.manual_seed(seed)
    model = GPT(code, context=40, depth=1, heads=2, width=16)
    prompts = ["问|" + "".join(some) + "|" for some in SOURCES]
    prompts = [p.replace("问", "七" * (20 - len(p))) for p in prompts]  # one length

    def copying(rows):
        some = [[code.encode(s) for s in SOURCES[i]] for i in rows]
        return composing.Copying(some, code.end_token("\n"))

    said = model.answers(prompts, room=12, seed=seed, constraint_for=copying)
    for text, sources in zip(said, SOURCES, strict=True):
        assert text
        assert any(text in source for source in sources)
    free = model.answers(prompts, room=12, seed=seed)
    assert not all(
        any(text in source for source in sources)
        for text, sources in zip(free, SOURCES, strict=True)
    )


def test_a_run_goes_on_only_as_the_source_does():
    code = Characters.train(["\n不可以退"])
    sources = [[code.encode(part) for part in ("可以退", "不可以")]]
    copying = composing.Copying(sources, code.end_token("\n"))
    zero = torch.zeros(1, len(code))
    tokens = code.encode("退")[None]  # the prompt

    def may(text):
        nonlocal tokens
        if text:
            tokens = torch.cat([tokens, code.encode(text)[None]], 1)
        left = copying(tokens, zero)[0].isfinite().nonzero()[:, 0]
        return {code.decode([i]) for i in left}

    assert may("") == set("不可以退")  # anywhere, but not nothing
    assert may("可") == set("以\n")
    assert may("以") == set("退\n")  # the other place is at an end
    assert may("退") == {"\n"}
    assert may("\n") == {"\n"}


def test_a_run_is_filled_up_to_the_clauses_that_it_touches():
    sources = ["退货时，七天内不可以退，换货可以。", "可以退钱。"]
    assert composing.whole_clauses("可以退", sources) == "七天内不可以退"
    assert composing.whole_clauses("退，换", sources) == "七天内不可以退，换货可以"
    assert composing.whole_clauses("退钱", sources) == "可以退钱"
    assert composing.whole_clauses("，", sources) == "，"


def test_rare_letters_are_marked_and_come_back():
    letters = composing.Letters(["的一是"] * 9)
    table = letters.table("麒麟的麒", Random(0))
    assert set(table) == {"麒", "麟"}
    assert len(set(table.values())) == 2
    text = "麒麟的".translate(str.maketrans(table))
    assert len(letters.code.encode(text)) == 3  # it can spell that
    back = str.maketrans({mark: c for c, mark in table.items()})
    assert text.translate(back) == "麒麟的"


def test_what_is_read_fits_and_the_likeliest_comes_first():
    passage = ["长城很长。" * 30, "城砖是明代的。", "它的墙体长八千公里。"]
    read = composing.to_read("长城的墙体有多长", passage)
    assert read.sources[0] == passage[2]
    assert sum(map(len, read.sources)) <= composing.LETTERS
    assert all(any(s in p for p in passage) for s in read.sources)


def test_lessons_are_answered_by_what_is_read():
    random, passage = Random(0), ["退货的运费由您先付，质量问题由本店承担。" * 3]
    for make in (composing.follows, composing.gap):
        made = [make(passage, random) for _ in range(50)]
        made = [lesson for lesson in made if lesson]
        assert made
        for read, answer in made:
            assert answer
            assert any(answer in source for source in read.sources)
            if make is composing.follows:
                assert f"{read.question}{answer}" in read.sources[0]
            else:
                assert answer not in read.question


TALK = [
    ("听说过故宫吗？", []),
    ("去过，门票60元，旁边是景山。要地址吗？", [("故宫", "门票", "60元。")]),
    ("要。景山几点开门？", [("故宫", "地址", "景山前街4号")]),
    ("全天。", [("景山", "开放时间", "全天")]),
]


@pytest.fixture
def talk(monkeypatch):
    known = {}
    for name, what, value in (t for _, triples in TALK for t in triples):
        known.setdefault((name, what), []).append(value)
    known["景山", "门票"] = ["2元"]
    monkeypatch.setattr(talking, "knowledge", lambda: known)
    return talking.questions([TALK])


def test_a_question_has_the_entries_of_its_answer_and_slots_for_what_changes(talk):
    assert [one.entries for one in talk] == [
        [("故宫", "门票")],
        [("故宫", "地址")],
        [("景山", "开放时间")],
    ]
    assert talk[1].now == "去过，门票①，旁边是景山。要地址吗？"
    assert talk[1].before == "听说过＠吗？"
    assert talk[2].turns[-1] == TALK[2][0]
    assert talk[2].now == "要。＠几点开门？"


def test_slots_are_filled_from_the_entry_or_the_turn_is_left_out(talk):
    random = Random(0)
    said = talking.filled("＠要①吗？", ("景山", "开放时间"), random)
    assert said == "景山要2元吗？"
    assert talking.filled("＠在②吗？", ("景山", "开放时间"), random) is None
    turns = {("景山", "门票"): "＠贵吗？", ("故宫", "门票"): "景山贵吗？"}
    turns[("故宫", "地址")] = "知道了。"
    pairs = talking.pairs_of(turns, random)
    assert pairs == [("景山 景山贵吗？", ("景山", "门票"))]


def test_the_topic_is_the_sight_that_was_named_last(talk):
    assert talking.topic(["景山在故宫后面", "好"]) == "故宫"
    assert talking.topic(["景山", "故宫", "景山呢？"]) == "景山"
    assert talking.topic(["好"]) == ""


def test_of_several_right_entries_the_best_place_counts(talk):
    one = talk[0]._replace(entries=[("故宫", "门票"), ("景山", "门票")])
    assert talking.places(np.array([[0.5, 0.1, 0.7, 0.6]]), [one]) == [2]
