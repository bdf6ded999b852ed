"""What ``fit`` trains on: batches of any kind, checked and remembered."""

import math
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import Subset, TensorDataset

import aigc_lib as aigc
from aigc_lib.data import Windows
from aigc_lib.data.samples import Images, Samples, held_out
from aigc_lib.models import (
    DCGAN,
    MLPGAN,
    VAE,
    VQVAE,
    ConditionalGAN,
    FlowMatching,
    Trainable,
    WaveNet,
)
from aigc_lib.train import TrainingDiverged
from aigc_lib.train.samples import Batches, _fits, as_samples, fingerprint
from aigc_lib.train.validation import MOST


def assert_same(a, b):
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    assert all(torch.equal(x, y) for x, y in pairs)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Net(Trainable):
    """One linear layer of any input; ``score`` turns a batch into its loss."""

    modality = "points"
    sampled = ("layer",)

    def __init__(self, inputs: int, outputs: int, dropout: float = 0.0):
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(inputs, outputs), nn.Dropout(dropout))

    def optimizers(self):
        return {"loss": torch.optim.Adam(self.parameters(), 1e-2)}

    def training_step(self, batch, update):
        update("loss", self.score(batch))


class Classifier(Net):
    """Rows and their classes."""

    conditional = True
    classes = 3

    def score(self, batch):
        x, y = batch
        return nn.functional.cross_entropy(self.layer(x), y)


class Matcher(Net):
    """Pairs of two kinds of vectors, which it brings together."""

    def score(self, batch):
        left, right = batch
        scores = self.layer(left) @ right.T
        return nn.functional.cross_entropy(scores, torch.arange(len(left)))


class NextFrame(Net):
    """Videos (B, T, 3, 3): each frame is foretold from the one before."""

    def score(self, video):
        before, after = video[:, :-1].flatten(2), video[:, 1:].flatten(2)
        return (self.layer(before) - after).square().mean()


class OnDisk:
    """Videos in a file: read when they are asked for, never moved as a whole."""

    def __init__(self, path):
        self.videos = np.load(path, mmap_mode="r")
        self.read = 0

    def __len__(self):
        return len(self.videos)

    def __getitem__(self, rows):
        self.read = max(self.read, len(rows))
        return torch.from_numpy(self.videos[rows.numpy()].copy())


def videos(folder):
    path = folder / "videos.npy"
    start = noise(60, 1, 3, 3)
    np.save(path, torch.cat([start * 0.5**k for k in range(5)], 1).numpy())
    return OnDisk(path)


def kinds(folder):
    x = noise(60, 4)
    return {
        "rows": (lambda: VAE(sample_shape=(4,), latent_dim=2, hidden=8), x),
        "series": (lambda: FlowMatching(sample_shape=(2, 6), width=4), noise(60, 2, 6)),
        "classes": (lambda: Classifier(4, 3), (x, torch.arange(60) % 3)),
        "pairs": (lambda: Matcher(4, 2), (x, x[:, :2] * 3)),
        "videos": (lambda: NextFrame(9, 9), videos(folder)),
    }


KINDS = ("rows", "series", "classes", "pairs", "videos")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_learned_saved_and_loaded(kind, tmp_path):
    make, data = kinds(tmp_path)[kind]
    torch.manual_seed(0)
    model = make()
    history = aigc.fit(model, data, steps=200, batch_size=20)
    (losses,) = history.losses.values()
    assert losses[-1] < losses[0]
    loaded = type(model).load(model.save(tmp_path / "m"))
    assert all(
        map(torch.equal, loaded.state_dict().values(), model.state_dict().values())
    )
    if kind == "rows":
        assert loaded.sample(7, seed=0).shape == (7, 4)
    if kind == "series":
        assert loaded.sample(7, seed=0).shape == (7, 2, 6)
    if kind == "videos":
        assert data.read == 20, "a batch at a time"


KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[2])
import torch, aigc_lib as aigc
from test_train_data import kinds
def die(model):
    os.kill(os.getpid(), signal.SIGKILL)
