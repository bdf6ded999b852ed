"""GPT-2's published weights in our network."""

from __future__ import annotations

import os

from torch import Tensor

from ...runtime import optional
from .gpt import GPT
from .published import described

LAYERS = {  # ours -> theirs; their matrices are stored the other way round
    "norm1": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.mix": "attn.c_proj",
    "norm2": "ln_2",
    "mlp.0": "mlp.c_fc",
    "mlp.2": "mlp.c_proj",
}


def load_gpt2(path_or_name: str | os.PathLike) -> GPT:
    """Return GPT-2 from a folder that transformers wrote, or by its name there.

    "gpt2" (124 million parameters), "gpt2-medium", … are downloaded if they are not on
    this machine. A ``tokenizer.json`` beside the weights comes along.

    Raises:
        ModuleNotFoundError: transformers is missing.
        OSError: no such folder, and nothing of this name to be had.
        ValueError: the weights of another kind of model.
    """
    transformers = optional("transformers")
    config, tokenizer = described(path_or_name)
    plain = ("gelu_new", 1e-5, None, True, True, False)
    if config.model_type != "gpt2" or plain != (
        config.activation_function,
        config.layer_norm_epsilon,
        config.n_inner,
        config.tie_word_embeddings,
        config.scale_attn_weights,
        config.scale_attn_by_inverse_layer_idx,
    ):
        raise ValueError(
            f"path_or_name={str(path_or_name)!r} holds a {config.model_type} that is "
            "not built like GPT-2: choose gpt2, gpt2-medium, gpt2-large or gpt2-xl"
        )
    theirs = transformers.GPT2LMHeadModel.from_pretrained(path_or_name)
    model = GPT(
        tokenizer,
        vocab_size=config.vocab_size,
        context=config.n_positions,
        depth=config.n_layer,
        heads=config.n_head,
        width=config.n_embd,
        positions="learned",
        bias=True,
        gelu="tanh",
        learning_rate=5e-5,  # to tune it; the default is for learning from nothing
    )
    model.net.load_state_dict(converted(theirs.state_dict(), config.n_layer))
    return model


def converted(theirs: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    """Rename the weights of transformers' GPT-2 to those of our ``Transformer``."""
    ours = {
        "token.weight": theirs["transformer.wte.weight"],
        "position.weight": theirs["transformer.wpe.weight"],
        "norm.weight": theirs["transformer.ln_f.weight"],
        "norm.bias": theirs["transformer.ln_f.bias"],
    }
    for i in range(depth):
        for mine, other in LAYERS.items():
            for kind in ("weight", "bias"):
                value = theirs[f"transformer.h.{i}.{other}.{kind}"]
                turned = value.T if value.dim() == 2 else value
                ours[f"blocks.{i}.{mine}.{kind}"] = turned
    return ours
