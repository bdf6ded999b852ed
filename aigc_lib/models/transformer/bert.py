"""BERT's published weights, to read with."""

from __future__ import annotations

import os
from typing import Any

import torch

from ...runtime import optional
from .encoder import MaskedLM
from .published import described


def load_bert(path_or_name: str | os.PathLike, *, context: int = 128) -> MaskedLM:
    """Return a BERT from a folder that transformers wrote, or by its name there.

    "bert-base-chinese" (102 million parameters) and its kin are downloaded if they are
    not on this machine. Go on with masked pre-training on texts of your own, or with
    ``TextClassifier.on(load_bert(...), classes)``.

    Raises:
        ModuleNotFoundError: transformers is missing.
        OSError: no such folder, and nothing of this name to be had.
        ValueError: another kind of model, no ``tokenizer.json`` with "[MASK]" beside
            it, or ``context`` beyond what it can read.
    """
    config, tokenizer = described(path_or_name)
    if config.model_type != "bert":
        raise ValueError(
            f"path_or_name={str(path_or_name)!r} holds a {config.model_type}: choose a "
            "BERT, such as bert-base-chinese"
        )
    if not 0 < context <= config.max_position_embeddings:
        raise ValueError(
            f"context={context}: this one reads 1 to {config.max_position_embeddings}"
        )
    if tokenizer is None or tokenizer.tokenizer.token_to_id("[MASK]") is None:
        raise ValueError(
            f"path_or_name={str(path_or_name)!r}: no tokenizer.json with the token "
            "[MASK] beside the weights; put it there"
        )
    transformers = optional("transformers")
    theirs = transformers.BertForMaskedLM.from_pretrained(path_or_name)
    model = MaskedLM(tokenizer, context=context, learning_rate=5e-5, bert=plain(config))
    head = theirs.cls.predictions
    model.net.body.load_state_dict(theirs.bert.state_dict())
    model.net.transform.load_state_dict(head.transform.state_dict())
    with torch.no_grad():
        model.net.bias.copy_(head.bias)
    return model


def plain(config: Any) -> dict[str, Any]:
    """Return what a configuration says of the net, fit for JSON: no places of files."""
    kinds, known = int | float | str, config.to_dict().items()
    return {k: v for k, v in known if isinstance(v, kinds) and k[0] != "_"}
