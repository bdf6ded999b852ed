"""Figures: what is drawn where, not how it looks."""

import io
import subprocess
import sys
import warnings

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import font_manager
from PIL import Image

from aigc_lib import plots, runtime
from aigc_lib.train.history import History

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    yield
    plots.plt.close("all")


def test_a_smoke_run_does_without_the_layout(monkeypatch):
    monkeypatch.setattr(runtime, "_started", None)
    assert plots.figure(1, 2)[0].get_layout_engine() is not None
    for profile in ("smoke", "cpu"):
        runtime.start(profile)
        fig, axes = plots.figure(1, 2)
        assert (fig.get_layout_engine() is None) == (profile == "smoke")
        assert len(axes) == 2


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


BYTES = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "uint16"])
def test_whole_numbers_are_pixels_as_bytes_are(dtype):
    expected = drawn(plots.grid(BYTES))
    assert np.array_equal(drawn(plots.grid(BYTES.to(getattr(torch, dtype)))), expected)
    assert np.array_equal(drawn(plots.grid(BYTES.numpy().astype(dtype))), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_floats_of_any_precision(dtype):
    found = drawn(plots.grid((BYTES / 127.5 - 1).to(dtype)))
    assert np.allclose(found, drawn(plots.grid(BYTES)), atol=0.005)


def test_true_is_white():
    assert drawn(plots.grid(BYTES > 127)).tolist() == (BYTES > 127)[0, 0].tolist()


@pytest.mark.parametrize(
    "images",
    [
        BYTES.float(),
        BYTES.float() / 255,
        BYTES.numpy() / 255,
        BYTES.double() - 128,
        BYTES.long() - 1,
        BYTES.long() + 1,
        torch.full((1, 1, 4, 4), torch.nan),
        torch.tensor([0.0, torch.inf]).view(1, 1, 1, 2),
        torch.zeros(1, 1, 4, 4, dtype=torch.complex64),
        np.full((1, 1, 2, 2), "a"),
        torch.zeros(0, 1, 8, 8),
        torch.zeros(2, 1, 0, 8),
    ],
)
def test_grid_refuses_numbers_on_another_scale(images):
    with pytest.raises(ValueError, match="; pass"):
        plots.grid(images)


@pytest.mark.parametrize("columns", [0, -1, 1.5, float("nan")])
def test_columns_are_counted(columns):
    with pytest.raises(ValueError, match="columns="):
        plots.grid(BYTES, columns=columns)


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


@pytest.mark.parametrize("name", ["real", "fake", "modes"])
@pytest.mark.parametrize(
    "cloud",
    [
        torch.zeros(3),
        torch.zeros(0, 2),
        torch.zeros(4, 3),
        [[0.0, np.nan]],
        [[np.inf, 0]],
    ],
)
def test_points_that_cannot_be_drawn(name, cloud):
    with pytest.raises(ValueError, match=f"{name} "):
        plots.points(**{name: cloud})


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf"), "3"])
def test_limits_are_finite(limit):
    with pytest.raises(ValueError, match="limit="):
        plots.points(torch.zeros(1, 2), limit=limit)
    with pytest.raises(ValueError, match="limit="):
        plots.landscape(lambda p: p[:, 0] > 0, limit=limit)


def test_points_of_any_type():
    for cloud in (torch.ones(2, 2).bfloat16(), [[1, 1], [1, 1]], np.ones((2, 2), int)):
        (drawn_points,) = plots.points(cloud).collections
        assert np.allclose(drawn_points.get_offsets(), 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda p: 5 * p[:, 0],  # logits
        lambda p: p[:, 0] * torch.nan,
        lambda p: p,
        lambda p: p[:0, 0],
    ],
)
def test_a_landscape_is_of_probabilities(function):
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        plots.landscape(function)


@pytest.mark.parametrize(
    "sizes",
    [{"rows": 0}, {"columns": 1.5}, {"width": 0}, {"height": float("nan")}],
)
def test_figures_have_a_size(sizes):
    (name,) = sizes
    with pytest.raises(ValueError, match=f"{name}="):
        plots.figure(**sizes)