torch.optim.SGD([torch.zeros(1)], 0.1).step()  # imports what every optimiser needs
for kind in sys.argv[3:]:  # each in a process of its own
    if child := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        continue
    folder = pathlib.Path(sys.argv[1], kind)
    make, data = kinds(folder)[kind]
    torch.manual_seed(0)
    aigc.fit(make(), data, steps=12, batch_size=20, checkpoint=folder / "c",
             save_every=3, watch=die, watch_at=[8])
    os._exit(1)
"""
KILLABLE = KINDS


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder for each kind, in which a training was killed."""
    folder = tmp_path_factory.mktemp("killed")
    for kind in KILLABLE:
        (folder / kind).mkdir()
    words = [folder, os.path.dirname(__file__), *KILLABLE]
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", KILLED, *words]
    subprocess.run(command, env=os.environ | threads, check=True)
    return folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", KILLABLE)
def test_every_kind_goes_on_after_a_kill(kind, killed):
    tmp_path = killed / kind
    assert (tmp_path / "c").exists()
    make, data = kinds(tmp_path)[kind]
    results = []
    for checkpoint in (tmp_path / "c", None):
        torch.manual_seed(0)
        model = make()
        common = {"steps": 12, "batch_size": 20, "save_every": 3}
        aigc.fit(model, data, checkpoint=checkpoint, **common)
        results.append(model.state_dict())
    assert all(map(torch.equal, results[0].values(), results[1].values()))


# ---- checks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (noise(8, 1, 32, 32).tanh(), r"\(1, 32, 32\), DCGAN is made for \(1, 28, 28\)"),
        (noise(8, 3, 28, 28).tanh(), r"\(3, 28, 28\), DCGAN is made for"),
        (noise(8, 28, 28).tanh(), r"shape \(28, 28\), DCGAN"),
        (255 * noise(8, 1, 28, 28).sigmoid(), "images from .* to 2.*give uint8"),
        (torch.zeros(8, 1, 28, 28, dtype=torch.int64), "images of torch.int64"),
        (torch.full((8, 1, 28, 28), torch.inf), "NaN or infinite"),
        (torch.zeros(0, 1, 28, 28), "N >= 1"),
    ],
)
def test_images_that_are_not_the_models(x, message):
    with pytest.raises(ValueError, match=message):
        aigc.fit(DCGAN(width=2), x, steps=1, batch_size=4)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (noise(8, 1, 28, 28).tanh().to_sparse(), r"sparse.*x.to_dense\(\)"),
        (torch.zeros(8, 1, 28, 28, device="meta"), "on meta"),
        (torch.zeros(8, 1, 28, 28).to(torch.float8_e4m3fn), r"float8.*x.float\(\)"),
        (np.ma.masked_equal(np.zeros((8, 1, 28, 28), "f4"), 0), "masked values"),
        ({"x": torch.zeros(8, 1, 28, 28)}, "data is dict, which"),
        (pd.DataFrame({"a": [1.0] * 8}), "data is DataFrame, which"),
        (Subset(TensorDataset(torch.zeros(8, 2)), range(4)), "data is Subset, which"),
    ],
)
def test_what_is_no_tensor_of_numbers(x, message):
    with pytest.raises(ValueError, match=message):
        aigc.fit(DCGAN(width=2), x, steps=1, batch_size=4)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.numpy()[::-1].copy()[::-1],
        lambda x: x.numpy().astype(">f4"),
        lambda x: x.double().numpy(),
        TensorDataset,
    ],
)
def test_however_it_lies_in_memory(change):
    x, states = noise(8, 2), []
    for data in (x, change(x)):
        torch.manual_seed(0)
        model = MLPGAN(hidden=4)
        aigc.fit(model, data, steps=3, batch_size=4)
        states.append(model.state_dict())
    assert all(map(torch.equal, states[0].values(), states[1].values()))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32"])
