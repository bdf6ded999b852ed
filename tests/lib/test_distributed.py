"""Two processes compute the gradient of the joined batch, for both networks.

Also where layers have buffers that shape the gradient, as spectral normalisation has.
"""

import os
import subprocess
import sys

import numpy as np
import torch
from test_train_data import KINDS

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
sys.path.insert(0, sys.argv[2])
import torch, aigc_lib as aigc
from accelerate import Accelerator
from test_distributed import BATCH, POINTS, model
state = Accelerator()
assert state.num_processes == 2
m = model()
with torch.no_grad():
    m.generator[0].weight.mul_(1 + state.process_index)  # fit must undo this,
    for buffer in m.buffers():
        buffer.copy_(buffer.roll(state.process_index))  # and this
aigc.fit(m, POINTS, steps=1, batch_size=BATCH, seed=5)
torch.save(m.state_dict(), f"{sys.argv[1]}/{state.process_index}.pt")
"""


def launched(script, *arguments):
    """Run ``script`` in two processes."""
    # `accelerate launch --cpu` starts several processes only through MPI.
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    launch += [script, *arguments, os.path.dirname(__file__)]
    env = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    return subprocess.run(launch, env=env, capture_output=True, text=True, timeout=300)


def noise_of(rank):
    words = np.random.SeedSequence([5, 0, rank]).generate_state(1)
    return torch.randn(BATCH, 2, generator=torch.Generator().manual_seed(int(words[0])))


def test_two_processes_equal_one_with_the_joined_batch(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    done = launched(script, tmp_path)
    assert done.returncode == 0, done.stderr

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
        theirs = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, value in one.named_parameters():
            torch.testing.assert_close(theirs[name], value.detach(), msg=name)


EVERY_KIND = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import torch, aigc_lib as aigc
from accelerate import Accelerator
from test_train_data import KINDS, kinds
rank = Accelerator().process_index
folder = Path(sys.argv[1])
(folder / str(rank)).mkdir()
for kind in KINDS:
    make, data = kinds(folder / str(rank))[kind]
    torch.manual_seed(rank)
    model = make()
    aigc.fit(model, data, steps=4, batch_size=20)
    torch.save(model.state_dict(), folder / f"{kind}-{rank}.pt")
"""


def test_two_processes_agree_on_every_kind_of_batch(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(EVERY_KIND)
    done = launched(script, tmp_path)
    assert done.returncode == 0, done.stderr
    for kind in KINDS:
        first, second = (
            torch.load(tmp_path / f"{kind}-{rank}.pt", weights_only=True)
            for rank in (0, 1)
        )
        for name, value in first.items():
            assert torch.equal(second[name], value), f"{kind}: {name}"
