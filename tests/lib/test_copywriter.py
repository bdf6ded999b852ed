"""The writer of copy: batches, verdicts, best of n, the constraint, the page."""

import runpy
import sys

import pytest
import torch
from umbrella import FACTS, LINE

import aigc_lib as aigc
from aigc_lib.apps import copywriter
from aigc_lib.apps.copywriter import (
    Copywriter,
    choices,
    chosen,
    judged,
    told,
)
from aigc_lib.apps.copywriter.__main__ import main
from aigc_lib.data import Characters
from aigc_lib.data.made.product_copy import check_copy, prompt_of, vocabulary


@pytest.fixture(scope="module")
def data():
    return aigc.data.load("product_copy", split="test")[:300]


@pytest.fixture(scope="module")
def writer(data):
    """A writer that has learned nothing: what it says without help is noise."""
    torch.manual_seed(0)
    words = [value for _, value in vocabulary()]
    texts = ["\n", LINE, *data.texts, *map(prompt_of, data.facts), *words]
    tokenizer = Characters.train(texts)
    gpt = aigc.models.GPT(tokenizer, context=128, depth=1, heads=1, width=8)
    return Copywriter(gpt, data.texts)


def test_pairs_are_prompts_to_read_and_lines_to_learn(writer):
    tokenizer = writer.gpt.tokenizer
    (row,) = copywriter.pairs([FACTS], [LINE], tokenizer, length=100)
    learned = row[row >= 0]
    assert tokenizer.decode(learned) == LINE + "\n"
    asked = len(prompt_of(FACTS))
    assert tokenizer.decode(~row[:asked]) == prompt_of(FACTS)


def test_each_prompt_gets_its_own_answer(writer, data):
    prompts = [prompt_of(facts) for facts in data.facts[:12]]
    assert len(set(map(len, prompts))) > 2
    together = writer.gpt.answers(prompts, room=5, temperature=0)
    for prompt, text in zip(prompts, together, strict=True):
        alone = writer.gpt.complete(prompt, 5, temperature=0, stop="\n")
        assert text == alone


def test_the_seed_decides(writer, data):
    facts = data.facts[:5]
    first = writer.write(facts, seed=1)
    assert first == writer.write(facts, seed=1) != writer.write(facts, seed=2)


def test_the_constraint_leaves_no_error(writer, data):
    """Even where the model knows nothing."""
    facts = list(data.facts[:60])
    free, bound = writer.write(facts), writer.write(facts, truthful=True)
    assert judged(free, facts)["wrong"] == 1
    found = judged(bound, facts)
    assert found["wrong"] == found["missing"] == found["invented"] == 0
    assert found["distinct"] == 1


def test_best_of_n_keeps_what_is_true(writer, monkeypatch):
    tries = iter([["x", LINE, "x"], ["x", "y"], [LINE, "z"], ["z"]])
    asked = []

    def write(facts, *, seed, **sampling):
        asked.append((len(facts), seed, sampling))
        return next(tries)

    monkeypatch.setattr(writer, "write", write)
    lines = writer.best_of([FACTS] * 3, 4, seed=7, temperature=0.5)
    assert lines == [LINE, LINE, "z"]
    assert [n for n, *_ in asked] == [3, 2, 2, 1]
    assert len({seed for _, seed, _ in asked}) == 4
    assert all(sampling == {"temperature": 0.5} for *_, sampling in asked)


def test_the_count_by_hand():
    red = LINE.replace("墨绿", "酒红")
    found = judged([LINE, red, LINE, LINE.replace("一键开合", "开合")], [FACTS] * 4)
    assert found["wrong"] == 0.5
    assert (found["missing"], found["invented"]) == (0.5, 0.25)
    assert found["low"] < 0.5 < found["high"]
    assert (found["n"], found["distinct"]) == (4, 0.75)


def test_verdicts_in_words():
    assert told(check_copy(LINE, FACTS)) == "属实"
    red = told(check_copy(LINE.replace("墨绿", "酒红"), FACTS))
    assert red == "漏了：颜色 墨绿；编了：颜色 酒红"


# ---- the page ------------------------------------------------------------------------


def test_the_command_asks_for_its_model(capsys):
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "usage: python -m aigc_lib.apps.copywriter" in error
    assert "required: model" in error


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (b"a picture", "is no safetensors file")],
)
def test_a_file_without_a_writer_is_named_in_one_line(
    content, said, tmp_path, monkeypatch
):
    path = tmp_path / "writer.safetensors"
    if content:
        path.write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["copywriter", str(path)])
    monkeypatch.delitem(sys.modules, main.__module__)  # it is run, not imported
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module(copywriter.__name__, run_name="__main__")
    error = stopped.value.code
    assert error.startswith("error: path=")
    assert said in error
    assert "\n" not in error


def test_what_is_chosen_becomes_facts():
    known = choices("雨伞")
    assert list(known) == ["颜色", "材质", "卖点", "场景或人群"]
    picked = ("雨伞", "墨绿", "碳纤维骨架", ["一键开合"])
    assert chosen(*picked, "毕业旅行") == FACTS
    assert chosen(*picked, "怕晒的姑娘")["人群"] == "怕晒的姑娘"
    for points in ([], known["卖点"][:3]):
        with pytest.raises(ValueError, match="请选一个或两个"):
            chosen("雨伞", "墨绿", "碳纤维骨架", points, "毕业旅行")


def test_the_button_gives_lines_with_verdicts(writer):
    rows = copywriter.table(writer, FACTS, 4)
    assert [verdict for _, verdict in rows] == ["属实"] * 4
    assert len({line for line, _ in rows}) == 4
    free = copywriter.table(writer, FACTS, 2, truthful=False)
    assert all(verdict.startswith("漏了") for _, verdict in free)


def test_the_page_is_built(writer):
    gradio = pytest.importorskip("gradio")
    blocks = copywriter.page(writer)
    assert isinstance(blocks, gradio.Blocks)
    labels = {
        block.label for block in blocks.blocks.values() if hasattr(block, "label")
    }
    assert {"品类", "颜色", "材质", "卖点", "场景或人群", "种子"} <= labels
    offered, write = (function.fn for function in blocks.fns.values())
    assert offered("台灯")[1]["choices"] == choices("台灯")["材质"]
    rows = write("雨伞", "墨绿", "碳纤维骨架", ["一键开合"], "毕业旅行", 2, 0, True)
    assert [verdict for _, verdict in rows] == ["属实"] * 2
    with pytest.raises(gradio.Error, match="请选一个或两个"):
        write("雨伞", "墨绿", "碳纤维骨架", [], "毕业旅行", 2, 0, True)
    for seed in (None, -1, 2**31, 10**30):
        with pytest.raises(gradio.Error, match="种子：请填"):
            write("雨伞", "墨绿", "碳纤维骨架", ["一键开合"], "毕业旅行", 2, seed, True)
