"""The presenter: made speech, the mouth that follows it, the face; and a character."""

import re

import pytest
import torch

import aigc_lib as aigc
from aigc_lib.codecs.levels import SokobanLevel
from aigc_lib.codecs.spectrum import HOP
from aigc_lib.data.made.wording import (
    ASKED,
    GAP,
    UNSEEN,
    VALUES,
    pairs,
    prompt_of,
    wordings,
)
from aigc_lib.decisions.character import Answer, Character, keeps
from aigc_lib.metrics.lips import delay, opening_error
from aigc_lib.models.lips import LipSync, MouthTable, heard
from aigc_lib.playable import DISCLOSURE, board, face, playable, speaking
from aigc_lib.simulators.speech import FRAME, SHAPES, speeches


@pytest.fixture(scope="module")
def said():
    return speeches(4, seconds=1.2, seed=1)


def test_speech_has_a_mouth_for_every_frame(said):
    assert said.x.shape == (4, 9_600)
    assert said.mouths.shape == (4, heard(said.x).shape[1], 2)
    assert said.x.abs().max() <= 1
    assert (said.mouths[:, 0, 0] == 0).all()  # it begins and ends closed
    assert (said.mouths[:, -1, 0] < 0.02).all()
    assert said.mouths.amin() >= 0
    assert said.mouths.amax() <= 1
    assert set("".join(said.words)) <= set(SHAPES)
    again = speeches(4, seconds=1.2, seed=1)
    assert torch.equal(again.x, said.x)
    assert not torch.equal(speeches(4, seconds=1.2, seed=2).x, said.x)


def test_lips_move_before_the_sound_begins(said):
    loud = said.x.unfold(1, HOP, HOP).square().mean(2).sqrt() > 0.02
    first_sound = loud.int().argmax(1)
    first_lips = (said.mouths[..., 0] > 0.02).int().argmax(1)
    assert (first_lips < first_sound).all()


def test_speech_refuses_bad_options():
    for options, told in (
        ({"n": 0}, "n=0"),
        ({"n": 1, "seconds": 0.1}, "seconds=0.1"),
        ({"n": 1, "noise": -1.0}, "noise=-1"),
    ):
        with pytest.raises(ValueError, match=told):
            speeches(**options)


def test_silent_short_and_broken_sounds_are_refused(said):
    model = LipSync(width=4)
    with pytest.raises(ValueError, match=r"x\[1\] is silent"):
        model.predict(torch.stack([said.x[0], torch.zeros(9_600)]))
    with pytest.raises(ValueError, match="160 ms"):
        model.predict(said.x[:, :1_000])
    with pytest.raises(ValueError, match="NaN"):
        model.predict(torch.full((1, 9_600), torch.nan))


def test_a_shift_is_found_to_the_millisecond(said):
    later = torch.roll(said.mouths, 3, 1)
    assert delay(later, said.mouths, FRAME) == pytest.approx([24] * 4, abs=0.2)
    assert delay(said.mouths, later, FRAME) == pytest.approx([-24] * 4, abs=0.2)
    assert delay(said.mouths, said.mouths, FRAME).abs().max() < 0.2
    assert opening_error(said.mouths, said.mouths).max() == 0
    assert opening_error(said.mouths + 0.5, said.mouths) == pytest.approx([0.5] * 4)
    with pytest.raises(ValueError, match="give the same"):
        delay(said.mouths[:, :50], said.mouths[:, :50], FRAME)


def test_a_table_of_one_entry_is_the_mean_mouth(said):
    table = MouthTable(said.x, said.mouths, entries=1, smooth=1)
    mean = said.mouths.mean((0, 1))
    assert torch.allclose(table.predict(said.x), mean.expand(4, 151, 2), atol=1e-5)
    assert MouthTable(said.x, said.mouths, entries=2, smooth=9).lookahead == 4


