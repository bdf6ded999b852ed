"""ABC notation: each sign by hand, and whole tunes against music21."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("value", "sharps", "mode"),
    [
        ("Ddor", 0, "dorian"),
        ("E Dorian", 2, "dorian"),
        ("F#MIX", 5, "mixolydian"),
        ("Bb lyd", -1, "lydian"),
        ("A minor clef=bass", 0, "minor"),
        ("Gloc", -4, "locrian"),
    ],
)
def test_modes(value, sharps, mode):
    (tune,) = read_abc(f"X:1\nK:{value}\nC")
    assert (tune.facts["sharps"], tune.facts["mode"]) == (sharps, mode)


@pytest.mark.parametrize("name", ["H", "", "HP", "none", "G#", "CM", "Dx", "D exp _b"])
def test_other_keys_are_refused(name):
    with pytest.raises(ValueError, match=r"line 2, column 3 .*X:1.*K:"):
        list(read_abc(f"X:1\nK:{name}\nC"))


def test_broken_rhythm():
    lengths = [quarters for _, quarters in said("C>D E<F G>>A B<<<c [CE]>z")]
    eighths = [12, 4, 4, 12, 14, 2, 1, 15, 12, 4]
    assert lengths == [Fraction(n, 8) for n in eighths]
    assert said("(3C>DE") == [(60, 1), (62, Fraction(1, 3)), (64, Fraction(2, 3))]


@pytest.mark.parametrize(
    "music", ["C>", "C>|D", ">C", "C><D", "C2>D", "C|>D", "C>(3DEF", "C>Z", "C>[1 D"]
)
def test_a_broken_rhythm_stands_between_two_equal_notes(music):
    with pytest.raises(ValueError, match="line 6, column"):
        said(music)


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("|: C4 |1 D4 :|2 E4 |]", [60, 64]),
        ("|: C |1 D :|2 E :|3 F || G", [60, 65, 67]),
        ("|: C |[1,2 D :|[3 E |] F", [60, 64, 65]),
        ("|: C |1-3,5 D :|4,6 E || F", [60, 64, 65]),
        ("|: C |[1-2 D :|3 E || F", [60, 64, 65]),
        ("|: C |[1 D :| E | F |]", [60, 64, 65]),  # the second ending is not marked
        ("|: C |1 D | E :|2 F | G || A", [60, 65, 67, 69]),
        ("|: C |1 D :|2 E :| F |: G |1 A :|2 B |]", [60, 64, 65, 67, 71]),
        ("|: C |1 D :|2 E |: F |1 G :|2 A |]", [60, 64, 65, 69]),
        ('|: C |1 "Am" D :|"G"\n[P:B]\n[2 E |]', [60, 64]),
        ("|: C |1 ^F :|2 F |]", [60, 65]),  # accidentals of an ending stay in it
        ("|: C- |1 D :|2 C |]", [60, 60]),
        ("C |1 D :|", [60]),
    ],
)
def test_endings(music, expected):
    assert pitches(music) == expected


def test_a_tie_goes_on_into_the_last_ending():
    (tune,) = read_abc(HEADER + "|: ^C- |1 ^D- :|2 C C|C |]")
    assert tune.events == [
        (61, 1, True),
        (61, 1, False),
        (60, 1, False),
        (60, 1, False),
    ]


@pytest.mark.parametrize("music", ["C |1 D || E", "C |1 D", "C [3-2 D", "(3C |1 D :|"])
def test_endings_that_make_no_sense(music):
    with pytest.raises(ValueError, match=r"line 6, column \d+ .*(ending|last)"):
        said(music)


def test_fields_within_the_music():
    assert pitches("C[K:G]D F") == [60, 62, 66]
    assert said("C[L:1/8]D") == [(60, 1), (62, Fraction(1, 2))]
    assert said("Z[M:3/4]Z[r:a remark]") == [(None, 4), (None, 3)]
    assert pitches("F\nK:D\nF\n[K:C]F") == [65, 66, 65]


def test_rests():
    assert said("z x2 Z X2 y y3 C/") == [
        (None, 1),
        (None, 2),
        (None, 4),
        (None, 8),
        (60, Fraction(1, 2)),
    ]
    assert said("Z2", "X:1\nM:(2+3)/8\nK:C\n") == [(None, 5)]


@pytest.mark.parametrize(
    ("music", "meter", "lengths"),
    [
        ("(2CD (3CDE (4CDEF", "4/4", ["3/2"] * 2 + ["2/3"] * 3 + ["3/4"] * 4),
        ("(5CDEFG", "4/4", ["2/5"] * 5),
        ("(5CDEFG", "9/8", ["3/5"] * 5),
        ("(7CDEFGAB (9CDEFGABcd", "3/4", ["2/7"] * 7 + ["2/9"] * 9),
        ("(3:4:2CDE", "4/4", ["4/3", "4/3", "1"]),
        ("(3::2CDE", "4/4", ["2/3", "2/3", "1"]),
        ("(3::CDE (3:2CDE", "4/4", ["2/3"] * 6),
        ("(3C2 z [EG] C", "4/4", ["4/3", "2/3", "2/3", "1"]),
    ],
)
def test_tuplets_of_all_kinds(music, meter, lengths):
    header = f"X:1\nM:{meter}\nL:1/4\nK:C\n"
    assert [q for _, q in said(music, header)] == [Fraction(n) for n in lengths]


def test_a_tie_over_a_bar_keeps_the_accidental():
    (tune,) = read_abc(HEADER + "^F-|F F|f-|^f")
    assert [(e.pitch, e.tied) for e in tune.events] == [
        (66, True),
        (66, False),
        (65, False),
        (77, True),
        (78, False),
    ]
    assert pitches("^F|F") == [66, 65]


def test_chords():
    assert said("[CE]2 [C/E/]3/2 [c2-e2-]|[ce] [!1!C.E]") == [
        (64, 2),
        (64, Fraction(3, 4)),
        (76, 2),
        (76, 1),
        (64, 1),
    ]
    (tune,) = read_abc(HEADER + "[C-E-]|[CE]-[CE] [C-E]")
    assert [e.tied for e in tune.events] == [True, True, False, False]


def test_what_changes_no_note():
    assert pitches('~C .D (E F) !trill!G u"Am"A {/g}B {^c}c`c|$C') == [
        *(60, 62, 64, 65, 67, 69, 71, 73, 73, 60)  # an accidental of a grace note holds
    ]
    assert pitches("U:n = !upbow!\nnC\nw:la la\nW:words\ns:!p!\nr:remark\nD") == [
        60,
        62,
    ]
    assert pitches("[|C|]D[|]E|[|F:||:G::A|") == [60, 62, 64, 65, 67, 69]


def test_where_a_tune_ends():
    text = "\ufeffL:1/4\nM:3/4\n\nX:1\nK:G\nF\n\nfree text\n\nX:2\nL:1/8\nK:C\nF"
    (one, two) = read_abc(text)
    assert one[:2] == (
        {"title": "", "meter": "3/4", "sharps": 1, "mode": "major"},
        [(66, 1, False)],
    )
    assert two.events == [(65, Fraction(1, 2), False)]


@pytest.mark.parametrize(
    ("music", "column"),
    [
        ("C q2 D", 3),
        ("C D & E", 5),
        ("C +trill+D", 3),
        ("C ! D !E", 3),  # no decoration: a line break of old programs
        ("C !8va(!D", 3),
        ("C ^/D", 3),
        ("C ^^^D", 3),
        ("C ^ D", 3),
        ("CD2//3", 2),
        ("CD0", 2),
        ("CD/0", 2),
        ("C99999", 1),
        ("C Z9999", 7),
        ("C [DqE]", 5),
        ("C [E", 3),
        ("C []", 3),
        ("C [DzE]", 5),
        ("C {D", 3),
        ("C {DqE}", 5),
        ('C "Am', 3),
        ("C (1D", 3),
        ("C (3(3DEF", 5),
        ("C (3:0:2DE", 3),
        ("C (3DE", 6),
        ("-C", 1),
        ("z-C", 2),
        ("C [K:H]D", 3),
        ("C [L:0/8]D", 3),
        ("C [M:waltz]D", 3),
        ("C [V:1]D[V:2]E", 9),
        ("C [m:x = C]D", 3),
        ("C \\D", 3),
        ("C# D", 2),
        ("C | 1 D", 5),
        ("C,,,,,,", 1),
    ],
)
def test_what_is_not_understood_has_a_place(music, column):
    place = f"line 6, column {column} of the text, tune X: ?1 'A tune': "
    with pytest.raises(ValueError, match=place):
        said(music)


@pytest.mark.parametrize(
    "line",
    [
        "L:1/0",
        "L:auto",
        "M:4/0",
        "M:0/4",
        "m:~n = {A}n",
        "I:propagate-accidentals octave",
        "%%propagate-accidentals not",
        "I:abc-include other.abc",
        "V:1 octave=-1",
        "c:some",
        "C D",
    ],
)
def test_fields_that_would_change_the_notes(line):
    with pytest.raises(ValueError, match="line 2, column"):
        list(read_abc(f"X:1\n{line}\nK:C\nC"))
    with pytest.raises(ValueError, match="transpose=-2"):
        list(read_abc("X:1\nK:C transpose=-2\nC"))


def test_bars_of_no_meter_have_no_length():
    with pytest.raises(ValueError, match="Give a meter"):
        list(read_abc("X:1\nM:none\nK:C\nZ"))


@pytest.mark.parametrize("text", ["", "C D E", "T:A title\nK:C\nC"])
def test_a_text_without_tunes(text):
    with pytest.raises(ValueError, match="no tune"):
        list(read_abc(text))


def test_a_header_without_a_key():
    with pytest.raises(ValueError, match="K: is missing"):
        list(read_abc("X:1\nT:A\n\nC"))


def test_one_bad_tune_can_be_left_out():
    text = "X:1\nK:C\nC\n\nX:2\nT:Bad\nK:HX\nD\n\nX:3\nK:C\nE"
    left_out = []
    assert [t.events[0].pitch for t in read_abc(text, left_out=left_out)] == [60, 64]
    (error,) = map(str, left_out)
    assert error.startswith("line 7, column 3 of the text, tune X:2 'Bad': K:HX: give")
    with pytest.raises(ValueError, match="X:2 'Bad'"):
        list(read_abc(text))


@given(st.text("CDEFGabz^_=,'/23456[](){}|:-<>~.!\"%\\ \n&K", max_size=40))
def test_any_music_is_read_or_refused(music):
    left_out = []
    for tune in read_abc(HEADER + music, left_out=left_out):
        assert all(event.quarters > 0 for event in tune.events)
    for error in left_out:
        assert re.match(r"line \d+, column \d+", str(error))


@pytest.mark.parametrize(
    "tune",
    [
        HEADER + "C D/2E/2 F2|^F G _B =B|c2 (3efg|A3/2B/2 c z|",
        'X:1\nM:6/8\nL:1/8\nK:D\nA|"D"fed cBA|"G"B2^G =GFE|D3- D2z|D3- D3|c3 F2E|',
        "X:1\nM:3/4\nL:1/4\nK:Gm\nG A B|e f ^f|B2 E|",
        "X:1\nM:4/4\nL:1/4\nK:Edor\nE>F G<A|[EG]2 c2-|c {d}c (3c/d/e/|z4|",
    ],
)
def test_the_notes_of_music21(tune):
    converter = pytest.importorskip("music21").converter
    score = converter.parse(tune.replace("X:1", "X:1\nT:t"), format="abc")
    theirs = [
        (max((p.midi for p in sound.pitches), default=None), sound.quarterLength)
        for sound in score.flatten().notesAndRests
        if "Harmony" not in sound.classes and not sound.duration.isGrace
    ]
    assert said("", tune) == [(p, Fraction(q)) for p, q in theirs]


@pytest.mark.parametrize(
    "line",
    [
        *("%%MIDI transpose -12", "%%transpose 2", "I:transpose 2", "%%MIDI c 62"),
        *("%%octave 1", "I:octave=-1", "%%voicemap drums"),
    ],
)
def test_instructions_that_move_the_notes_are_refused(line):
    with pytest.raises(ValueError, match="it may change the notes"):
        list(read_abc(f"X:1\nK:C\n{line}\nC"))
    assert pitches("%%MIDI program 2\nC") == [60]


def test_a_rest_of_no_bars_is_refused():
    with pytest.raises(ValueError, match="Z0: a rest of no bars"):
        list(read_abc(HEADER + "C Z0 D"))


@pytest.mark.parametrize("kind", ["text", "ps", "svg"])
@pytest.mark.parametrize("mark", ["", "%%"])
def test_a_block_of_text_is_no_music(kind, mark):
    block = f"%%begin{kind}\n{mark}ABC\n{mark}V:2\n%%end{kind}\n"
    assert list(read_abc(f"X:1\nK:C\n{block}CDE|\n")) == list(
        read_abc("X:1\nK:C\nCDE|\n")
    )


@pytest.mark.parametrize("before", ["CDE|\n", "K:D\n", "V:1\n"])
def test_a_field_that_goes_on_from_no_text_is_refused(before):
    with pytest.raises(ValueError, match="goes on from no line of text"):
        list(read_abc(f"X:1\nK:C\n{before}+:GAB|\n"))


def test_words_may_go_on():
    (tune,) = read_abc("X:1\nK:C\nCDE|\nw:do re\n+:mi\n+:fa\nF\n")
    assert [event.pitch for event in tune.events] == [60, 62, 64, 65]
