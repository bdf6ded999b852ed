"""Edits of pictures by a flow: paint, vary, walk, move, change the class.

A flow leads from noise to a picture, and backwards from a picture to its noise. So a
picture that nobody drew, a photograph, has a place among the noise too, from where one
can go elsewhere. Pictures are (N, C, S, S) in [-1, 1]; the models are those that have
``follow``: ``FlowMatching``, ``LatentFlow``, ``TextFlow``. Where they take ``labels``,
None means "no label"; uint8 is taken as well. Nothing here changes its arguments.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..arguments import at_least, finite
from .base import checked_pictures, noise_source
from .diffusion.flow import FlowMatching

CHUNK = 16  # pictures that always go through a network together
Labels = int | str | Sequence[str] | Tensor | None


def can_edit(model: Any) -> bool:
    """Tell whether a model can be followed backwards, which all edits need."""
    return isinstance(model, FlowMatching)


def to_uint8(x: Tensor) -> Tensor:
    """Round pictures in [-1, 1] to 0 ... 255; of ``u / 127.5 - 1`` exactly to u."""
    return x.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


def told(model: FlowMatching, labels: Labels, n: int) -> Tensor | None:
    """Return the labels of n pictures as the model's net takes them; None: no label.

    Raises:
        ValueError: labels that the model does not know, or for a model without any.
    """
    if labels is None and model.classes is not None:
        return torch.full((n,), model.classes, device=model.device)
    return model.labels_for(labels, n, None)


def noise_of(
    model: FlowMatching, x: Tensor, labels: Labels = None, *, steps: int = 20
) -> Tensor:
    """Follow the flow back from pictures to the noise that leads to them.

    Raises:
        ValueError: what ``checked_pictures`` refuses, labels that the model does not
            know; ``steps`` < 1.
    """
    z = model.coded(_floats(model, x))
    return model.follow(z, 1.0, 0.0, labels=told(model, labels, len(x)), steps=steps)


def drawn_from(
    model: FlowMatching,
    noise: Tensor,
    labels: Labels = None,
    *,
    guidance: float = 1.0,
    steps: int = 20,
) -> Tensor:
    """Follow the flow from noise (N, ...) to pictures, the inverse of ``noise_of``.

    Raises:
        ValueError: labels or guidance that the model does not know; ``steps`` < 1.
    """
    options = {"labels": told(model, labels, len(noise)), "guidance": guidance}
    return model.pictured(model.follow(noise, 0.0, 1.0, steps=steps, **options))


def paint(
    model: FlowMatching,
    x: Tensor,
    known: Tensor,
    labels: Labels = None,
    *,
    seed: int | None = None,
    guidance: float = 1.0,
    steps: int = 20,
) -> Tensor:
    """Draw anew what is not ``known``, a boolean mask; the rest equals x bit for bit.

    Without labels a model with classes takes random ones.

    Raises:
        ValueError: as ``inpaint`` of the model.
    """
    options = {"labels": labels, "guidance": guidance, "steps": steps}
    return model.inpaint(x, known, seed=seed, **options)


def vary(
    model: FlowMatching,
    x: Tensor,
    strength: float,
    n: int = 1,
    labels: Labels = None,
    *,
    seed: int | None = None,
    guidance: float = 1.0,
    steps: int = 20,
) -> Tensor:
    """Draw ``n`` relatives of one picture (1, C, S, S).

    Noise is mixed in, as much of it as ``strength`` says, and the flow takes it out
    again (SDEdit, Meng et al. 2022): 0.2 stays near, 0.9 keeps little, 1 nothing.

    Raises:
        ValueError: not one picture, or one as in ``noise_of``, ``strength`` outside
            (0, 1], ``n`` or ``steps`` < 1.
    """
    _one("x", x)
    strength = finite("strength", strength, above=0, most=1)
    at_least(1, n=n, steps=steps)
    z = model.coded(_floats(model, x)).expand(n, *model.sample_shape)
    noise, t = model.noise(n, noise_source(seed)), 1 - strength
    options = {"labels": told(model, labels, n), "guidance": guidance}
    few = max(2, round(strength * steps))
    return model.pictured(
        model.follow(t * z + strength * noise, t, 1.0, steps=few, **options)
    )


def walk(
    model: FlowMatching,
    a: Tensor,
    b: Tensor,
    n: int,
    labels: tuple[Labels, Labels] = (None, None),
    *,
    steps: int = 20,
) -> Tensor:
    """Return ``n`` pictures from a to b, both (1, C, S, S); the ends are a and b.

    The way between their noises is that of a constant angle (Shoemake 1985), on which
    noise keeps its length. Where the labels differ, the first half of the way is drawn
    with that of a.

    Raises:
        ValueError: not one picture each, ``n`` < 2.
    """
    _one("a", a), _one("b", b)
    at_least(2, n=n)
    a, b = _floats(model, a), _floats(model, b)
    ends = [
        noise_of(model, x, y, steps=steps) for x, y in zip((a, b), labels, strict=True)
    ]
    shares = torch.linspace(0, 1, n)[1:-1].tolist()
    found = [a.cpu()]
    for half, label in (
        ([s for s in shares if s < 0.5], labels[0]),
        ([s for s in shares if s >= 0.5], labels[1]),
    ):
        if half:
            noise = torch.cat([between(*ends, share) for share in half])
            found.append(drawn_from(model, noise, label, steps=steps).cpu())
    return torch.cat([*found, b.cpu()])


def between(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Go the ``share`` of the way from a to b, (1, ...), at a constant angle."""
    u, v = a.flatten().double(), b.flatten().double()
    cosine = (u @ v / (u.norm() * v.norm())).clamp(-1, 1)
    angle = cosine.arccos()
    if not 1e-4 < angle < math.pi - 1e-4:  # parallel, or 0: a straight line will do
        return torch.lerp(a, b, share)
    first, second = ((1 - share) * angle).sin(), (share * angle).sin()
    return ((first * a + second * b) / angle.sin()).to(a.dtype)


