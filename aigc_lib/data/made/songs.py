"""Pop songs that nobody sang: a grammar of chords, and melodies by rule.

Four bars of a progression that thousands of songs share, twice a verse and twice a
chorus; a rhythm that returns; a melody that takes tones of the chord on strong beats
and walks between them; a bass on roots and fifths. What a model learns of it is the
grammar, not what people like.
"""

from __future__ import annotations

from random import Random

from ...arguments import whole
from ...codecs.piece import CLASSES, MODES, NAMES, Piece, Sign, Sound, chord_classes

PROGRESSIONS = {  # degrees of the scale, from 0, and qualities, one a bar
    "major": (
        ((0, ""), (4, ""), (5, "m"), (3, "")),
        ((5, "m"), (3, ""), (0, ""), (4, "")),
        ((0, ""), (5, "m"), (3, ""), (4, "7")),
        ((0, ""), (3, ""), (4, ""), (4, "7")),
        ((1, "m7"), (4, "7"), (0, "maj7"), (0, "")),
    ),
    "minor": (
        ((0, "m"), (5, ""), (2, ""), (6, "")),
        ((0, "m"), (6, ""), (5, ""), (4, "7")),
        ((0, "m"), (3, "m"), (5, ""), (4, "7")),
    ),
}
RHYTHMS = (  # steps of the notes of a bar
    (4, 4, 4, 4), (6, 2, 4, 4), (2, 2, 4, 2, 2, 4), (6, 6, 4), (4, 2, 2, 8),
    (2, 2, 2, 2, 4, 4), (8, 4, 4), (2, 4, 2, 4, 4), (6, 2, 8)
)  # fmt: skip
BASSES = (((0, 8), (7, 8)), ((0, 6), (0, 2), (7, 8)), ((0, 16),), ((0, 4),) * 4)
LOW, HIGH = 60, 81  # of the melody
BAR, LENGTH = 16, 256  # steps


def song(seed: int) -> Piece:
    """Return the song of a seed: 16 bars of 4/4, a verse and a chorus."""
    random = Random(whole("seed", seed, 0))
    tonic = random.choice(NAMES)
    mode = "major" if random.random() < 0.65 else "minor"
    scale = [(CLASSES[tonic] + step) % 12 for step in MODES[mode]]
    home = f"{tonic}{'m' if mode == 'minor' else ''}"
    melody: list[Sound] = []
    bass: list[Sound] = []
    chords: list[Sign] = []
    at, pitch = 0, random.randint(66, 72)
    for _ in ("verse", "chorus"):
        progression = random.choice(PROGRESSIONS[mode])
        rhythms, low = random.sample(RHYTHMS, 2), random.choice(BASSES)
        for number, (degree, quality) in enumerate(progression * 2):
            ends, is_last = number == 7, at == LENGTH - BAR
            name = home if is_last else NAMES[scale[degree]] + quality
            chords.append(Sign(at, name))
            start = at
            for steps in (8, 8) if ends else rhythms[number % 2]:
                strong = (start - at) % 8 == 0
                pitch = _next(pitch, chord_classes(name) if strong else scale, random)
                melody.append(Sound(start, steps, pitch))
                start += steps
            root = 36 + (scale[0] if is_last else scale[degree]) % 12
            start = at
            for interval, steps in ((0, BAR),) if is_last else low:
                bass.append(Sound(start, steps, root + interval))
                start += steps
            at += BAR
    tonics = [p for p in range(LOW, HIGH + 1) if p % 12 == scale[0]]
    final = min(tonics, key=lambda p: abs(p - melody[-2].pitch))
    melody[-1] = melody[-1]._replace(pitch=final)
    return Piece(
        voices=(tuple(melody), tuple(bass)),
        length=LENGTH,
        key=f"{tonic} {mode}",
        chords=tuple(chords),
        genre="pop",
        tempo=random.choice((84, 96, 108, 120)),
        title=f"Song {seed}",
    )


def _next(pitch: int, pool: frozenset[int] | list[int], random: Random) -> int:
    """Draw a note of the pool near the last one: steps more often than leaps."""
    choices = _near(pitch, pool)
    weights = [(1 if p == pitch else 3) / (1 + abs(p - pitch)) for p in choices]
    return random.choices(choices, weights)[0]


def _near(pitch: int, pool: frozenset[int] | set[int] | list[int]) -> list[int]:
    near = range(max(LOW, pitch - 9), min(HIGH, pitch + 9) + 1)
    return [p for p in near if p % 12 in pool]
