"""A lesson as a film: a slide lasts as long as its sentence, and shows its numbers."""

import base64
import importlib
import io
import re
import warnings
import wave
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch

from aigc_lib.apps import lessons
from aigc_lib.apps.lesson_film import (
    FPS,
    PAUSE,
    LessonFilm,
    _balls,
    balls,
    filmed,
    formulas,
    slides,
)
from aigc_lib.apps.service_desk import speech
from aigc_lib.codecs.film import film_bytes, read_film
from aigc_lib.data.made import items

RATE = 22_050


def wav(seconds, rate=RATE, channels=1):
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(
            np.full(round(seconds * rate) * channels, 7, "<i2").tobytes()
        )
    return file.getvalue()


def voice(text):
    return wav(len(text) / 10)


def article(level=5):
    skill = next(name for name, own in lessons.LEVEL_OF.items() if own == level)
    return lessons.lesson(skill, items.made(3, seed=1, levels=[level]))


@pytest.mark.parametrize("level", items.LEVELS)
def test_a_slide_for_each_sentence_and_nothing_left_out(level):
    lesson = article(level)
    shown = slides(lesson)
    assert "".join(slide.text for slide in shown) == "".join(lesson.paragraphs)
    assert {slide.title for slide in shown} == {
        "Idea",
        "Example",
        "Your turn",
        "Answers",
    }
    assert all(slide.image.shape == (3, 360, 640) for slide in shown)
    assert all(slide.image.dtype == torch.uint8 for slide in shown)


def test_slides_show_the_numbers_of_their_sentence():
    assert formulas("两边都加上5，得2x=16；两边都除以2，得x=8。") == [
        "$5$",
        "$2x=16$",
        "$2$",
        "$x=8$",
    ]
    assert formulas("先算括号里的，(3+4)×2=14。") == [r"$(3+4) \times 2=14$"]
    assert formulas("答案：第1题1/5，第2题3。") == [r"$\frac{1}{5}$", "$3$"]
    assert formulas("一共11个球，白球8个，第一个是白球的概率是8/11；") == [
        r"$\frac{8}{11}$"
    ]
    assert formulas("第2题：2x+3=9，x等于几？") == ["$2x+3=9$"]
    assert formulas("不超过2.5吨，坡度5%。") == ["$2.5$", r"$5\%$"]
    bag = "袋里有8个白球和3个黑球，不放回地取两个，都是{}球的概率是多少？"
    assert list(balls("例题：" + bag.format("白")).items()) == [("白", 8), ("黑", 3)]
    assert list(balls("例题：" + bag.format("黑")).items()) == [("黑", 3), ("白", 8)]
    left = balls("取走以后剩10个，白球7个，第二个也是的概率是7/10；")
    assert left == {"白": 7, "": 3}
    assert balls("轮到你了。") == {}


def test_balls_are_drawn_as_the_sentence_counts_and_colours_them():
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    _balls(ax, {"白": 5, "蓝": 2, "": 6})
    colours = [to_hex(ball.get_facecolor()).upper() for ball in ax.patches]
    assert colours == ["#FFFFFF"] * 5 + [lessons.FILL] * 2 + [lessons.PALE] * 6
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for ball in ax.patches:
        assert left < ball.center[0] - 0.4 < ball.center[0] + 0.4 < right
        assert bottom < ball.center[1] - 0.4 < ball.center[1] + 0.4 < top


def test_the_film_is_as_long_as_its_speech():
    shown = slides(article())
    film = filmed(shown, voice)
    assert film.starts[-1] == sum(film.lengths) / FPS == film.seconds
    assert len(film.frames) == sum(film.lengths)
    for slide, length in zip(shown, film.lengths, strict=True):
        said = len(lessons.spoken(slide.text)) / 10
        assert said + PAUSE - 1e-4 <= length / FPS < said + PAUSE + 1 / FPS + 1e-4
    for slide, start in zip(shown, film.starts, strict=False):
        assert torch.equal(film.frames[round(start * FPS)], slide.image)


