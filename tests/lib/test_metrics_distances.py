"""Fréchet and kernel distance: closed forms, oracles, invariants, bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch_fidelity.metric_fid import fid_features_to_statistics as tf_statistics
from torch_fidelity.metric_fid import fid_statistics_to_metric as tf_fid
from torch_fidelity.metric_kid import kernel_poly, mmd2

from aigc_lib.metrics.distances import (
    frechet_distance,
    kernel_distance,
    polynomial_mmd,
    precision_recall,
)

METRICS = [frechet_distance, kernel_distance, polynomial_mmd, precision_recall]


def rows(n, d, seed, scale=1.0):
    """Correlated, skewed and not negative, like the features of a ReLU network."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return scale * (noise @ mixing).relu()


def exact_normal(mean, covariance, n=200):
    """Rows whose sample mean and covariance are exactly the given ones."""
    white = torch.randn(n, len(mean), generator=torch.Generator().manual_seed(0))
    white = white.double()
    white = torch.linalg.qr(white - white.mean(0)).Q * (n - 1) ** 0.5
    return white @ torch.linalg.cholesky(covariance).T + mean


class TestFrechet:
    def test_normals_with_commuting_covariances(self):
        torch.manual_seed(1)
        basis = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
        s, t = torch.tensor([[4.0, 1, 9, 0.25], [1, 1, 16, 4]], dtype=torch.float64)
        m, n = torch.tensor([[0.0, 1, 2, 3], [1, 1, 0, 3]], dtype=torch.float64)
        distance = frechet_distance(
            exact_normal(m, basis * s @ basis.T), exact_normal(n, basis * t @ basis.T)
        )
        # (1 + 4) from the means; (2-1)² + 0 + (3-4)² + (.5-2)² from the deviations
        assert distance == pytest.approx(5 + 1 + 0 + 1 + 2.25, abs=1e-10)

    @pytest.mark.parametrize(("n", "m", "d"), [(300, 200, 8), (400, 400, 64)])
    def test_matrix_root_formula_and_torch_fidelity(self, n, m, d):
        real, fake = rows(n, d, 0), rows(m, d, 1, scale=1.3)
        s, t = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
        shift = (real.mean(0) - fake.mean(0)).numpy()
        formula = shift @ shift + np.trace(s + t - 2 * sqrtm(s @ t).real)
        ours = frechet_distance(real, fake)
        assert ours == pytest.approx(formula, rel=1e-9)
        oracle = tf_fid(tf_statistics(real), tf_statistics(fake), verbose=False)
        assert ours == pytest.approx(oracle["frechet_inception_distance"], rel=1e-9)

    def test_fewer_samples_than_features(self):
        """The plain formula in two dimensions, seen from 50: nothing may change."""
        real, fake = rows(30, 2, 0), rows(40, 2, 1)
        torch.manual_seed(2)
        frame = torch.linalg.qr(torch.randn(50, 2, dtype=torch.float64)).Q.T
        flat = frechet_distance(real, fake)
        assert frechet_distance(real @ frame, fake @ frame) == pytest.approx(flat)
        dead = torch.zeros(30, 1), torch.zeros(40, 1)
        padded = [torch.cat(pair, 1) for pair in zip((real, fake), dead, strict=True)]
        assert frechet_distance(*padded) == pytest.approx(flat, rel=1e-12)

    @pytest.mark.parametrize("d", [1, 64, 400])
    def test_zero_on_itself(self, d):
        real = rows(300, d, 0)
        spread = real.var(0).sum().item()
        assert frechet_distance(real, real.flip(0)) <= 1e-12 * spread

    def test_constant_fakes_leave_the_spread_of_the_real(self):
        real = rows(100, 5, 0)
        fake = real.mean(0).expand(10, 5)
        assert frechet_distance(real, fake) == pytest.approx(real.var(0).sum().item())

    @settings(max_examples=25, deadline=None)
    @given(st.integers(2, 60), st.integers(1, 12), st.integers(0, 999))
    def test_invariants(self, n, d, seed):
        real, fake = rows(n, d, seed), rows(n + 3, d, seed + 1)
        torch.manual_seed(seed)
        turn = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64)).Q
        shift = torch.randn(d, dtype=torch.float64)
        distance = frechet_distance(real, fake)
        near = pytest.approx(distance, rel=1e-7, abs=1e-9)
        assert distance >= 0
        assert frechet_distance(fake, real) == near
        assert frechet_distance(real.flip(0), fake.roll(1, 0)) == near
        assert frechet_distance(real @ turn + shift, fake @ turn + shift) == near
        assert frechet_distance(3 * real, 3 * fake) == pytest.approx(9 * distance)
        moved = frechet_distance(real, real + shift)
        assert moved == pytest.approx(shift.square().sum().item(), rel=1e-7)


