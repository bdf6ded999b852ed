"""What every model of the course has in common: ``Trainable``, ``GenerativeModel``."""

from __future__ import annotations

import copy
import inspect
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from ..arguments import at_least, multiple_of, whole
from ..arrays import tensor
from ..files import replacing
from .configuration import configuration, converted, rebuilt
from .registry import class_named

FORMAT = 2  # of the files that ``save`` writes
UPDATE = "update aigc_lib"
PART = 1_000  # samples that go through a network at a time

Update = Callable[[str, Tensor], None]
Batch = Tensor | tuple[Tensor, ...]
Seed = int | torch.Generator | None


class _Configured(type):
    """Notes the arguments of a constructor before anybody of the family changes them.

    Numbers are checked and become Python's, see ``configuration.converted``.

    Raises:
        ValueError: another default dtype than float32, which networks and losses need;
            a number or a choice of yes or no that is none.
    """

    @property
    def __signature__(cls) -> inspect.Signature:
        """That of the constructor, for help() and for the command line."""
        signature = inspect.signature(cls.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if (dtype := torch.get_default_dtype()) != torch.float32:
            raise ValueError(
                f"torch's default dtype is {dtype}, models here are float32: call "
                "torch.set_default_dtype(torch.float32)"
            )
        args, options = converted(cls, args, options)
        model = cls.__new__(cls)
        model.config = configuration(cls, args, options)
        model.__init__(*args, **options)
        return model


class Trainable(nn.Module, metaclass=_Configured):
    """A model that ``aigc_lib.fit`` can train, and that is saved with what made it.

    A subclass defines ``optimizers`` and ``training_step``. The arguments of its
    constructor are kept in ``config``, so that ``load`` can build it again; networks
    among them are not, and must be given to ``load`` once more.

    ``modality`` says what it makes or reads: "images" (with defaults for (N, 1, 28, 28)
    in [-1, 1]), "points", "text", "sounds", "tables", "ratings", "series", "answers",
    "music" or "levels"; the last two are no kind of a command. ``sample_shape`` is the
    shape of one sample where it is fixed: ``fit`` refuses others. ``sample_codes`` is
    how many numbers samples are made of, in all or by column, where they are whole:
    tokens, items, cells. ``sampled`` names the networks that are used after training:
    ``fit`` keeps an exponential moving average of their weights. ``tolerates_bf16`` is
    False for a model whose results need more than the 8 significant bits of bfloat16.
    The batches of a ``conditional`` model are pairs (samples, labels), labels (B,)
    int64. ``least_batch`` is the smallest batch that it can learn from. ``recipe``
    holds arguments of ``fit`` that suit the model better than its defaults:
    ``batch_size``, ``ema``, ``cooldown``, ``max_grad_norm``.
    """

    modality = "images"
    sample_shape: tuple[int, ...] | None = None
    sample_codes: int | tuple[int, ...] | None = None
    sampled: tuple[str, ...] = ()
    tolerates_bf16 = True
    conditional = False
    least_batch = 1
    recipe: ClassVar[dict[str, Any]] = {}

    def __init__(self):
        super().__init__()
        self.averages = nn.ModuleDict()

    def optimizers(self) -> dict[str, Optimizer]:
        """Return one optimiser per player, by the name that ``update`` gets."""
        raise NotImplementedError

    def training_step(self, batch: Batch, update: Update) -> None:
        """State the objective of one batch; ``update(name, loss)`` steps a player."""
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
    def averaged(self) -> Iterator[None]:
        """Put the averaged networks in the place of those that learn, for a while.

        For measuring by methods that name the networks themselves. Several threads may
        measure at once: what learns comes back when the last of them is done.
        """
        with _Lent.lock:
            count, learning = _measuring.get(self, (0, {}))
            if not count:
                learning = {name: getattr(self, name) for name in self.averages}
                for name, average in self.averages.items():
                    setattr(self, name, average)
            _measuring[self] = count + 1, learning
        try:
            yield
        finally:
            with _Lent.lock:
                count, learning = _measuring.pop(self)
                if count > 1:
                    _measuring[self] = count - 1, learning
                else:
                    for name, network in learning.items():
                        setattr(self, name, network)

    @contextmanager
    def for_sampling(self, name: str) -> Iterator[nn.Module]:
        """Lend network ``name`` with averaged weights, in eval mode, without grad.

        An average stays in eval mode: nobody trains it, and a text that is written
        token by token would pay for the way there and back with every one. Several
        threads may borrow the same network; it goes back to training mode when the
        last of them is done.
        """
        average = name in self.averages
        network = self.averages[name] if average else getattr(self, name)
        with torch.no_grad():
            if average:
                if network.training:
                    network.eval()
                yield network
            else:
                with _Lent(network):
                    yield network

    def save(self, path: str | os.PathLike) -> Path:
        """Write weights and configuration to one safetensors file, atomically.

        Equal models give equal bytes.

        Raises:
            ValueError: what ``not_finite`` names: training has diverged.
        """
        if name := not_finite(self):
            raise ValueError(
                f"{name} holds NaN or infinity, nothing was saved: train again with a "
                "lower learning rate"
            )
        # what torch.compile has wrapped is saved under the name that it had before
        tensors = {
            name.replace("_orig_mod.", ""): tensor.detach().cpu().contiguous()
            for name, tensor in self.state_dict().items()
        }
        header = {"format": FORMAT, "model": type(self).__name__, "config": self.config}
        # one entry: the order of several would differ between equal runs
        metadata = {"aigc_lib": json.dumps(header, sort_keys=True)}
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata=metadata)
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike, **networks: nn.Module) -> Self:
        """Rebuild the model that ``save`` wrote; refuse one of another class.

        ``networks``: those that the constructor was given, by the names of its
        arguments.

        Raises:
            FileNotFoundError: no file at ``path``.
            ValueError: not such a file, another model, or weights that do not fit.
        """
        return load_model(path, {cls.__name__: cls}.get, networks)