@pytest.mark.parametrize("indexed", [False, True])
def test_labels_of_any_whole_numbers(dtype, indexed):
    x, y = noise(8, 1, 28, 28).tanh(), torch.arange(8).to(getattr(torch, dtype))
    states = []
    for labels in (y.long(), y):
        torch.manual_seed(0)
        model = ConditionalGAN(classes=8, width=2)
        data = TensorDataset(x, labels) if indexed else (x, labels)
        aigc.fit(model, data, steps=2, batch_size=4)
        states.append(model.state_dict())
    assert all(map(torch.equal, states[0].values(), states[1].values()))


def test_pixels_are_scaled_by_the_images_alone():
    x = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    wanted = torch.tensor([-1.0, -0.6, 1.0])
    torch.testing.assert_close(Images(x)[torch.arange(3)].flatten(), wanted)
    images, labels = Images(x, torch.arange(3))[torch.tensor([2, 0])]
    assert images.flatten().tolist() == [1, -1]
    assert labels.tolist() == [2, 0]
    assert Samples(x)[torch.arange(3)].dtype == torch.uint8


def test_pictures_of_a_data_set_are_scaled_for_a_model_of_points_too():
    """What they are the card knows; torch once said what it thought of their type."""
    model = VAE(sample_shape=(1, 28, 28), images=False, latent_dim=2, hidden=16)
    digits = aigc.data.load("digits", split="test")
    batch = as_samples(digits, model)[torch.arange(9)]
    torch.testing.assert_close(batch, digits.x[:9] / 127.5 - 1)
    aigc.fit(model, digits, steps=1, batch_size=8)


@pytest.mark.parametrize("indexed", [False, True])
def test_whole_numbers_are_no_coordinates(indexed):
    def given(x):
        return Read(x) if indexed else x

    pixels = given(torch.zeros(8, 1, 28, 28, dtype=torch.uint8))
    model = VAE(sample_shape=(1, 28, 28), images=False, latent_dim=2, hidden=16)
    with pytest.raises(ValueError, match=r"torch.uint8, VAE learns.*x / 127.5 - 1"):
        aigc.fit(model, pixels, steps=1, batch_size=4)
    with pytest.raises(ValueError, match=r"torch.int64, MLPGAN learns.*x.float()"):
        aigc.fit(MLPGAN(hidden=4), given(torch.ones(8, 2).long()), steps=1)
    sounds = given(torch.ones(8, 200, dtype=torch.int16))  # clipped, all would be 1
    with pytest.raises(ValueError, match=r"torch.int16, WaveNet learns.*x / 32768"):
        aigc.fit(WaveNet(channels=4, depth=2), sounds, steps=1, batch_size=4)


def test_anything_with_a_length_and_an_index_serves():
    class Squares:
        def __len__(self):
            return 5

        def __getitem__(self, rows):
            return rows[:, None].float() ** 2

    model = MLPGAN(data_dim=1, hidden=4)
    assert as_samples(Squares(), model)[torch.tensor([3])].item() == 9
    aigc.fit(model, Squares(), steps=1, batch_size=5)
    with pytest.raises(ValueError, match=r"shape \(1,\), MLPGAN is made for \(2,\)"):
        aigc.fit(MLPGAN(hidden=4), Squares(), steps=1, batch_size=5)
    with pytest.raises(ValueError, match="data gives int: an index must give a tensor"):
        aigc.fit(model, range(9), steps=1, batch_size=5)


class Read:
    """What is known only by its length and its index."""

    def __init__(self, *parts):
        self.parts = parts

    def __len__(self):
        return len(self.parts[0])

    def __getitem__(self, rows):
        picked = tuple(part[rows] for part in self.parts)
        return picked if len(picked) > 1 else picked[0]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (255 * noise(8, 1, 28, 28).sigmoid(), "images from .*: give floating point"),
        (torch.zeros(8, 1, 28, 28).byte(), "images of torch.uint8: give floating"),
        (torch.full((8, 1, 28, 28), torch.nan), "NaN or infinite"),
    ],
)
def test_images_of_an_index_are_checked_too(x, message):
    with pytest.raises(ValueError, match=message):
        aigc.fit(DCGAN(width=2), Read(x), steps=1, batch_size=4)


