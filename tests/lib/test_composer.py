"""Drafts against the exact conditional, and what each ability keeps."""

import math
from collections import Counter
from itertools import product

import pytest
import torch

import aigc_lib as aigc
from aigc_lib.codecs.piece import chord_classes, wide_scale
from aigc_lib.codecs.score import LAYOUTS, ScoreCode, is_strong
from aigc_lib.data.made.songs import song
from aigc_lib.metrics.music import parallels
from aigc_lib.models import Composer
from aigc_lib.models.transformer.drafts import FREE, Drafts
from aigc_lib.models.transformer.rules import NoParallels, Only, Wishes, latest
from aigc_lib.nets.attention import KVCache

SONG = song(3).cut(0, 4)


@pytest.fixture(scope="module")
def composer():
    torch.manual_seed(0)
    model = Composer(context=256, depth=2, width=32, heads=2).eval()
    with torch.no_grad():  # clear preferences, so that what is fixed matters
        for p in model.net.parameters():
            p *= 4
    return model


def exact(model, form, fixed, choices):
    """p(free slots | fixed slots) by adding up all ways to fill the form."""
    free = [i for i, t in enumerate(fixed.tolist()) if t == FREE]
    found = {}
    for tokens in product(*[choices[i] for i in free]):
        row = fixed.clone()
        row[free] = torch.tensor(tokens)
        with torch.no_grad():
            logits = model.net(row[None])[0].double()
        nats = 0.0
        for i in range(1, len(form)):
            if form[i].is_learned:
                ids = model.code.allowed(form[i].kind).nonzero().flatten()
                p = logits[i - 1, ids].log_softmax(0)
                nats += p[(ids == row[i]).nonzero().item()].item()
        found[tokens] = math.exp(nats)
    total = sum(found.values())
    return {tokens: p / total for tokens, p in found.items()}


def test_drafts_draw_from_the_conditional_distribution(composer):
    code = ScoreCode({"pop": (("soprano", "bass"), 4)})
    form = code.form("pop", "2/4", 1)
    words = ["genre pop", "metre 2/4", "key C major", "mood any", "place beginning"]
    words += ["bar 1", None, "bass 40", "beat 2", None, "bass 47"]
    fixed = torch.tensor([FREE if w is None else code.numbers[w] for w in words])
    choices = {
        6: [code.numbers[f"soprano {p}"] for p in (60, 64, 67)],
        9: [code.numbers[f"soprano {p}"] for p in (60, 62, 65)],
    }
    masks = {}
    for i, tokens in choices.items():
        masks[i] = torch.zeros(len(code), dtype=torch.bool)
        masks[i][tokens] = True
    truth = exact(composer, form, fixed, choices)

    def far(rows, draws=400):
        counts = Counter()
        with composer._writing() as net:
            for seed in range(draws):
                writer = Drafts(code, form, fixed, [Only(masks)], rows=rows, seed=seed)
                row = writer.run(net, KVCache(net, rows))
                counts[row[6].item(), row[9].item()] += 1
        assert set(counts) <= set(truth)
        return sum(abs(counts[t] / draws - p) for t, p in truth.items()) / 2

    assert far(64) < 0.09 < far(1)  # one draft does not see what is to come


def test_what_is_kept(composer):
    code = composer.code
    song_ = code.snapped(SONG)
    more = composer.go_on(SONG, bars=2, drafts=4)
    assert more.bars == 6
    assert more.cut(0, 4).voices == song_.voices
    assert more.cut(0, 4).chords == song_.chords
    for voice, old in zip(more.voices, song_.voices, strict=True):
        assert voice[: len(old)] == old
    chords = composer.harmonise(SONG, drafts=4)
    assert chords.voices[0] == song_.voices[0]
    four = composer.harmonise(SONG, genre="chorale", drafts=4)
    assert four.voices[0] == song_.voices[0]
    assert len(four.voices) == 4
    filled = composer.fill(SONG, bars=(1, 3), drafts=4)
    assert filled.cut(0, 1).voices == song_.cut(0, 1).voices
    assert filled.voices != song_.voices