class GenerativeModel(Trainable):
    """A ``Trainable`` that also makes samples of what it has learned."""

    @property
    def draws(self) -> str:
        """The modality of its samples: in most models that of what it learns from."""
        return self.modality

    def sample(self, n: int, *, seed: int | None = None) -> Tensor:
        """Draw ``n`` samples; the same seed gives the same samples."""
        raise NotImplementedError


# ---- files ---------------------------------------------------------------------------


def not_finite(model: Trainable) -> str | None:
    """Name a weight of ``model`` that is not finite or a buffer with NaN, if any.

    A buffer that is infinite is meant so: a mask, a threshold that all are above.
    """
    weights = {name for name, _ in model.named_parameters()}
    good = {
        name: (x.isfinite() if name in weights else ~x.isnan()).all().to(model.device)
        for name, x in model.state_dict().items()
        if isinstance(x, Tensor) and x.is_floating_point()
    }
    if torch.stack([*good.values()]).all():  # the device is waited for once
        return None
    return next(name for name, fine in good.items() if not fine)


def load_model(
    path: str | os.PathLike,
    class_of: Callable[[str], type | None],
    networks: dict[str, nn.Module] | None = None,
) -> Trainable:
    """Rebuild the model that ``save`` wrote; ``class_of`` finds a class by its name.

    Models that it was made of may be of any class that is known here.

    Raises:
        FileNotFoundError: no file at ``path``.
        PermissionError: it may not be read.
        ValueError: the file is no safetensors file (a pickle, say), is of an older
            format, names no known model, or its weights do not fit its configuration
            or are not finite.
    """
    if not Path(path).is_file():
        there = "no plain file" if Path(path).exists() else "no such file"
        raise FileNotFoundError(f"path={str(path)!r}: {there}")
    Path(path).open("rb").close()  # safetensors takes what is closed for what is absent
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"path={str(path)!r} is no safetensors file ({error}): give a file that "
            "model.save() wrote"
        ) from None
    header = _header(path, metadata)
    kind = class_of(header["model"])
    if kind is None:
        raise ValueError(
            f"path={str(path)!r} holds model={header['model']!r}, which is not known "
            "here: load it with the class that saved it"
        )

    def inner(name: str) -> type | None:
        return class_of(name) or class_named(name)

    try:
        with torch.random.fork_rng(devices=[]):  # the weights to begin with go at once
            model = kind(**rebuilt(header["config"], inner, networks or {}))
        if any(name.startswith("averages.") for name in tensors):
            model.start_averaging()
        model.load_state_dict(tensors)
    # a constructor may fail in any way on a config that is not its own
    except Exception as error:
        raise ValueError(
            f"path={str(path)!r}: its content does not fit {kind.__name__}: {error}"
        ) from error
    if name := not_finite(model):  # save writes none; what it drew would look like art
        raise ValueError(
            f"path={str(path)!r}: {name} holds NaN or infinity: give another file"
        )
    return model


def _header(path: str | os.PathLike, metadata: dict[str, str]) -> dict[str, Any]:
    """Return format, model and configuration that a file states."""
    found = metadata.get("aigc_lib")
    if found is None and "model" in metadata:
        raise ValueError(
            f"path={str(path)!r} is of an older version: train the model again, or "
            "load it with the version that saved it"
        )
    try:
        header = json.loads(found or "null")
        if header["format"] != FORMAT:
            older = isinstance(header["format"], int) and header["format"] < FORMAT
            raise ValueError(
                f"path={str(path)!r} has format {header['format']!r}, this version "
                f"reads {FORMAT}: {'train the model again' if older else UPDATE}"
            )
        return {"model": str(header["model"]), "config": dict(header["config"])}
    except (TypeError, KeyError, RecursionError, json.JSONDecodeError):
        raise ValueError(
            f"path={str(path)!r} holds weights, but no model of aigc_lib: give a file "
            "that model.save() wrote"
        ) from None


