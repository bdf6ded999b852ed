"""A flow that is told in words what to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ...arguments import at_least, finite
from ...codecs.tokenizers import UNKNOWN, Characters, Tokenizer, tokenizer_from
from ...codecs.tokens import told
from ..base import Batch, Seed
from ..transformer.encoder_nets import Encoder
from .draft import Drafted, TextDraft
from .embedding import TimeAndLabel
from .flow import FlowMatching
from .unet import UNet

EMPTY = -1  # a place without a token


class TimeAndText(nn.Module):
    """Times (B,) and tokens (B, T) -> one vector (B, ``width``) per sample.

    A small Transformer reads the tokens; the mean of what it makes of them is added to
    what the time becomes. A text of empty places alone means "no text".
    """

    def __init__(self, width: int, vocab_size: int, context: int, text_width: int):
        super().__init__()
        self.time = TimeAndLabel(width)
        self.reader = Encoder(vocab_size, context, depth=2, heads=4, width=text_width)
        self.none = nn.Parameter(torch.zeros(text_width))
        self.join = nn.Sequential(nn.Linear(text_width, width), nn.SiLU())
        self.mix = nn.Linear(2 * width, width)

    def forward(self, t: Tensor, tokens: Tensor | None = None) -> Tensor:
        told = self.join(self.read(t, tokens))
        return silu(self.mix(torch.cat([self.time(t), told], 1)))

    def read(self, t: Tensor, tokens: Tensor | None) -> Tensor:
        """Return one vector a text, (B, text_width)."""
        if tokens is None:
            return self.none.expand(len(t), -1)
        seen = (tokens != EMPTY)[..., None]  # (B, T, 1)
        some = seen.any(1)
        # a row in which nobody may look anywhere would be NaN: let it look at itself
        safe = torch.where(some, tokens, 0)
        total = (self.reader(safe) * seen).sum(1) / seen.sum(1).clamp_min(1)
        return torch.where(some, total, self.none)


class TextFlow(FlowMatching):
    """Flow matching told by a text (B, T tokens) what to draw.

    ``tokenizer`` is one of ``codecs.tokenizers``, or its state; texts are cut at
    ``context`` tokens. Trains on pairs (pictures, tokens), tokens (B, ``context``) as
    ``read`` gives them. Wherever other flows take labels this one takes texts.

    ``draft``, trained before, shows the net what it makes of the text, at every step.
    The text decides most where x is nearly noise: ``early`` moves the times that are
    learned from towards it, t = sigmoid(z - ``early``) for a standard normal z.

    Raises:
        ValueError: as ``FlowMatching``; an alphabet without the unknown character; a
            draft of another shape, ``early`` not finite.
    """

    reads_text = True
    rough_steps = True

    def __init__(
        self,
        tokenizer: Tokenizer | Mapping[str, Any],
        image_size: int = 32,
        channels: int = 3,
        width: int = 64,
        *,
        context: int = 16,
        text_width: int = 128,
        patch: int = 2,
        draft: TextDraft | None = None,
        early: float = 0.0,
        label_dropout: float = 0.1,
        learning_rate: float = 2e-3,
    ):
        at_least(1, image_size=image_size, channels=channels, width=width, patch=patch)
        at_least(1, context=context, text_width=text_width)
        finite("early", early)
        shape = (channels, image_size, image_size)
        if draft is not None and draft.sample_shape != shape:
            raise ValueError(f"draft of {draft.sample_shape}: give one of {shape}")
        if isinstance(tokenizer, Mapping):
            tokenizer = tokenizer_from(dict(tokenizer))
        if isinstance(tokenizer, Characters) and UNKNOWN not in tokenizer.numbers:
            raise ValueError(
                f"tokenizer has no {UNKNOWN!r}: people write characters that are new "
                f"to it; put {UNKNOWN!r} into its alphabet"
            )
        reader = TimeAndText(4 * width, len(tokenizer), context, text_width)
        options = {"patch": patch, "given": channels if draft else 0}
        net = UNet(image_size, channels, width, condition=reader, **options)
        if draft:
            draft.adopt_average("net")
            net = Drafted(net, draft.net)
        super().__init__(
            image_size,
            channels,
            width,
            net=net,
            label_dropout=label_dropout,
            learning_rate=learning_rate,
        )
        self.tokenizer, self.context, self.early = tokenizer, context, early

    def drafted(self, draft: TextDraft, **options: Any) -> TextFlow:
        """Return a flow that is also shown a draft; it begins as this one is.

        ``options`` are arguments of the constructor that shall differ.

        Raises:
            ValueError: this flow has a draft; else as the constructor.
        """
        if isinstance(self.net, Drafted):
            raise ValueError("draft: this flow has one already")
        new = TextFlow(**(self.config | {"draft": draft} | options))
        with self.for_sampling("net") as net:
            state = net.state_dict()
        wide = torch.zeros_like(new.net.unet.enter.weight)  # nothing of the draft
        wide[:, : wide.shape[1] // 2] = state["enter.weight"]
        new.net.unet.load_state_dict(state | {"enter.weight": wide})
        return new

    def learned_times(self, n: int, device: torch.device) -> Tensor:
        """Draw the times (n,) of a training step."""
        return (torch.randn(n, device=device) - self.early).sigmoid()

    def read(self, texts: str | Sequence[str]) -> Tensor:
        """Return the tokens of texts, (N, context) int64, filled up with -1.

        Raises:
            ValueError: a text that is empty.
        """
        return told(texts, self.tokenizer, self.context)

    def parts(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Split a batch into pictures and tokens, some of them dropped."""
        x, tokens = batch
        dropped = torch.rand(len(x), 1, device=x.device) < self.label_dropout
        return x, tokens.masked_fill(dropped, EMPTY)

    def unlabelled(self, labels: Tensor) -> Tensor:
        """Return empty places, in the shape of ``labels``."""
        return torch.full_like(labels, EMPTY)

    def labels_for(
        self, labels: str | Sequence[str] | Tensor | None, n: int, seed: Seed
    ) -> Tensor:
        """Return tokens (n, context): of one text for all, of n texts, or of none.

        Raises:
            ValueError: another number of texts than 1 or n.
        """
        if labels is None:
            return torch.full((n, self.context), EMPTY, device=self.device)
        tokens = labels if isinstance(labels, Tensor) else self.read(labels)
        if tokens.dim() != 2 or len(tokens) not in (1, n):
            raise ValueError(f"labels: {len(tokens)} texts for n={n}: give 1 or {n}")
        return tokens.expand(n, -1).to(self.device)