@pytest.mark.parametrize("wait", [0, 8])
def test_a_net_sees_no_more_of_the_future_than_it_says(said, wait):
    torch.manual_seed(0)
    model = LipSync(lookahead=wait, width=8)
    x = said.x[:1].clone().requires_grad_()
    model.mouths(x)[0, 60].sum().backward()
    last = x.grad[0].nonzero().max().item()
    if wait == 0:  # the loudest place of a sound counts for all of it, where it is
        loud = model.mouths(x.detach())
        assert loud.shape == (1, 151, 2)
    frames = torch.randn(1, 28, 151)
    again = frames.clone()
    again[..., 60 + wait + 1 :] += 1
    pad = torch.nn.functional.pad
    a, b = (
        model.net(pad(f, (model.past, model.lookahead), mode="replicate"))[..., 60]
        for f in (frames, again)
    )
    assert torch.equal(a, b)
    again[..., 60 + wait] += 1
    b = model.net(pad(again, (model.past, model.lookahead), mode="replicate"))[..., 60]
    assert not torch.equal(a, b)
    assert last > 0
    assert model.latency == pytest.approx(wait * FRAME + 0.016)


def test_a_net_learns_to_follow(said):
    aigc.start(seed=0)
    model = LipSync(width=16)
    before = opening_error(model.predict(said.x), said.mouths).mean()
    aigc.fit(model, (said.x, said.mouths), steps=40, batch_size=4)
    after = opening_error(model.predict(said.x), said.mouths).mean()
    assert after < 0.6 * before
    with model.averaged():
        wanted = model.mouths(said.x).detach()
    assert torch.equal(model.predict(said.x), wanted)  # by the averaged weights
    assert not torch.equal(model.mouths(said.x).detach(), wanted)


# ---- what stands in the page ---------------------------------------------------------


def test_a_face_says_that_it_was_made():
    assert DISCLOSURE in face(0.5, 0.5)
    assert "&lt;b&gt;" in face(0, 0, "<b>")
    heights = [float(re.search(r'ry="([\d.]+)"', face(v, 0.5))[1]) for v in (0, 0.5, 1)]
    assert heights == sorted(heights)
    assert heights[0] < heights[2]
    with pytest.raises(ValueError, match="label is empty"):
        face(0.5, 0.5, " ")
    with pytest.raises(ValueError, match=r"opening=1\.5"):
        face(1.5, 0.5)


def test_a_speaking_face_holds_sound_mouths_and_label(said):
    page = speaking(said.x[0], said.mouths[0]).data
    assert DISCLOSURE in page
    assert "data:audio/wav;base64," in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert len(re.search(r"\[\[.*?\]\]", page)[0].split("],")) == 151
    with pytest.raises(ValueError, match="give"):
        speaking(said.x[0], said.mouths[0, :10])


def test_a_playable_level_stands_alone():
    one = SokobanLevel.read("######\n#@$ .#\n######")
    page = playable([one]).data
    assert '"pushes": 2' in page
    assert "#@$ .#" in page
    assert "src=" not in page
    assert "http" not in page
    assert playable([one]).data != page  # each has a name of its own
    with pytest.raises(ValueError, match="levels is empty"):
        playable([])


def test_a_board_draws_every_square_and_refuses_others():
    drawn = board(["####", "#@.#", "####"])
    assert drawn.count("<rect") == 13
    assert drawn.count("<circle") == 2
    with pytest.raises(ValueError, match="sign '!'"):
        board(["#!"])


# ---- the character -------------------------------------------------------------------

TALK = {
    "door": (
        Answer(("钥匙",), "in", "门开了，有{boxes}个箱子。"),
        Answer((), "door", "谁？", "摇头"),
    ),
    "in": (Answer(("再见",), "out", "慢走。", "招手"), Answer((), "in", "请讲。")),
}


