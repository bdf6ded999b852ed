"""Figures in one calm style. Every function draws, and returns its axes.

Importing this module sets the style, for `plt` too, and asks a notebook for SVG.
"""

import io
import math
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from . import runtime
from .arguments import finite, whole

# Okabe-Ito: told apart by readers with any colour vision.
REAL, FAKE = "#0072B2", "#D55E00"
COLORS = [REAL, FAKE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
INK = "#444444"

# Fonts with Chinese characters, of the common systems, simplified ones first.
CHINESE = """
    Noto Sans CJK SC, Noto Sans SC, Source Han Sans SC, Source Han Sans CN, PingFang SC,
    Hiragino Sans GB, Heiti SC, STHeiti, Microsoft YaHei, SimHei, DengXian,
    WenQuanYi Micro Hei, WenQuanYi Zen Hei, Droid Sans Fallback, Arial Unicode MS,
    Noto Sans CJK TC, Noto Sans CJK HK, Noto Sans CJK JP, Noto Sans CJK KR,
    Source Han Sans, Noto Serif CJK SC, Noto Serif SC, Source Han Serif SC, SimSun,
    Songti SC, STSong, FangSong, KaiTi, AR PL UMing CN, AR PL UKai CN, Heiti TC,
    Microsoft JhengHei, MingLiU, PMingLiU"""


def chinese_font(installed):
    """Return the first Chinese font among the names of `installed` ones, or None."""
    known = [name.strip() for name in CHINESE.split(",")]
    others = sorted(name for name in installed if "CJK" in name)
    return next((name for name in [*known, *others] if name in installed), None)


def chinese_here():
    """Return the Chinese font that figures use, or None where there is none.

    Matplotlib keeps its list of fonts. A font installed since is looked for and added.
    """
    manager = font_manager.fontManager
    if font := chinese_font({font.name for font in manager.ttflist}):
        return font
    known = {font.fname for font in manager.ttflist}
    for path in sorted({*font_manager.findSystemFonts()} - known):
        try:
            manager.addfont(path)
        except Exception:  # a damaged font makes Matplotlib fail in any way
            continue
    return chinese_font({font.name for font in manager.ttflist})


def _families():
    """Letters as ever, and from a Chinese font, if there is one, what they lack."""
    chinese = chinese_here()
    if chinese is None:  # boxes are seen, and `doctor` says what helps
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
    return ["sans-serif", chinese] if chinese else ["sans-serif"]


STYLE = {
    "font.family": _families(),
    "axes.prop_cycle": plt.cycler(color=COLORS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.labelsize": 9,
    "axes.grid": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "figure.dpi": 144,  # resolution of the rasterised parts of an SVG
    "figure.constrained_layout.use": True,
}
plt.rcParams.update(STYLE)


def _ask_for_svg():
    """Pictures that stay crisp at any size, where a notebook shows them.

    Asked for again before each figure: a package may want another form when it is
    imported, as music21 does.
    """
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("svg")


_ask_for_svg()


def figure(rows=1, columns=1, *, width=None, height=2.6, **kwargs):
    """Return (figure, axes) as `plt.subplots` does; sizes are inches per panel.

    A smoke run does without the layout, which takes half of the time of a figure.

    Raises ValueError for a number of panels below 1 and a size that is not above 0.
    """
    rows, columns = whole("rows", rows, 1), whole("columns", columns, 1)
    height = finite("height", height, above=0)
    if width is not None:
        width = finite("width", width, above=0)
    width = width or (4.2 if columns == 1 else min(3.2, 8.4 / columns))
    if runtime.hurried():
        kwargs.setdefault("layout", "none")
    _ask_for_svg()
    return plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), **kwargs
    )


