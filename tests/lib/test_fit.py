"""The loop: determinism, exact resume, averages, errors."""

import math
import os
import random
import signal
import subprocess
import sys
import traceback
from collections import Counter as Counts
from collections import namedtuple
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import aigc_lib as aigc
from aigc_lib.codecs import spectrum
from aigc_lib.data import Characters
from aigc_lib.models import (
    CTGAN,
    DCGAN,
    DDPM,
    GPT,
    MLPGAN,
    MODELS,
    TVAE,
    VAE,
    VAEGAN,
    ConditionalGAN,
    ConditionalVAE,
    DeepAR,
    FlowMatching,
    FlowPriorVAE,
    GenerativeModel,
    GrowingGAN,
    InfoGAN,
    KnowledgeTracer,
    MaskedLM,
    MultVAE,
    PictureClassifier,
    SASRec,
    SeriesFlow,
    SoundClassifier,
    TableFlow,
    TextClassifier,
    WaveNet,
)
from aigc_lib.train import TrainingDiverged
from aigc_lib.train.average import mover, warmed_up
from aigc_lib.train.checkpoint import FORMAT
from aigc_lib.train.fit import LOG_EVERY
from aigc_lib.train.randomness import seed_generators

IMAGES = torch.randint(
    0,
    256,
    (40, 1, 28, 28),
    dtype=torch.uint8,
    generator=torch.Generator().manual_seed(0),
)
POINTS = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))


def tiny_dcgan():
    torch.manual_seed(0)
    return DCGAN(width=2, latent_dim=4)


def assert_same(a, b):
    for (key, x), y in zip(
        a.state_dict().items(), b.state_dict().values(), strict=True
    ):
        assert torch.equal(x, y), key


def train(model, **kwargs):
    return aigc.fit(model, IMAGES, batch_size=8, **{"steps": 13, "seed": 3} | kwargs)


def test_same_seed_same_bits_and_the_world_outside_is_left_alone():
    first, second = tiny_dcgan(), tiny_dcgan()
    state = torch.get_rng_state()
    train(first)
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(5)
    train(second)
    assert_same(first, second)
    other = tiny_dcgan()
    train(other, seed=4)
    assert not torch.equal(other.generator[0].weight, first.generator[0].weight)


class Flipped:
    """Points that NumPy scales and Python turns round, as those of a reader may be."""

    def __len__(self):
        return len(POINTS)

    def __getitem__(self, rows):
        return POINTS[rows] * random.choice([-1, 1]) * np.random.rand()


class Jumping(aigc.models.MLPGAN):
    def training_step(self, x, update):
        super().training_step(x + np.random.rand() * random.random(), update)


def test_randomness_of_numpy_and_python_is_the_runs_own(tmp_path):
    def made(**options):
        torch.manual_seed(0)
        model = Jumping(hidden=8)
        options = {"validate": Flipped(), "validate_at": [3, 6, 9]} | options
        return model, aigc.fit(model, Flipped(), steps=9, seed=2**40, **options)

    (whole, straight), before = made(), (random.getstate(), np.random.get_state()[1])
    with pytest.raises(ZeroDivisionError):
        made(
            checkpoint=tmp_path / "c", save_every=2, watch_at=[5], watch=lambda m: 1 / 0
        )
    resumed, history = made(checkpoint=tmp_path / "c", save_every=2)
    assert_same(resumed, whole)
    assert history.validation == straight.validation
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[3])
from test_fit import tiny_dcgan, train
def die(model):
    os.kill(os.getpid(), signal.SIGKILL)
train(tiny_dcgan(), checkpoint=sys.argv[1], save_every=3, watch=die,
      watch_at=[int(sys.argv[2])])
