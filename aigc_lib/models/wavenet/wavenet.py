"""WaveNet: sound, one sample after the other (van den Oord et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, pad
from torch.optim import Optimizer
from tqdm import tqdm

from ... import runtime
from ...arguments import at_least, finite
from ...codecs.sound import mu_law_decode, mu_law_encode
from ...codecs.spectrum import HOP, log_mel
from ...optim import Muon
from ..base import (
    Batch,
    GenerativeModel,
    Update,
    codes_for,
    in_parts,
    noise_source,
)
from .stack import WaveNetStack

MATRIX_RATE = 10  # times the rate of the other parameters
TELL = 100  # samples between two notes of progress


class WaveNet(GenerativeModel):
    """Autoregressive model of waveforms: a 256-way softmax for each next sample.

    Trains on sounds (N, T) in [-1, 1]. The dilations double from 1 to 2 ** (``depth``
    - 1), ``stacks`` times; they see ``receptive_field`` samples back. With ``classes``
    it is conditional: one label for a whole sound. With ``bands`` it is a vocoder: told
    the log-mel spectrogram, of so many bands, of the sound that it is to make.

    Raises:
        ValueError: a number of channels, ``depth``, ``stacks``, ``classes`` or
            ``bands`` below 1, ``learning_rate`` not above 0, fewer than 2 ``levels``,
            or both ``classes`` and ``bands``.
    """

    sampled = ("net",)
    modality = "sounds"
    recipe: ClassVar = {"batch_size": 8}

    def __init__(
        self,
        *,
        channels: int = 32,
        skip_channels: int = 128,
        depth: int = 10,
        stacks: int = 2,
        levels: int = 256,
        classes: int | None = None,
        bands: int | None = None,
        learning_rate: float = 3e-3,
    ):
        super().__init__()
        sizes = {"channels": channels, "skip_channels": skip_channels, "depth": depth}
        sizes |= {"stacks": stacks, "classes": classes, "bands": bands}
        at_least(1, **{k: size for k, size in sizes.items() if size is not None})
        finite("learning_rate", learning_rate, above=0)
        at_least(2, levels=levels)
        if classes and bands:
            raise ValueError(f"classes={classes}, bands={bands}: give one of the two")
        self.levels, self.classes, self.bands = levels, classes, bands
        self.learning_rate = learning_rate
        self.conditional = classes is not None
        self.net = WaveNetStack(
            levels=levels,
            channels=channels,
            skip_channels=skip_channels,
            dilations=tuple(2**k for k in range(depth)) * stacks,
            conditions=classes or bands or 1,
        )

    @property
    def receptive_field(self) -> int:
        """How many samples back the next one depends on."""
        return self.net.receptive_field

    def optimizers(self) -> dict[str, Optimizer]:
        """Muon for the matrices, AdamW for the embedding of codes and the biases."""
        matrices, others = [], []
        for name, p in self.net.named_parameters():
            if p.requires_grad:  # what a LoRA froze is not; itself it is no .weight
                inner = p.dim() > 1 and name.endswith(".weight")
                table = name == "embedding.weight"
                (matrices if inner and not table else others).append(p)
        rate = self.learning_rate
        rates = {"matrix_rate": MATRIX_RATE * rate, "other_rate": rate}
        return {"net": Muon(matrices, others, **rates)}

    def training_step(self, batch: Batch, update: Update) -> None:
        x, labels = batch if self.conditional else (batch, None)
        update("net", self._nll(self.net, x, labels))

    def nats_per_sample(self, x: Tensor, labels: Tensor | None = None) -> float:
        """Mean -log p of the codes of x (N, T), with the averaged weights."""
        with self.for_sampling("net") as net:
            total = 0.0
            for k in range(0, len(x), 50):
                part = x[k : k + 50].to(self.device)
                told = None if labels is None else labels[k : k + 50].to(self.device)
                total += self._nll(net, part, told).item() * len(part)
        return total / len(x)

    def _nll(self, net: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
        codes = mu_law_encode(x, self.levels)
        # each sample is predicted from those before it, the first one from silence
        before = pad(codes[:, :-1], (1, 0), value=self.levels // 2)
        mel = log_mel(x, bands=self.bands) if self.bands else None
        logits = net(before, self._condition(len(x), x.shape[1], labels, mel))
        # the levels last: four times as fast as (B, levels, T)
        return cross_entropy(logits.flatten(0, 1).float(), codes.flatten())

    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        labels: int | Tensor | None = None,
        mel: Tensor | None = None,
        length: int = 2_000,
        temperature: float = 1.0,
        cached: bool = True,
        progress: Callable[[float], Any] | None = None,
    ) -> Tensor:
        """Draw ``n`` sounds (n, length) in [-1, 1].

        ``labels``: a class, (n,) classes, or None for random ones. ``mel``, for a
        vocoder: (n, bands, F) from ``log_mel``. ``temperature`` below 1 prefers likely
        samples, 0 takes the likeliest. With ``cached`` every layer keeps its past
        inputs; without, each sample computes the whole receptive field anew: the same
        sounds, much later. ``progress`` is called at times with the share of the length
        that is written; what it raises ends the drawing.

        Raises:
            ValueError: ``n`` or ``length`` below 1, negative ``temperature``, labels or
                ``mel`` that the model does not take or that do not fit.
        """
        at_least(1, n=n, length=length)
        finite("temperature", temperature, least=0)
        noise = noise_source(seed)
        if self.conditional:
            labels = codes_for(labels, n, self.classes, noise).to(self.device)
        elif labels is not None:
            raise ValueError(f"labels={labels!r}: the model was made without classes")
        self._check_mel(mel, n, length)
        uniform = torch.rand(length, n, generator=noise).to(self.device).T

        def drawn(uniform: Tensor, labels: Tensor | None, mel: Tensor | None) -> Tensor:
            n = len(uniform)
            # small tensors by the thousand: what autograd notes of each would be felt
            with torch.inference_mode():
                codes = torch.full((n, length + 1), self.levels // 2).to(self.device)
                condition = self._condition(n, length, labels, mel)
                memory, projected = net.silence(n), net.project(condition)
                for t in tqdm(range(length), disable=runtime.quiet(), unit=" samples"):
                    if cached:
                        logits = net.step(codes[:, t], t, memory, projected)
                    else:
                        seen = slice(max(0, t + 1 - net.receptive_field), t + 1)
                        now = condition[:, seen] if self.bands else condition
                        logits = net(codes[:, seen], now)[:, -1]
                    codes[:, t + 1] = draw(logits, temperature, uniform[:, t])
                    if progress and t % TELL == 0:
                        progress(t / length)
            return mu_law_decode(codes[:, 1:], self.levels).cpu()

        with self.for_sampling("net") as net:
            return in_parts(drawn, uniform, labels, mel)

    def _check_mel(self, mel: Tensor | None, n: int, length: int) -> None:
        if self.bands is None and mel is not None:
            raise ValueError("mel is given: the model was made without bands")
        if self.bands is None:
            return
        shape = None if mel is None else tuple(mel.shape)
        frames = (length - 1) // HOP + 1
        if shape is None or shape[:-1] != (n, self.bands) or shape[-1] < frames:
            raise ValueError(
                f"mel has shape {shape}: {length} samples of n={n} sounds need "
                f"({n}, {self.bands}, F) with F >= {frames}"
            )

    def _condition(
        self, n: int, length: int, labels: Tensor | None, mel: Tensor | None
    ) -> Tensor:
        """What the net is told: (n, length, K), or (n, 1, K) for the whole sound."""
        if mel is not None:  # each sample hears of the nearest frame
            nearest = (torch.arange(length) + HOP // 2) // HOP
            frames = mel.to(self.device).transpose(1, 2)
            frames = frames[:, nearest.clamp(max=mel.shape[2] - 1)]
            return (frames + 1) / 2.5  # about mean 0 and variance 1
        if self.classes is None:
            return torch.zeros(n, 1, 1, device=self.device)
        # of mean square 1, as the inputs of a layer should be: a label that is told
        # too softly is drowned by the sound, and all notes drift to the middle
        return self.classes**0.5 * one_hot(labels, self.classes).float()[:, None]


def draw(logits: Tensor, temperature: float, uniform: Tensor) -> Tensor:
    """Draw codes (B,) from logits (B, levels) by numbers (B,) uniform in [0, 1)."""
    if temperature == 0:
        return logits.argmax(1)
    # the greatest becomes 0, so that no temperature makes it infinite
    logits = logits.float() - logits.float().amax(1, keepdim=True)
    least = torch.finfo(torch.float32).tiny
    shares = (logits / max(temperature, least)).softmax(1).cumsum(1)
    # rounding may leave the last share below 1
    return (shares <= uniform[:, None]).sum(1).clamp(max=logits.shape[1] - 1)
