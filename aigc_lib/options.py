"""Options from a command line or a file, in the types that a constructor names."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .arguments import unknown

WORDS = {"true": True, "yes": True, "on": True, "1": True}
WORDS |= {"false": False, "no": False, "off": False, "0": False}


def accepted(model: type) -> dict[str, Any]:
    """Map the options of ``model`` that text can state to their types.

    A constructor that takes ``**options`` hands them on to its parent's. What the data
    decide is left out, such as a tokenizer.
    """
    found: dict[str, Any] = {}
    for kind in model.__mro__:
        if "__init__" not in vars(kind):
            continue
        hints = get_type_hints(kind.__init__)
        parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
        named = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
        found |= {name: hints.get(name, str) for name in named if name not in found}
        if len(named) == len(parameters):
            break
    nothing = ("", wanted(types.NoneType))
    return {name: hint for name, hint in found.items() if wanted(hint) not in nothing}


def options(model: type, pairs: Collection[str]) -> dict[str, Any]:
    """Turn ``["loss=hinge", "r1=0.1"]`` into keyword arguments of ``model``.

    Raises:
        ValueError: no pair, an unknown name, or a value that is not of its type.
    """
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"--set {pair}: write NAME=VALUE, such as loss=hinge")
        found |= typed(model, {name: text.strip()}, "--set ")
    return found


def typed(model: type, values: Mapping[str, Any], said: str = "") -> dict[str, Any]:
    """Check ``values``, as text or of TOML, against the constructor of ``model``.

    ``said`` comes before the name in messages.

    Raises:
        ValueError: an unknown name, or a value that is not of its type.
    """
    known, found = accepted(model), {}
    for name, value in values.items():
        if name not in known:
            raise unknown(said.strip() or "key", name, known)
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        try:
            found[name] = convert(text, known[name])
        except ValueError:
            raise ValueError(
                f"{said}{name}={text}: give {wanted(known[name])}"
            ) from None
    return found


def convert(text: str, hint: Any) -> Any:
    """Read ``text`` as a value of the annotation ``hint``.

    Raises:
        ValueError: it is none, or values of this type cannot be written as text.
    """
    kind, inner = get_origin(hint), get_args(hint)
    if hint is bool:
        if text.lower() not in WORDS:
            raise ValueError(text)
        return WORDS[text.lower()]
    if hint is int:
        return int(text)
    if hint is float:
        if not math.isfinite(number := float(text)):
            raise ValueError(text)
        return number
    if hint is str:
        return text.strip("'\"")
    if hint is types.NoneType and text.lower() == "none":
        return None
    if kind is Literal:
        choices = {str(choice): choice for choice in inner}
        if text in choices:
            return choices[text]
    if kind in (Union, types.UnionType):
        # words last: every text is one
        for choice in sorted(inner, key=lambda choice: choice is str):
            try:
                return convert(text, choice)
            except ValueError:
                continue
    if kind in (tuple, list, Sequence):
        parts = [part.strip() for part in text.strip("()[]").split(",") if part.strip()]
        if kind is not tuple or inner[-1] is ...:
            inner = inner[:1] * len(parts)
        values = [convert(part, each) for part, each in zip(parts, inner, strict=True)]
        return values if kind is list else tuple(values)
    raise ValueError(text)


def wanted(hint: Any) -> str:
    """Say what ``convert`` takes for ``hint``; "" where no text stands for a value."""
    plain = {bool: "true or false", int: "a whole number", float: "a finite number"}
    plain |= {str: "a word", types.NoneType: "none"}
    kind, inner = get_origin(hint), get_args(hint)
    if hint in plain:
        return plain[hint]
    if kind is Literal:
        return " or ".join(map(str, inner))
    if kind in (Union, types.UnionType):
        return " or ".join(filter(None, map(wanted, inner)))
    if kind is tuple and inner[-1] is not ...:
        return f"{len(inner)} values, such as {','.join(['0.5'] * len(inner))}"
    if kind in (tuple, list, Sequence):
        return f"{wanted(inner[0])}, or several with commas between them"
    return ""