"""


def test_generators_are_seeded_as_torch_does():
    for seed in (0, 2**32 - 1):
        torch.manual_seed(seed)
        expected = torch.randn(5)
        seed_generators(seed, torch.device("cpu"))
        assert torch.equal(torch.randn(5), expected)


def test_no_step_writes_down_the_call_stack(monkeypatch):
    """As seeding devices that are not in use does, at great length in a notebook."""
    steps = []

    class Counted(aigc.models.MLPGAN):
        def training_step(self, x, update):
            steps.append(len(walks))
            super().training_step(x, update)

    walks, walk = [], traceback.format_stack

    def counted(*args, **options):
        walks.append(1)
        return walk(*args, **options)

    monkeypatch.setattr(traceback, "format_stack", counted)
    aigc.fit(Counted(), POINTS, steps=4, validate=POINTS, validate_at=[1, 2, 3])
    assert steps[-1] == steps[0]


def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path):
    checkpoint = tmp_path / "run.ckpt"
    step = 4 + int.from_bytes(os.urandom(1)) % 9  # any step from 4 to 12
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", KILLED, checkpoint, str(step)]
    dead = subprocess.run(
        [*command, os.path.dirname(__file__)], env=os.environ | threads, check=False
    )
    assert dead.returncode == -signal.SIGKILL
    resumed, whole = tiny_dcgan(), tiny_dcgan()
    history = train(resumed, checkpoint=checkpoint, save_every=3)
    train(whole)
    assert_same(resumed, whole)
    assert history.steps == [13], f"killed at step {step}"
    assert list(tmp_path.iterdir()) == [checkpoint], "no temporary file stays"


def test_finished_run_is_not_repeated_and_can_be_prolonged(tmp_path):
    checkpoint = tmp_path / "run.ckpt"
    model, again, whole = tiny_dcgan(), tiny_dcgan(), tiny_dcgan()
    train(model, checkpoint=checkpoint, steps=5, cooldown=0)
    history = train(again, checkpoint=checkpoint, steps=5, cooldown=0)
    assert history.steps == [5]
    assert_same(again, model)
    train(again, checkpoint=checkpoint, steps=13, cooldown=0)
    train(whole, cooldown=0)
    assert_same(again, whole)


def test_a_prolonged_run_says_how_the_learning_rates_go_on(tmp_path, capsys):
    checkpoint = tmp_path / "run.ckpt"
    train(tiny_dcgan(), checkpoint=checkpoint, steps=5)
    assert capsys.readouterr().err == ""
    history = train(tiny_dcgan(), checkpoint=checkpoint, steps=13)
    assert history.steps[-1] == 13
    said = capsys.readouterr().err
    assert "run of 5 steps is at step 5 and goes on to 13 steps" in said
    assert "last 30%" in said


@pytest.mark.parametrize("damage", ["truncate", "pickle", "other", "older"])
def test_bad_checkpoint_is_refused_with_the_remedy(tmp_path, damage):
    checkpoint = tmp_path / "run.ckpt"
    train(tiny_dcgan(), checkpoint=checkpoint, steps=1)
    if damage == "truncate":
        checkpoint.write_bytes(checkpoint.read_bytes()[:200])
    if damage == "pickle":
        torch.save({"run": subprocess.Popen}, checkpoint)
    seed = 9 if damage == "other" else 3
    if damage == "older":
        state = torch.load(checkpoint, weights_only=True)
        torch.save(state | {"format": FORMAT - 1}, checkpoint)
    message = {
        "other": "another run .seed 3 -> 9.",
        "older": f"format {FORMAT - 1}, this version reads {FORMAT}: name another file",
    }.get(damage, "damaged or foreign")
    with pytest.raises(ValueError, match=message):
        train(tiny_dcgan(), checkpoint=checkpoint, seed=seed)


@pytest.mark.skipif(os.name != "posix", reason="no pipes by name there")
def test_a_pipe_is_no_checkpoint(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # to open it would mean to wait for a writer
    with pytest.raises(ValueError, match=r"pipe' is no plain file: name a file"):
        train(tiny_dcgan(), checkpoint=tmp_path / "pipe", steps=1)


def test_failed_write_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    checkpoint = tmp_path / "run.ckpt"
    train(tiny_dcgan(), checkpoint=checkpoint, steps=1, cooldown=0)
    before = checkpoint.read_bytes()

    def full_disk(state, path):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        train(tiny_dcgan(), checkpoint=checkpoint, steps=2, cooldown=0)
    assert checkpoint.read_bytes() == before
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_average_follows_the_recursion_and_copies_buffers():
    average, network = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    expected, move = average.weight.detach().clone(), mover(average, network)
    for step in range(5):
        with torch.no_grad():
            network.weight.normal_()
        network(torch.randn(8, 3) + 4)
        decay = warmed_up(0.9, step)
        expected = decay * expected + (1 - decay) * network.weight.detach()
        move(decay)
    torch.testing.assert_close(average.weight.detach(), expected)
    assert torch.equal(average.running_mean, network.running_mean)
    assert average.num_batches_tracked == 5


def test_average_is_near_the_weights_after_a_short_run():
    decays = torch.tensor([warmed_up(0.9999, step) for step in range(100)])
    weight_of_start = decays.prod().item()
    assert weight_of_start < 1e-6
    assert warmed_up(0.9, 10_000) == 0.9


def test_sample_uses_the_average():
    model = tiny_dcgan()
    train(model)
    before = model.sample(2, seed=0)
    with torch.no_grad():
        model.generator[0].weight.zero_()
    assert torch.equal(model.sample(2, seed=0), before)
    with torch.no_grad():
        model.averages["generator"][0].weight.zero_()
    assert not torch.equal(model.sample(2, seed=0), before)


@pytest.mark.parametrize("before", [0.9, 0])
def test_without_average_sample_uses_the_weights(before):
    """An average of an earlier run would hide what is learned in this one."""
    model = tiny_dcgan()
    train(model, ema=before)
    train(model, ema=0)
    assert not model.averages
    drawn = model.sample(2, seed=0)
    with torch.no_grad():
        model.generator[0].weight.zero_()
    assert not torch.equal(model.sample(2, seed=0), drawn)


def test_history_logs_means_between_log_points():
    history = aigc.fit(MLPGAN(hidden=8), POINTS, steps=2 * LOG_EVERY + 1)
    assert history.steps == [LOG_EVERY, 2 * LOG_EVERY, 2 * LOG_EVERY + 1]
    assert {len(v) for v in history.losses.values()} == {3}
    assert set(history.losses) == {"generator", "discriminator"}


# Not StyleGAN: its dice fall on the host, where nobody has to wait for them.
WAITLESS = {
    "mlp_gan": lambda: MLPGAN(hidden=8, gradient_penalty=1.0, r1=1.0),
    "dcgan": lambda: DCGAN(8, 1, 4, 2),
    "conditional_gan": lambda: ConditionalGAN(8, 1, 2, 4, 2),
    "info_gan": lambda: InfoGAN(8, 1, 2, 4, 2),
    "growing_gan": lambda: GrowingGAN(8, 1, 4, 2, phase=15),
    "vae": lambda: VAE(8, 1, 2, 16, free_nats=1.0),
    "iwae": lambda: VAE(8, 1, 2, 16, likelihood="autoregressive", importance_samples=2),
    "conditional_vae": lambda: ConditionalVAE(8, 1, 2, 2, 16),
    "flow_prior_vae": lambda: FlowPriorVAE(8, 1, 2, 16, couplings=2),
    "vae_gan": lambda: VAEGAN(8, 1, 2, 2),
    "flow": lambda: FlowMatching(8, 1, 4, classes=2),
    "ddpm": lambda: DDPM(8, 1, 4, net="dit"),
    "gpt": lambda: GPT(vocab_size=5, context=7, width=8, heads=2, depth=1),
    "masked_lm": lambda: MaskedLM(Characters("abc\n"), width=8, heads=2, depth=1),
    "text_classifier": lambda: TextClassifier(
        Characters("abc\n"), width=8, heads=2, depth=1, hidden=0.1
    ),
    "wavenet": lambda: WaveNet(channels=4, skip_channels=8, depth=2, stacks=1),
    "tvae": lambda: TVAE(hidden=8),
    "ctgan": lambda: CTGAN(hidden=8, pac=2),
    "table_flow": lambda: TableFlow(width=8, depth=1),
    "mult_vae": lambda: MultVAE(4, latent_dim=2, hidden=4),
    "sasrec": lambda: SASRec(4, width=8),
    "series_flow": lambda: SeriesFlow(2, 3, 2, 4),
    "deep_ar": lambda: DeepAR(2, 3, 2, 4),
    "knowledge_tracer": lambda: KnowledgeTracer("ab", width=8, heads=2),
    "picture_classifier": lambda: PictureClassifier(8, 1, 2, 4),
    "sound_classifier": lambda: SoundClassifier("ab", width=4),
}
EXAMPLES = {
    "images": IMAGES[:, :, :8, :8],
    "points": POINTS[:40],
    "text": torch.arange(40 * 8).view(40, 8) % 4,
    "ratings": torch.arange(40 * 8).view(40, 8) % 4,
    "sounds": 0.5 * torch.sin(torch.arange(40 * 150.0)).view(40, 150),
    "tables": torch.arange(40 * 2).view(40, 2) % 10,
}


def example(model):
    """Forty samples of what ``model`` learns from."""
    if model.modality == "tables":
        return model.samples(EXAMPLES["tables"])
    if model.modality == "series":
        return (
            torch.arange(40.0 * math.prod(model.sample_shape))
            .sin()
            .view(40, *model.sample_shape)
        )
    if model.modality == "answers":
        right = torch.arange(40 * 9).view(40, 9) % 2
        return right, right, torch.zeros(40, 9, 7)
    return SimpleNamespace(x=EXAMPLES[model.modality], y=torch.arange(40) % 2)


def test_every_model_is_watched_for_waits():
    assert set(MODELS) - WAITLESS.keys() == {"beta_vae", "style_gan"}


@pytest.mark.parametrize("name", WAITLESS)
def test_no_step_waits_for_the_device(name, monkeypatch):
    waits = []
    for method in ["item", "tolist", "__float__", "__bool__", "__int__", "__index__"]:
        original = getattr(torch.Tensor, method)
        monkeypatch.setattr(
            torch.Tensor, method, lambda x, f=original: (waits.append(1), f(x))[1]
        )
    # it looks on the CPU alone, where looking is no waiting
    monkeypatch.setattr(spectrum, "_check_finite", lambda name, x: None)
    model = WAITLESS[name]()
    optimizers = model.optimizers()
    for optimizer in optimizers.values():  # else Adam reads its own counts, on the host
        for group in optimizer.param_groups:
            group["fused"] = True
    monkeypatch.setattr(model, "optimizers", lambda: optimizers)
    data = example(model)
    waits.clear()
    aigc.fit(model, data, steps=LOG_EVERY, batch_size=8)
    assert len(waits) < 10


def test_a_recipe_holds_unless_the_caller_knows_better():
    class Recorder(Counter):
        recipe: ClassVar = {"batch_size": 5, "ema": 0.0}
        sampled = ("layer",)

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)

    model = Recorder()
    aigc.fit(model, POINTS, steps=1)
    assert len(model.batches[0]) == 5
    assert not model.averages
    aigc.fit(model, POINTS, steps=1, batch_size=6, ema=0.9)
    assert len(model.batches[1]) == 6
    assert "layer" in model.averages
    plain = Counter()
    aigc.fit(plain, POINTS, steps=1)
    assert len(plain.batches[0]) == 64


class Counter(GenerativeModel):
    """Its loss is the step number; its data order is recorded."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(()))
        self.batches, self.step = [], 0

    def optimizers(self):
        return {"w": torch.optim.SGD([self.w], lr=0.0)}

    def training_step(self, batch, update):
        self.step += 1
        self.batches.append(batch.clone())
        update("w", self.step + 0 * self.w)