def change_class(
    model: FlowMatching,
    x: Tensor,
    old: Labels,
    new: Labels,
    strength: float = 0.7,
    *,
    guidance: float = 2.0,
    steps: int = 20,
) -> Tensor:
    """Make of pictures (N, C, S, S) of class ``old`` such of class ``new``.

    The flow of the old class leads back the share ``strength`` of the way, that of the
    new class forward again: what both have in common, as place, colour and background,
    stays. No noise is drawn.

    Raises:
        ValueError: ``strength`` outside (0, 1], labels that the model does not know,
            pictures as in ``noise_of``, ``steps`` < 1.
    """
    strength = finite("strength", strength, above=0, most=1)
    at_least(1, steps=steps)
    t, few = 1 - strength, max(2, round(strength * steps))
    n = len(x)
    back = model.follow(
        model.coded(_floats(model, x)), 1.0, t, labels=told(model, old, n), steps=few
    )
    options = {"labels": told(model, new, n), "guidance": guidance, "steps": few}
    return model.pictured(model.follow(back, t, 1.0, **options))


def direction(
    model: FlowMatching,
    plus: Tensor,
    minus: Tensor,
    labels: tuple[Labels, Labels] = (None, None),
    *,
    steps: int = 20,
) -> Tensor:
    """Return what sets the noises of pictures ``plus`` apart from those of ``minus``.

    The difference of their means, (1, ...); see ``move``.

    Raises:
        ValueError: no picture on one side.
    """
    at_least(1, plus=len(plus), minus=len(minus))
    more, less = (
        noise_of(model, x, y, steps=steps).mean(0, keepdim=True)
        for x, y in zip((plus, minus), labels, strict=True)
    )
    return more - less


def move(
    model: FlowMatching,
    x: Tensor,
    way: Tensor,
    amount: float,
    labels: Labels = None,
    *,
    steps: int = 20,
) -> Tensor:
    """Move pictures (N, C, S, S) along a ``direction``; ``amount`` 1 is all of it.

    Raises:
        ValueError: an ``amount`` that is not finite.
    """
    noise = noise_of(model, x, labels, steps=steps)
    there = noise + finite("amount", amount) * way
    # as long as before: noise of another length leads to no picture
    lengths = [v.flatten(1).norm(dim=1) for v in (noise, there)]
    there = there * (lengths[0] / lengths[1]).view(-1, *[1] * (noise.dim() - 1))
    return drawn_from(model, there, labels, steps=steps)


def sample_together(
    model: FlowMatching, requests: Sequence[Mapping[str, Any]]
) -> list[Tensor]:
    """Answer several requests in common passes.

    Each is {n, seed, labels, guidance, steps}; returns a tensor (n, C, S, S) for each.
    Those of equal guidance and steps go through the network together, always ``CHUNK``
    at a time, filled up where fewer are left: a processor takes other kernels for other
    sizes, whose last bits differ. So a request gets the same bits alone and in company.

    Raises:
        ValueError: as ``sample`` of the model.
    """
    drawn: dict[tuple, list] = {}
    for number, request in enumerate(requests):
        n, source = request["n"], noise_source(request.get("seed"))
        noise = model.noise(n, source)
        labels = model.labels_for(request.get("labels"), n, source)
        key = (request.get("guidance", 1.0), request.get("steps", 8))
        drawn.setdefault(key, []).append((number, noise, labels))
    answers: list[Tensor] = [torch.empty(0)] * len(requests)
    for (guidance, steps), waiting in drawn.items():
        numbers, noises, labels = zip(*waiting, strict=True)
        noise = torch.cat(noises)
        told = None if labels[0] is None else torch.cat(labels)
        x = torch.cat(
            [
                _chunk(model, noise[k : k + CHUNK], told, k, guidance, steps)
                for k in range(0, len(noise), CHUNK)
            ]
        )
        parts = x.split([len(z) for z in noises])
        for number, part in zip(numbers, parts, strict=True):
            answers[number] = part
    return answers


def _chunk(model, noise, told, start, guidance, steps) -> Tensor:
    n = len(noise)
    fill = torch.arange(CHUNK) % n
    labels = None if told is None else told[start : start + n][fill]
    options = {"labels": labels, "guidance": guidance, "steps": steps}
    return model.pictured(model.follow(noise[fill], 0.0, 1.0, **options))[:n]


def _floats(model: FlowMatching, x: Tensor) -> Tensor:
    """Return pictures, uint8 or in [-1, 1], as the model takes them."""
    return checked_pictures(x, tuple(model.picture_shape), model.device)


def _one(name: str, x: Tensor) -> None:
    if x.dim() != 4 or len(x) != 1:
        raise ValueError(
            f"{name} has shape {tuple(x.shape)}: give one picture, (1, C, S, S)"
        )
