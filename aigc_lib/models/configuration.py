"""What made a model, as plain values that a file can hold, and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..arguments import finite, whole, yes_or_no

CHECKS = {"int": whole, "float": finite, "bool": yes_or_no}  # by annotation


def converted(
    cls: type, args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a constructor's arguments, numbers as what its annotations say.

    Numbers of NumPy and torch become Python's; 64.0 is a whole number. Arguments that
    do not fit the constructor are left to it.

    Raises:
        ValueError: a word or NaN for a number, 2.5 for a whole one, "false" for False.
    """
    checks = {name: CHECKS.get(hint) for name, hint in _hints(cls).items()}

    def checked(name: str, value: Any) -> Any:
        if value is not None and (check := checks.get(name)):
            return check(name, value)
        scalar = isinstance(value, np.generic | Tensor) and not value.ndim
        return value.item() if scalar else value

    names = [*inspect.signature(cls).parameters]
    names += [""] * len(args)  # too many: the constructor will say so
    args = tuple(map(checked, names, args))
    return args, {name: checked(name, value) for name, value in options.items()}


def _hints(cls: type) -> dict[str, str]:
    """The annotations of a constructor, and of those that it hands its options on to.

    "int | None" counts as "int".
    """
    found: dict[str, str] = {}
    for kind in cls.__mro__:
        if "__init__" not in vars(kind):
            continue
        parameters = inspect.signature(kind.__init__).parameters.values()
        for each in parameters:
            hint = getattr(each.annotation, "__name__", str(each.annotation))
            found.setdefault(each.name, hint.removesuffix(" | None"))
        if not any(each.kind is each.VAR_KEYWORD for each in parameters):
            break
    return found


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