def test_logged_loss_is_the_mean_and_each_epoch_sees_every_sample_once():
    model = Counter()
    history = aigc.fit(model, torch.arange(20.0)[:, None], steps=60, batch_size=5)
    assert history.losses["w"] == pytest.approx([25.5, 55.5])
    epochs = torch.cat(model.batches).view(15, 20)
    assert (epochs.sort(1).values == torch.arange(20.0)).all()
    assert not torch.equal(epochs[0], epochs[1])


def test_learning_rate_holds_and_then_falls_to_zero():
    class Recorder(Counter):
        def optimizers(self):
            self.optimizer = torch.optim.SGD([self.w], lr=0.5)
            return {"w": self.optimizer}

        def training_step(self, batch, update):
            rates.append(self.optimizer.param_groups[0]["lr"])
            update("w", 0 * self.w)

    rates = []
    aigc.fit(Recorder(), POINTS, steps=10, cooldown=0.4)
    assert rates == pytest.approx([0.5] * 7 + [0.375, 0.25, 0.125])


def test_images_are_scaled_and_points_are_not():
    model = Counter()
    aigc.fit(
        model,
        torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1),
        steps=1,
        batch_size=2,
    )
    assert model.batches[0].flatten().sort().values.tolist() == [-1.0, 1.0]
    model = Counter()  # whole numbers that are no pixels
    whole = torch.tensor([[0], [255]], dtype=torch.uint8)
    aigc.fit(model, whole, steps=1, batch_size=2)
    assert model.batches[0].flatten().sort().values.tolist() == [0, 255]


