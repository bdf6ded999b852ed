"""GPT: a Transformer that predicts the next token, and writes by doing it again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from torch.optim import AdamW, Optimizer

from ...arguments import finite, whole
from ...codecs.tokenizers import Tokenizer, check_several, tokenizer_from
from ...nets.attention import KVCache, Transformer
from ...nets.direct import without_onednn
from ...optim import Muon
from ..base import GenerativeModel, Seed, Update, in_parts, noise_source
from .sampling import Sampling

OPTIMIZERS = ("adamw", "muon")
MATRIX_RATE = 10 / 3  # of Muon, in rates of the other parameters
Constraint = Callable[[Tensor, Tensor], Tensor]  # (tokens (B, T), logits (B, V))


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Mean cross-entropy in nats of logits (B, T, V) for the tokens (B, T) that follow.

    Negative tokens were only to be read (see ``aigc_lib.codecs.tokens``): they do not
    count.
    """
    wanted = torch.where(tokens < 0, -100, tokens)  # what cross_entropy passes over
    return cross_entropy(logits.flatten(0, 1), wanted.flatten())


def readable(tokens: Tensor) -> Tensor:
    """Turn ``~t``, a token not to be learned, back into t."""
    return torch.where(tokens < 0, ~tokens, tokens)


class GPT(GenerativeModel):
    """A decoder-only Transformer (Radford et al. 2018, 2019).

    Made for a ``tokenizer``, which is saved with it, or for token numbers below
    ``vocab_size``. ``optimizer`` "muon" learns more from every token of a text, and
    takes no ``weight_decay``; "adamw" suits weights that were learned elsewhere.
    ``positions``, ``bias`` and ``gelu`` as in ``Transformer``.
    Trains on runs of tokens (N, T + 1), T <= ``context``: on
    ``aigc.data.Windows`` of one long text, or on ``aigc.data.prompted`` pairs.

    Raises:
        ValueError: arguments that do not fit together.
    """

    sampled = ("net",)
    modality = "text"

    def __init__(
        self,
        tokenizer: Tokenizer | dict[str, Any] | None = None,
        *,
        vocab_size: int | None = None,
        context: int = 64,
        depth: int = 4,
        heads: int = 4,
        width: int = 128,
        dropout: float = 0.0,
        positions: str = "rotary",
        bias: bool = False,
        gelu: str = "none",
        optimizer: str = "adamw",
        learning_rate: float = 3e-3,
        weight_decay: float = 0.1,
    ):
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer={optimizer!r}: choose one of {OPTIMIZERS}")
        if isinstance(tokenizer, dict):  # from a file
            tokenizer = tokenizer_from(tokenizer)
        if vocab_size is None:
            vocab_size = 256 if tokenizer is None else len(tokenizer)
        if tokenizer is not None and vocab_size < len(tokenizer):
            raise ValueError(
                f"vocab_size={vocab_size}: the tokenizer has {len(tokenizer)} tokens"
            )
        finite("learning_rate", learning_rate, above=0)
        finite("weight_decay", weight_decay, least=0)
        super().__init__()
        self.tokenizer, self.vocab_size = tokenizer, vocab_size
        self.context, self.optimizer = context, optimizer
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.net = Transformer(
            vocab_size,
            context,
            depth=depth,
            heads=heads,
            width=width,
            dropout=dropout,
            positions=positions,
            bias=bias,
            gelu=gelu,
        )

    # ---- training --------------------------------------------------------------------

    @property
    def sample_codes(self) -> int:
        """How many tokens there are; ``~t`` stands for t, not to be learned."""
        return self.vocab_size

    def optimizers(self) -> dict[str, Optimizer]:
        """AdamW, or Muon for the matrices of the blocks and AdamW for all else.

        With AdamW alone matrices decay; biases and norms, which are vectors, do not.
        """
        learned = {k: p for k, p in self.net.named_parameters() if p.requires_grad}
        if self.optimizer == "muon":
            inner = [  # a LoRA beside a weight is none of them
                k
                for k, p in learned.items()
                if k.startswith("blocks.") and k.endswith(".weight") and p.dim() == 2
            ]
            return {
                "net": Muon(
                    [learned.pop(k) for k in inner],
                    learned.values(),
                    matrix_rate=MATRIX_RATE * self.learning_rate,
                    other_rate=self.learning_rate,
                )
            }
        matrices = [p for p in learned.values() if p.dim() >= 2]
        vectors = [p for p in learned.values() if p.dim() < 2]
        groups = [
            {"params": matrices, "weight_decay": self.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        return {"net": AdamW(groups, self.learning_rate, betas=(0.9, 0.99), fused=True)}

    def training_step(self, batch: Tensor, update: Update) -> None:
        """Predict each token of the runs (B, T + 1) from those before it."""
        logits = self.net(readable(batch[:, :-1]))
        update("net", next_token_loss(logits, batch[:, 1:]))

    def nats_per_token(self, data: Any, *, batch_size: int = 64) -> float:
        """Return the mean loss over all runs (N, T + 1), with the averaged weights.

        e to this power is the perplexity.
        """
        total, count = 0.0, 0
        with self.for_sampling("net") as net:
            for i in range(0, len(data), batch_size):
                runs = data[i : i + batch_size].to(self.device)
                learned = int((runs[:, 1:] >= 0).sum())
                if learned:
                    loss = next_token_loss(net(readable(runs[:, :-1])), runs[:, 1:])
                    total, count = total + learned * loss.item(), count + learned
        if not count:
            raise ValueError("data holds no token to be learned")
        return total / count

    # ---- writing ---------------------------------------------------------------------

    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        length: int | None = None,
        **sampling: Any,
    ) -> Tensor:
        """Write ``n`` texts from nothing but a line break: tokens (n, length) int64.

        ``length`` is the context unless given; ``sampling`` as in ``Sampling``.
        """
        n = whole("n", n)
        if n < 1:
            raise ValueError(f"n={n}: ask for at least one sample")
        start, source = self._start().expand(n, -1), noise_source(seed)
        length = self.context if length is None else length

        def written(part: Tensor) -> Tensor:
            return self.generate(part, length, seed=source, **sampling)

        return in_parts(written, start)[:, start.shape[1] :]

    def generate(
        self,
        prompt: Tensor,
        n: int,
        *,
        lengths: Tensor | None = None,
        seed: Seed = None,
        stop_token: int | None = None,
        constraint: Constraint | None = None,
        cache: bool = True,
        **sampling: Any,
    ) -> Tensor:
        """Append up to ``n`` tokens to each row of ``prompt`` (B, T) int64.

        Where the prompts differ in length, ``lengths`` (B,) tells how much of each row
        is its prompt: what is behind it is written too. The options in ``sampling``
        are those of ``Sampling``. A row that has written
        ``stop_token`` goes on with nothing else; when all have, no more is written.
        ``constraint(tokens, logits)`` returns the logits that shall count, such as
        minus infinity for what must not come. Without ``cache`` every step reads the
        whole window again: the same tokens, slower.

        When the context is full, its older half is forgotten.

        Raises:
            ValueError: no prompt, tokens that the model does not know, n < 1,
                ``lengths`` that are not those of the rows, or a bad option of
                ``Sampling``.
        """
        rule = Sampling(**sampling)
        writer = Writer(self, prompt, n, seed, constraint, cache, rule, lengths)
        done = torch.zeros(len(prompt), dtype=torch.bool, device=self.device)
        with self._writing() as net:
            while writer.end < writer.tokens.shape[1]:
                token = writer.step(net)
                if stop_token is not None:
                    token = token.masked_fill(done, stop_token)
                    done |= (token == stop_token) & (writer.end >= writer.lengths)
                writer.append(token)
                if stop_token is not None and done.all():
                    break
        return writer.written()

    def stream(
        self,
        prompt: str,
        n: int = 200,
        *,
        stop: str | Iterable[str] = (),
        seed: int | None = None,
        constraint: Constraint | None = None,
        cache: bool = True,
        **sampling: Any,
    ) -> Iterator[str]:
        """Write after ``prompt``, piece by piece, up to ``n`` tokens or a ``stop``.

        A stop string is not part of what is written. Other options as in ``generate``.

        Raises:
            ValueError: as ``generate``, or the model has no tokenizer.
        """
        rule, stops = Sampling(**sampling), [stop] if isinstance(stop, str) else [*stop]
        tokenizer = self._tokenizer()
        tokens = tokenizer.encode(prompt)[None] if prompt else self._start()
        writer = Writer(self, tokens, n, seed, constraint, cache, rule)

        def written() -> Iterator[int]:
            for _ in range(n):
                # no generator may stay inside such a context while it waits
                with self._writing() as net:
                    writer.append(token := writer.step(net))
                yield int(token)

        return until(tokenizer.pieces(written()), stops)

    def complete(self, prompt: str, n: int = 200, **options: Any) -> str:
        """Return as one text what ``stream`` writes."""
        return "".join(self.stream(prompt, n, **options))

    def answers(
        self,
        prompts: Sequence[str],
        *,
        room: int,
        seed: int | None = 0,
        end: str = "\n",
        constraint_for: Callable[[list[int]], Constraint] | None = None,
        **sampling: Any,
    ) -> list[str]:
        """Go on from each prompt until ``end``, at most ``room`` tokens.

        All are answered together, but under a constraint, which counts from where the
        prompts end: then those of one length. ``constraint_for(rows)`` makes the
        constraint of these rows; ``sampling`` as in ``Sampling``.

        Raises:
            ValueError: one string instead of several, and what ``generate`` refuses.
        """
        check_several(prompts)
        code = self._tokenizer()
        groups: dict[int, list[int]] = defaultdict(list)
        tokens = [code.encode(prompt) for prompt in prompts]
        for i, row in enumerate(tokens):
            # what is longer than the context is read from its end
            apart = constraint_for is not None or len(row) > self.context
            groups[len(row) if apart else 0].append(i)
        stop, found = code.end_token(end), [""] * len(prompts)
        for group, rows in sorted(groups.items()):
            written = self.generate(
                pad_sequence([tokens[i] for i in rows], batch_first=True),
                room,
                lengths=torch.tensor([len(tokens[i]) for i in rows]),
                seed=None if seed is None else seed * 1_000 + group,
                stop_token=stop,
                constraint=constraint_for(rows) if constraint_for else None,
                **sampling,
            )
            for i, row in zip(rows, written.cpu(), strict=True):
                own = row[len(tokens[i]) :][:room]
                found[i] = code.decode(own).partition(end)[0]
        return found

    def texts(self, tokens: Tensor) -> list[str]:
        """Decode tokens (N, T), such as those of ``sample``, to N texts."""
        tokenizer = self._tokenizer()
        return [tokenizer.decode(row) for row in tokens]

    @contextmanager
    def _writing(self) -> Iterator[Transformer]:
        """Lend the net for thousands of tiny tensors: what each costs would be felt."""
        with self.for_sampling("net") as net, torch.inference_mode(), without_onednn():
            yield net

    def _tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise ValueError(
                "tokenizer=None: this model knows numbers only; make it with "
                "GPT(tokenizer), or use generate"
            )
        return self.tokenizer

    def _start(self) -> Tensor:
        """A line break, (1, T): after it anything may begin. Else token 0."""
        try:
            return self._tokenizer().encode("\n")[None]
        except ValueError:
            return torch.zeros(1, 1, dtype=torch.long)


class Writer:
    """The state of one generation: the tokens, where the window begins, the cache."""

    def __init__(
        self,
        model: GPT,
        prompt: Tensor,
        n: int,
        seed: Seed,
        constraint: Constraint | None,
        cache: bool,
        sampling: Sampling,
        lengths: Tensor | None = None,
    ):
        if prompt.dim() != 2 or not prompt.numel() or prompt.dtype != torch.long:
            raise ValueError(
                f"prompt {tuple(prompt.shape)} {prompt.dtype}: give (B, T) int64 "
                "tokens, at least one a row"
            )
        code = model.tokenizer  # the net may have more rows than it has tokens
        known = model.vocab_size if code is None else len(code)
        if not 0 <= prompt.min() <= prompt.max() < known:
            raise ValueError(
                f"prompt has tokens from {prompt.min()} to {prompt.max()}: give "
                f"numbers from 0 to {known - 1}, see `readable` for negative ones"
            )
        n = whole("n", n)
        if n < 1:
            raise ValueError(f"n={n}: write at least one token")
        rows, self.longest = prompt.shape
        lengths = prompt.new_full((rows,), self.longest) if lengths is None else lengths
        if lengths.shape != (rows,) or not 1 <= lengths.min() <= lengths.max() <= (
            self.longest
        ):
            raise ValueError(
                f"lengths={lengths.tolist()}: give one of 1 to {self.longest} for each "
                f"of the {rows} rows of prompt"
            )
        self.lengths, self.end = lengths.to(model.device), int(lengths.min())
        self.context, self.start = model.context, max(0, self.end - model.context)
        self.tokens = prompt.new_zeros(rows, self.longest + n, device=model.device)
        self.tokens[:, : self.longest] = prompt
        with model.for_sampling("net") as net:  # its layers are those that will run
            self.cache = KVCache(net, rows) if cache else None
        self.generator = noise_source(seed)
        self.constraint, self.sampling = constraint, sampling
        self.known, self.gaps = known, list(code.gaps) if code else []

    def step(self, net: Transformer) -> Tensor:
        """Return the next token of every row, (B,)."""
        if self.end - self.start > self.context:
            self.start = self.end - max(1, self.context // 2)
            if self.cache:
                self.cache.clear()
        read = self.start + (self.cache.length if self.cache else 0)
        if self.cache and read == self.end - 1:
            logits = net.step(self.tokens[:, read], self.cache)
        else:
            logits = net(self.tokens[:, read : self.end], self.cache)[:, -1]
        logits = logits[:, : self.known]
        if self.gaps:
            logits[:, self.gaps] = -torch.inf
        if self.constraint:
            logits = self.constraint(self.written(), logits)
        return self.sampling.draw(logits, self.written(), self.generator)

    def append(self, token: Tensor) -> None:
        """Write ``token`` (B,) behind the others, but where a prompt still goes on."""
        here = self.tokens[:, self.end]
        if self.end < self.longest:
            token = torch.where(self.end < self.lengths, here, token)
        here.copy_(token)
        self.end += 1

    def written(self) -> Tensor:
        """Return prompt and new tokens, (B, T)."""
        return self.tokens[:, : self.end]


def until(pieces: Iterable[str], stops: list[str]) -> Iterator[str]:
    """Pass on the pieces of a text up to the first of ``stops``.

    What could be the beginning of a stop string waits until the next piece decides.

    Raises:
        ValueError: an empty stop string.
    """
    if "" in stops:
        raise ValueError("stop='': an empty string is everywhere; leave it out")
    return _until(pieces, stops)


def _until(pieces: Iterable[str], stops: list[str]) -> Iterator[str]:
    held = ""
    for piece in pieces:
        held += piece
        found = [at for stop in stops if (at := held.find(stop)) >= 0]
        if found:
            if held[: min(found)]:
                yield held[: min(found)]
            return
        doubt = max(
            (k for stop in stops for k in range(len(stop)) if held.endswith(stop[:k])),
            default=0,
        )
        sure = held[: len(held) - doubt]
        if sure:
            yield sure
        held = held[len(sure) :]
    if held:
        yield held
