"""Made films, their measures, what comes next, and films as files."""

import subprocess

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import aigc_lib as aigc
from aigc_lib.codecs import film as files
from aigc_lib.codecs.advert import Storyboard, advert_faults, assembled, cut_out, seam
from aigc_lib.codecs.film import film_bytes, read_film, write_film
from aigc_lib.data.made.films import foils, moving_digits, moving_shapes, shifted
from aigc_lib.metrics.films import (
    centroids,
    flicker,
    frame_error,
    likeness,
    path_error,
    psnr,
    recognised,
)
from aigc_lib.models import FilmFlow, FramePredictor
from aigc_lib.models.frames import copy_last, linear_motion, windows
from aigc_lib.playable import film as player


def digits(n=60):
    x, y = load_digits(return_X_y=True)
    x = torch.from_numpy(x[:n]).view(-1, 1, 8, 8).repeat_interleave(2, 2)
    x = torch.nn.functional.pad(x.repeat_interleave(2, 3) * 15, (6,) * 4)
    return x.to(torch.uint8), torch.from_numpy(y[:n])


def pixels(films):
    return films.x.float() / 127.5 - 1


# ---- the films -----------------------------------------------------------------------


@pytest.mark.parametrize("things", [1, 2, 3])
def test_shapes_are_where_they_are_said_to_be(things):
    films = moving_shapes(40, things=things, seed=1)
    assert films.x.shape == (40, 16, 3, 24, 24)
    assert films.places.shape == (40, 16, things, 2)
    places, amount = centroids(films.x)
    front = films.channels[:, :1, None].expand(-1, 16, -1)[..., None]
    seen = places.gather(2, front.expand(-1, -1, -1, 2))[:, :, 0]
    assert (seen - films.places[:, :, 0]).norm(dim=-1).max() < 0.15
    assert (amount > 1).sum(2).max() == things


def test_digits_are_where_they_are_said_to_be():
    films = moving_digits(*digits(), 30, seed=2)
    places, amount = centroids(films.x)
    still = centroids(films.looks[:, None])[0][:, :, 0]  # of the ink in the middle
    found = places[:, :, 0] - films.places[:, :, 0]
    assert (found - (still - 12)).norm(dim=-1).max() < 0.1
    assert (amount / amount[:, :1] - 1).abs().max() < 0.02  # nothing leaves the picture


def test_speed_is_kept_and_only_walls_turn():
    films = moving_shapes(200, things=2, seed=3)
    steps = films.places[:, 1:] - films.places[:, :-1]
    free = ~(films.hits[:, 1:-1] | films.hits[:, 2:])
    assert (steps[:, 1:] - steps[:, :-1])[free].abs().max() < 1e-4
    turned = (steps[:, 1:] - steps[:, :-1]).norm(dim=-1) > 1e-3
    assert films.hits.any()
    assert (turned <= (films.hits[:, 1:-1] | films.hits[:, 2:])).all()


def test_a_rough_wall_turns_both_directions_now_and_then():
    smooth, rough = (moving_shapes(300, rough=r, seed=4) for r in (0.0, 1.0))
    first = smooth.hits.int().argmax(1)[:, 0]  # the frame of the first hit
    same = torch.tensor(
        [
            torch.equal(a[:k], b[:k])
            for a, b, k in zip(smooth.x, rough.x, first, strict=True)
        ]
    )
    assert same.all()  # until then they are one film
    met = first > 0
    assert met.any()
    assert not torch.equal(smooth.x[met], rough.x[met])


def test_the_first_thing_hides_the_second():
    films = moving_shapes(100, things=2, seed=5)
    rows = torch.arange(100)
    amounts = centroids(films.x)[1]
    front, back = (amounts[rows, :, films.channels[:, k]] for k in (0, 1))
    assert (front.std(1) / front.mean(1)).max() < 0.03
    assert (back.amin(1) / back.amax(1)).min() < 0.5


