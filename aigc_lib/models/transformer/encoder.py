"""Reading instead of writing: masked pre-training, then a classifier of texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, Optimizer

from ...arguments import finite, whole
from ...codecs.tokenizers import Tokenizer, check_several, tokenizer_from
from ...data.text import Texts
from ...metrics.calibration import fitted_temperature, rejection_threshold
from ..base import Trainable, Update
from .encoder_nets import Bert, Classifier, Encoder, NGrams

SCORES = ("maximum", "energy")
EMPTY = -1  # a place without a token


class Encoded(NamedTuple):
    """Texts as tokens ``x`` (N, T), -1 where there are none; classes ``y`` (N,)."""

    x: Tensor
    y: Tensor | None


def masked(
    tokens: Tensor,
    vocab_size: int,
    mask: int,
    share: float,
    spared: Sequence[int] = (),
) -> tuple[Tensor, Tensor]:
    """Hide a ``share`` of ``tokens`` (B, T); return what is read and what is asked.

    Of the places asked for, 80% show ``mask``, 10% a random token and 10% the right
    one, so that no token that is read may be trusted blindly. The second result holds
    the right tokens there and -100 elsewhere. Tokens in ``spared`` are never asked for.
    Source: Devlin et al. 2019, section 3.1.
    """
    asked = (torch.rand(tokens.shape, device=tokens.device) < share) & (tokens >= 0)
    asked &= ~torch.isin(tokens, tokens.new_tensor(spared))
    fate = torch.rand(tokens.shape, device=tokens.device)
    read = torch.where(asked & (fate < 0.8), mask, tokens)
    read = torch.where(
        asked & (fate >= 0.9), torch.randint_like(tokens, vocab_size), read
    )
    return read, torch.where(asked, tokens, -100)


class _Reader(Trainable):
    """What the two models here share: a tokenizer, an encoder, one AdamW."""

    modality = "text"
    sampled = ("net",)

    def __init__(
        self,
        tokenizer: Tokenizer | dict[str, Any] | None,
        bert: dict[str, Any] | None,
        *,
        context: int,
        learning_rate: float,
        weight_decay: float,
    ):
        finite("learning_rate", learning_rate, above=0)
        finite("weight_decay", weight_decay, least=0)
        if isinstance(tokenizer, dict):  # from a file
            tokenizer = tokenizer_from(tokenizer)
        super().__init__()
        self.tokenizer, self.bert, self.context = tokenizer, bert, context
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

    def _encoder(self, **sizes: Any) -> Encoder | Bert:
        if self.bert:
            number = self._tokenizer().tokenizer.token_to_id
            mask, *frame = map(number, ("[MASK]", "[CLS]", "[SEP]"))
            spared = [token for token in frame if token is not None]
            return Bert(self.bert, mask, spared)
        return Encoder(self.sample_codes, **sizes)

    def _tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise ValueError(
                f"tokenizer=None: this model knows numbers only; make it with "
                f"{type(self).__name__}(tokenizer)"
            )
        return self.tokenizer

    def optimizers(self) -> dict[str, Optimizer]:
        """One AdamW. Matrices decay; biases and norms, which are vectors, do not."""
        learned = [p for p in self.net.parameters() if p.requires_grad]
        groups = [
            {
                "params": [p for p in learned if p.dim() >= 2],
                "weight_decay": self.weight_decay,
            },
            {"params": [p for p in learned if p.dim() < 2], "weight_decay": 0.0},
        ]
        return {"net": AdamW(groups, self.learning_rate, fused=True)}

    @property
    def sample_codes(self) -> int:
        """How many tokens there are; -1 is none."""
        return 256 if self.tokenizer is None else len(self.tokenizer)

    def encode(self, texts: Texts | Iterable[str]) -> Encoded:
        """Return texts as ``fit`` takes them, with their classes where they have any.

        What goes beyond the context is cut off, but for BERT's [SEP], the last token.

        Raises:
            ValueError: no texts, an empty one, one string instead of several, or the
                model has no tokenizer.
        """
        check_several(texts)
        code, context = self._tokenizer(), self.context
        rows = [code.encode(text) for text in texts]
        if self.bert:
            cut = context - 1
            rows = [torch.cat([row[:cut], row[cut:][-1:]]) for row in rows]
        rows = [row[:context] for row in rows]
        if not rows or not all(len(row) for row in rows):
            raise ValueError(
                f"texts: {len(rows)} of them, {sum(not len(row) for row in rows)} "
                "empty; give at least one, and none without a token"
            )
        x = torch.nn.utils.rnn.pad_sequence(rows, True, EMPTY)
        return Encoded(x, getattr(texts, "y", None))


class MaskedLM(_Reader):
    """Learns a language by filling gaps (Devlin et al. 2019).

    Trains on rows of tokens (N, T), T <= ``context``: on ``encode(texts).x``, or on
    ``aigc.data.Windows`` of one long text. ``share`` of the tokens are asked for. With
    ``bert``, a configuration of transformers, the net is that one and the sizes do not
    count; ``load_bert`` fills it with published weights.

    Raises:
        ValueError: arguments that do not fit together.
    """

    def __init__(
        self,
        tokenizer: Tokenizer | dict[str, Any] | None = None,
        *,
        context: int = 64,
        depth: int = 2,
        heads: int = 4,
        width: int = 128,
        dropout: float = 0.1,
        share: float = 0.15,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        bert: dict[str, Any] | None = None,
    ):
        finite("share", share, above=0, below=1)
        sizes = {"context": context, "depth": depth, "heads": heads, "width": width}
        super().__init__(
            tokenizer,
            bert,
            context=context,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
        )
        self.share = share
        self.net = self._encoder(**sizes, dropout=dropout)

    def loss(self, net: Encoder | Bert, tokens: Tensor) -> Tensor:
        """Hide some of ``tokens`` (B, T): mean nats of the right ones, by ``net``."""
        tokens = without_empty_columns(tokens)
        known = (net.vocab_size, net.mask, self.share, net.spared)
        read, wanted = masked(tokens, *known)
        asked = wanted >= 0
        logits = net.logits(net(read)[asked]).float()  # only where it counts
        total = cross_entropy(logits, wanted[asked], reduction="sum")
        return total / asked.sum().clamp(min=1)

    def training_step(self, batch: Tensor, update: Update) -> None:
        """Fill the gaps of ``batch`` (B, T)."""
        update("net", self.loss(self.net, batch))

    def nats_per_gap(self, data: Any, *, seed: int = 0, batch_size: int = 64) -> float:
        """Return the mean nats of the right tokens in gaps of rows (N, T).

        With the averaged weights; the same seed opens the same gaps.

        Raises:
            ValueError: so few tokens that none was asked for.
        """
        total, count = 0.0, 0
        with self.for_sampling("net") as net, torch.random.fork_rng(devices=[]):
            torch.manual_seed(whole("seed", seed))
            for i in range(0, len(data), batch_size):
                rows = without_empty_columns(data[i : i + batch_size].cpu())
                known = (net.vocab_size, net.mask, self.share, net.spared)
                read, wanted = masked(rows, *known)
                asked = wanted >= 0
                hidden = net(read.to(self.device))[asked.to(self.device)]
                logits = net.logits(hidden).float().cpu()
                total += cross_entropy(logits, wanted[asked], reduction="sum").item()
                count += int(asked.sum())
        if not count:
            raise ValueError(f"data of {len(data)} rows has no gap: give more text")
        return total / count

    def fill(self, tokens: Tensor) -> Tensor:
        """Return ``tokens`` (B, T) with the likeliest token at each ``net.mask``."""
        tokens = tokens.to(self.device)
        with self.for_sampling("net") as net:
            known = None if self.tokenizer is None else len(self.tokenizer)
            guess = net.logits(net(tokens))[..., :known].argmax(-1)
        return torch.where(tokens == net.mask, guess, tokens)


class TextClassifier(_Reader):
    """Sorts texts into ``classes``, says how sure it is, and may say "none of these".

    Trains on ``encode(texts)`` of a set with classes. ``on`` begins with the encoder of
    a ``MaskedLM``. Where texts are few, let their ``ngrams`` of up to so many letters
    vote beside the encoder (6 for English), and let training hide a share of the
    tokens from the encoder.

    Afterwards, on data it was not trained on: ``calibrate`` makes its probabilities
    honest, ``learn_to_reject`` finds the ``score`` below which it says nothing. That is
    the greatest probability ("maximum", Hendrycks and Gimpel 2017), or minus the
    "energy", T log sum exp(logits / T) (Liu et al. 2020).

    Raises:
        ValueError: arguments that do not fit together.
    """

    conditional = True

    def __init__(
        self,
        tokenizer: Tokenizer | dict[str, Any] | None = None,
        classes: Sequence[str] = ("0", "1"),
        *,
        context: int = 64,
        depth: int = 2,
        heads: int = 4,
        width: int = 128,
        dropout: float = 0.1,
        ngrams: int = 0,
        hidden: float = 0.0,
        score: str = "maximum",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        bert: dict[str, Any] | None = None,
    ):
        classes = tuple(classes)
        if len(classes) < 2 or len(set(classes)) < len(classes):
            raise ValueError(f"classes={classes}: give at least two, all different")
        if score not in SCORES:
            raise ValueError(f"score={score!r}: choose one of {SCORES}")
        if whole("ngrams", ngrams) < 0:
            raise ValueError(f"ngrams={ngrams}: give a number of letters, 0 for none")
        finite("hidden", hidden, least=0, below=1)
        sizes = {"context": context, "depth": depth, "heads": heads, "width": width}
        super().__init__(
            tokenizer,
            bert,
            context=context,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
        )
        self.classes, self.score = classes, score
        encoder = self._encoder(**sizes, dropout=dropout)
        votes = None
        if ngrams:
            votes = NGrams(
                self._tokenizer().spelling(), ngrams, len(classes), dropout=dropout
            )
        self.net = Classifier(encoder, len(classes), dropout, votes, hidden)
        self.register_buffer("temperature", torch.tensor(1.0))
        self.register_buffer("threshold", torch.tensor(-torch.inf))

    @classmethod
    def on(cls, reader: MaskedLM, classes: Sequence[str], **options: Any) -> Self:
        """Begin with the tokenizer, the sizes and the (averaged) encoder of ``reader``.

        ``options`` are those of the constructor that are to differ.
        """
        kept = {k: v for k, v in reader.config.items() if k != "share"}
        model = cls(**kept | {"classes": classes} | options)
        with reader.for_sampling("net") as net:
            model.net.encoder.load_state_dict(net.state_dict())
        return model

    def training_step(self, batch: tuple[Tensor, Tensor], update: Update) -> None:
        """Sort the texts (B, T) as their classes (B,) say.

        The encoder and the n-grams learn to be right together, and each alone: else
        the n-grams, which learn faster, leave the encoder nothing to learn.
        """
        tokens, y = batch
        parts = self.net.opinions(without_empty_columns(tokens))
        loss = cross_entropy(sum(parts), y)
        if len(parts) > 1:
            loss = loss + sum(cross_entropy(part, y) for part in parts) / len(parts)
        update("net", loss)

    def logits(self, texts: Tensor | Iterable[str], *, batch_size: int = 256) -> Tensor:
        """Return logits (N, classes) of tokens (N, T) or texts, on the CPU.

        They are divided by the temperature: their softmax are the probabilities.
        """
        tokens = texts if isinstance(texts, Tensor) else self.encode(texts).x
        with self.for_sampling("net") as net:
            parts = [
                net(without_empty_columns(part.to(self.device))).cpu()
                for part in tokens.split(batch_size)
            ]
        return torch.cat(parts) / self.temperature.cpu()

    def calibrate(self, data: Texts | Encoded) -> float:
        """Set the temperature by data with classes; return it."""
        x, y = self._with_classes(data)
        self.temperature.fill_(1.0)
        self.temperature.fill_(fitted_temperature(self.logits(x), y))
        return self.temperature.item()

    def learn_to_reject(
        self, inside: Tensor | Iterable[str], outside: Tensor | Iterable[str]
    ) -> float:
        """Set the threshold by texts of the classes and others; return it."""
        kept, rejected = (self.scores(self.logits(t)) for t in (inside, outside))
        self.threshold.fill_(rejection_threshold(kept, rejected))
        return self.threshold.item()

    def scores(self, logits: Tensor) -> Tensor:
        """Say of each row of ``logits`` (N, K) how well it fits the classes, (N,)."""
        if self.score == "maximum":
            return logits.softmax(1).amax(1)
        return self.temperature.cpu() * logits.logsumexp(1)

    def predict(self, texts: Tensor | Iterable[str]) -> list[tuple[str | None, float]]:
        """Return of each text its class, None where it fits none, and how sure that is.

        The number is the probability of the likeliest class, also where it is rejected.
        """
        logits = self.logits(texts)
        sure, guess = logits.softmax(1).max(1)
        fits = self.scores(logits) >= self.threshold.cpu()
        rows = zip(guess.tolist(), sure.tolist(), fits.tolist(), strict=True)
        return [(self.classes[i] if ok else None, p) for i, p, ok in rows]

    def _with_classes(self, data: Texts | Encoded) -> Encoded:
        if not isinstance(data, Encoded):
            data = self.encode(data)
        if data.y is None:
            raise ValueError("data has no classes: give texts with y")
        return data


def without_empty_columns(tokens: Tensor) -> Tensor:
    """Cut (B, T) to the longest row, so that nothing is computed for nobody.

    Not on a GPU, where the host would have to wait for the length.
    """
    if tokens.device.type != "cpu":
        return tokens
    return tokens[:, : max(1, (tokens.numpy() >= 0).sum(1).max())]
