"""Networks as ONNX files, which run where there is no torch: in a page, on a phone."""

from __future__ import annotations

import copy
import inspect
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .files import replacing
from .models import GenerativeModel
from .runtime import optional

OPSET = 18  # what torch's exporter writes by itself; older ones need a conversion
TOLERANCE = 1e-4


class Export(NamedTuple):
    """What ``to_onnx`` wrote."""

    path: Path
    bytes: int
    opset: int
    inputs: dict[str, list[int | str]]  # name -> shape, such as {"z": ["batch", 2]}
    outputs: dict[str, list[int | str]]
    error: float  # largest difference from torch that was seen

    def __str__(self) -> str:
        def signature(tensors: dict) -> str:
            return ", ".join(
                f"{name} ({', '.join(map(str, shape))})"
                for name, shape in tensors.items()
            )

        return (
            f"{self.path}: {signature(self.inputs)} -> {signature(self.outputs)}, "
            f"{self.bytes:,} bytes, opset {self.opset}, "
            f"within {self.error:.0e} of torch"
        )


def to_onnx(
    model: nn.Module,
    path: str | os.PathLike,
    *,
    network: str | None = None,
    inputs: tuple[Tensor, ...] | None = None,
) -> Export:
    """Write a network to one ONNX file, and compare it with torch before it counts.

    Of a ``GenerativeModel`` goes the network that ``sample`` uses (``network`` names
    it where there are several), with its averaged weights and with the inputs that
    ``sample`` gives it. Any other module needs ``inputs``, an example of at least two
    rows. That of a text model reads whole windows (B, context) of tokens; whoever has
    less fills up behind, for no logit looks ahead. The first axis of every input is the
    batch and may have any length. Computes in float32 on the CPU.

    Raises:
        ModuleNotFoundError: onnx, onnxscript or onnxruntime is missing.
        ValueError: a model of sounds, unknown ``network``, one that ``sample`` tells
            more than tensors, no ``inputs`` for a plain module, or a module whose ONNX
            form differs from torch by more than 1e-4.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        optional(package, install="onnx onnxscript onnxruntime")
    if isinstance(model, GenerativeModel):
        module, example = _as_sampled(model, network)
    elif inputs is None or not all(len(tensor) > 1 for tensor in inputs):
        raise ValueError(
            f"inputs={inputs!r}: a plain module needs an example of its inputs, "
            "a tuple of tensors of at least two rows"
        )
    else:
        module = model
        example = _by_name(module, inputs, {})
    module = copy.deepcopy(module).cpu().float().eval()
    example = {name: value.cpu() for name, value in example.items()}
    with replacing(path) as temporary:
        _write(module, example, temporary)
        shapes, error = _compare(module, example, temporary)
        if not error <= TOLERANCE:
            raise ValueError(
                f"model={type(model).__name__}: its ONNX form differs from torch by "
                f"{error:.1e}, more than {TOLERANCE}: does it draw random numbers, or "
                "depend on values where it should depend on shapes?"
            )
        size = temporary.stat().st_size
    return Export(Path(path), size, OPSET, *shapes, error)


class _Seen(Exception):
    """Ends a sampling as soon as the network's inputs are known."""


def _as_sampled(
    model: GenerativeModel, name: str | None
) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return a network as ``sample`` uses it, and the inputs that it gets there."""
    name = name or next(iter(model.sampled), None)
    if name not in model.sampled:
        raise ValueError(
            f"network={name!r}: {type(model).__name__} samples from "
            f"{', '.join(model.sampled) or 'none'}"
        )
    if model.modality == "sounds":
        raise ValueError(
            f"model={type(model).__name__} makes sounds sample by sample, with a "
            "memory that ONNX does not have: let it make them in torch"
        )
    if model.modality == "text":  # it samples token by token; a file reads a window
        with model.for_sampling(name) as network:
            window = torch.arange(2 * model.context).view(2, -1) % network.vocab_size
            return network, {"tokens": window}
    seen: dict[str, Tensor] = {}

    def look(network: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        seen.update(_by_name(network, args, kwargs))
        raise _Seen

    with model.for_sampling(name) as network:
        hook = network.register_forward_pre_hook(look, with_kwargs=True)
        try:
            model.sample(2, seed=0)
        except _Seen:
            return network, seen
        finally:
            hook.remove()
    raise ValueError(f"network={name!r}: {type(model).__name__}.sample never calls it")


def _by_name(network: nn.Module, args: tuple, kwargs: dict) -> dict[str, Tensor]:
    """Give the tensors among the arguments the names that ``forward`` has for them.

    Raises:
        ValueError: another argument differs from its default, which the file would use.
    """
    signature, tensors = inspect.signature(network.forward), {}
    for name, value in signature.bind(*args, **kwargs).arguments.items():
        default = signature.parameters[name].default
        if isinstance(value, Tensor):
            tensors[name] = value.detach().clone()
        elif value != default:
            raise ValueError(
                f"{name}={value!r}: a file takes tensors only and would compute with "
                f"{name}={default!r}: export the model where it samples with that, a "
                "GrowingGAN when it is grown"
            )
    return tensors


def _write(module: nn.Module, example: dict[str, Tensor], path: Path) -> None:
    rows = len(next(iter(example.values())))
    batch = {
        name: {0: "batch"} if value.dim() and len(value) == rows else {}
        for name, value in example.items()
    }
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter's own deprecated parts
        program = torch.onnx.export(
            module,
            kwargs=example,
            dynamic_shapes=batch,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # stack traces, with the paths of this machine
    program.save(path, external_data=False)


def _compare(
    module: nn.Module, example: dict[str, Tensor], path: Path
) -> tuple[tuple[dict, dict], float]:
    """Return the shapes of inputs and outputs, and the largest difference from torch.

    On three times the rows of the example, which finds a fixed batch size, and not just
    on its numbers: where they are alike, a file that ignores them would pass.
    """
    import onnxruntime

    content = path.read_bytes()  # it opens no file whose name is no text
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    rows, longer = len(next(iter(example.values()))), dict(example)
    source = torch.Generator().manual_seed(0)
    for name, value in example.items():
        if value.dim() and len(value) == rows:
            value = value.repeat(3, *[1] * (value.dim() - 1))
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=source, dtype=value.dtype)
                value = value + 0.1 * noise
            longer[name] = value
    with torch.no_grad():
        expected = module(**longer)
    got = session.run(None, {name: value.numpy() for name, value in longer.items()})
    expected = [expected] if isinstance(expected, Tensor) else expected
    error = max(
        (torch.from_numpy(a) - b).abs().max().item()
        for a, b in zip(got, expected, strict=True)
    )
    ends = session.get_inputs(), session.get_outputs()
    inputs, outputs = ({end.name: end.shape for end in side} for side in ends)
    return (inputs, outputs), error
