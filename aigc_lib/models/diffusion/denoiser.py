"""What diffusion and flow matching share: a net told the time, labels and guidance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ... import runtime
from ...arguments import at_least, finite, unknown
from ...optim import Muon
from ..base import (
    Batch,
    GenerativeModel,
    Seed,
    codes_for,
    in_parts,
    noise_source,
    shape_of,
    standard_normal,
)
from .dit import DiT
from .mlp import RowNet
from .unet import UNet

NETS: dict[str, Callable[..., nn.Module]] = {  # (sample shape, width, classes)
    "unet": lambda shape, *sizes: UNet(shape[1], shape[0], *sizes),
    "unet4": lambda shape, *sizes: UNet(shape[1], shape[0], *sizes, patch=4),
    "dit": lambda shape, *sizes: DiT(shape[1], shape[0], *sizes),
    "mlp": RowNet,
}

MATRIX_RATE = 20  # times the rate of the other parameters
PART = 250  # images at a time: what a processor's cache holds
Field = Callable[[Tensor, Tensor], Tensor]  # (x (B, ...), t (B,)) -> (B, ...)


def masked(
    x: Tensor, known: Tensor, shape: tuple[int, ...], *, images: bool = True
) -> tuple[Tensor, Tensor]:
    """Return samples and the mask of what is known of them, both (N, *shape).

    Raises:
        ValueError: x of another shape, or images not in [-1, 1]; no boolean mask, or
            one that does not broadcast to x.
    """
    if x.shape[1:] != shape:
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"x has shape {tuple(x.shape)}: give (N, {wanted})")
    if not (x.is_floating_point() and (not images or (x.abs() <= 1.001).all())):
        raise ValueError(
            f"x has dtype {x.dtype}, values from {x.min():.4g} to {x.max():.4g}: "
            "give floating point in [-1, 1], x / 127.5 - 1 for uint8"
        )
    if known.dtype != torch.bool:
        raise ValueError(f"known has dtype {known.dtype}: give a boolean mask")
    try:
        return x, known.expand_as(x)
    except RuntimeError:
        raise ValueError(
            f"known has shape {tuple(known.shape)}, x {tuple(x.shape)}: give a "
            "mask that broadcasts to x"
        ) from None


class Denoiser(GenerativeModel):
    """A generative model whose only network answers "what is in x at time t?".

    With ``classes`` it is conditional, and each sample of a batch loses its label with
    probability ``label_dropout``: so one net learns both answers that classifier-free
    guidance compares (Ho & Salimans 2022).

    Made for images unless ``sample_shape`` says otherwise: (D,) for rows and latents,
    (C, T) for series, whose values are not bounded. (C, H, W) are images, with values
    in [-1, 1], unless ``images=False`` says that they are not. ``net`` is the name of a
    network, or one of your own: (x (B, *sample_shape), t (B,), labels (B,) or None) ->
    (B, *sample_shape), where label number ``classes`` means "none". Of its own, the
    layers named by an attribute ``inner`` are trained by Muon, all others by AdamW.

    Raises:
        ValueError: unknown ``net`` or one that is not for such samples,
            ``label_dropout`` outside [0, 1], a size or ``classes`` below 1, or an
            ``image_size`` or ``width`` that the net refuses.
    """

    sampled = ("net",)
    rough_steps = False  # see ``Muon``

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int,
        *,
        sample_shape: tuple[int, ...] | None,
        images: bool | None = None,
        net: str | nn.Module,
        classes: int | None,
        label_dropout: float,
        learning_rate: float,
    ):
        shape = shape_of(sample_shape, image_size, channels)
        square = len(shape) == 3 and shape[1] == shape[2]
        if isinstance(net, str):
            if net not in NETS:
                raise unknown("net", net, NETS)
            if net == "unet" and not square:  # the default
                net = "mlp"
            if net in ("dit", "unet4") and not square:
                raise ValueError(f"{net=}, sample_shape={shape}: for square images")
        finite("label_dropout", label_dropout, least=0, most=1)
        finite("learning_rate", learning_rate, above=0)
        if classes is not None:
            at_least(1, classes=classes)
        super().__init__()
        self.net = NETS[net](shape, width, classes) if isinstance(net, str) else net
        self.sample_shape = shape
        images = len(shape) == 3 if images is None else images
        self.modality = "images" if images else "points"
        self.classes = classes
        self.conditional = classes is not None
        self.label_dropout = label_dropout
        self.learning_rate = learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """Muon for the matrices inside the network, AdamW for all else."""
        inner, others = [], []
        layers = getattr(self.net, "inner", ())
        for name, parameter in self.net.named_parameters():
            if not parameter.requires_grad:  # beside a LoRA, which is no .weight itself
                continue
            matrix = parameter.dim() > 1 and name.endswith(".weight")
            inside = matrix and name.startswith(layers)
            (inner if inside else others).append(parameter)
        return {
            "net": Muon(
                inner,
                others,
                matrix_rate=MATRIX_RATE * self.learning_rate,
                other_rate=self.learning_rate,
                rough=self.rough_steps,
            )
        }

    def parts(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Split a batch into samples and labels, some of them dropped."""
        if not self.conditional:
            return batch, None
        x, labels = batch
        dropped = torch.rand(len(x), device=x.device) < self.label_dropout
        dropped = dropped.view(-1, *[1] * (labels.dim() - 1))
        return x, torch.where(dropped, self.unlabelled(labels), labels)

    def unlabelled(self, labels: Tensor) -> Tensor:
        """Return what stands for "no label", in the shape of ``labels``."""
        return torch.full_like(labels, self.classes)

    def bounded(self, x: Tensor) -> Tensor:
        """Keep images in [-1, 1]; nothing is known of the bounds of other samples."""
        return x.clamp(-1, 1) if self.modality == "images" else x

    def noise(self, n: int, seed: Seed) -> Tensor:
        """Draw standard normal noise (n, *sample_shape), the same on every device.

        Raises:
            ValueError: ``n`` < 1.
        """
        return standard_normal(n, *self.sample_shape, seed=seed).to(self.device)

    def masked(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Return samples and the mask of what is known of them, on the model's device.

        Raises:
            ValueError: as ``masked``.
        """
        images = self.modality == "images"
        x, known = masked(x, known, self.sample_shape, images=images)
        return x.to(self.device), known.to(self.device)

    def labels_for(
        self, labels: int | Tensor | None, n: int, seed: Seed
    ) -> Tensor | None:
        """Return one label per sample; None asks for random classes.

        Raises:
            ValueError: labels for a model without classes, or classes that it lacks.
        """
        if self.classes is None:
            if labels is not None:
                raise ValueError(
                    f"labels={labels!r}: the model was made without classes"
                )
            return None
        return codes_for(labels, n, self.classes, noise_source(seed)).to(self.device)

    def field(self, net: nn.Module, labels: Tensor | None, guidance: float) -> Field:
        """Return (x, t) -> the net's answer, in the fastest number type.

        ``guidance`` w mixes two answers, none + w (labelled - none): w = 1 is the plain
        conditional model, w = 0 the unconditional one, above 1 exaggerates the class.

        Raises:
            ValueError: guidance that is not finite, or other than 1 for a model
                without classes.
        """
        guidance = finite("guidance", guidance)
        if guidance != 1 and labels is None:
            raise ValueError(f"guidance={guidance}: only a model with classes has any")
        bf16 = self.tolerates_bf16 and runtime.has_bf16(self.device)

        def answer(x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
            if guidance == 1:
                return net(x, t, labels)
            both = torch.cat([labels, self.unlabelled(labels)])
            doubled = torch.cat([x, x]), torch.cat([t, t]), both
            with_class, without = net(*doubled).chunk(2)
            return torch.lerp(without, with_class, guidance)

        def field(x: Tensor, t: Tensor) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
                return in_parts(answer, x, t, labels, size=PART)

        return field