def test_labels_of_an_index_are_checked_too():
    data = Read(noise(40, 4), torch.arange(40) % 4)
    with pytest.raises(ValueError, match="from 0 to 3, the model has classes 0 to 2"):
        aigc.fit(Classifier(4, 3), data, steps=1, batch_size=4)


def test_a_late_sample_of_an_index_is_no_number():
    x = noise(40, 2)
    x[37] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        aigc.fit(MLPGAN(hidden=4), Read(x), steps=1, batch_size=4)


def test_looking_at_samples_draws_nothing_outside():
    class Noisy(Read):
        def __getitem__(self, rows):
            return super().__getitem__(rows) + torch.rand(len(rows), 1)

    model, state = MLPGAN(hidden=4), torch.get_rng_state()
    aigc.fit(model, Noisy(noise(40, 2)), steps=1, batch_size=4)
    assert torch.equal(torch.get_rng_state(), state)


# ---- checkpoints ---------------------------------------------------------------------


def test_a_checkpoint_knows_its_data(tmp_path):
    common = {"steps": 2, "batch_size": 10, "checkpoint": tmp_path / "c"}
    aigc.fit(MLPGAN(hidden=4), noise(40, 2), **common)
    with pytest.raises(ValueError, match=r"another run \(data .* -> "):
        aigc.fit(MLPGAN(hidden=4), noise(40, 2, seed=1), **common)
    aigc.fit(MLPGAN(hidden=4), noise(40, 2), **common)


def test_a_fingerprint_tells_what_was_changed():
    x = noise(40, 2)
    same = fingerprint(Samples(x))
    assert fingerprint(Samples(x.clone())) == same
    other = x.clone()
    other[17, 1] += 1e-6
    assert len({same, *map(fingerprint, (Samples(other), Samples(x.double())))}) == 3
    assert fingerprint(Samples(x, torch.arange(40))) != same


