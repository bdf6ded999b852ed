"""Figures of pieces: by hand, and against music21's analysis of the key."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from aigc_lib.codecs.piece import Piece
from aigc_lib.data.made.songs import song
from aigc_lib.metrics.music import (
    Likeness,
    best_key,
    in_key_rate,
    parallels,
    parallels_per_100,
    pitch_classes,
    rhythms,
    total_variation,
)


def tune(pitches, steps=2, **facts):
    notes = [(i * steps, steps, p) for i, p in enumerate(pitches)]
    return Piece(voices=[notes], length=len(notes) * steps, **facts)


SCALE = tune([60, 62, 64, 65, 67, 69, 71, 72])


def test_in_key():
    assert in_key_rate(SCALE) == 1
    assert in_key_rate(replace(SCALE, key="D major")) == 5 / 8  # no F, no C, no C
    minor = tune([69, 71, 72, 74, 76, 77, 78, 79, 80, 81], key="A minor")
    assert in_key_rate(minor) == 1  # both sixths and sevenths
    assert in_key_rate(tune([60, 61, 64, 66])) == 0.5
    with pytest.raises(ValueError, match="no notes"):
        in_key_rate(Piece(voices=[[]], length=4))


def test_pitch_classes_do_not_know_the_key():
    shares = pitch_classes([SCALE])
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == 2 / 8
    assert shares[[1, 3, 6, 8, 10]].sum() == 0
    assert np.allclose(shares, pitch_classes([SCALE.transposed(5)]))


def test_rhythms():
    waltz = Piece(
        voices=[[(0, 4, 60), (4, 8, 62), (12, 4, 60)]], length=16, metre="3/4", pickup=4
    )
    assert rhythms([waltz]) == Counter({(8, 4): 2, (0, 8): 1})


def test_distance():
    assert total_variation(Counter("ab"), Counter("aabb")) == 0
    assert total_variation(Counter("ab"), Counter("cd")) == 1
    assert total_variation(np.array([1, 1]), np.array([3, 1])) == 0.25
    with pytest.raises(ValueError, match="shapes"):
        total_variation(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="nothing to count"):
        total_variation(Counter(), Counter("a"))


def test_best_key_agrees_with_music21():
    pytest.importorskip("music21")
    from music21 import note, stream

    for seed in range(12):
        piece = song(seed)
        score = stream.Stream()
        for voice in piece.voices:
            for start, steps, pitch in voice:
                sound = note.Note(pitch)
                sound.quarterLength = steps / 4
                score.insert(start / 4, sound)
        found = score.analyze("key.krumhanslkessler")
        assert best_key(piece) == f"{spelled(found.tonic.pitchClass)} {found.mode}"


def spelled(pitch_class):
    return replace(SCALE, key="C major").transposed(pitch_class).key.split(" ")[0]


def chords(*columns):
    """Voices, the highest first, that all move at the same time."""
    voices = [tune(line, steps=4).voices[0] for line in zip(*columns, strict=True)]
    return Piece(voices=voices, length=4 * len(columns), genre="chorale")


def test_parallel_fifths_and_octaves():
    assert parallels(chords((67, 60), (69, 62)))[:2] == (1, 1)
    assert parallels(chords((67, 60), (69, 62))).places == ((4, 0, 1, "fifths"),)
    assert parallels(chords((79, 60), (81, 62))).count == 1  # wider by an octave
    assert parallels(chords((72, 60), (74, 62))).places[0][3] == "octaves"
    assert parallels(chords((67, 60), (67, 60))).count == 0  # nobody moves
    assert parallels(chords((67, 60), (65, 60))).count == 0
    assert parallels(chords((67, 60), (62, 67))).count == 0  # against each other
    assert parallels(chords((76, 72), (77, 74), (79, 76))).count == 0  # thirds
    four = chords((76, 67, 60, 48), (77, 69, 62, 50))
    # alto and tenor, alto and bass: fifths; tenor and bass: octaves
    assert Counter(p[3] for p in parallels(four).places) == {"fifths": 2, "octaves": 1}
    assert parallels_per_100([four, four]) == 300
    with pytest.raises(ValueError, match="no chord changes"):
        parallels_per_100([Piece(voices=[[(0, 4, 60)]], length=4)])


def test_rests_make_no_parallels():
    voices = [[(0, 4, 67), (8, 4, 69)], [(0, 4, 60), (8, 4, 62)]]
    assert parallels(Piece(voices=voices, length=12)).count == 1
    voices = [[(0, 4, 67), (8, 4, 69)], [(0, 4, 60), (4, 4, 64), (8, 4, 62)]]
    assert parallels(Piece(voices=voices, length=12)).count == 0


def test_copies_are_found_in_any_key():
    others = [song(0), replace(song(1), title="the one"), song(2)]
    likeness = Likeness(others)
    run = list(song(1).voices[0][10:22])
    start = run[0].start
    notes = [(0, 2, 60), (2, 2, 79)]
    notes += [(n.start - start + 4, n.steps, n.pitch + 3) for n in run]
    piece = Piece(voices=[notes], length=notes[-1][0] + notes[-1][1])
    found = likeness.copied(piece)
    assert found.notes >= 12
    assert found.title == "the one"
    assert found.start <= 4
    assert likeness.copied(song(1)).notes == len(song(1).voices[0])
    assert likeness.copied(tune([60, 71, 53])).notes in (0, 3)
    assert Likeness([tune([60, 61, 62, 63])]).copied(tune([60, 59, 58])).notes == 0


def test_another_rhythm_is_no_copy():
    slow = tune([60, 62, 64, 65, 67], steps=4)
    assert Likeness([slow]).copied(tune([60, 62, 64, 65, 67])).notes == 0


def test_nearest():
    others = [song(seed) for seed in range(12)]
    likeness = Likeness(others)
    for i, piece in enumerate(others):
        (first, same), (_, next_best) = likeness.nearest(piece.transposed(1), 2)
        assert first == i
        assert same == pytest.approx(1)
        assert 0 <= next_best < 1
    with pytest.raises(ValueError, match="others is empty"):
        Likeness([])
    with pytest.raises(ValueError, match="k=0"):
        likeness.nearest(others[0], 0)
