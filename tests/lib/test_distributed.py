"""Two processes compute the gradient of the joined batch, for both networks.

Also where layers have buffers that shape the gradient, as spectral normalisation has.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from test_train_data import KINDS, Classifier, kinds

from aigc_lib.models import MLPGAN

POINTS = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
BATCH = 8


class Plain(MLPGAN):
    """Gradient descent with step 1: the change of a weight is its gradient."""

    def optimizers(self):
        return {
            name: torch.optim.SGD(getattr(self, name).parameters(), lr=1.0)
            for name in ("generator", "discriminator")
        }


def model():
    torch.manual_seed(0)
    return Plain(hidden=8, spectral_norm=True)


WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import torch, aigc_lib as aigc
from accelerate import Accelerator
from test_distributed import BATCH, POINTS, model
from test_train_data import KINDS, kinds
state = Accelerator()
assert state.num_processes == 2
rank, folder = state.process_index, Path(sys.argv[1])
m = model()
with torch.no_grad():
    m.generator[0].weight.mul_(1 + rank)  # fit must undo this,
    for buffer in m.buffers():
        buffer.copy_(buffer.roll(rank))  # and this
aigc.fit(m, POINTS, steps=1, batch_size=BATCH, seed=5)
torch.save(m.state_dict(), folder / f"{rank}.pt")
(folder / str(rank)).mkdir()
for kind in KINDS:
    make, data = kinds(folder / str(rank))[kind]
    torch.manual_seed(rank)
    m = make()
    aigc.fit(m, data, steps=4, batch_size=20)
    torch.save(m.state_dict(), folder / f"{kind}-{rank}.pt")
make, data = kinds(folder / str(rank))["classes"]
few = tuple(part[:10] for part in data)  # less than a batch for each process
m = make()
history = aigc.fit(m, data, steps=4, batch_size=20, validate=few, keep_best=True)
kept = {"losses": history.validation["loss"], "best": history.best_step}
torch.save(kept | {"weights": m.state_dict()}, folder / f"best-{rank}.pt")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder in which two processes left their weights."""
    folder = tmp_path_factory.mktemp("distributed")
    script = folder / "worker.py"
    script.write_text(WORKER)
    # `accelerate launch --cpu` starts several processes only through MPI.
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    launch += [script, folder, os.path.dirname(__file__)]
    env = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(launch, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def noise_of(rank):
    words = np.random.SeedSequence([5, 0, rank]).generate_state(1)
    return torch.randn(BATCH, 2, generator=torch.Generator().manual_seed(int(words[0])))


def test_two_processes_equal_one_with_the_joined_batch(trained):
    one = model()
    one.prior = lambda n: torch.cat([noise_of(0), noise_of(1)])
    optimizers = one.optimizers()

    def update(name, loss):
        optimizers[name].zero_grad()
        loss.backward(inputs=list(getattr(one, name).parameters()))
        optimizers[name].step()

    order = np.random.default_rng([5, 0]).permutation(len(POINTS))
    one.training_step(POINTS[order[: 2 * BATCH]], update)

    for rank in (0, 1):
        theirs = torch.load(trained / f"{rank}.pt", weights_only=True)
        for name, value in one.named_parameters():
            torch.testing.assert_close(theirs[name], value.detach(), msg=name)


def test_two_processes_agree_on_every_kind_of_batch(trained):
    for kind in KINDS:
        first, second = (
            torch.load(trained / f"{kind}-{rank}.pt", weights_only=True)
            for rank in (0, 1)
        )
        for name, value in first.items():
            assert torch.equal(second[name], value), f"{kind}: {name}"


def test_two_processes_keep_the_same_best_weights(trained, tmp_path):
    first, second = (
        torch.load(trained / f"best-{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    assert first["losses"] == second["losses"]
    assert first["best"] == second["best"]
    model = Classifier(4, 3)
    model.start_averaging()
    model.load_state_dict(first["weights"])
    _, (x, y) = kinds(tmp_path)["classes"]
    loss = torch.nn.functional.cross_entropy(model.averages["layer"](x[:10]), y[:10])
    assert first["losses"][first["best"]] == pytest.approx(loss.item())
