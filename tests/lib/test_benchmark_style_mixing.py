"""The table of mixed styles: who gives what to which cell."""

import torch

from aigc_lib.models import StyleGAN
from benchmarks.style_mixing import mixtures


def test_rows_are_coarse_columns_are_fine():
    model = StyleGAN(width=2, latent_dim=4)
    coarse, fine = model.prior(6, seed=1), model.prior(8, seed=2)
    table = mixtures(model, crossover=2).view(7, 9, 1, 28, 28)
    assert (table[0, 0] == 1).all()
    for row, column in [(1, 1), (6, 3), (2, 8)]:
        wanted = model.mix(coarse[row - 1 : row], fine[column - 1 : column], 2)[0]
        assert torch.allclose(table[row, column], wanted, atol=1e-5)
    assert torch.allclose(
        mixtures(model, 0).view(7, 9, -1)[3, 1:], table[0, 1:].flatten(1), atol=1e-5
    )