def test_vary_keeps_pitches_or_rhythm(composer):
    song_ = composer.code.snapped(SONG)
    other = composer.vary(SONG, keep="pitches", drafts=4, bars=(1, 3))
    assert [n.pitch for n in other.voices[0]] == [n.pitch for n in song_.voices[0]]
    for bar in range(4):
        here = [[n.pitch for n in p.voices[0] if p.bar_of(n.start) == bar]
                for p in (song_, other)]  # fmt: skip
        assert here[0] == here[1]
    assert other.voices[0] != song_.voices[0]
    assert other.voices[1] == song_.voices[1]
    assert other.chords == song_.chords
    other = composer.vary(SONG, keep="rhythm", drafts=4)
    assert [n[:2] for n in other.voices[0]] == [n[:2] for n in song_.voices[0]]
    assert [n.pitch for n in other.voices[0]] != [n.pitch for n in song_.voices[0]]


def test_wishes_are_kept(composer):
    wishes = Wishes(low=60, high=72, in_key=True, chord_tones=True)
    piece = composer.compose(
        "pop", key="A minor", bars=4, seed=2, drafts=8, wishes=wishes
    )
    scale = wide_scale(9, "minor")
    assert piece.key == "A minor"
    assert piece.bars == 4
    assert all(60 <= n.pitch <= 72 for n in piece.voices[0])
    assert all(n.pitch % 12 in scale for voice in piece.voices for n in voice)
    strong = 0
    for note in piece.voices[0]:
        for at in range(note.start, note.end):
            chord = chord_classes(piece.chord_at(at))
            if is_strong("4/4", at) and chord:
                strong += 1
                assert note.pitch % 12 in chord
    assert strong > 2


def test_no_parallels(composer):
    wishes = Wishes(no_parallels=True)
    for seed in range(3):
        piece = composer.compose(
            "chorale", metre="3/4", bars=2, drafts=4, seed=seed, wishes=wishes
        )
        assert parallels(piece).count == 0
        assert parallels(piece).changes > 3
    melody = composer.harmonise(SONG, genre="chorale", drafts=4, wishes=wishes)
    assert parallels(melody).count == 0


def test_the_bass_gives_way_to_the_soprano():
    code = ScoreCode()
    form = code.form("chorale", "2/4", 1)
    rule = NoParallels(code, form)
    words = {0: ("soprano 67", "bass 48", "tenor 60", "alto 64"), 1: ("soprano 69",)}
    tokens = torch.full((1, len(form)), code.numbers["soprano ."])
    places = {
        voice: [i for i, slot in enumerate(form) if slot.kind == voice]
        for voice in LAYOUTS["chorale"].voices
    }
    for step, said in words.items():
        for word in said:
            tokens[0, places[word.split()[0]][step]] = code.numbers[word]
    i = places["bass"][1]
    legal = rule.legal(i, tokens[:, :i])[0]
    forbidden = [code.tokens[t] for t in (~legal & code.allowed("bass")).nonzero()]
    # a twelfth below G, as C below: D, in any octave, but not by moving down
    assert forbidden == ["bass 50", "bass 62"]
    assert rule.legal(places["soprano"][1], tokens[:, : places["soprano"][1]]) is None


def test_same_seed_same_piece(composer, tmp_path):
    request = {"genre": "folk", "metre": "6/8", "bars": 3, "drafts": 4}
    one = composer.compose(seed=5, **request)
    assert one == composer.compose(seed=5, **request)
    assert one != composer.compose(seed=6, **request)
    composer.save(tmp_path / "composer.safetensors")
    loaded = aigc.models.load(tmp_path / "composer.safetensors")
    assert loaded.compose(seed=5, **request) == one
    assert loaded.code.state() == composer.code.state()


def test_the_state_of_the_world_is_left_alone(composer):
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    composer.compose(bars=1, drafts=2)
    assert torch.equal(torch.rand(2), expected)