def test_films_come_from_the_seed():
    a, b, c = (moving_shapes(5, seed=s) for s in (0, 0, 1))
    assert torch.equal(a.x, b.x)
    assert not torch.equal(a.x, c.x)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n=0"),
        ({"frames": 1}, "frames=1"),
        ({"size": 8}, "size=8"),
        ({"things": 4}, "things=4"),
        ({"rough": 1.5}, "rough=1.5"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_films_that_cannot_be_made(options, words):
    with pytest.raises(ValueError, match=words):
        moving_shapes(**{"n": 2} | options)


def test_digits_of_another_shape_are_refused():
    x, y = digits()
    with pytest.raises(ValueError, match="28, 28"):
        moving_digits(x[..., :20], y, 2)
    with pytest.raises(ValueError, match="labels has 3"):
        moving_digits(x, y[:3], 2)


# ---- the measures --------------------------------------------------------------------


def test_measures_by_hand():
    true = torch.zeros(1, 4, 1, 8, 8, dtype=torch.uint8)
    true[0, :, 0, 2:4, 2:4] = 255  # four pixels stand still
    made = true.roll(3, -1)
    error = frame_error(made, true)
    assert error.shape == (1, 4)
    assert torch.allclose(error, torch.tensor(8 / 64))
    assert torch.allclose(psnr(torch.tensor([0.1, 0.001])), torch.tensor([10.0, 30.0]))
    assert torch.allclose(path_error(made, true), torch.tensor(3.0))
    assert torch.allclose(likeness(made, true[:, 0]), torch.tensor(1.0))
    assert flicker(true) == 0
    blinking = true.clone()
    blinking[:, 1] = 0  # light 1, 0, 1, 1: second differences 2, -1
    assert torch.allclose(flicker(blinking), torch.tensor(1.5 / 0.75))


def test_a_lost_thing_is_half_a_picture_off_and_an_absent_one_counts_not():
    true = torch.zeros(1, 3, 2, 8, 8, dtype=torch.uint8)
    true[0, :, 0, 2:4, 2:4] = 255
    off = path_error(torch.zeros_like(true), true)
    assert (off[..., 0] == 4).all()
    assert off[..., 1].isnan().all()


def test_shapes_are_recognised_wherever_they_are():
    films = moving_shapes(90, seed=6)
    found = recognised(films.x, foils(films))[torch.arange(90), :, films.channels[:, 0]]
    assert (found == films.kinds).float().mean() > 0.97
    turned = films._replace(looks=films.looks.roll(1, 0))  # of another film
    strange = recognised(films.x, foils(turned))
    found = strange[torch.arange(90), :, films.channels[:, 0]]
    assert (found == films.kinds).float().mean() < 0.8


def test_foils_need_a_film_of_each_kind():
    with pytest.raises(ValueError, match="none has kind"):
        foils(moving_shapes(1, seed=0))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: frame_error(x[:, :2], x), "cut both"),
        (lambda x: flicker(x[:, :2]), "three or more"),
        (lambda x: flicker(x[0]), "five|N, T, C"),
        (lambda x: flicker(x.float()), r"\[-1, 1\]"),
        (lambda x: likeness(x, x), "a picture a film"),
    ],
)
def test_what_is_no_film_is_not_measured(call, words):
    with pytest.raises(ValueError, match=words):
        call(moving_shapes(2, seed=0).x)


# ---- what comes next -----------------------------------------------------------------


def test_linear_motion_is_right_until_the_wall_and_with_walls_beyond():
    films = moving_shapes(100, seed=7)
    x = pixels(films)
    plain, turning = (linear_motion(x[:, :4], 12, walls=w) for w in (False, True))
    off = [path_error(made, films.x[:, 4:]) for made in (plain, turning)]
    off = [o[~o.isnan()].view(100, 12) for o in off]
    free = ~films.hits[:, 3:].any(1)[:, 0] & ~films.hits[:, :4].any(1)[:, 0]
    clear = ~films.hits[:, :4].any(1)[:, 0]  # what is known tells the speed
    assert off[0][free].median() < 0.3
    assert off[0][free].max() < 2
    assert off[1][clear].median() < 0.5 < 2 < off[0][clear & ~free][:, -1].median()


