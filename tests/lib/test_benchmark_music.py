"""Four voices as frames, and rows that ask for every token once."""

import math
import random
import re
from collections import Counter

import pytest
import torch

from aigc_lib.codecs.piece import Piece
from aigc_lib.data.made.songs import song
from aigc_lib.models import GPT
from aigc_lib.models.markov import Interpolated, MarkovMelody, events_of
from aigc_lib.models.transformer.gpt import readable
from benchmarks.music_chorales import CODE, CONTEXT, encoded, frames, nats, windows
from benchmarks.music_studio import (
    BARS,
    FIGURES,
    by_music21,
    extracted,
    looked_at,
    more_than,
)
from benchmarks.record import ROOT

FOUR = Piece(
    voices=[
        [(0, 4, 72), (4, 2, 74), (6, 6, 76)],
        [(0, 12, 67)],
        [(0, 4, 60), (8, 4, 62)],
        [(0, 8, 48), (8, 4, 50)],
    ],
    length=12,
    genre="chorale",
)


def test_frames_hold_what_sounds_at_each_quarter():
    # soprano, bass, tenor, alto
    assert frames(FOUR) == [[72, 48, 60, 67], [74, 48, None, 67], [76, 50, 62, 67]]
    words = CODE.words_of(encoded(FOUR))
    assert words[:5] == [
        "genre chorale",
        "soprano 72",
        "bass 48",
        "tenor 60",
        "alto 67",
    ]
    assert words[7] == "tenor ."