def test_a_character_walks_through_its_states():
    keeper = Character(TALK, "door", "out", {"boxes": lambda: "4"})
    assert keeper.motion == "站着"
    assert (keeper.hear("你好"), keeper.motion) == ("谁？", "摇头")
    assert (keeper.hear("我有钥匙"), keeper.motion) == ("门开了，有4个箱子。", "站着")
    assert keeper.state == "in"
    assert (keeper.hear("再见"), keeper.motion) == ("慢走。", "招手")
    with pytest.raises(ValueError, match="the talk ended"):
        keeper.hear("喂")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"in": (Answer((), "in", "请讲。"),)}, "'in' never leads to 'out'"),
        (
            {"door": (Answer(("钥匙",), "in", "开了。"),)},
            "an answer for everything else",
        ),
        ({"door": (Answer((), "door", "谁？"),)}, "'in' is never reached"),
        ({"in": (Answer((), "attic", "上去。"),)}, "'attic' is not there"),
        (  # a way out behind an answer that takes everything is none
            {"in": (Answer((), "in", "请讲。"), *TALK["in"])},
            "line '慢走。' is never said",
        ),
        (  # whoever says 再见了 says 再见
            {"in": (TALK["in"][0], Answer(("再见了",), "in", "？"), TALK["in"][1])},
            "line '？' is never said",
        ),
        (
            {"in": (Answer((), "out", "慢走。", "翻跟头"),)},
            "motion '翻跟头': give one of 站着, ",
        ),
    ],
)
def test_a_machine_with_a_hole_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        Character({**TALK, **change}, "door", "out", {"boxes": lambda: "4"})


def test_an_unknown_fact_and_an_empty_word_are_refused():
    with pytest.raises(ValueError, match="a fact that is not given"):
        Character(TALK, "door", "out")
    keeper = Character(TALK, "door", "out", {"boxes": lambda: "4"})
    with pytest.raises(ValueError, match="text is empty"):
        keeper.hear("  ")
    assert keeper.state == "door"


# ---- the wording of its lines --------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "value", "kept"),
    [
        ("最少推12次。", "12", True),
        ("最少推12次。", "1", False),  # part of another number
        ("最少推112次。", "12", False),
        ("推12次，12次就够。", "12", False),
        ("推-5次。", "5", False),
        ("推５次，5次。", "5", False),  # full-width digits are digits
        ("往左推。", "左", True),
        ("往左推，再往上推。", "左", False),
        ("往左推3次。", "左", False),
        ("慢慢来。", "左", False),
    ],
)
def test_a_line_keeps_its_fact_and_no_other(line, value, kept):
    assert keeps(line, value) == kept


def test_a_draft_is_said_only_if_it_keeps_the_fact():
    drafts = {"right": "四个是吧？4个箱子！", "wrong": "5个箱子！"}
    for name, said in (("right", drafts["right"]), ("wrong", "门开了，有4个箱子。")):
        asked = []

        def writer(fact, value, name=name, asked=asked):
            asked.append((fact, value))
            return drafts[name]

        keeper = Character(TALK, "door", "out", {"boxes": lambda: "4"}, writer)
        assert keeper.hear("喂") == "谁？"  # no fact, nothing to word
        assert keeper.hear("钥匙") == said
        assert asked == [("boxes", "4")]


@pytest.mark.parametrize("name", ASKED)
def test_every_wording_says_one_fact_once(name):
    written = wordings(name)
    assert len(set(written)) == len(written) >= 100
    for value in VALUES[name]:
        assert all(keeps(line.replace(GAP, value), value) for line in written)


def test_pairs_are_drawn_from_what_is_listed_and_never_hold_an_unseen_number():
    listed = {name: wordings(name)[:3] for name in ASKED}
    both = pairs(400, listed, 1)
    assert both == pairs(400, listed, 1) != pairs(400, listed, 2)
    gaps = [line for _, line in both if GAP in line]
    assert 150 < len(gaps) < 250
    assert set(gaps) == set(listed["hint"]) | set(listed["pushes"])
    known = {prompt_of(name, v) for name in ASKED for v in (*VALUES[name], GAP)}
    assert {prompt for prompt, _ in both} <= known
    assert not known & {prompt_of("pushes", v) for v in UNSEEN}
    with pytest.raises(ValueError, match="weather"):
        wordings("weather")
