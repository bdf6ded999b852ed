"""Self-attention and the Transformer made of it (Vaswani et al. 2017)."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    dropout,
    embedding,
    linear,
    scaled_dot_product_attention,
)

from ..arguments import at_least, finite
from .direct import direct

POSITIONS = ("rotary", "learned")
GELUS = ("none", "tanh")
SHORT = 256  # tokens


class KVCache:
    """Keys and values of the tokens that a Transformer has read, per layer.

    The room for a whole context is taken at once, so that a new token costs no copy of
    the old ones. The layers lie beside them for ``Transformer.step``.
    """

    def __init__(self, net: Transformer, rows: int):
        weight = net.token.weight
        depth, heads = len(net.blocks), net.blocks[0].attention.heads
        size = net.token.embedding_dim // heads
        # (depth, key and value, B, H, context, C / H)
        self.pairs = weight.new_zeros(depth, 2, rows, heads, net.context, size)
        self.length = 0
        self.turnable = torch.eye(size).to(weight)
        self.layers = []  # what has weights, in the order in which a token meets it
        for block, pair in zip(net.blocks, self.pairs, strict=True):
            gather, (up, bend, down, _) = block.attention, block.mlp
            met = (block.norm1, gather.qkv, gather.mix, block.norm2, up, bend, down)
            self.layers.append(([direct(layer) for layer in met], pair.unbind()))

    def clear(self) -> None:
        """Forget all tokens."""
        self.length = 0


class Transformer(nn.Module):
    """Tokens (B, T) int64 -> logits (B, T, vocab_size) float32 of each next token.

    Layer norm comes before each half of a block, as in GPT-2 (Radford et al. 2019).
    The output layer is the token embedding itself (Press & Wolf 2017). Positions are
    "learned" vectors, one per place, or "rotary": queries and keys are turned by an
    angle that grows with the place, so that their product sees only distances (Su et
    al. 2021). GPT-2 has learned positions, a ``bias`` in each linear layer, and
    ``gelu`` "tanh" (what torch calls ``approximate``). With a ``cache`` the tokens
    follow those that it holds.

    Raises ``ValueError`` for arguments that do not fit together, and for more tokens
    than ``context``.
    """

    def __init__(
        self,
        vocab_size: int,
        context: int,
        *,
        depth: int,
        heads: int,
        width: int,
        dropout: float = 0.0,
        positions: str = "rotary",
        bias: bool = False,
        gelu: str = "none",
    ):
        super().__init__()
        at_least(1, vocab_size=vocab_size, context=context)
        at_least(1, depth=depth, heads=heads, width=width)
        if positions not in POSITIONS:
            raise ValueError(f"positions={positions!r}: choose one of {POSITIONS}")
        if gelu not in GELUS:
            raise ValueError(f"gelu={gelu!r}: choose one of {GELUS}")
        if width % heads or (positions == "rotary" and width // heads % 2):
            raise ValueError(
                f"width={width}, heads={heads}: give a multiple of heads, and for "
                "rotary positions an even one"
            )
        finite("dropout", dropout, least=0, below=1)
        self.vocab_size, self.context = vocab_size, context
        self.token = nn.Embedding(vocab_size, width)
        self.position = nn.Embedding(context, width) if positions == "learned" else None
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(width, heads, dropout, bias, gelu) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        if positions == "rotary":
            self.register_buffer(
                "turns", rotations(context, width // heads), persistent=False
            )
        self.apply(initialize)
        for block in self.blocks:  # 2 depth of them add up on the way to the output
            for layer in (block.attention.mix, block.mlp[2]):
                nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * depth))

    def forward(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        return linear(self.states(tokens, cache), self.token.weight).float()

    def states(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """Tokens (B, T) -> what is known at each place (B, T, C), before any logits."""
        start = cache.length if cache else 0
        end = start + tokens.shape[1]
        if end > self.context:
            raise ValueError(
                f"tokens: {end} of them are more than context={self.context}"
            )
        x = self.token(tokens)  # (B, T, C)
        if self.position:
            x = x + self.position.weight[start:end]
        turns = None if self.position else self.turns[:, start:end]
        x = self.dropout(x)
        for i, block in enumerate(self.blocks):
            x = block(x, turns, cache.pairs[i] if cache else None, start)
        if cache:
            cache.length = end
        return self.norm(x)

    def step(self, token: Tensor, cache: KVCache) -> Tensor:
        """Token (B,) -> logits (B, vocab_size) of the next, as ``forward`` computes.

        For a single place there is nothing to mask and no order to change, and the
        layers come without their modules: half the time of ``forward``. It writes into
        the cache, so it wants no gradients.
        """
        at = cache.length
        if at == self.context:
            raise ValueError(f"tokens: the context of {self.context} is full")
        x = embedding(token, self.token.weight)  # (B, C)
        if self.position:
            x = x + self.position.weight[at]
        if not self.position:  # the turn of this place, as one product for each layer
            turn = rotated(cache.turnable, self.turns[:, at])
        for (norm1, qkv, mix, norm2, up, bend, down), (keys, values) in cache.layers:
            # (B, 3 C) -> (B, 3, H, C / H)
            parts = qkv(norm1(x)).view(len(x), 3, keys.shape[1], -1)
            qk = parts[:, :2]
            q, k = (qk if self.position else qk @ turn).unbind(1)
            keys[:, :, at], values[:, :, at] = k, parts[:, 2]
            mixed = scaled_dot_product_attention(
                q[:, :, None], keys[:, :, : at + 1], values[:, :, : at + 1]
            )
            x = x + mix(mixed.flatten(1))
            x = x + down(bend(up(norm2(x))))
        cache.length = at + 1
        return linear(self.norm(x), self.token.weight).float()


def initialize(module: nn.Module) -> None:
    """Draw weights as GPT-2 does: N(0, 0.02²), no bias."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


