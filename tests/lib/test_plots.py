"""Figures: what is drawn where, not how it looks."""

import io

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from aigc_lib import plots

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    yield
    plots.plt.close("all")


def drawn(ax):
    return np.asarray(ax.images[0].get_array())


def test_grid_lays_tiles_row_by_row():
    images = torch.arange(6, dtype=torch.uint8).mul(51).view(6, 1, 1, 1)
    canvas = drawn(plots.grid(images.expand(6, 1, 4, 4), columns=3))
    assert canvas.shape == (4 * 2 + 2, 4 * 3 + 2 * 2)
    assert canvas[::6, ::6] == pytest.approx(
        np.array([[0, 0.2, 0.4], [0.6, 0.8, 1]]), abs=1e-9
    )
    assert (canvas[4:6] == 1).all()  # the gap is white


def test_uint8_and_floats_of_the_same_picture_agree():
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    a = drawn(plots.grid(images))
    b = drawn(plots.grid(images.float() / 127.5 - 1))
    assert np.allclose(a, b)
    assert a.shape == (18, 18, 3)


def test_grid_does_not_wrap_values_out_of_range():
    canvas = drawn(plots.grid(torch.tensor([-3.0, 3.0]).view(2, 1, 1, 1)))
    assert canvas[0, 0] == 0
    assert canvas[0, 3] == 1


@pytest.mark.parametrize("shape", [(28, 28), (4, 28, 28), (4, 2, 8, 8), (4, 8, 8, 3)])
def test_grid_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="pass"):
        plots.grid(torch.zeros(shape))


def test_points_are_where_they_were_put():
    real, fake = torch.randn(5, 2, requires_grad=True), np.ones((3, 2))
    ax = plots.points(real, fake, modes=torch.zeros(1, 2), limit=2, title="here")
    clouds = [c.get_offsets() for c in ax.collections]
    assert np.allclose(clouds[0], real.detach())
    assert [len(c) for c in clouds] == [5, 3, 1]
    assert ax.get_xlim() == (-2, 2)
    assert ax.get_title() == "here"


def test_filmstrip_orders_steps():
    watched = {100: -torch.ones(3, 1, 4, 4), 0: torch.ones(3, 1, 4, 4)}
    axes = plots.filmstrip(watched)
    assert [ax.get_ylabel() for ax in axes] == ["step 0", "step 100"]
    assert drawn(axes[0])[0, 0] == 1
    assert drawn(axes[1])[0, 0] == 0


def test_filmstrip_of_points():
    axes = plots.filmstrip({0: torch.zeros(4, 2), 1500: torch.ones(4, 2)}, limit=5)
    assert [ax.get_title() for ax in axes] == ["step 0", "step 1,500"]
    assert axes[1].get_xlim() == (-5, 5)


def test_filmstrip_of_one_step_and_of_none():
    assert len(plots.filmstrip({0: torch.zeros(2, 1, 4, 4)})) == 1
    with pytest.raises(ValueError, match="watch_at"):
        plots.filmstrip({})


def test_landscape_has_x_to_the_right_and_y_upwards():
    ax = plots.landscape(lambda p: (p[:, 0] > 0) & (p[:, 1] > 0), limit=1)
    values = drawn(ax)
    assert ax.images[0].origin == "lower"
    assert (values[-1, -1], values[-1, 0], values[0, -1], values[0, 0]) == (1, 0, 0, 0)


def test_animation_is_a_gif_with_every_frame():
    shown = plots.animation(lambda ax, k: ax.plot([0, k], [0, 1]), [1, 2, 3])
    with Image.open(io.BytesIO(shown.data)) as gif:
        frames = [gif.seek(k) or np.array(gif.convert("L")) for k in range(3)]
        assert gif.n_frames == 3
        assert gif.info["loop"] == 0
        assert gif.info["duration"] == 2000  # of the last frame
    assert not np.array_equal(frames[0], frames[2])
    assert not plots.plt.get_fignums()  # the notebook must not show it twice


def test_importing_sets_the_style_for_every_figure():
    fig, axes = plots.figure(2, 3, width=2, height=1)
    assert fig.get_size_inches().tolist() == [6, 2]
    assert axes.shape == (2, 3)
    for ax in (axes[0, 0], plots.plt.subplots()[1]):
        assert not ax.spines["top"].get_visible()