def test_seconds_stop_the_run_and_watching_is_not_counted():
    import time

    history = aigc.fit(
        Counter(),
        POINTS,
        seconds=0.3,
        watch=lambda model: time.sleep(0.5),
        watch_at=[1],
    )
    assert 0.3 <= history.seconds < 0.5
    assert list(history.watched) == [1]


def test_watch_sees_the_model_before_and_during_training():
    history = train(tiny_dcgan(), watch=lambda m: m.sample(1, seed=0), watch_at=(0, 5))
    assert list(history.watched) == [0, 5]
    assert not torch.equal(history.watched[0], history.watched[5])
    assert history.plot().get_xlabel() == "step"


def test_watched_results_survive_a_resume(tmp_path):
    def look(model):
        return model.sample(2, seed=0)

    def fit_to(steps, model):
        kept = {"checkpoint": tmp_path / "c", "cooldown": 0}
        return train(model, steps=steps, watch=look, watch_at=(1, 9), **kept)

    model = tiny_dcgan()
    first = fit_to(5, model).watched
    both = fit_to(10, tiny_dcgan()).watched
    assert list(both) == [1, 9]
    assert torch.equal(both[1], first[1])


def test_what_a_checkpoint_cannot_keep_is_refused_at_once(tmp_path):
    with pytest.raises(ValueError, match="watch returned ndarray"):
        train(
            tiny_dcgan(),
            checkpoint=tmp_path / "c",
            watch=lambda model: model.sample(1).numpy(),
            watch_at=[0],
        )


