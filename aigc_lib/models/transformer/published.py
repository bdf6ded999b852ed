"""What a model that transformers knows says of itself, before its weights are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...codecs.tokenizers import BytePairs
from ...runtime import optional


def described(path_or_name: str | os.PathLike) -> tuple[Any, BytePairs | None]:
    """Return a published model's configuration, and its tokenizer if it has one.

    Raises:
        ModuleNotFoundError: transformers is missing.
        OSError: no such folder, and nothing of this name to be had.
        ValueError: its ``tokenizer.json`` is none.
    """
    transformers = optional("transformers")
    try:
        config = transformers.AutoConfig.from_pretrained(path_or_name)
    except (OSError, ValueError) as error:
        raise OSError(
            f"path_or_name={str(path_or_name)!r}: no such folder with a model in it, "
            f"and not to be downloaded ({str(error).splitlines()[0]})"
        ) from error
    found = transformers.utils.cached_file(
        path_or_name, "tokenizer.json", _raise_exceptions_for_missing_entries=False
    )
    return config, BytePairs.load(Path(found)) if found else None
