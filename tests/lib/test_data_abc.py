"""ABC notation: each sign by hand, and whole tunes against music21."""

from fractions import Fraction

import pytest

from aigc_lib.codecs.abc import key, read_abc, signature

HEADER = "X: 1\nT:A tune\nM:4/4\nL:1/4\nK:C\n"
TUNE = """X: 7
T:One
T:Another name
% a comment
S:somebody
M:6/8
K:D
P:A
A|"D"fed cBA|"G"B2^G =GFE|D3- D2z|[F2A2]d (3efg {ab}|\\
~c'3 c,B,c|
P:B
M:4/4
K:Am
L:1/4
c/d/ ef
"""


def said(music, header=HEADER):
    """The (pitch, quarters) of one tune."""
    (tune,) = read_abc(header + music)
    return [(event.pitch, event.quarters) for event in tune.events]


def pitches(music, header=HEADER):
    return [pitch for pitch, _ in said(music, header)]


def test_letters_and_octaves():
    assert pitches("C D E F G A B c d'") == [60, 62, 64, 65, 67, 69, 71, 72, 86]
    assert pitches("C, B,, c''") == [48, 47, 96]


def test_lengths():
    lengths = [quarters for _, quarters in said("C C2 C/2 C3/2 C/ C// z2")]
    assert lengths == [Fraction(n, 4) for n in (4, 8, 2, 6, 2, 1, 8)]


@pytest.mark.parametrize(
    ("meter", "quarters"),
    [("6/8", "1/2"), ("2/4", "1/4"), ("C", "1/2"), ("3/2", "1/2")],
)
def test_without_l_the_meter_decides(meter, quarters):
    assert said("C", f"X:1\nM:{meter}\nK:C\n") == [(60, Fraction(quarters))]


def test_accidentals_last_until_the_bar_ends():
    assert pitches("^F F f =F F|F _B B|B") == [66, 66, 78, 65, 65, 65, 70, 70, 71]
    assert pitches("F C|^F", HEADER.replace("K:C", "K:D")) == [66, 61, 66]
    assert pitches("=F F|F", HEADER.replace("K:C", "K:D")) == [65, 65, 66]
    assert pitches("B E A", HEADER.replace("K:C", "K:Bb")) == [70, 63, 69]
    assert pitches("^^C __D") == [62, 60]


def test_ties_and_what_stands_between():
    (tune,) = read_abc(HEADER + 'C -"Am"C|D- |D E')
    assert [event.tied for event in tune.events] == [True, False, True, False, False]


def test_tuplets():
    thirds = [quarters for _, quarters in said("(3CDE F (4CDEF")]
    assert thirds == [Fraction(2, 3)] * 3 + [1] + [Fraction(3, 4)] * 4


def test_of_a_chord_the_highest_note():
    assert said("[E2C2G,2][CE/2]z[A] [|C") == [
        (64, 2),
        (64, 1),
        (None, 1),
        (69, 1),
        (60, 1),
    ]


def test_of_two_endings_the_second():
    assert pitches("C|D|[1 ^E|F:|\n [2 G E|| A") == [60, 62, 67, 64, 69]
    assert pitches("|:C [1D:|\nP:B\nE") == [60, 64]


def test_notes_are_no_fields_and_fields_no_notes():
    assert pitches("C:|\nD::E\nC:Trad\nN:A(ABB)\nF|") == [60, 62, 64, 65]


def test_several_tunes_and_what_is_known_of_them():
    one, two = read_abc("A file of tunes\n\n" + TUNE + "\n\n" + HEADER + "C")
    assert one.facts == {"title": "One", "meter": "6/8", "sharps": 2, "mode": "major"}
    assert two.facts == {
        "title": "A tune",
        "meter": "4/4",
        "sharps": 0,
        "mode": "major",
    }
    assert one.events[-4:] == [
        (72, Fraction(1, 2), False),
        (74, Fraction(1, 2), False),
        (76, 1, False),
        (77, 1, False),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C", (0, "major")),
        ("Am", (0, "minor")),
        ("B", (5, "major")),
        ("Bb", (-2, "major")),
        ("F", (-1, "major")),
        ("Cm", (-3, "minor")),
        ("F#m", (3, "minor")),
        ("Eb major", (-3, "major")),
    ],
)
def test_keys(name, expected):
    assert key(name) == expected
    assert len(signature(expected[0])) == abs(expected[0])


def test_signatures():
    assert signature(2) == {"F": 1, "C": 1}
    assert signature(-2) == {"E": -1, "B": -1}


@pytest.mark.parametrize("name", ["H", "Ddor", "", "HP"])
def test_other_keys_are_refused(name):
    with pytest.raises(ValueError, match="give a major or minor key"):
        list(read_abc(f"X:1\nK:{name}\nC"))


def test_a_broken_rhythm_is_refused():
    with pytest.raises(ValueError, match="write out the lengths"):
        said("C>D")


@pytest.mark.parametrize(
    "tune",
    [
        HEADER + "C D/2E/2 F2|^F G _B =B|c2 (3efg|A3/2B/2 c z|",
        'X:1\nM:6/8\nL:1/8\nK:D\nA|"D"fed cBA|"G"B2^G =GFE|D3- D2z|D3- D3|c3 F2E|',
        "X:1\nM:3/4\nL:1/4\nK:Gm\nG A B|e f ^f|B2 E|",
    ],
)
def test_the_notes_of_music21(tune):
    converter = pytest.importorskip("music21").converter
    score = converter.parse(tune.replace("X:1", "X:1\nT:t"), format="abc")
    theirs = [
        (max((p.midi for p in sound.pitches), default=None), sound.quarterLength)
        for sound in score.flatten().notesAndRests
        if "Harmony" not in sound.classes
    ]
    assert said("", tune) == [(p, Fraction(q)) for p, q in theirs]