def test_diverged_loss_is_reported_by_name():
    class Diverging(Counter):
        def training_step(self, batch, update):
            update("w", self.w + float("nan"))

    with pytest.raises(TrainingDiverged, match="loss 'w' is nan at step 1: lower the"):
        aigc.fit(Diverging(), POINTS, steps=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "steps=None, seconds=None: give one"),
        ({"steps": 1, "seconds": 1}, "give one of the two"),
        ({"steps": 0}, "steps=0"),
        ({"seconds": -1}, "seconds=-1"),
        ({"steps": 1, "batch_size": 0}, "batch_size=0"),
        ({"steps": 1, "batch_size": 300}, "holds 200 samples.*batch_size <= 200"),
        ({"steps": 1, "ema": 1.0}, "ema=1.0: give a number >= 0 and < 1"),
        ({"steps": 1, "cooldown": 1.5}, "cooldown=1.5: give a number >= 0 and <= 1"),
        ({"steps": 1, "data": [1, 2]}, "data is int"),
        ({"steps": 1, "data": "ring8"}, "data gives str"),
        ({"steps": 1, "data": 3}, "data is int: give a data set"),
        ({"steps": 1, "data": POINTS[:, :1]}, r"shape \(1,\), MLPGAN is made for \(2,"),
        ({"steps": 1, "data": (POINTS, POINTS[:9])}, "of one length"),
        ({"steps": 1, "seed": -1}, "seed=-1: give at least 0"),
        ({"steps": 2.5}, "steps=2.5: give a whole number"),
        ({"steps": torch.nan}, "steps=nan: give a finite number"),
        ({"seconds": torch.nan}, "seconds=nan: give a finite number"),
        ({"steps": 1, "save_every": 0}, "save_every=0"),
        ({"steps": 1, "max_grad_norm": 0}, "max_grad_norm=0: give a number > 0"),
        ({"steps": 1, "keep_best": True}, "give data to validate on"),
        ({"steps": 1, "data": torch.full((99, 2), torch.nan)}, "NaN"),
    ],
)
def test_bad_arguments(arguments, message):
    data = arguments.pop("data", POINTS)
    with pytest.raises(ValueError, match=message):
        aigc.fit(MLPGAN(hidden=4), data, **arguments)