def grid(images, columns=None, title=None, ax=None):
    """Draw images side by side in one picture.

    images: (N, C, H, W), C = 1 or 3: whole numbers from 0 to 255, bool (True is white),
    or floats in [-1, 1]; what lies a little beyond, such as noise, is cut off.

    Raises ValueError for another shape, no image, NaN, or numbers that look like floats
    in [0, 1] or [0, 255].
    """
    tiles = _pixels(images)
    n, height, width, channels = tiles.shape
    if columns is None:
        columns = math.ceil(math.sqrt(n))
    columns = whole("columns", columns, 1)
    rows, gap = math.ceil(n / columns), 2
    canvas = np.ones(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    )
    for i, tile in enumerate(tiles):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        canvas[top : top + height, left : left + width] = tile
    if ax is None:
        side = min(0.6, 8.4 / columns)  # inches: the page is about 8.4 wide
        _, ax = figure(width=max(columns * side, 1.2), height=max(rows * side, 0.6))
    ax.imshow(canvas, cmap="gray", vmin=0, vmax=1, interpolation="none")
    ax.spines[:].set_visible(False)
    return _without_ticks(ax, title)


def points(real=None, fake=None, *, modes=None, limit=3, title=None, ax=None):
    """Draw 2-D samples: real blue, generated orange, centres of modes as crosses.

    real, fake: (N, 2) or None; modes: (K, 2) or None; limit: half width of the view.

    Raises ValueError for another shape, no points, NaN, or a limit that is not above 0.
    """
    limit = finite("limit", limit, above=0)
    real, fake, modes = (
        None if cloud is None else _points(name, cloud)
        for name, cloud in (("real", real), ("fake", fake), ("modes", modes))
    )
    if ax is None:
        _, ax = figure(width=2.8, height=2.8)
    for cloud, color, label in ((real, REAL, "real"), (fake, FAKE, "generated")):
        if cloud is not None:
            dots = {"s": 4, "alpha": 0.5, "linewidth": 0, "rasterized": True}
            ax.scatter(*cloud.T, c=color, label=label, **dots)
    if modes is not None:
        ax.scatter(*modes.T, s=18, marker="+", lw=0.8, c=INK)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.spines[:].set(visible=True, color="#cccccc")
    return _without_ticks(ax, title)


def filmstrip(watched, *, title=None, **kwargs):
    """Draw what `watch` kept during training, in the order of the steps.

    watched: dict step -> images (N, C, H, W), one row a step, or points (N, 2), one
    panel a step. Further arguments go to `points`. Returns the array of axes.

    Raises ValueError for an empty dict, and as `grid` and `points`.
    """
    if not watched:
        raise ValueError("watched is empty: pass watch=... and watch_at=... to fit")
    steps = sorted(watched)
    first = _array(watched[steps[0]])
    if first.ndim == 2:
        fig, axes = figure(
            1, len(steps), width=min(1.9, 8.4 / len(steps)), height=2.1, squeeze=False
        )
        axes = axes[0]
        for ax, step in zip(axes, steps, strict=True):
            points(fake=watched[step], title=f"step {step:,}", ax=ax, **kwargs)
    else:
        fig, axes = figure(
            len(steps), width=0.5 * len(first) + 0.8, height=0.55, squeeze=False
        )
        axes = axes[:, 0]
        for ax, step in zip(axes, steps, strict=True):
            grid(watched[step], columns=len(first), ax=ax)
            ax.set_ylabel(f"step {step:,}", rotation=0, ha="right", va="center")
    if title:
        fig.suptitle(title, fontsize=10, color=INK)
    return axes


def landscape(probability, *, limit=3, title=None, ax=None):
    """Draw a function of the plane, (N, 2) tensor -> (N,) values in [0, 1], as colour.

    White is 1/2, blue towards 1 (real), orange towards 0 (generated).

    Raises ValueError for other than 14,400 values, NaN, or values beyond [0, 1].
    """
    limit = finite("limit", limit, above=0)
    axis = np.linspace(-limit, limit, 120, dtype=np.float32)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    with torch.no_grad():
        values = _array(probability(torch.from_numpy(plane)))
    if values.size != len(plane) or not ((values >= 0) & (values <= 1)).all():
        found = np.unique(values)[[0, -1]] if values.size else []
        raise ValueError(
            f"probability returned {values.shape} values, {found} at the ends; pass a "
            "function of (N, 2) points to (N,) in [0, 1], as logits.sigmoid() is"
        )
    values = values.reshape(120, 120)
    if ax is None:
        _, ax = figure(width=2.8, height=2.8)
    colors = plt.matplotlib.colors.LinearSegmentedColormap.from_list(
        "fake to real", ["#F0B37E", "#FFFFFF", "#7FB2D9"]
    )
    ax.imshow(
        values, origin="lower", extent=[-limit, limit] * 2, cmap=colors, vmin=0, vmax=1
    )
    ax.spines[:].set(visible=True, color="#cccccc")
    return _without_ticks(ax, title)


