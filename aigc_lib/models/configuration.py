"""What made a model, as plain values that a file can hold, and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn


def configuration(
    cls: type, args: tuple[Any, ...], options: dict[str, Any]
) -> dict[str, Any]:
    """Return the constructor's arguments, with its defaults, as plain values.

    {} where they do not fit: the constructor will say so.
    """
    signature = inspect.signature(cls)
    try:
        bound = signature.bind(*args, **options)
    except TypeError:
        return {}
    bound.apply_defaults()
    found: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        value = bound.arguments[name]
        found |= value if parameter.kind is parameter.VAR_KEYWORD else {name: value}
    return {name: plain(value) for name, value in found.items()}


def plain(value: Any) -> Any:
    """Turn ``value`` into what JSON holds; a network becomes {"network": its class}."""
    if isinstance(value, nn.Module):
        name = type(value).__name__
        if hasattr(value, "config"):  # a model of ours
            return {"model": name, "config": value.config}
        return {"network": name}
    if hasattr(value, "state"):  # a tokenizer
        return plain(value.state())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic | Tensor):
        return value.tolist()
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    return value


def rebuilt(
    config: dict[str, Any],
    class_of: Callable[[str], type | None],
    networks: dict[str, nn.Module],
) -> dict[str, Any]:
    """Return constructor's arguments from a ``config``: the inverse of ``plain``."""
    arguments = {}
    for name, value in config.items():
        if isinstance(value, dict) and value.keys() == {"model", "config"}:
            inner, kind = rebuilt(value["config"], class_of, {}), value["model"]
            if (made := class_of(kind)) is None:
                raise ValueError(
                    f"{name} is a {kind}, which is not known here: load it with the "
                    "class that saved it"
                )
            value = made(**inner)
        elif isinstance(value, dict) and value.keys() == {"network"}:
            if name not in networks:
                raise ValueError(
                    f"it was made with a network of its own, {value['network']}: give "
                    f"it as load(path, {name}=...)"
                )
            value = networks[name]
        arguments[name] = value
    return arguments