def test_progress_and_stopping(composer):
    seen = []
    composer.compose(bars=1, drafts=2, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        composer.compose(bars=1, drafts=2, progress=stop)


def test_a_composer_learns():
    torch.manual_seed(0)
    model = Composer(context=128, depth=1, width=32, heads=2, learning_rate=1e-2)
    runs = model.code.runs([SONG], length=97)
    before = model.nats_per_token(runs)
    aigc.fit(model, runs, steps=60, batch_size=len(runs))
    assert model.nats_per_token(runs) < before / 2


def test_a_long_piece_is_read_in_parts(composer):
    torch.manual_seed(0)
    short = Composer(context=96, depth=1, width=32, heads=2).eval()
    long = Composer(context=400, depth=1, width=32, heads=2).eval()
    with torch.no_grad():
        for p in short.net.parameters():
            p *= 4
    long.load_state_dict(short.state_dict())
    song_ = composer.code.snapped(SONG)
    for model in (short, long):
        assert model.go_on(SONG, bars=4, drafts=3).cut(0, 4).voices == song_.voices
        assert model.fill(SONG, bars=(0, 1), drafts=3).cut(1, 4).voices == (
            song_.cut(1, 4).voices
        )
    same = [m.compose("pop", bars=3, drafts=2, seed=4) for m in (short, long)]
    assert same[0] == same[1]  # 77 tokens
    other = [m.compose("pop", bars=9, drafts=2, seed=4) for m in (short, long)]
    assert other[0] != other[1]
    assert other[0].cut(0, 3).voices == other[1].cut(0, 3).voices


def test_nats_of_parts_count_every_bar_once(composer):
    code = composer.code
    whole = composer.nats(SONG)
    torch.manual_seed(0)
    flat = Composer(context=64, depth=1, width=32, heads=2).eval()
    with torch.no_grad():
        flat.net.token.weight.zero_()  # every legal token is as likely
    expected = sum(
        code.allowed(slot.kind).sum().log().item()
        for slot in code.form("pop", "4/4", 4)
        if slot.is_learned
    )
    assert flat.nats(SONG) == pytest.approx(expected)
    assert flat.nats(SONG, length=40) == pytest.approx(expected)
    first, *others = flat.nats_by_bar(SONG)
    assert others == pytest.approx([others[0]] * 3)
    assert first - others[0] == pytest.approx(code.allowed("bar").sum().log().item())
    assert 0 < whole != expected


def test_latest():
    tokens = torch.tensor([[7, 1, 1, 5], [1, 1, 1, 1]])
    assert latest(tokens, [0, 1, 2], 1).tolist() == [7, 1]
    assert latest(tokens, [], 1).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.compose("jazz"), "genre='jazz'"),
        (lambda c: c.compose(metre="7/8"), "metre='7/8'"),
        (lambda c: c.compose(key="H major"), "key='H major'"),
        (lambda c: c.compose(mood="blue"), "mood='blue'"),
        (lambda c: c.compose(bars=0), "bars=0"),
        (lambda c: c.compose(bars=65), "at most 64"),
        (lambda c: c.compose(temperature=0), "temperature=0"),
        (lambda c: c.compose(drafts=0), "drafts=0"),
        (lambda c: c.vary(SONG, keep="all"), "keep='all'"),
        (lambda c: c.vary(SONG, bars=(2, 9)), "there are 4"),
        (lambda c: c.fill(SONG, bars=(2, 2)), "there are 4"),
        (lambda c: c.go_on(SONG, bars=0), "bars=0"),
        (lambda c: Wishes(low=80, high=60), "low=80"),
        (lambda c: Wishes(low=float("nan")), "low=nan"),
        (lambda c: c.compose(wishes=Wishes(low=97)), "no note is left"),
        (lambda c: c.compose("chorale", wishes=Wishes(chord_tones=True)), "no chords"),
        (
            lambda c: c.vary(SONG, keep="pitches", wishes=Wishes(low=90), drafts=2),
            "no draft keeps",
        ),
    ],
)
def test_bad_input(composer, call, message):
    with pytest.raises(ValueError, match=message):
        call(composer)
