"""The style-based generator, small: mapping network and modulated convolutions."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, leaky_relu

from ...nets.conv import stage_widths


class ModulatedConv(nn.Module):
    """A convolution whose weights a style scales: (B, I, S, S), (B, W) -> (B, O, S, S).

    The style gives one factor per input channel. Scaling the input by it, and the
    output by 1 / the norm of the scaled weights ("demodulation"), is the same as a
    convolution of its own for each sample, without ever building its weights
    (Karras et al. 2020, equations 1 and 3).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        style: int,
        *,
        kernel: int = 3,
        demodulate: bool = True,
    ):
        super().__init__()
        weight = torch.randn(outputs, inputs, kernel, kernel)
        self.weight = nn.Parameter(weight / (inputs * kernel**2) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))
        self.scale = nn.Linear(style, inputs)
        # as far from image to image as from 0, or all images start out alike
        nn.init.normal_(self.scale.weight, std=style**-0.5)
        nn.init.ones_(self.scale.bias)  # without a style: an ordinary convolution
        self.demodulate = demodulate

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale = self.scale(style)  # (B, I)
        padding = self.weight.shape[-1] // 2
        x = conv2d(x * scale[:, :, None, None], self.weight, padding=padding)
        if self.demodulate:
            squares = scale.square() @ self.weight.square().sum((2, 3)).T  # (B, O)
            x = x * (squares + 1e-8).rsqrt()[:, :, None, None]
        return x + self.bias


class StyleGenerator(nn.Module):
    """Noise (B, latent_dim) -> images (B, channels, S, S) in [-1, 1].

    Every image starts from the same learned tensor; what it shows, the styles of the
    ``layers`` convolutions say. With ``other`` noise the layers from ``crossover`` on
    get its style (Karras et al. 2019, section 3.1). The per-pixel noise of the paper
    is left out: on small images there are no pores or curls for it to draw.
    """

    def __init__(self, image_size: int, channels: int, latent_dim: int, width: int):
        super().__init__()
        style, stages = latent_dim, stage_widths(image_size, width)
        widths = [stages[0], stages[0], *stages, width]
        self.doublings, self.layers = len(stages), len(widths) - 1
        start = image_size // 2**self.doublings
        self.mapping = nn.Sequential(
            nn.Linear(latent_dim, style),
            nn.LeakyReLU(0.2),
            nn.Linear(style, style),
            nn.LeakyReLU(0.2),
        )
        for layer in self.mapping[::2]:  # the default would shrink the styles
            nn.init.kaiming_normal_(layer.weight, a=0.2)
            nn.init.zeros_(layer.bias)
        self.start = nn.Parameter(torch.randn(widths[0], start, start))
        self.convolutions = nn.ModuleList(
            ModulatedConv(a, b, style) for a, b in pairwise(widths)
        )
        self.to_image = ModulatedConv(
            widths[-1], channels, style, kernel=1, demodulate=False
        )

    def forward(
        self,
        noise: Tensor,
        other: Tensor | None = None,
        crossover: int | None = None,
    ) -> Tensor:
        crossover = self.layers if crossover is None else crossover
        coarse = self.mapping(noise)
        fine = coarse if other is None else self.mapping(other)
        x = self.start.expand(len(noise), -1, -1, -1)
        for k, convolution in enumerate(self.convolutions):
            if k >= self.layers - self.doublings:  # the last layers double the size
                x = interpolate(x, scale_factor=2, mode="bilinear")
            x = leaky_relu(convolution(x, coarse if k < crossover else fine), 0.2)
            x = x * 2**0.5  # keeps the variance near 1
        style = coarse if self.layers <= crossover else fine
        return self.to_image(x, style).tanh()
