"""What every generative model of the course has in common."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from ..files import replacing

Update = Callable[[str, Tensor], None]
Batch = Tensor | tuple[Tensor, Tensor]
Seed = int | torch.Generator | None


class Trainable(nn.Module):
    pass


class GenerativeModel(Trainable):
    """A model that can be trained by ``aigc_lib.fit`` and sampled from.

    A subclass passes its constructor's arguments to ``super().__init__``, so that
    ``load`` can rebuild it, and defines ``optimizers``, ``training_step`` and
    ``sample``. ``sampled`` names the networks that ``sample`` uses: ``fit`` keeps an
    exponential moving average of their weights. ``tolerates_bf16`` is False for a
    model whose results need more than the 8 significant bits of bfloat16. ``makes``
    says of what: "images" (with defaults for (N, 1, 28, 28) in [-1, 1]), "points",
    "text" or "sounds"; a model that only reads makes "labels" or fills "gaps". The
    batches of a ``conditional`` model are pairs (samples, labels), labels (B,) int64.
    ``recipe`` holds arguments of ``fit`` that suit the model better than its defaults:
    ``batch_size``, ``ema``, ``cooldown``.
    """

    sampled: tuple[str, ...] = ()
    tolerates_bf16 = True
    makes = "images"
    conditional = False
    recipe: ClassVar[dict[str, Any]] = {}

    def __init__(self, **config):
        super().__init__()
        self.config = config
        self.averages = nn.ModuleDict()

    def optimizers(self) -> dict[str, Optimizer]:
        """Return one optimiser per player, by the name that ``update`` gets."""
        raise NotImplementedError

    def training_step(self, batch: Batch, update: Update) -> None:
        """State the objective of one batch; ``update(name, loss)`` steps a player."""
        raise NotImplementedError

    def sample(self, n: int, *, seed: int | None = None) -> Tensor:
        """Draw ``n`` samples; the same seed gives the same samples."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def start_averaging(self) -> None:
        """Begin a moving average at the present weights, where none is kept yet."""
        for name in self.sampled:
            if name not in self.averages:
                average = copy.deepcopy(getattr(self, name)).requires_grad_(False)
                self.averages[name] = average

    def adopt_average(self, name: str) -> None:
        """Go on learning from the averaged weights of network ``name``, if any."""
        if name in self.averages:
            getattr(self, name).load_state_dict(self.averages.pop(name).state_dict())

    @contextmanager
    def for_sampling(self, name: str) -> Iterator[nn.Module]:
        """Lend network ``name`` with averaged weights, in eval mode, without grad.

        An average stays in eval mode: nobody trains it, and a text that is written
        token by token would pay for the way there and back with every one.
        """
        average = name in self.averages
        network = self.averages[name] if average else getattr(self, name)
        was_training = network.training
        if was_training:
            network.eval()
        try:
            with torch.no_grad():
                yield network
        finally:
            if was_training and not average:
                network.train()

    def save(self, path: str | os.PathLike) -> Path:
        """Write weights and configuration to one safetensors file, atomically."""
        header = {"model": type(self).__name__, "config": json.dumps(self.config)}
        # what torch.compile has wrapped is saved under the name that it had before
        tensors = {
            name.replace("_orig_mod.", ""): tensor.detach().cpu()
            for name, tensor in self.state_dict().items()
        }
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata=header)
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Rebuild the model that ``save`` wrote; refuse one of another class.

        Raises:
            FileNotFoundError: no file at ``path``.
            ValueError: not such a file, another model, or weights that do not fit.
        """
        return load_model(path, {cls.__name__: cls}.get)


def standard_normal(n: int, *shape: int, seed: Seed) -> Tensor:
    """Draw noise (n, *shape) on the CPU, the same for every device.

    Raises:
        ValueError: ``n`` < 1.
    """
    if n < 1:
        raise ValueError(f"n={n}: ask for at least one sample")
    return torch.randn(n, *shape, generator=noise_source(seed))


def noise_source(seed: Seed) -> torch.Generator | None:
    """Return a CPU generator for ``seed``, or None for the global one.

    A generator is returned as it is: who draws several things from one seed makes it
    once and passes it on, or the second would repeat the numbers of the first.
    """
    if seed is None or isinstance(seed, torch.Generator):
        return seed
    return torch.Generator().manual_seed(seed)


def codes_for(
    codes: int | Tensor | None,
    n: int,
    values: int,
    source: torch.Generator | None,
    name: str = "labels",
) -> Tensor:
    """Return one whole number below ``values`` per sample, (n,) int64, on the CPU.

    ``codes``: one for all, (n,) many, or None for random ones; ``name`` is what
    messages call them.

    Raises:
        ValueError: codes of the wrong number or out of range.
    """
    if codes is None:
        codes = torch.randint(values, (n,), generator=source)
    codes = torch.as_tensor(codes).cpu()
    if codes.shape not in [(), (n,)] or codes.is_floating_point():
        raise ValueError(f"{name}={tuple(codes.shape)}: give one whole number or n={n}")
    if not 0 <= codes.min() <= codes.max() < values:
        raise ValueError(
            f"{name}={codes.tolist()}: choose numbers from 0 to {values - 1}"
        )
    return codes.long().expand(n)


def load_model(
    path: str | os.PathLike, class_of: Callable[[str], type | None]
) -> GenerativeModel:
    """Rebuild the model that ``save`` wrote; ``class_of`` finds a class by its name.

    Raises:
        FileNotFoundError: no file at ``path``.
        ValueError: the file is no safetensors file (a pickle, say), names no known
            model, or its weights do not fit its configuration.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"path={str(path)!r}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"path={str(path)!r} is no safetensors file ({error}): give a file that "
            "model.save() wrote"
        ) from None
    kind = class_of(header.get("model", ""))
    if kind is None:
        raise ValueError(
            f"path={str(path)!r} holds model={header.get('model')!r}, which is not "
            "known here"
        )
    try:
        model = kind(**json.loads(header["config"]))
        if any(name.startswith("averages.") for name in tensors):
            model.start_averaging()
        model.load_state_dict(tensors)
    # a constructor may fail in any way on a config that is not its own
    except Exception as error:
        raise ValueError(
            f"path={str(path)!r}: its content does not fit {kind.__name__}: {error}"
        ) from error
    return model