def test_a_loaded_model_goes_on_from_its_checkpoint(tmp_path):
    common = {"batch_size": 10, "checkpoint": tmp_path / "c"}
    model = MLPGAN(hidden=4)
    aigc.fit(model, noise(40, 2), steps=2, **common)
    loaded = aigc.models.load(model.save(tmp_path / "m"))
    history = aigc.fit(loaded, noise(40, 2), steps=4, **common)
    assert history.steps[-1] == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "a PNG picture"),
        ("年,销量\n2026,3\n".encode(), "a text file"),
        (b"", "an empty file"),
        (bytes(range(128, 256)), "no checkpoint"),
        (b"PK\x03\x04" + bytes(60), "damaged or foreign"),
        (None, "a model that was saved"),
        ("folder", "a folder"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named_and_kept(tmp_path, content, said):
    path = tmp_path / "file"
    if content is None:
        MLPGAN(hidden=4).save(path)
    elif content == "folder":
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as refused:
        aigc.fit(
            MLPGAN(hidden=4), noise(40, 2), steps=1, batch_size=10, checkpoint=path
        )
    assert "delete" not in str(refused.value)
    if isinstance(content, bytes):
        assert path.read_bytes() == content


def test_what_is_not_finite_is_never_saved(tmp_path):
    class Exploding(Net):
        def score(self, batch):
            loss = self.layer(batch).square().mean()
            self.seen = getattr(self, "seen", 0) + 1
            return loss * (torch.nan if self.seen > 4 else 1)

    path = tmp_path / "c"
    common = {"steps": 20, "batch_size": 10, "save_every": 2, "checkpoint": path}
    with pytest.raises(TrainingDiverged, match="not finite at step 6"):
        aigc.fit(Exploding(2, 1), noise(40, 2), **common)
    assert torch.load(path, weights_only=True)["step"] == 4


def test_a_buffer_that_is_no_number_ends_the_training(tmp_path):
    class Spoilt(Net):
        def __init__(self):
            super().__init__(2, 1)
            self.register_buffer("spread", torch.tensor(torch.inf))  # meant so

        def score(self, batch):
            self.seen = getattr(self, "seen", 0) + 1
            if self.seen > 4:
                self.spread.fill_(torch.nan)
            return self.layer(batch).square().mean()

    path = tmp_path / "c"
    common = {"steps": 20, "batch_size": 10, "save_every": 2, "checkpoint": path}
    with pytest.raises(TrainingDiverged, match="spread is not finite at step 6"):
        aigc.fit(Spoilt(), noise(40, 2), **common)
    assert torch.load(path, weights_only=True)["step"] == 4


@pytest.mark.parametrize("numbers", [np.int64, np.float64, torch.tensor])
def test_numbers_of_numpy_and_torch_can_be_resumed(numbers, tmp_path):
    for _ in range(2):
        history = aigc.fit(
            MLPGAN(hidden=4),
            noise(40, 2),
            steps=numbers(4),
            batch_size=numbers(10),
            seed=numbers(1),
            ema=np.float32(0.5),
            checkpoint=tmp_path / "c",
        )
    assert history.steps == [4]


def test_the_history_of_a_resumed_run_is_that_of_an_uninterrupted_one(tmp_path):
    class Cut(Exception):
        pass

    def cut(model):
        raise Cut

    x, common = noise(200, 2), {"steps": 150, "save_every": 40, "batch_size": 16}
    torch.manual_seed(0)
    straight = aigc.fit(MLPGAN(hidden=8), x, **common)
    common["checkpoint"] = tmp_path / "c"
    torch.manual_seed(0)
    with pytest.raises(Cut):
        aigc.fit(MLPGAN(hidden=8), x, watch=cut, watch_at=[90], **common)
    resumed = aigc.fit(MLPGAN(hidden=8), x, **common)
    assert resumed.losses == straight.losses
    assert resumed.steps == straight.steps


@pytest.mark.parametrize("kept", [True, False])
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, kept):
    path = tmp_path / "c"

    def press(model):
        signal.raise_signal(signal.SIGINT)

    torch.manual_seed(0)
    model, common = MLPGAN(hidden=8), {"steps": 30, "batch_size": 10}
    common |= {"watch": press, "watch_at": [7]}
    with pytest.raises(KeyboardInterrupt) as stopped:
        aigc.fit(model, noise(40, 2), checkpoint=path if kept else None, **common)
    said = str(stopped.value)
    assert "stopped after step 8" in said or "stopped after step 7" in said
    if not kept:
        assert "with checkpoint= (on the command line: --checkpoint) it" in said
        return
    assert f"saved in {path}" in said
    torch.manual_seed(0)
    resumed = MLPGAN(hidden=8)
    aigc.fit(resumed, noise(40, 2), steps=30, batch_size=10, checkpoint=path)
    torch.manual_seed(0)
    whole = MLPGAN(hidden=8)
    aigc.fit(whole, noise(40, 2), steps=30, batch_size=10)
    assert all(
        map(torch.equal, whole.state_dict().values(), resumed.state_dict().values())
    )


# ---- what comes between, and beside, the steps ---------------------------------------


def test_gradients_are_clipped_between_backward_and_step():
    class Steep(Net):
        def optimizers(self):
            return {"loss": torch.optim.SGD(self.parameters(), 1.0)}

        def score(self, batch):
            return 1e3 * self.layer(batch).sum()

    moved = {}
    for limit in (None, 0.5):
        torch.manual_seed(0)
        model = Steep(2, 1)
        before = nn.utils.parameters_to_vector(model.layer.parameters()).detach()
        aigc.fit(model, noise(20, 2), steps=1, batch_size=20, max_grad_norm=limit)
        after = nn.utils.parameters_to_vector(model.layer.parameters()).detach()
        moved[limit] = (after - before).norm().item()
    assert moved[None] > 100
    assert moved[0.5] == pytest.approx(0.5, rel=1e-4)