class TestKernel:
    def test_by_hand(self):
        real, fake = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]])
        # k(x, y) = (x y + 1)³: within 1 and 343, across 1, 1, 27, 64
        assert polynomial_mmd(real, fake) == pytest.approx(1 + 343 - 2 * 93 / 4)

    def test_torch_fidelity(self):
        real, fake = rows(150, 16, 0).numpy(), rows(150, 16, 1).numpy()
        kernel = {
            "kid_kernel_poly_degree": 3,
            "kid_kernel_poly_gamma": None,
            "kid_kernel_poly_coef0": 1,
        }
        pairs = (real, real), (real, fake), (fake, fake)
        oracle = mmd2(*(kernel_poly(x, y, **kernel) for x, y in pairs))
        assert polynomial_mmd(real, fake) == pytest.approx(oracle, rel=1e-10)

    def test_one_value_per_disjoint_set(self, monkeypatch):
        """Each row serves once; the value is the mean, the error s / sqrt(sets)."""
        from aigc_lib.metrics import distances

        seen = []
        monkeypatch.setattr(
            distances, "polynomial_mmd", lambda x, y: seen.append((x, y)) or len(seen)
        )
        real, fake = torch.arange(12.0).unsqueeze(1), torch.arange(20.0).unsqueeze(1)
        value, error = kernel_distance(real, fake, subsets=4)
        assert value == 2.5
        assert error == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
        used = torch.cat([x for x, _ in seen]).flatten()
        assert used.sort().values.tolist() == list(range(12))
        assert torch.cat([y for _, y in seen]).unique().numel() == 12

    def test_unbiased_with_an_honest_standard_error(self):
        """Over 60 draws from one distribution: mean 0, spread as stated."""
        measured = []
        generator = torch.Generator().manual_seed(0)
        for _ in range(60):
            x, y = torch.randn(2, 200, 4, generator=generator)
            measured.append(kernel_distance(x, y, subsets=8))
        values, errors = np.array(measured).T
        assert abs(values.mean()) < 3 * values.std() / len(values) ** 0.5
        assert 0.75 < errors.mean() / values.std() < 1.3

    def test_seed(self):
        real, fake = rows(100, 4, 0), rows(100, 4, 1)
        first = kernel_distance(real, fake)
        assert first == kernel_distance(real, fake, seed=0)
        assert first != kernel_distance(real, fake, seed=1)

    @settings(max_examples=25, deadline=None)
    @given(st.integers(2, 40), st.integers(1, 8), st.integers(0, 999))
    def test_invariants(self, n, d, seed):
        real, fake = rows(n, d, seed), rows(n + 3, d, seed + 1)
        torch.manual_seed(seed)
        turn = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64)).Q
        value = polynomial_mmd(real, fake)
        near = pytest.approx(value, rel=1e-9, abs=1e-8)
        assert polynomial_mmd(fake, real) == near
        assert polynomial_mmd(real.flip(0), fake.roll(1, 0)) == near
        assert polynomial_mmd(real @ turn, fake @ turn) == near

    @pytest.mark.parametrize(
        "sizes", [{"subsets": 1}, {"subsets": 0}, {"subset_size": 1}, {"subsets": 60}]
    )
    def test_sets_that_do_not_fit(self, sizes):
        name, value = next(iter(sizes.items()))
        with pytest.raises(ValueError, match=rf"{name}={value}.*give at least 2 sets"):
            kernel_distance(rows(100, 3, 0), rows(200, 3, 1), **sizes)


@pytest.mark.parametrize("metric", METRICS)
class TestInput:
    def test_arrays_lists_and_float32(self, metric):
        real, fake = rows(60, 3, 0).float(), rows(50, 3, 1).float()
        expected = metric(real, fake)
        assert metric(real.numpy(), fake.numpy()) == expected
        assert metric(real.tolist(), fake.tolist()) == expected
        assert metric(real.double().requires_grad_(), fake) == expected

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda x: x[:1], "fake has 1 rows: give at least 2"),
            (lambda x: x[:0], "fake has 0 rows: give at least 2"),
            (lambda x: x[0], r"fake has shape \(3,\): give one row"),
            (lambda x: x[:, :0], r"fake has shape \(50, 0\): give one row"),
            (lambda x: x.view(-1, 1, 3), r"fake has shape \(50, 1, 3\): give one row"),
            (lambda x: x[:, :2], "fake has 2 columns and real 3: compute both"),
            (
                lambda x: x.index_fill(0, torch.tensor([4, 9]), float("nan")),
                "fake holds NaN or infinity in 2 of 50 rows: see whether",
            ),
            (lambda x: x / 0, "fake holds NaN or infinity in 50 of 50 rows"),
        ],
    )
    def test_bad_input(self, metric, change, message):
        real, fake = rows(60, 3, 0), rows(50, 3, 1)
        with pytest.raises(ValueError, match=message):
            metric(real, change(fake))
