"""ONNX files compute what torch computes."""

import sys

import pytest
import torch
from torch import nn

from aigc_lib.models import DCGAN, GPT, MLPGAN, MODELS

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

from aigc_lib.export import OPSET, to_onnx  # noqa: E402

AT_ONCE = {"images", "points"}


def run(path, *inputs):
    session = onnxruntime.InferenceSession(path)
    names = [end.name for end in session.get_inputs()]
    tensors = [tensor.numpy() for tensor in inputs]
    (output,) = session.run(None, dict(zip(names, tensors, strict=True)))
    return torch.from_numpy(output)


def test_a_language_model_reads_whole_windows(tmp_path):
    torch.manual_seed(0)
    model = GPT(vocab_size=9, context=8, depth=1, heads=2, width=8)
    export = to_onnx(model, tmp_path / "gpt.onnx")
    assert export.inputs == {"tokens": ["batch", 8]}
    assert export.outputs[next(iter(export.outputs))] == ["batch", 8, 9]
    tokens = torch.arange(24).view(3, 8) % 9
    with torch.no_grad():
        torch.testing.assert_close(run(export.path, tokens), model.net(tokens))


# what makes sounds or text runs step by step, with a memory that ONNX does not have
@pytest.mark.parametrize("name", [n for n, k in MODELS.items() if k.makes in AT_ONCE])
def test_every_model_gives_torchs_values(name, tmp_path):
    """``to_onnx`` itself compares; it must find a network and agree."""
    torch.manual_seed(0)
    model = MODELS[name]()
    for network in model.sampled:
        path = tmp_path / f"{network}.onnx"
        export = to_onnx(model, path, network=network)
        assert export.error < 1e-4
        assert export.bytes == path.stat().st_size
        assert all("batch" in shape for shape in export.outputs.values())


@pytest.mark.parametrize("rows", [1, 5])
def test_a_generator_for_any_number_of_rows(rows, tmp_path):
    model = DCGAN(width=4)
    model.start_averaging()
    with torch.no_grad():
        for weight in model.generator.parameters():
            weight.zero_()  # only the average counts
    export = to_onnx(model, tmp_path / "generator.onnx")
    assert export.inputs == {"input": ["batch", 64]}
    assert f"opset {OPSET}" in str(export)
    assert list(tmp_path.iterdir()) == [export.path]
    expected = model.sample(rows, seed=3)
    assert expected.std() > 0
    got = run(export.path, model.prior(rows, seed=3))
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


def test_a_plain_module_with_two_inputs(tmp_path):
    class Velocity(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x, t):
            return self.layer(torch.cat([x, t[:, None]], 1))

    net, x, t = Velocity().train(), torch.randn(4, 2), torch.rand(4)
    export = to_onnx(net, tmp_path / "velocity.onnx", inputs=(x[:2], t[:2]))
    assert export.inputs == {"x": ["batch", 2], "t": ["batch"]}
    torch.testing.assert_close(run(export.path, x, t), net(x, t).detach())
    assert net.training


def test_the_file_tells_nothing_of_this_machine(tmp_path, capfd, recwarn):
    path = to_onnx(MLPGAN(hidden=8), tmp_path / "model.onnx").path
    assert b".py" not in path.read_bytes()
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""
    assert not recwarn.list


class Dice(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (DCGAN(width=4), {"network": "discriminator"}, "samples from generator"),
        (nn.Linear(2, 2), {}, "inputs=None"),
        (nn.Linear(2, 2), {"inputs": (torch.zeros(1, 2),)}, "at least two rows"),
        (Dice(), {"inputs": (torch.zeros(2, 2),)}, "Dice: its ONNX form differs"),
    ],
    ids=["network", "no inputs", "one row", "random"],
)
def test_bad_input_leaves_no_file(model, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        to_onnx(model, tmp_path / "model.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ModuleNotFoundError, match="pip install onnx onnxscript"):
        to_onnx(DCGAN(width=4), tmp_path / "model.onnx")