def linear_rows(n, seed):
    x = noise(n, 6, seed=seed)
    y = (x[:, 0] + 0.3 * noise(n, seed=seed + 1) > 0).long()
    return x, y


class Overfitting(Classifier):
    classes = 2

    def __init__(self):
        super().__init__(6, 64)
        self.layer = nn.Sequential(nn.Linear(6, 256), nn.Tanh(), nn.Linear(256, 2))

    def optimizers(self):
        return {"loss": torch.optim.Adam(self.parameters(), 3e-2)}


def test_the_weights_with_the_lowest_held_out_loss_are_kept(tmp_path):
    train, held_out = linear_rows(24, 0), linear_rows(400, 10)
    common = {"steps": 300, "batch_size": 24, "validate": held_out, "ema": 0.0}
    common |= {"validate_at": range(10, 301, 10), "cooldown": 0}
    torch.manual_seed(0)
    last = Overfitting()
    history = aigc.fit(last, train, **common)
    curve = history.validation["loss"]
    assert list(curve) == list(range(10, 301, 10))
    assert history.losses["loss"][-1] < 0.05 < min(curve.values())
    assert curve[300] > 1.2 * min(curve.values())

    torch.manual_seed(0)
    best = Overfitting()
    kept = aigc.fit(best, train, keep_best=True, checkpoint=tmp_path / "c", **common)
    assert kept.validation == history.validation, "looking changes nothing"
    assert curve[kept.best_step] == min(curve.values())
    x, y = held_out

    def loss(model):
        with torch.no_grad():
            return nn.functional.cross_entropy(model.layer(x), y).item()

    assert loss(best) == pytest.approx(min(curve.values()), rel=0.05)
    assert loss(last) > loss(best)
    again = Overfitting()
    aigc.fit(again, train, keep_best=True, checkpoint=tmp_path / "c", **common)
    assert loss(again) == loss(best)


def test_a_checkpoint_knows_what_it_was_judged_by(tmp_path):
    common = {"steps": 4, "batch_size": 10, "checkpoint": tmp_path / "c"}
    rows, first, second = (linear_rows(20, seed) for seed in (0, 10, 20))
    model = Classifier(6, 3)
    aigc.fit(model, rows, **common)
    aigc.fit(model, rows, **common | {"steps": 6, "validate": first})  # begins later
    with pytest.raises(ValueError, match=r"another run \(validate"):
        aigc.fit(model, rows, **common | {"steps": 8, "validate": second})
    aigc.fit(model, rows, **common | {"steps": 8, "validate": first})


def test_a_game_of_two_losses_has_no_best_model_and_is_not_begun():
    with pytest.raises(
        ValueError, match=r"losses, discriminator, generator.*: leave it out .*watch="
    ):
        aigc.fit(
            MLPGAN(hidden=4),
            noise(40, 2),
            steps=1,
            batch_size=10,
            validate=noise(40, 2),
            keep_best=True,
            watch=lambda model: pytest.fail("training began"),
            watch_at=[0],
        )


def test_a_held_out_loss_that_is_no_number_is_not_the_lowest():
    class Late(Net):
        looks = 0

        def score(self, batch):
            self.looks += not self.training
            spoilt = self.looks == 1 and not self.training
            return self.layer(batch).square().mean() * (torch.nan if spoilt else 1)

    history = aigc.fit(
        Late(2, 1),
        noise(40, 2),
        steps=3,
        batch_size=10,
        validate=noise(10, 2),
        validate_at=[1, 2, 3],
        keep_best=True,
    )
    curve = history.validation["loss"]
    assert math.isnan(curve.pop(1))
    assert curve[history.best_step] == min(curve.values())


def test_a_batch_larger_than_a_look_can_be_validated():
    x, y = linear_rows(MOST + 50, 0)
    model = Classifier(6, 3)
    history = aigc.fit(model, (x, y), steps=1, batch_size=len(y), validate=(x, y))
    assert math.isfinite(history.validation["loss"][1])