def test_subtitles_are_the_sentences_at_their_times():
    shown = slides(article())
    film = filmed(shown, voice)
    cues = re.findall(r"(\S+) --> (\S+)\n(.+)", film.subtitles)
    assert [text for *_, text in cues] == [slide.text for slide in shown]
    assert cues[0][0] == "00:00:00.000"
    assert all(a[1] == b[0] for a, b in pairwise(cues))
    minutes, seconds = cues[-1][1].split(":")[1:]
    assert 60 * int(minutes) + float(seconds) == film.seconds


def test_as_mp4_with_its_sound(tmp_path):
    program = pytest.importorskip("imageio_ffmpeg")
    film = filmed(slides(article())[:3], voice)
    path = film.write(tmp_path / "lesson.mp4")
    assert path.with_suffix(".vtt").read_text("utf-8") == film.subtitles
    back, fps = read_film(path)
    assert (len(back), fps) == (sum(film.lengths), FPS)
    assert (back.float() - film.frames.float()).abs().mean() < 3
    told = next(program.read_frames(str(path)))
    assert told["audio_codec"].startswith("aac")
    assert abs(told["duration"] - film.seconds) < 0.1
    page = film._repr_html_()
    assert "<video controls" in page
    assert "autoplay" not in page
    words = re.search(r'text/vtt;base64,([^"]+)"', page)[1]
    assert base64.b64decode(words).decode() == film.subtitles
    assert film.slides[0].text in page


def test_without_the_program_there_is_the_sound(monkeypatch):
    def missing(_):
        raise ModuleNotFoundError("pip install imageio-ffmpeg")

    monkeypatch.setattr(LessonFilm, "mp4", missing)
    page = filmed(slides(article())[:1], voice)._repr_html_()
    assert "pip install imageio-ffmpeg" in page
    assert "<audio controls" in page
    assert "<video" not in page


def test_slides_are_drawn_without_a_word_in_the_style_of_the_book():
    importlib.import_module("aigc_lib.plots")  # sets the style
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slides(article())


def test_training_material_is_another_article():
    rules = ("货架最高放4层。每层不超过120公斤。", "叉车限速5公里。")
    firm = lessons.Lesson("仓库安全", rules, (), lessons.picture("统计图"))
    shown = slides(firm)
    assert [slide.title for slide in shown] == ["Part 1", "Part 1", "Part 2"]
    assert filmed(shown, voice).seconds > 0


def test_nothing_of_a_paragraph_that_ends_without_a_stop_is_left_out():
    words = "货架最高放4层！每层不超过120公斤。真棒"
    firm = lessons.Lesson("仓库安全", (words,), (), lessons.picture("统计图"))
    assert [slide.text for slide in slides(firm)] == [
        "货架最高放4层！",
        "每层不超过120公斤。",
        "真棒",
    ]


def test_the_voice_of_this_machine_is_taken():
    try:
        film = filmed(slides(article())[:1], partial(speech.espeak, timeout=60))
    except speech.Unavailable as error:
        pytest.skip(str(error))
    assert 2 < film.seconds == film.starts[-1] < 30


def test_refused():
    shown = slides(article())[:2]
    with pytest.raises(ValueError, match="parts is empty"):
        filmed([], voice)
    with pytest.raises(ValueError, match="mono"):
        filmed(shown, lambda _: wav(1, channels=2))
    with pytest.raises(ValueError, match="one rate"):
        filmed(shown, lambda text: wav(1, rate=8_000 + 2 * len(text)))
    frames = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"lasts 1\.00 s, the frames 2\.00 s"):
        film_bytes(frames, ".mp4", fps=2, sound=wav(1))
    with pytest.raises(ValueError, match="no WAV"):
        film_bytes(frames, ".mp4", fps=2, sound=b"RIFF")
    with pytest.raises(ValueError, match="silent"):
        film_bytes(frames, ".gif", fps=2, sound=wav(2))