class Tagged(GenerativeModel):
    """Learns nothing; notes which label came with which sample."""

    modality, conditional = "points", True

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.seen = []

    def optimizers(self):
        return {"only": torch.optim.SGD([self.weight])}

    def training_step(self, batch, update):
        x, labels = batch
        self.seen += zip(x[:, 0].tolist(), labels.tolist(), strict=True)
        update("only", self.weight.square().sum())


def labelled_points(y):
    n = torch.arange(20.0)
    return SimpleNamespace(x=torch.stack([n, n], 1), y=y)


def test_conditional_model_gets_each_sample_with_its_label():
    model = Tagged()
    aigc.fit(model, labelled_points(torch.arange(20) * 10), steps=3, batch_size=10)
    assert len(model.seen) == 30
    assert all(label == 10 * value for value, label in model.seen)


@pytest.mark.parametrize("y", [None, torch.zeros(19, dtype=torch.long), POINTS[:20, 0]])
def test_conditional_model_without_usable_labels(y):
    with pytest.raises(ValueError, match=r"one (whole number for|length)"):
        aigc.fit(Tagged(), labelled_points(y), steps=1, batch_size=10)


@pytest.mark.parametrize("classes", [3, ("a", "b", "c")])
@pytest.mark.parametrize("label", [3, -1])
def test_labels_that_the_model_does_not_know(classes, label):
    model, y = Tagged(), torch.arange(20) % 3
    model.classes = classes
    aigc.fit(model, labelled_points(y), steps=1, batch_size=10)
    y[7] = label
    with pytest.raises(ValueError, match=rf"data\.y goes .*{label}.* classes 0 to 2"):
        aigc.fit(model, labelled_points(y), steps=1, batch_size=10)


@pytest.mark.parametrize("wrong", [5, 2.0, "12", [2.5], [-1], None])
def test_steps_to_look_at_are_several(wrong):
    with pytest.raises(ValueError, match=r"^watch_at="):
        train(tiny_dcgan(), watch=len, watch_at=wrong)
    if wrong is not None:
        with pytest.raises(ValueError, match=r"^validate_at="):
            train(tiny_dcgan(), validate=IMAGES, validate_at=wrong)


def test_steps_may_be_given_once_or_by_numpy():
    def looked(steps):
        return list(train(tiny_dcgan(), watch=lambda m: 1, watch_at=steps).watched)

    once = (step for step in (3, 7))  # asked for a step, it would be used up
    assert looked(once) == looked(np.array([3, 7])) == looked(range(3, 8, 4)) == [3, 7]


def test_numbers_of_numpy_that_were_watched_can_be_read_again(tmp_path):
    def look(model):
        return {"mean": np.float64(0.5), "counts": [np.int64(3)], "fine": np.True_}

    kept = {"checkpoint": tmp_path / "c", "cooldown": 0, "watch": look, "watch_at": [1]}
    train(tiny_dcgan(), steps=5, **kept)
    found = train(tiny_dcgan(), steps=6, **kept).watched[1]
    assert found == {"mean": 0.5, "counts": [3], "fine": True}
    assert type(found["mean"]) is float


def test_a_checkpoint_refuses_what_it_could_not_read_again(tmp_path):
    Pair = namedtuple("Pair", "a b")
    told = {"checkpoint": tmp_path / "c", "watch_at": [1]}
    for result in (Pair(1, 2), Counts("ab"), np.ones(2)):
        with pytest.raises(ValueError, match="a checkpoint keeps"):
            train(tiny_dcgan(), watch=lambda m, r=result: r, **told)
