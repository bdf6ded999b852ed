"""Figures in one calm style. Every function draws, and returns its axes.

Importing this module sets the style, for `plt` too, and asks a notebook for SVG.
"""

import io
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

# Okabe-Ito: told apart by readers with any colour vision.
REAL, FAKE = "#0072B2", "#D55E00"
COLORS = [REAL, FAKE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
INK = "#444444"

STYLE = {
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
    """Pictures that stay crisp at any size, where a notebook shows them."""
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("svg")


_ask_for_svg()


def figure(rows=1, columns=1, *, width=None, height=2.6, **kwargs):
    """Return (figure, axes) as `plt.subplots` does; sizes are inches per panel."""
    width = width or (4.2 if columns == 1 else min(3.2, 8.4 / columns))
    return plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), **kwargs
    )


def grid(images, columns=None, title=None, ax=None):
    """Draw images side by side in one picture.

    images: (N, C, H, W), C = 1 or 3, uint8 or floats in [-1, 1].
    """
    tiles = _pixels(images)
    n, height, width, channels = tiles.shape
    columns = columns or min(n, math.ceil(math.sqrt(n)))
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
    """
    if ax is None:
        _, ax = figure(width=2.8, height=2.8)
    for cloud, color, label in ((real, REAL, "real"), (fake, FAKE, "generated")):
        if cloud is not None:
            dots = {"s": 4, "alpha": 0.5, "linewidth": 0, "rasterized": True}
            ax.scatter(*_array(cloud).T, c=color, label=label, **dots)
    if modes is not None:
        ax.scatter(*_array(modes).T, s=18, marker="+", lw=0.8, c=INK)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.spines[:].set(visible=True, color="#cccccc")
    return _without_ticks(ax, title)


def filmstrip(watched, *, title=None, **kwargs):
    """Draw what `watch` kept during training, in the order of the steps.

    watched: dict step -> images (N, C, H, W), one row a step, or points (N, 2), one
    panel a step. Further arguments go to `points`. Returns the array of axes.
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
    """
    if ax is None:
        _, ax = figure(width=2.8, height=2.8)
    axis = np.linspace(-limit, limit, 120, dtype=np.float32)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    with torch.no_grad():
        values = _array(probability(torch.from_numpy(plane))).reshape(120, 120)
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
    """
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
    return x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)


def _pixels(images):
    """(N, C, H, W) uint8 or [-1, 1] -> (N, H, W, C) in [0, 1]."""
    images = _array(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"images has shape {images.shape}; pass (N, C, H, W) with C = 1 or 3"
        )
    if images.dtype == np.uint8:
        images = images / 255
    else:
        images = (images.astype(np.float64).clip(-1, 1) + 1) / 2
    return images.transpose(0, 2, 3, 1)


def _without_ticks(ax, title):
    """Take the ticks away: positions carry no numbers here."""
    ax.set(xticks=[], yticks=[])
    if title:
        ax.set_title(title)
    return ax
