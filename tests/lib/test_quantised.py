"""The picture as words: codes, their gradient, and the autoencoder around them."""

import pytest
import torch
from sklearn.cluster import KMeans

import aigc_lib as aigc
from aigc_lib.models import VQVAE
from aigc_lib.models.vae.quantised import (
    Codebook,
    nearest,
    perplexity,
    straight_through,
)


def clouds(n=200):
    """Four clouds of points around the corners of a square, (4 n, 2)."""
    torch.manual_seed(0)
    corners = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    return (corners[:, None] + 0.1 * torch.randn(4, n, 2)).flatten(0, 1), corners


def test_the_nearest_code_is_found():
    z, codes = torch.randn(3, 5, 4), torch.randn(7, 4)
    by_hand = (z[..., None, :] - codes).square().sum(-1).argmin(-1)
    assert torch.equal(nearest(z, codes), by_hand)


def test_the_gradient_passes_straight_through():
    z = torch.tensor([[0.4, 0.9]], requires_grad=True)
    codes = torch.tensor([[0.0, 1.0], [1.0, 0.0]])

    def loss(z):
        return (straight_through(z, codes[nearest(z, codes)]) - 3).square().sum()

    loss(z).backward()
    assert torch.equal(z.grad, torch.tensor([[-6.0, -4.0]]))  # 2 (code - 3)
    with torch.no_grad():  # what a small step really changes: nothing
        assert loss(z + 1e-3) == loss(z)


def test_perplexity_counts_the_codes_in_use():
    assert perplexity(torch.arange(8), 8) == pytest.approx(8)
    assert perplexity(torch.tensor([0, 0, 3, 3]), 8) == pytest.approx(2)
    assert perplexity(torch.zeros(5, dtype=torch.long), 8) == pytest.approx(1)


def test_codes_go_where_k_means_puts_them():
    z, corners = clouds()
    book = Codebook(4, 2)
    for _ in range(100):
        book.learn(z)
    best = KMeans(4, n_init=5, random_state=0).fit(z.numpy()).inertia_
    error = (z - book.codes[nearest(z, book.codes)]).square().sum().item()
    assert error <= 1.01 * best
    assert (torch.cdist(corners, book.codes).min(1).values < 0.1).all()


def test_a_code_that_nobody_chooses_is_placed_anew():
    z, _ = clouds()
    book = Codebook(4, 2)
    book.learn(z)
    book.codes[0], book.sums[0], book.counts[0] = 99.0, 99.0, 1.0
    for _ in range(200):
        book.learn(z)
    assert len(nearest(z, book.codes).unique()) == 4
    assert book.codes.abs().max() < 2


def test_a_batch_smaller_than_the_codebook_will_do():
    book = Codebook(8, 2)
    book.learn(torch.randn(3, 2))
    assert book.codes.isfinite().all()


def test_it_learns_to_show_pictures_with_most_of_its_codes():
    torch.manual_seed(0)
    dark = (torch.rand(64, 1, 4, 4) < 0.5).float() * 1.6 - 0.8
    x = dark.repeat_interleave(4, 2).repeat_interleave(4, 3)  # (64, 1, 16, 16)
    model = VQVAE(16, 1, 8, 8)
    aigc.fit(model, x, steps=60, batch_size=32)
    tokens = model.encode(x)
    assert tokens.shape == (64, 4, 4)
    assert tokens.dtype == torch.long
    assert (model.decode(tokens) - x).square().mean() < 0.1 * x.square().mean()
    assert perplexity(tokens, 8) > 4
    pixels = ((x + 1) * 127.5).round().to(torch.uint8)
    # uint8 and [-1, 1] are the same
    assert torch.equal(model.encode(pixels), model.encode(pixels / 127.5 - 1))


def test_the_codebook_is_saved(tmp_path):
    torch.manual_seed(0)
    model = VQVAE(16, 1, 8, 8)
    x = torch.rand(20, 1, 16, 16) * 2 - 1
    aigc.fit(model, x, steps=2, batch_size=10)
    loaded = aigc.models.load(model.save(tmp_path / "m"))
    assert torch.equal(loaded.encode(x), model.encode(x))
    torch.testing.assert_close(
        loaded.decode(model.encode(x)), model.decode(model.encode(x))
    )


def test_bad_input_is_named():
    model = VQVAE(16, 1, 8, 8)
    with pytest.raises(ValueError, match=r"give \(N, 1, 16, 16\)"):
        model.encode(torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match=r"give \(N, 4, 4\)"):
        model.decode(torch.zeros(2, 8, 8, dtype=torch.long))
    with pytest.raises(ValueError, match="numbers from 0 to 7"):
        model.decode(torch.full((1, 4, 4), 8))
    for options, found in [
        ({"image_size": 30}, "image_size=30"),
        ({"num_codes": 1}, "num_codes=1"),
        ({"code_dim": 3}, "code_dim=3"),
        ({"commitment": -1.0}, "commitment=-1"),
        ({"learning_rate": 0.0}, "learning_rate=0"),
    ]:
        with pytest.raises(ValueError, match=found):
            VQVAE(**options)
