"""ONNX files compute what torch computes."""

import os
import sys
from functools import partial

import pytest
import torch
from torch import nn

from aigc_lib import export as exporting
from aigc_lib.models import (
    DCGAN,
    GPT,
    MLPGAN,
    MODELS,
    FlowMatching,
    GenerativeModel,
    GrowingGAN,
)
from aigc_lib.models.diffusion.dit import DiT

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

from aigc_lib.export import OPSET, to_onnx  # noqa: E402

AT_ONCE = {"images", "points"}


def growing(step):
    model = GrowingGAN(8, 1, 4, 2, phase=10)
    model.step = step
    return model


# what makes sounds runs sample by sample, with a memory that ONNX does not have
BUILD = {
    name: kind
    for name, kind in MODELS.items()
    if kind.modality in AT_ONCE and issubclass(kind, GenerativeModel)
} | {
    "growing_gan": partial(growing, 40),
    "flow": partial(FlowMatching, 8, 1, 8, classes=3),  # without them: as ddpm
    "flow dit": lambda: FlowMatching(8, 1, net=DiT(8, 1, 8, 3, depth=2), classes=3),
}


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


EXPORTED = set()  # layers and inputs: a second network of the same ones tells nothing


@pytest.mark.parametrize("name", BUILD)
def test_every_model_gives_torchs_values(name, tmp_path):
    """``to_onnx`` itself compares; it must find a network and agree."""
    torch.manual_seed(0)
    model = BUILD[name]()
    for parameter in model.parameters():  # some begin at 0, where all outputs are alike
        nn.init.normal_(parameter, std=0.1)
    for network in model.sampled:
        found, inputs = exporting._as_sampled(model, network)
        kind = (*map(type, found.modules()), *inputs)
        if kind in EXPORTED:
            continue
        EXPORTED.add(kind)
        path = tmp_path / f"{network}.onnx"
        export = to_onnx(model, path, network=network)
        assert export.error < 1e-4
        assert export.bytes == path.stat().st_size
        assert all("batch" in shape for shape in export.outputs.values())


def test_a_file_that_ignores_an_input_is_noticed(tmp_path, monkeypatch):
    """Also where the example would not tell: every row has t = 0."""

    class Hears(nn.Module):
        deaf = False

        def forward(self, x, t):
            return x + t[:, None] * (0 if self.deaf else 1)

    def write_deaf(module, example, path):
        deaf = Hears()
        deaf.deaf = True
        write(deaf, example, path)

    write = exporting._write
    monkeypatch.setattr(exporting, "_write", write_deaf)
    with pytest.raises(ValueError, match="its ONNX form differs"):
        to_onnx(Hears(), tmp_path / "m", inputs=(torch.zeros(2, 3), torch.zeros(2)))


@pytest.mark.parametrize("step", [5, 15, 35])
def test_a_growing_generator_waits_until_it_is_grown(step, tmp_path):
    """A file has neither stage nor alpha: it holds the network that is grown."""
    with pytest.raises(ValueError, match=r"(stage=[01]|alpha=0\.5): .*it is grown"):
        to_onnx(growing(step), tmp_path / "generator.onnx")
    assert not list(tmp_path.iterdir())


def test_a_growing_generator_is_exported_when_it_is_grown(tmp_path):
    model = growing(40)
    export = to_onnx(model, tmp_path / "generator.onnx")
    got = run(export.path, model.prior(3, seed=1))
    torch.testing.assert_close(got, model.sample(3, seed=1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [28, 48])
def test_a_generator_for_any_number_of_rows(size, tmp_path):
    model = DCGAN(size, width=4)
    model.start_averaging()
    with torch.no_grad():
        for weight in model.generator.parameters():
            weight.zero_()  # only the average counts
    export = to_onnx(model, tmp_path / "generator.onnx")
    assert export.inputs == {"input": ["batch", 64]}
    assert f"opset {OPSET}" in str(export)
    assert list(tmp_path.iterdir()) == [export.path]
    for rows in (1, 5):
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


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_a_name_that_is_no_text(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.onnx")
    export = to_onnx(nn.Linear(2, 2), path, inputs=(torch.zeros(2, 2),))
    assert export.bytes == path.stat().st_size > 0


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
        (MODELS["wavenet"](depth=1), {}, "model=WaveNet makes sounds sample by sample"),
        (nn.Linear(2, 2), {}, "inputs=None"),
        (nn.Linear(2, 2), {"inputs": (torch.zeros(1, 2),)}, "at least two rows"),
        (Dice(), {"inputs": (torch.zeros(2, 2),)}, "Dice: its ONNX form differs"),
    ],
    ids=["network", "sounds", "no inputs", "one row", "random"],
)
def test_bad_input_leaves_no_file(model, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        to_onnx(model, tmp_path / "model.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ModuleNotFoundError, match="pip install onnx onnxscript"):
        to_onnx(DCGAN(width=4), tmp_path / "model.onnx")