def test_dropout_rests_while_the_model_is_validated():
    torch.manual_seed(0)
    x, y = linear_rows(40, 0)
    model = Classifier(6, 3, dropout=0.9)
    history = aigc.fit(model, (x, y), steps=1, batch_size=40, validate=(x, y))
    average = model.averages["layer"]
    assert model.layer.training
    wanted = nn.functional.cross_entropy(average[0](x), y).item()
    assert history.validation["loss"][1] == pytest.approx(wanted)


def test_losses_go_into_event_files(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    x, y = linear_rows(40, 0)
    history = aigc.fit(
        Classifier(6, 3),
        (x, y),
        steps=120,
        batch_size=40,
        validate=(x, y),
        validate_at=[60],
        log_dir=tmp_path / "日志",
    )
    events = EventAccumulator(str(tmp_path / "日志")).Reload()
    logged = events.Scalars("loss/loss")
    assert [event.step for event in logged] == history.steps == [50, 100, 120]
    assert [event.value for event in logged] == pytest.approx(history.losses["loss"])
    looks = {event.step: event.value for event in events.Scalars("validation/loss")}
    assert looks == pytest.approx(history.validation["loss"])
    assert list(looks) == [60, 120]


# ---- samples that are held out -------------------------------------------------------


@pytest.mark.parametrize("kind", ["tensor", "pairs", "windows"])
def test_held_out_samples_are_no_others_and_none_twice(kind):
    x = torch.arange(50)[:, None].repeat(1, 3)
    data = {"tensor": x, "pairs": Samples(x, x[:, 0]), "windows": Windows(x[:, 0], 1)}
    train, judges = held_out(data[kind], 0.2, seed=1)
    assert (len(train), len(judges)) == (40, 10)

    def rows(part):
        batch = part[torch.arange(len(part))]
        return (batch[0] if isinstance(batch, tuple) else batch)[:, 0].tolist()

    assert sorted(rows(train) + rows(judges)) == list(range(50))
    assert rows(train) != sorted(rows(train))
    again = held_out(data[kind], 0.2, seed=1)
    assert rows(again[1]) == rows(judges)
    assert rows(held_out(data[kind], 0.2, seed=2)[1]) != rows(judges)


def test_a_part_is_moved_where_its_samples_can_be_and_fit(monkeypatch):
    x = noise(50, 3)
    part, _ = held_out(Samples(x), 0.2)
    assert part.bytes == x.nbytes
    assert part.to("meta")[torch.arange(4)].device.type == "meta"
    for free, fits in ((3 * x.nbytes, True), (x.nbytes, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, n=free: (n, n))
        assert _fits(part, torch.device("cuda")) == fits

    still, _ = held_out(Read(x), 0.2)
    assert not hasattr(still, "to")
    there = SimpleNamespace(
        num_processes=1, process_index=0, device=torch.device("meta")
    )
    batches = Batches(still, 4, 0, there)
    assert batches[0].device.type == "meta"
    assert batches.order.device.type == "cpu"


@pytest.mark.parametrize("share", [0, 1, -0.1, 0.001, math.nan, "some"])
def test_shares_that_cannot_be_held_out(share):
    with pytest.raises(ValueError, match="share="):
        held_out(torch.zeros(20, 2), share)


def test_validation_leaves_a_codebook_as_it_is():
    x = torch.randint(0, 256, (32, 1, 16, 16), dtype=torch.uint8)
    ends = []
    for more in ({}, {"validate": x, "validate_at": [1, 2]}):
        torch.manual_seed(0)
        model = VQVAE(image_size=16, channels=1, num_codes=8, width=8)
        aigc.fit(model, x, steps=3, batch_size=16, seed=0, **more)
        ends.append(model.state_dict())
    for name, tensor in ends[0].items():
        torch.testing.assert_close(ends[1][name], tensor, rtol=0, atol=0)