def animation(draw, frames, *, seconds=0.15):
    """Return a looping GIF for a notebook, of what `draw(ax, frame)` draws.

    The last frame stays for two seconds.

    Raises ValueError for no frames, or `seconds` that are not above 0.
    """
    seconds, frames = finite("seconds", seconds, above=0), list(frames)
    if not frames:
        raise ValueError("frames is empty: give at least one")
    from IPython.display import Image as Shown  # only notebooks show it

    fig, ax = figure(width=4.6, height=2.8)
    canvas, pictures = FigureCanvasAgg(fig), []
    for frame in frames:
        ax.clear()
        draw(ax, frame)
        canvas.draw()
        fig.set_layout_engine("none")  # the first frame's layout holds for all
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        pictures.append(picture.quantize(64))
    plt.close(fig)
    durations = [1000 * seconds] * (len(pictures) - 1) + [2000]
    first, *rest = pictures
    gif = io.BytesIO()
    first.save(
        gif, "GIF", save_all=True, append_images=rest, duration=durations, loop=0
    )
    return Shown(data=gif.getvalue(), format="gif")


def _array(x):
    """Turn a tensor on any device, or anything array-like, into a NumPy array."""
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        x = (x.float() if x.dtype == torch.bfloat16 else x).numpy()
    return np.asarray(x)


def _points(name, cloud):
    """(N, 2) finite numbers, N >= 1."""
    cloud = _array(cloud)
    if cloud.ndim != 2 or cloud.shape[1] != 2 or not len(cloud):
        raise ValueError(f"{name} has shape {cloud.shape}: pass (N, 2), at least one")
    if not np.isfinite(cloud).all():
        raise ValueError(f"{name} holds NaN or infinity: drop those points")
    return cloud


def _pixels(images):
    """(N, C, H, W) whole numbers, bool or [-1, 1] -> (N, H, W, C) in [0, 1]."""
    images = _array(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        raise ValueError(
            f"images has shape {images.shape}; pass (N, C, H, W) with C = 1 or 3, at "
            "least one image"
        )
    if images.dtype.kind not in "biuf":
        raise ValueError(f"images are {images.dtype}; pass real numbers")
    low, high = images.min(), images.max()
    found = f"images are {images.dtype} from {low:.4g} to {high:.4g}"
    if images.dtype.kind in "iu":
        if low < 0 or high > 255:
            raise ValueError(f"{found}; pass whole numbers from 0 to 255")
        images = images / 255
    elif images.dtype.kind == "f":
        # Noise leaves [-1, 1] on both sides. Who has no pixel darker than grey has
        # another scale in mind, and so has who goes far beyond.
        other_scale = (0 <= low < 0.1 and high > 0.5) or max(-low, high) > 50
        if not np.isfinite([low, high]).all() or other_scale:
            raise ValueError(
                f"{found}; pass floats in [-1, 1] with black at -1, such as x * 2 - 1 "
                "for x in [0, 1], or whole numbers from 0 to 255"
            )
        images = (images.astype(np.float64).clip(-1, 1) + 1) / 2
    return images.astype(np.float64).transpose(0, 2, 3, 1)


def _without_ticks(ax, title):
    """Take the ticks away: positions carry no numbers here."""
    ax.set(xticks=[], yticks=[])
    if title:
        ax.set_title(title)
    return ax