@pytest.mark.parametrize("length", [1, 7, CONTEXT, CONTEXT + 1, 300, 513])
@pytest.mark.parametrize("step", [CONTEXT // 2, CONTEXT])
def test_every_token_is_asked_for_once(length, step):
    tokens = torch.arange(1 + length)
    rows = windows(tokens, step)
    assert rows.shape[1] == CONTEXT + 1
    assert rows[:, 1:][rows[:, 1:] >= 0].tolist() == list(range(1, 1 + length))
    for row in rows[1:]:
        asked = (row[1:] >= 0).nonzero()[0].item()
        assert asked >= CONTEXT - step  # with so many before it
    assert readable(rows).max() <= length


def test_a_net_that_knows_nothing_pays_for_all_tokens():
    model = GPT(vocab_size=len(CODE), context=CONTEXT, depth=1, heads=1, width=8)
    with torch.no_grad():
        model.net.token.weight.zero_()
    found = nats(model, FOUR)
    assert found.shape == (3, 4)
    assert torch.allclose(found, torch.tensor(math.log(len(CODE))).double())


def test_a_chain_of_melodies():
    assert events_of(FOUR)[0] == (12, 4, 0)
    gap = Piece(voices=[[(4, 4, 62)]], length=12, key="D major")
    assert events_of(gap) == [(None, 4, 0), (0, 4, 4), (None, 4, 8)]
    train, held = [song(i) for i in range(30)], [song(i) for i in range(400, 410)]
    chain = MarkovMelody(train)
    same = chain.nats(held[0].transposed(1).transposed(-1))
    assert chain.nats(held[0]) == same
    moved = MarkovMelody([p.transposed(12) for p in train])
    assert moved.nats(held[0].transposed(12)) == pytest.approx(same)
    before = sum(map(chain.nats, held))
    assert sum(map(chain.tuned(held).nats, held)) < before
    assert MarkovMelody(train).nats(train[0]) < before / len(held)
    with pytest.raises(ValueError, match="order=0"):
        MarkovMelody(train, order=0)
    with pytest.raises(ValueError, match="pieces is empty"):
        MarkovMelody([])


def test_a_chain_writes_what_it_learned():
    scale = [(8 * bar + 2 * i, 2, 60 + 2 * i) for bar in range(6) for i in range(4)]
    learned = Piece(voices=[scale], length=48, metre="2/4", key="C major")
    chain = MarkovMelody([learned])
    for part in chain.parts.values():
        part.trusts = [1e-6] * len(part.trusts)
    asked = {"metre": "2/4", "key": "D major", "bars": 3, "seed": 1}
    made = chain.sample(**asked)
    assert made == learned.cut(0, 3).transposed(2)
    assert chain.nats(made) < 3  # the end alone surprises
    wilder = MarkovMelody([song(i) for i in range(30)])
    some = [wilder.sample(metre="4/4", key="E minor", bars=5, seed=i) for i in range(9)]
    assert len({repr(piece) for piece in some}) == 9
    for i, piece in enumerate(some):
        assert (piece.bars, piece.key) == (5, "E minor")
        assert (piece.before + piece.length) % 16 == 0
        assert piece == wilder.sample(metre="4/4", key="E minor", bars=5, seed=i)
    upbeat = MarkovMelody([Piece(voices=[[(0, 16, 60)]], length=16, pickup=12)])
    assert (
        upbeat.sample(metre="2/4", key="C major", bars=1).pickup == 0
    )  # 12 is too long
    for wrong in ({"metre": "5/4"}, {"key": "H"}, {"bars": 0}, {"seed": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            chain.sample(**asked | wrong)


def test_what_is_drawn_comes_as_often_as_it_should():
    part = Interpolated(2, 4)
    for symbol in "aab":
        part.see(symbol, ("x", ()))
    part.see("c", ("y", ()))
    dice = random.Random(0)
    drawn = Counter(part.draw(("x", ()), dice) for _ in range(4_000))
    short = {"a": 2 / 5, "b": 1 / 5, "c": 1 / 5}  # and 1 / 5 for what nobody saw
    for symbol, shorter in short.items():
        seen = {"a": 2, "b": 1, "c": 0}[symbol]
        # The uniform part, 1 / 5 of 1 / 4, is drawn again
        assert drawn[symbol] / 4_000 == pytest.approx(
            (seen / 4 + shorter / 4) / (1 - 1 / 20), abs=0.03
        )


def test_interpolation_adds_up_to_one():
    part = Interpolated(2, 4)
    for symbol in "aab":
        part.see(symbol, ("x", ()))
    for context in ("x", "unseen"):
        p = [part.p(symbol, (context, ())) for symbol in "abcd"]
        assert sum(p) == pytest.approx(1)
        assert min(p) > 0
    assert part.p("a", ("unseen", ())) == pytest.approx((2 + 1 / 4) / 4)


def test_what_music21_extracts_of_pieces():
    pytest.importorskip("music21")
    scale = Piece(voices=[[(4 * i, 4, 60 + 2 * i) for i in range(5)]], length=20)
    row = dict(zip((*FIGURES, *range(128)), extracted(scale), strict=True))
    assert row["AverageMelodicIntervalFeature"] == 2
    assert row["AverageNoteDurationFeature"] == 0.5
    assert row["VariabilityOfNoteDurationFeature"] == 0
    assert row[2] == 1
    songs = [song(i) for i in range(12)]
    songs = [piece.cut(0, min(BARS, piece.bars)) for piece in songs]
    found = by_music21(songs[:4], songs[4:], songs[:4])
    assert found["music21_figures"] == found["music21_intervals"] == 0
    assert found["music21_figures_people"] > 0
    low, high = found["music21_intervals_people_interval"]
    assert 0 < low < high <= 1
    same = more_than(songs[:4], songs[:4], songs[4:])
    assert same["music21_figures_more"] == same["music21_intervals_more"] == 0
    assert more_than(songs[:4], songs[4:8], songs[:4])["music21_figures_more"] > 0


def test_what_the_chapter_reads_is_measured():
    pytest.importorskip("music21")
    made = [song(i) for i in range(1_000, 1_004)]
    found = looked_at(made, "pop") | more_than(made, made, made)
    text = (ROOT / "chapters/03_projects/24_music_studio.md").read_text("utf-8")
    rows = "folk, markov-2|folk|pop"  # of the chorales more is told
    read = set(re.findall(rf"music_studio:rows\.(?:{rows})\.([a-z_0-9]+)", text))
    assert {"in_key_interval", "copied_interval", "music21_figures"} <= read
    assert read <= {*found, "seconds_per_bar"}
    for name, value in found.items():
        if interval := found.get(f"{name}_interval"):
            low, high = interval
            assert low <= high
            if name in ("in_key", "copied"):  # a distance is lifted by drawing again
                assert low <= value <= high
