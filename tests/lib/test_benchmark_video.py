"""Parts of the benchmark of chapter 09: what is judged, and by what."""

import numpy as np
import torch

from benchmarks import video


def test_the_truth_and_nothing_else_has_no_fault(monkeypatch):
    monkeypatch.setattr(video, "N", 40)
    video.films.cache_clear()
    true = video.pixels(video.films("two shapes", "test").x[:, video.KNOWN :])
    told = video.judged(true, "two shapes")
    assert np.allclose(told["error"], 0)
    assert np.mean(told["same"]) > 0.9  # what is hidden is not always told
    assert np.max(told["path"]) < 1e-3
    late = video.judged(true.roll(1, 1), "two shapes")
    assert np.mean(late["path"]) > 0.5
    assert np.isclose(np.mean(late["same"]), np.mean(told["same"]))
    video.films.cache_clear()


def test_films_to_learn_from_are_not_those_to_be_judged(monkeypatch):
    monkeypatch.setattr(video, "N", 30)
    monkeypatch.setattr(video, "LEARNED", 60)
    video.films.cache_clear()
    learned, judged = (video.films("rough walls", s).x for s in ("train", "test"))
    seen = {film.numpy().tobytes() for film in learned}
    assert not any(film.numpy().tobytes() in seen for film in judged)
    video.films.cache_clear()


def test_gains_are_paired_by_film(monkeypatch):
    monkeypatch.setattr(video, "N", 20)
    monkeypatch.setattr(video, "events", lambda world: {"wall": np.arange(20) < 10})
    hard = torch.linspace(1, 9, 20)
    figures = dict.fromkeys(("flicker", "path", "path_last", "likeness", "same"))

    def way(factor):
        own = {name: [0.5] * 20 for name in figures}
        return own | {"error": (factor * hard).tolist(), "frames": [1.0] * 12}

    run = {video.COPY: way(1.0), video.WALLS: way(0.5), video.ONE: way(0.8)}
    row = video.row_of("one shape", video.ONE, [run, run])
    assert np.allclose([row["gain"], *row["gain_interval"]], -0.2)
    assert np.allclose([row["gain_walls"], *row["gain_walls_interval"]], 0.6)
    assert "gain" not in video.row_of("one shape", video.COPY, [run])