def test_an_animation_has_frames_and_seconds():
    with pytest.raises(ValueError, match="frames is empty"):
        plots.animation(lambda ax, k: None, [])
    with pytest.raises(ValueError, match="seconds=nan"):
        plots.animation(lambda ax, k: None, [1], seconds=float("nan"))


def test_a_chinese_font_is_chosen_among_those_at_hand():
    latin = {"DejaVu Sans", "Arial"}
    assert plots.chinese_font(latin) is None
    assert (
        plots.chinese_font({*latin, "SimHei", "Microsoft YaHei"}) == "Microsoft YaHei"
    )
    assert plots.chinese_font({*latin, "Some CJK"}) == "Some CJK"


@pytest.mark.parametrize("installed", [True, False])
def test_chinese_titles(installed, monkeypatch):
    """With a font no glyph is missing; without one no font is asked for in vain."""
    fonts = font_manager.fontManager.ttflist
    chinese = plots.chinese_font({font.name for font in fonts})
    if installed and not chinese:
        pytest.skip("no Chinese font here")
    if not installed:
        monkeypatch.setattr(
            font_manager.fontManager,
            "ttflist",
            [font for font in fonts if font.name.startswith("DejaVu")],
        )
        monkeypatch.setattr(font_manager, "findSystemFonts", list)
    watched = {0: torch.zeros(2, 2), 9: torch.ones(2, 2)}
    with plots.plt.rc_context({"font.family": plots._families()}):
        drawings = [
            plots.grid(BYTES, title="真实图像"),
            plots.points(torch.zeros(1, 2), title="样本"),
            plots.filmstrip(watched, title="训练过程")[0],
            plots.landscape(lambda p: p[:, 0] > 0, title="判别器"),
            History([1], [0.1], {"损失": [1.0]}).plot(),
        ]
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            for ax in drawings:
                ax.figure.savefig(io.BytesIO(), format="svg")
    said = [str(warning.message) for warning in heard]
    assert not [text for text in said if "findfont" in text]
    assert bool([text for text in said if "missing from" in text]) is not installed


def test_a_font_installed_since_matplotlib_made_its_list_is_found(monkeypatch):
    fonts = font_manager.fontManager.ttflist
    if not plots.chinese_here():
        pytest.skip("no Chinese font here")
    latin = [font for font in fonts if font.name.startswith("DejaVu")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", latin)
    assert plots.chinese_font({font.name for font in latin}) is None
    assert plots.chinese_here()


def test_without_a_chinese_font_a_figure_does_not_warn_of_each_character():
    code = """if True:
        import io, warnings
        from matplotlib import font_manager
        manager = font_manager.fontManager
        manager.ttflist = [f for f in manager.ttflist if f.name.startswith("DejaVu")]
        font_manager.findSystemFonts = list
        from aigc_lib import plots
        assert plots.chinese_here() is None
        _, ax = plots.figure()
        ax.set_title("真实图像")
        ax.figure.savefig(io.BytesIO())
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "Glyph" not in done.stderr


# ---- the history of a training ------------------------------------------------------


def test_a_loss_that_starts_late():
    history = History()
    history.log(1, 0.1, {"a": 3.0})
    history.log(2, 0.2, {"a": 2.0})
    history.log(3, 0.3, {"a": 1.0, "late": 5.0})
    ax = history.plot()
    curves = {line.get_label(): line.get_xydata() for line in ax.lines}
    assert curves["a"].tolist() == [[1, 3], [2, 2], [3, 1]]
    late = curves["late"][~np.isnan(curves["late"][:, 1])]
    assert late.tolist() == [[3, 5]]


def test_a_single_value_is_seen():
    ax = History([5], [0.1], {"a": [2.0]}).plot()
    ax.figure.canvas.draw()
    assert ax.lines[0].get_marker() == "."


def test_a_history_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = History().plot()
    assert not ax.lines


def test_a_figure_is_svg_whatever_a_package_asked_for(monkeypatch):
    import IPython
    from matplotlib_inline import backend_inline

    asked = []
    monkeypatch.setattr(IPython, "get_ipython", object)
    monkeypatch.setattr(backend_inline, "set_matplotlib_formats", asked.append)
    plots.figure()
    assert asked == ["svg"]