def test_copying_stands_still():
    known = pixels(moving_shapes(3, seed=8))[:, :4]
    assert torch.equal(copy_last(known, 2), known[:, [3, 3]])


def test_windows_are_runs_of_frames_as_channels():
    x = moving_shapes(2, frames=6, seed=9).x
    runs = windows(x, 5)
    assert runs.shape == (4, 15, 24, 24)
    assert torch.equal(runs[1], x[0, 1:6].flatten(0, 1))
    with pytest.raises(ValueError, match="frames or more"):
        windows(x, 7)


def small_flow(**options):
    torch.manual_seed(0)
    return FilmFlow(8, 1, frames=4, known=2, width=8, **options)


def still_films(n=64):
    """A bar that is in one of two halves and stays there: (n, 4, 1, 8, 8)."""
    x = torch.full((n, 4, 1, 8, 8), -1.0)
    x[: n // 2, ..., :4] = 1
    x[n // 2 :, ..., 4:] = 1
    return x


def test_a_flow_without_training_copies_the_last_frame():
    known = still_films()[:3, :2]
    made = small_flow().sample(3, known=known, seed=0)
    assert torch.allclose(made, known[:, [1, 1]], atol=1e-5)


def two_futures(n=128):
    """Grey, and then the left or the right half is white, by chance."""
    x = still_films(n)
    x[:, :2] = 0
    return x


def test_one_step_gives_the_mean_of_two_futures_and_many_steps_give_one_of_them():
    model, x = small_flow(learning_rate=5e-3), two_futures()
    aigc.fit(model, windows(x, 4), steps=100, batch_size=32)
    known = x[:1, :2]
    mean = model.sample(64, known=known, seed=0, steps=1)
    drawn = model.sample(64, known=known, seed=0, steps=8)
    assert mean.abs().mean() < drawn.abs().mean() - 0.15  # grey: half and half
    left = (drawn[..., :4].mean((1, 2, 3, 4)) > 0).float().mean()
    assert 0.2 < left < 0.8


def test_a_predictor_says_the_mean_of_two_futures():
    torch.manual_seed(0)
    model, x = (
        FramePredictor(8, 1, known=2, width=8, learning_rate=5e-3),
        two_futures(),
    )
    aigc.fit(model, windows(x[:, :3], 3), steps=60, batch_size=32)
    assert model.predict(x[:4, :2], 1).abs().mean() < 0.2


def test_predictions_go_on_as_long_as_asked_and_come_from_the_seed():
    model, known = small_flow(), still_films()[:3, :2]
    a, b = (model.predict(known, 5, seed=1) for _ in range(2))
    assert a.shape == (3, 5, 1, 8, 8)
    assert torch.equal(a, b)
    with torch.no_grad():
        model.net.leave[2].bias.fill_(0.1)
    net = FramePredictor(8, 1, known=2, width=8)
    assert net.predict(known, 5).shape == a.shape


@pytest.mark.parametrize("kind", [FilmFlow, FramePredictor])
def test_models_of_films_are_saved_whole(kind, tmp_path):
    options = {"frames": 4} if kind is FilmFlow else {}
    model = kind(8, 1, known=2, width=8, **options)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.1)
    known = still_films()[:2, :2]
    again = aigc.models.load(model.save(tmp_path / "m"))
    extra = {"seed": 0} if kind is FilmFlow else {}
    a, b = (m.predict(known, 2, **extra) for m in (model, again))
    assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, x: m.sample(2, known=x[:3, :2]), "known holds 3"),
        (lambda m, x: m.sample(1, known=x[:1, :3]), "known has shape"),
        (lambda m, x: m.sample(1, known=2 * x[:1, :2]), r"\[-1, 1\]"),
        (lambda m, x: m.sample(1, known=x[:1, :2], steps=0), "steps=0"),
        (lambda m, x: m.predict(x[:1, :2], 0), "frames=0"),
        (lambda m, x: FilmFlow(frames=4, known=4), "frames=4"),
        (lambda m, x: FramePredictor(known=0), "known=0"),
        (lambda m, x: linear_motion(x[:, :1], 3), "two frames"),
    ],
)
def test_models_of_films_say_what_is_wrong(call, words):
    with pytest.raises(ValueError, match=words):
        call(small_flow(), still_films())


