"""Networks, penalties and the game; one test per known trap of GAN code."""

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

import aigc_lib as aigc
from aigc_lib.models.gan.game import DCGAN, MLPGAN
from aigc_lib.models.gan.losses import LOSSES, gradient_penalty, r1_penalty


@pytest.mark.parametrize("size", [28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_shapes_and_range(size, channels):
    model = DCGAN(image_size=size, channels=channels, width=4)
    images = model.sample(5, seed=0)
    assert images.shape == (5, channels, size, size)
    assert images.abs().max() <= 1
    assert model.discriminator(images).shape == (5,)


@pytest.mark.parametrize(
    "model",
    [MLPGAN(), MLPGAN(steep_generator=True), DCGAN(width=4)],
    ids=["mlp", "steep", "conv"],
)
def test_sampling_is_seeded_and_leaves_no_trace(model):
    model.train()
    state = torch.get_rng_state()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    first, second = model.sample(4, seed=1), model.sample(4, seed=1)
    assert torch.equal(first, second)
    assert not torch.equal(first, model.sample(4, seed=2))
    assert not first.requires_grad
    assert torch.equal(state, torch.get_rng_state())
    assert all(module.training for module in model.modules())
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_sample_of_nothing_is_refused():
    with pytest.raises(ValueError, match="n=0"):
        MLPGAN().sample(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "hinges"}, "loss='hinges': did you mean 'hinge'"),
        ({"r1": -1.0}, "r1=-1.0"),
        ({"gradient_penalty": -2}, "gradient_penalty=-2"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLPGAN(**arguments)


def test_batch_norm_takes_no_positional_arguments():
    """BatchNorm2d(128, 0.8) sets eps, not momentum."""
    library, found = Path(aigc.__file__).parent, 0
    for path in [*library.glob("nets/*.py"), *library.glob("models/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and "BatchNorm" in ast.unparse(node.func):
                assert len(node.args) <= 1, f"{path.name}: {ast.unparse(node)}"
                found += 1
    assert found


def test_discriminator_has_no_batch_norm_and_judges_samples_one_by_one():
    model = DCGAN(width=4).eval()  # eval: no power iteration between the calls
    x = torch.randn(6, 1, 28, 28)
    together = model.discriminator(x)
    alone = torch.cat([model.discriminator(image[None]) for image in x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_spectral_norm_bounds_every_layer():
    model = DCGAN(width=4, spectral_norm=True)
    x = torch.randn(8, 1, 28, 28)
    for _ in range(50):
        model.discriminator(x)
    model.eval()
    layers = [
        m for m in model.discriminator.modules() if isinstance(m, nn.Conv2d | nn.Linear)
    ]
    assert layers
    for layer in layers:
        norm = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert norm.item() == pytest.approx(1, abs=0.05)


class Linear(nn.Module):
    """A critic with a known gradient: f(x) = w . x."""

    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(torch.as_tensor(w))

    def forward(self, x):
        return x.flatten(1) @ self.w


def test_penalties_of_a_linear_critic_equal_their_closed_form():
    real, fake = torch.randn(16, 2), torch.randn(16, 2)
    assert gradient_penalty(Linear([0.6, 0.8]), real, fake).item() == pytest.approx(
        0, abs=1e-10
    )
    # norm 5: (5 - 1)^2 = 16 for each sample, and R1 = 5^2 / 2
    assert gradient_penalty(Linear([3.0, 4.0]), real, fake).item() == pytest.approx(16)
    assert r1_penalty(Linear([3.0, 4.0]), real).item() == pytest.approx(12.5)


def test_penalty_norm_is_per_sample_and_mixing_weight_too():
    class Square(nn.Module):
        def forward(self, x):
            self.seen = x
            return x.square().sum(1) / 2  # gradient x: its norm differs by sample

    critic = Square()
    real, fake = torch.zeros(64, 3), torch.ones(64, 3)
    penalty = gradient_penalty(critic, real, fake)
    between = critic.seen.detach()
    assert torch.allclose(between[:, 0], between[:, 2]), "one weight per sample"
    assert between[:, 0].unique().numel() > 32, "not one weight for the batch"
    expected = (between.norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(penalty.detach(), expected)


def test_penalty_of_a_constant_critic_has_a_finite_gradient():
    critic = Linear([0.0, 0.0])
    gradient_penalty(critic, torch.randn(4, 2), torch.randn(4, 2)).backward()
    assert critic.w.grad.isfinite().all()


def test_penalty_refuses_batch_norm_and_names_the_layer():
    critic = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    with pytest.raises(ValueError, match="batch normalisation at '1'"):
        gradient_penalty(critic, torch.randn(4, 2), torch.randn(4, 2))


def test_penalties_run_in_float32_outside_autocast():
    critic, seen = nn.Sequential(nn.Linear(2, 8), nn.Softplus(), nn.Linear(8, 1)), []
    for layer in critic:
        layer.register_forward_hook(lambda layer, x, out: seen.append(out.dtype))
    real, fake = torch.randn(2, 8, 2).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        gradient_penalty(critic, real, fake)
        r1_penalty(critic, real)
        assert seen == 6 * [torch.float32]
        critic(real)
    assert torch.bfloat16 in seen, "else the hooks prove nothing"


def test_penalty_never_runs_compiled_code():
    calls = []

    def backend(graph, inputs):
        calls.append(graph)
        return graph.forward

    critic = Linear([3.0, 4.0])
    critic.compile(backend=backend)
    gradient_penalty(critic, torch.randn(4, 2), torch.randn(4, 2))
    assert not calls
    critic(torch.randn(4, 2))
    assert calls, "the backend is used outside the penalty"


def record_gradients(model, x):
    """Run one training step without stepping; keep the gradients of each player."""
    seen = {}

    def update(name, loss):
        parameters = list(getattr(model, name).parameters())
        seen[name] = torch.autograd.grad(loss, parameters, retain_graph=True)
        others = [p for p in model.parameters() if all(p is not q for q in parameters)]
        seen[f"{name} reaches"] = [
            g is not None
            for g in torch.autograd.grad(
                loss, others, retain_graph=True, allow_unused=True
            )
        ]

    model.training_step(x, update)
    return seen


def test_discriminator_step_does_not_reach_the_generator():
    seen = record_gradients(MLPGAN(), torch.randn(8, 2))
    assert not any(seen["discriminator reaches"])
    assert all(g.abs().sum() > 0 for g in seen["generator"])


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_both_players(loss):
    model = MLPGAN(loss=loss, gradient_penalty=1.0, r1=0.1)
    weights = {
        "generator": model.generator[0],
        "discriminator": model.discriminator[0][0],
    }
    before = {name: layer.weight.clone() for name, layer in weights.items()}
    aigc.fit(model, torch.randn(64, 2), steps=2, batch_size=32)
    for name, layer in weights.items():
        assert not torch.equal(layer.weight, before[name]), name