class Block(nn.Module):
    """Attention between tokens, then a perceptron on each, both added to the input."""

    def __init__(
        self,
        width: int,
        heads: int,
        dropout: float = 0.0,
        bias: bool = False,
        gelu: str = "none",
    ):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, dropout, bias)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias),
            nn.GELU(gelu),
            nn.Linear(4 * width, width, bias),
            nn.Dropout(dropout),
        )

    def forward(
        self,
        x: Tensor,
        turns: Tensor | None = None,
        memory: Tensor | None = None,
        start: int = 0,
        seen: Tensor | None = None,
    ) -> Tensor:
        x = x + self.attention(self.norm1(x), turns, memory, start, seen)
        return x + self.mlp(self.norm2(x))


class SelfAttention(nn.Module):
    """(B, T, C) -> (B, T, C): each token gathers from those before it, and from itself.

    ``turns`` (2, T, C / H) are the rotations of the places. ``memory`` (2, B, H,
    context, C / H) holds keys and values of the first ``start`` tokens, and gets those
    of these. With ``seen`` (B, T) bool it is not causal: every token gathers from all
    that are marked, before it and behind.
    """

    def __init__(
        self, width: int, heads: int, dropout: float = 0.0, bias: bool = False
    ):
        super().__init__()
        self.heads, self.p = heads, dropout
        self.qkv = nn.Linear(width, 3 * width, bias)
        self.mix = nn.Linear(width, width, bias)

    def forward(
        self,
        x: Tensor,
        turns: Tensor | None = None,
        memory: Tensor | None = None,
        start: int = 0,
        seen: Tensor | None = None,
    ) -> Tensor:
        rows, length, _ = x.shape
        # (B, T, 3 C) -> (3, B, H, T, C / H)
        qkv = self.qkv(x).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        qk, v = qkv.split((2, 1))  # in one go, and so back
        q, k = qk if turns is None else rotated(qk, turns.to(qk.dtype))
        v = v.squeeze(0)
        if memory is not None:
            memory[0].narrow(2, start, length).copy_(k)
            memory[1].narrow(2, start, length).copy_(v)
            k, v = memory.narrow(3, 0, start + length).unbind()
        mask = None if seen is None else seen[:, None, None]  # (B, 1, 1, T)
        if start and length > 1:  # token t sees the first start + t + 1
            mask = x.new_ones(length, start + length, dtype=torch.bool).tril(start)
        causal, p = start == 0 and seen is None, self.p if self.training else 0.0
        mixed = attention(q, k, v, mask, causal, p)  # (B, H, T, C / H)
        mixed = self.mix(mixed.transpose(1, 2).flatten(2))
        return dropout(mixed, p) if p else mixed


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    p: float = 0.0,
) -> Tensor:
    """Mix values (B, H, T, size) by softmax(q k' / sqrt(size)), with dropout ``p``.

    ``mask`` (broadcast to (B, H, T, T)) marks with True what is seen. For short texts
    in bfloat16 the fused kernel's way back is several times slower on a processor than
    that of two products.
    """
    length, size = k.shape[2:]
    if q.device.type != "cpu" or q.dtype != torch.bfloat16 or length > SHORT:
        return scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=causal, dropout_p=p
        )
    rows, heads, places, _ = q.shape
    q, k, v = (part.flatten(0, 1) for part in (size**-0.5 * q, k, v))  # (B H, T, size)
    if causal:
        scores = torch.baddbmm(future(length, q.dtype), q, k.mT)
    else:
        scores = q @ k.mT
        if mask is not None:
            unseen = torch.where(mask, 0.0, -torch.inf).to(q)
            scores += unseen.expand(rows, heads, places, length).flatten(0, 1)
    return (dropout(scores.softmax(-1), p) @ v).unflatten(0, (rows, heads))


@lru_cache(8)  # every layer of every step asks for the same one
def future(length: int, dtype: torch.dtype) -> Tensor:
    """Return (T, T): 0 where a token may look, minus infinity at what comes later."""
    return torch.full((length, length), -torch.inf, dtype=dtype).triu(1)


def rotations(context: int, size: int) -> Tensor:
    """Return cosines and signed sines (2, context, size) for vectors of ``size``.

    Pair i, which are the numbers i and i + size / 2, turns by 10,000^(-2i / size)
    radians from one place to the next.
    """
    speeds = 10_000 ** (-torch.arange(0, size, 2) / size)
    angles = torch.arange(context)[:, None] * speeds
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([torch.cat([cos, cos], 1), torch.cat([-sin, sin], 1)])


def rotated(x: Tensor, turns: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Turn the pairs of (..., T, size) by their place; turns: two of (T, size)."""
    cos, sin = turns
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, -1), sin)