def test_moving_by_whole_pixels_is_exact():
    x = torch.rand(2, 1, 9, 9)
    moved = shifted(x, torch.tensor([[1.0, 0.0], [0.0, -2.0]]))
    assert torch.allclose(moved[0, 0, :, 1:], x[0, 0, :, :-1], atol=1e-5)
    assert torch.allclose(moved[1, 0, :-2], x[1, 0, 2:], atol=1e-5)
    assert moved[0, 0, :, 0].abs().max() < 1e-5


# ---- files ---------------------------------------------------------------------------


def clip(n=6, side=32):
    x = moving_shapes(1, frames=n, size=side, seed=1).x[0]
    return x


def test_a_gif_of_few_colours_comes_back_exactly(tmp_path):
    frames = (clip() > 127).to(torch.uint8) * 255
    path = write_film(tmp_path / "a.gif", frames, fps=20)
    back, fps = read_film(path)
    assert torch.equal(back, frames)
    assert fps == 20


def test_equal_frames_of_a_gif_come_back_one_by_one(tmp_path):
    frames = (clip(5) > 127).to(torch.uint8) * 255
    frames[2] = frames[1]
    assert torch.equal(read_film(write_film(tmp_path / "a.gif", frames))[0], frames)


def test_an_mp4_comes_back_nearly(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    frames = clip(8, 64)
    back, fps = read_film(write_film(tmp_path / "a.mp4", frames, fps=12))
    assert back.shape == frames.shape
    assert fps == 12
    assert (back.float() - frames.float()).abs().mean() < 6


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_equal_films_give_equal_bytes(ending):
    if ending == ".mp4":
        pytest.importorskip("imageio_ffmpeg")
    assert film_bytes(clip(), ending) == film_bytes(clip(), ending)


@pytest.mark.parametrize(
    ("frames", "name", "words"),
    [
        (clip()[:1], "a.gif", "2 to"),
        (clip().float(), "a.gif", "uint8"),
        (clip()[:, :2], "a.gif", "C = 1 or 3"),
        (clip()[..., :31], "a.mp4", "even numbers"),
        (clip(), "a.avi", "choose one of"),
        (torch.zeros(2, 1, 2, 2_001, dtype=torch.uint8), "a.gif", "2,000"),
    ],
)
def test_films_that_cannot_be_written_leave_nothing(frames, name, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        write_film(tmp_path / name, frames)
    assert not list(tmp_path.iterdir())


def test_a_rate_out_of_range_is_refused(tmp_path):
    with pytest.raises(ValueError, match="fps=0"):
        write_film(tmp_path / "a.gif", clip(), fps=0)


@pytest.mark.parametrize("name", ["a.gif", "a.mp4"])
def test_what_is_no_film_is_not_read(name, tmp_path):
    if name == "a.mp4":
        pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / name
    with pytest.raises(FileNotFoundError):
        read_film(path)
    path.write_bytes(b"nothing at all")
    with pytest.raises(ValueError, match="no whole"):
        read_film(path)


def test_without_the_program_the_hint_has_the_command(tmp_path, monkeypatch):
    def missing(package, install):
        raise ModuleNotFoundError(f"{package} is missing: pip install {install}")

    monkeypatch.setattr(files, "optional", missing)
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ModuleNotFoundError, match="pip install imageio-ffmpeg"):
        write_film(path, clip())
    assert path.read_bytes() == b"old"
    assert "image/gif" in player(clip(), "a film").data


def test_a_program_that_fails_is_quoted(tmp_path, monkeypatch):
    pytest.importorskip("imageio_ffmpeg")
    failed = subprocess.CompletedProcess([], 1, b"", b"no such codec")
    monkeypatch.setattr(files.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(OSError, match="no such codec"):
        write_film(tmp_path / "a.mp4", clip())
    assert not list(tmp_path.iterdir())


def test_the_player_can_be_stopped_and_says_what_it_shows():
    pytest.importorskip("imageio_ffmpeg")
    page = player(clip(), '两个 "形状"').data
    assert "controls" in page
    assert "autoplay" not in page
    assert 'aria-label="两个 &quot;形状&quot;"' in page
    with pytest.raises(ValueError, match="label="):
        player(clip(), " ")


# ---- an advert -----------------------------------------------------------------------


def product():
    x = torch.full((3, 60, 60), 255, dtype=torch.uint8)
    x[:, 10:50, 20:40] = torch.randint(0, 250, (3, 40, 20), dtype=torch.uint8)
    return x


def background(board, period=None):
    """A colour that comes and goes once in the film."""
    phase = 2 * np.pi * torch.arange(board.frames) / (period or board.frames)
    tone = (60 + 40 * phase.sin()).to(torch.uint8)
    return tone[:, None, None, None].expand(-1, 3, board.height, board.width).clone()


def test_an_advert_as_planned_has_no_faults():
    board = Storyboard()
    thing = product()
    film = assembled(thing, background(board), board)
    assert advert_faults(film, thing, board) == []
    assert seam(film) < 2
    assert board.seconds == 3


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda f, b: f[:-1], "size"),
        (lambda f, b: _dot(f, 4, b.height // 2, b.width // 2), "product: changed in 1"),
        (lambda f, b: _dot(f, 7, 6, 6), "label: not whole in 1"),
        (lambda f, b: _dot(f, 2, b.height - 8, b.width // 2), "price: not whole in 1"),
    ],
)
def test_what_spoils_an_advert_is_named(spoil, fault):
    board, thing = Storyboard(), product()
    film = spoil(assembled(thing, background(board), board), board)
    assert any(fault in told for told in advert_faults(film, thing, board))


def _dot(film, frame, row, column):
    film = film.clone()
    film[frame, :, row, column] += 1
    return film


def test_a_jump_and_a_faint_price_are_faults():
    board, thing = Storyboard(ink="#777777", ground="#888888"), product()
    film = assembled(thing, background(board, 2 * board.frames * 4), board)
    found = " ".join(advert_faults(film, thing, board))
    assert "contrast" in found
    assert "loop" in found


def test_a_product_is_cut_out_with_what_it_encloses():
    ring = torch.full((3, 9, 9), 255, dtype=torch.uint8)
    ring[:, 2:7, 2:7] = 0
    ring[:, 4, 4] = 255
    assert cut_out(ring).sum() == 25


def test_an_advert_that_does_not_fit_is_refused():
    board = Storyboard()
    with pytest.raises(ValueError, match="background is"):
        assembled(product(), background(board)[:3], board)
    with pytest.raises(ValueError, match="product is"):
        assembled(torch.zeros(3, 190, 190, dtype=torch.uint8), background(board), board)
    with pytest.raises(ValueError, match="price="):
        Storyboard(price=" ")
    with pytest.raises(ValueError, match="the font lacks '元'"):
        Storyboard(price="199元")


def test_the_sign_of_the_price_is_drawn():
    with_sign, without = (Storyboard(price=p).texts["price"][2] for p in ("¥1", "Y1"))
    assert with_sign.shape == without.shape
    rows = (with_sign != without).any(0).any(1).nonzero()
    assert len(rows) == 2  # two bars