def shape_of(
    sample_shape: tuple[int, ...] | None, image_size: int, channels: int
) -> tuple[int, ...]:
    """Return the shape of one sample: the one given, or that of a square image.

    Raises:
        ValueError: a size below 1, or an ``image_size`` that is no multiple of 4.
    """
    if sample_shape is None:
        multiple_of(4, image_size=image_size)
        at_least(1, channels=channels)
        return (channels, image_size, image_size)
    shape = sample_shape if isinstance(sample_shape, Sequence) else ()
    shape = tuple(whole("sample_shape", size, 1) for size in shape)
    if not 1 <= len(shape) <= 3:
        raise ValueError(f"sample_shape={sample_shape}: give (D,), (C, T) or (C, H, W)")
    return shape


# ---- sampling ------------------------------------------------------------------------


# how many measure a model by its averages, and the networks that learn meanwhile
_measuring: WeakKeyDictionary[Trainable, tuple[int, dict[str, nn.Module]]] = (
    WeakKeyDictionary()
)


class _Lent:
    """Keeps a network in eval mode as long as anybody, in any thread, uses it so."""

    lock = threading.RLock()
    borrowers: ClassVar[WeakKeyDictionary[nn.Module, int]] = WeakKeyDictionary()

    def __init__(self, network: nn.Module):
        self.network = network

    def __enter__(self) -> None:
        with self.lock:
            count = self.borrowers.get(self.network, 0)
            self.counted = bool(count) or self.network.training
            if self.counted:
                self.borrowers[self.network] = count + 1
            if self.network.training:
                self.network.eval()

    def __exit__(self, *_: object) -> None:
        if not self.counted:
            return
        with self.lock:
            self.borrowers[self.network] -= 1
            if not self.borrowers[self.network]:
                del self.borrowers[self.network]
                self.network.train()


def parts_of(n: int, size: int | None = None) -> list[int]:
    """Cut ``n`` rows into parts of ``PART`` rows, or ``size``, that go together."""
    size = size or PART
    return [min(size, n - k) for k in range(0, n, size)]


def in_parts(
    function: Callable[..., Tensor], *inputs: Any, size: int | None = None
) -> Tensor:
    """Apply ``function`` to parts of the inputs (see ``parts_of``), join the results.

    So many samples take the memory of few. Inputs are what slices cut; None stays None.
    No rows are one part, so that ``function`` says what comes of none.
    """
    n, parts, k = len(next(x for x in inputs if x is not None)), [], 0
    for rows in parts_of(n, size) or [0]:
        here = slice(k, k + rows)
        parts.append(function(*(None if x is None else x[here] for x in inputs)))
        k += rows
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def checked_pictures(x: Tensor, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Return pictures (N, *shape) as float32 in [-1, 1] on the device.

    ``x``: uint8, or floating point in [-1, 1], wherever it is.

    Raises:
        ValueError: no picture, pictures of another shape, whole numbers that are no
            uint8, values outside [-1, 1], NaN.
    """
    x = tensor("x", x)
    if x.shape[1:] != shape or not len(x):
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"x has shape {tuple(x.shape)}: give (N, {wanted}), N >= 1")
    if x.dtype == torch.uint8:
        return x.to(device).float() / 127.5 - 1
    if not x.is_floating_point() or not (x.detach().abs() <= 1.001).all():
        raise ValueError(
            f"x is {x.dtype} from {x.min():.4g} to {x.max():.4g}: give uint8, or "
            "floating point in [-1, 1]"
        )
    return x.to(device).float()


def standard_normal(n: int, *shape: int, seed: Seed) -> Tensor:
    """Draw noise (n, *shape) on the CPU, the same for every device.

    Raises:
        ValueError: ``n`` < 1.
    """
    n = whole("n", n)
    if n < 1:
        raise ValueError(f"n={n}: ask for at least one sample")
    return torch.randn(n, *shape, generator=noise_source(seed), dtype=torch.float32)


def noise_source(seed: Seed) -> torch.Generator | None:
    """Return a CPU generator for ``seed``, or None for the global one.

    A generator is returned as it is: who draws several things from one seed makes it
    once and passes it on, or the second would repeat the numbers of the first.
    """
    if seed is None or isinstance(seed, torch.Generator):
        return seed
    return torch.Generator().manual_seed(whole("seed", seed))


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
