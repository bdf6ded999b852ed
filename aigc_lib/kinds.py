"""What the commands do differently for images, points, texts and sounds."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from torch import Tensor

from .data import Characters, Dataset, Texts, Windows
from .files import replacing
from .metrics import images as metrics
from .models import MODELS, GenerativeModel

# What ``write`` makes of the samples: a picture, a text file, or one WAV file. The
# first ending is that of a file without one.
ENDINGS = {
    "images": ("png", "jpg", "jpeg"),
    "points": ("png",),
    "text": ("txt",),
    "sounds": ("wav",),
}


def build(
    name: str, data: Dataset | Texts, options: dict[str, Any]
) -> tuple[GenerativeModel, Dataset | Windows]:
    """Make model ``name`` for samples like those of ``data``; return its samples too.

    Texts are cut into windows of characters.

    Raises:
        ValueError: a model of another kind.
    """
    kind, fitting = _kind(data), {}
    if MODELS[name].modality != kind:
        raise ValueError(
            f"model={name!r} is not made for {kind}, which data={data.name!r} holds"
        )
    if kind == "text":
        text = data.joined() + "\n"
        tokenizer = Characters.train([text], min_count=2)
        model = MODELS[name](tokenizer, **options)
        return model, Windows(tokenizer.encode(text), model.context + 1)
    shape = data.x.shape[1:]
    if kind == "images":
        fitting = {"channels": shape[0], "image_size": shape[1]}
    elif kind == "points":
        fitting = {"data_dim": shape[0]}
    return MODELS[name](**fitting | options), data


def draw(
    model: GenerativeModel, n: int, *, seed: int, **of_text: Any
) -> Tensor | list[str]:
    """Draw ``n`` samples; ``of_text`` may hold a ``prompt`` and a ``temperature``.

    With a prompt each text is one line that begins with it.

    Raises:
        ValueError: ``n`` < 1, or ``of_text`` for a model of another kind.
    """
    if model.modality != "text":
        if of_text:
            flags = " and ".join(f"--{name}" for name in of_text)
            raise ValueError(
                f"{flags}: for texts only, this model makes {model.modality}"
            )
        return model.sample(n, seed=seed).cpu()
    prompt = of_text.pop("prompt", None)
    if prompt is None:
        return model.texts(model.sample(n, seed=seed, **of_text).cpu())
    if n < 1:
        raise ValueError(f"n={n}: ask for at least one sample")
    return [
        model.complete(prompt, model.context, stop="\n", seed=k, **of_text)
        for k in range(seed, seed + n)
    ]


def write(
    model: GenerativeModel, samples: Tensor | list[str], path: Path, *, columns: int
) -> None:
    """Write what ``model`` drew to one file; images stand so many in a row."""
    with replacing(path) as temporary:
        if model.modality == "text":
            pages = (f"--- {i} ---\n{text}\n" for i, text in enumerate(samples))
            temporary.write_text("".join(pages), encoding="utf-8")
        elif model.modality == "sounds":
            from torch.nn.functional import pad

            from .codecs.sound import write_wav

            write_wav(temporary, pad(samples, (0, 1_000)).flatten())
        elif model.modality == "images":
            from torchvision.utils import save_image

            shades = {"normalize": True, "value_range": (-1, 1), "pad_value": 1.0}
            kind = None if path.suffix else "png"  # the ending decides
            save_image(samples, temporary, kind, nrow=columns, padding=2, **shades)
        else:
            import matplotlib

            matplotlib.use("agg")
            from . import plots

            limit = 1.1 * samples.abs().max().item()
            figure = plots.points(fake=samples, limit=limit).figure
            figure.savefig(temporary, format="png")


def evaluate(
    model: GenerativeModel, data: Dataset | Texts, *, n: int, seed: int
) -> dict[str, Any]:
    """Compare ``model`` with ``data``, by ``n`` samples or by what it says of the data.

    Raises:
        ValueError: a model that was not trained on such data.
    """
    kind = _kind(data)
    if model.modality != kind:
        raise ValueError(
            f"data={data.name!r} holds {kind}, the model makes {model.modality}: "
            "evaluate it on the kind of data that it was trained on"
        )
    if kind == "text":
        return _text_figures(model, data)
    if kind == "sounds":
        nats = model.nats_per_sample(data.x, data.y if model.conditional else None)
        return {"sounds": len(data), "nats_per_sample": nats}
    return _sample_figures(model, data, n, seed)


def _text_figures(model: GenerativeModel, data: Texts) -> dict[str, Any]:
    """Ask ``model`` for no token of ``data`` twice.

    Up to ``context`` - 1 at the end are left out; the figure "tokens" counts the rest.
    """
    if model.tokenizer is None:
        raise ValueError("the model has no tokenizer: train it on texts")
    tokens = model.tokenizer.encode(data.joined() + "\n")
    windows = Windows(tokens, model.context + 1, step=model.context)
    nats = model.nats_per_token(windows)
    return {
        "tokens": len(windows) * model.context,
        "tokenizer": repr(model.tokenizer),
        "nats_per_token": nats,
        "perplexity": math.exp(nats),
    }


def _sample_figures(
    model: GenerativeModel, data: Dataset, n: int, seed: int
) -> dict[str, Any]:
    """Compare ``n`` samples with ``data``: images by their features, points as such."""
    began = time.perf_counter()
    samples = model.sample(n, seed=seed).cpu()
    sampling = time.perf_counter() - began
    shape = tuple(samples.shape[1:])
    if shape != tuple(data.x.shape[1:]):
        raise ValueError(
            f"data={data.name!r} holds {tuple(data.x.shape[1:])}, the model makes "
            f"{shape}: evaluate it on the kind of data that it was trained on"
        )
    if shape == (1, 28, 28):
        space = "features of aigc_lib's Fashion-MNIST classifier"
        real, fake = metrics.features(data.x), metrics.features(samples)
    elif len(shape) == 1:
        space, real, fake = "coordinates", data.x, samples
    else:
        raise ValueError(f"no feature network for samples of shape {shape}")
    kernel, error = metrics.kernel_distance(real, fake, seed=seed)
    return {
        "real_samples": len(real),
        "fake_samples": len(fake),
        "measured_on": space,
        "frechet_distance": metrics.frechet_distance(real, fake),
        "kernel_distance": kernel,
        "kernel_distance_standard_error": error,
        **metrics.precision_recall(real, fake),
        "seed": seed,
        "seconds_sampling": round(sampling, 2),
    }


def _kind(data: Dataset | Texts) -> str:
    """What a model for ``data`` makes."""
    return data.card.kind
