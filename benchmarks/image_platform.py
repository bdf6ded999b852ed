"""How the image platform bears load.

``load``: 1, 4 and 16 clients ask for pictures of the house's small models, for a minute
each and the last for five; p50 and p95 of a request, the memory of the server.
``batching``: 32 requests of one picture, one after another and as they wait together;
and the model alone, a picture at a time, not filled up to a batch. ``QUICK=1`` is a
quick try.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import torch

from aigc_lib import models
from aigc_lib.apps.image_platform.load import load
from aigc_lib.apps.image_platform.store import Store
from aigc_lib.apps.image_platform.studio import Studio
from aigc_lib.apps.image_platform.trainer import CLOTHES, add_file
from aigc_lib.data import load as load_data
from aigc_lib.train import fit
from benchmarks.platform_runs import site
from benchmarks.record import kept, record

NAME = "image_platform"
QUICK = bool(os.environ.get("QUICK"))
SECONDS = {1: 60.0, 4: 60.0, 16: 300.0}
TRAINED = Path("_build") / "bench" / NAME
STEPS = {"gan": 600, "flow": 500}  # as the house trains them on the spot


def small(kind: str) -> Path:
    """Train a small model as the platform does at its first start, once."""
    path = TRAINED / f"{kind}.safetensors"
    if not path.exists():
        data = load_data("fashion_mnist")
        torch.manual_seed(0)
        kinds = {"gan": models.ConditionalGAN, "flow": models.FlowMatching}
        model = kinds[kind](image_size=28, channels=1, classes=10)
        fit(model, data, steps=STEPS[kind])
        TRAINED.mkdir(parents=True, exist_ok=True)
        model.save(path)
    return path


def titled(*kinds: str) -> dict[str, tuple[Path, tuple[str, ...]]]:
    """Models for a platform, by title."""
    return {kind: (small(kind), CLOTHES) for kind in kinds}


def loaded(clients: int) -> dict:
    """Load a server with some clients."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        url = f"sqlite:///{place / 'platform.sqlite'}"
        blobs = (place / "blobs").as_uri()
        with site(place, url, blobs, titled("gan", "flow")) as one:
            one.serve()
            seconds = 5.0 if QUICK else SECONDS[clients]
            pid = one.server.pid
            return load(one.address, one.key, clients=clients, seconds=seconds, pid=pid)


def batching(requests: int = 32) -> dict:
    """Pictures a second, one request after another and all waiting together."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        url = f"sqlite:///{place / 'platform.sqlite'}"
        store = Store(url, (place / "blobs").as_uri())
        add_file(store, small("flow"), "flow", list(CLOTHES))
        (blob,) = store.house_models()
        studio = Studio(store)
        asked = [
            {"n": 1, "seed": seed, "labels": seed % 10, "guidance": 2.0, "steps": 20}
            for seed in range(4 if QUICK else requests)
        ]
        alone = [studio.together(blob, one) for one in asked[:2]]  # warm
        begun = time.perf_counter()
        alone = [studio.together(blob, one) for one in asked]
        first = time.perf_counter() - begun
        together = [None] * len(asked)

        def ask(i: int) -> None:
            together[i] = studio.together(blob, asked[i])

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(asked))]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        second = time.perf_counter() - begun
        model = models.load(small("flow"))
        begun = time.perf_counter()
        for one in asked:
            options = {"seed": one["seed"], "guidance": 2.0, "steps": 20}
            model.sample(1, labels=one["labels"], **options)
        bare = time.perf_counter() - begun
    same = all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    return {
        "requests": len(asked),
        "one_by_one": round(len(asked) / first, 2),
        "together": round(len(asked) / second, 2),
        "gain": round(first / second, 2),
        "unfilled": round(len(asked) / bare, 2),
        "gain_over_unfilled": round(bare / second, 2),
        "same_bits": same,
    }


def main() -> None:
    rows = []
    for n in SECONDS:
        rows.append(kept(NAME, f"load {n}", partial(loaded, n)))
        print(rows[-1], flush=True)
    record(
        NAME,
        rows,
        batching=kept(NAME, "batching", batching),
        cores=len(os.sched_getaffinity(0)),
        models="the conditional GAN and the flow that a first start trains, 28 px",
        request="1 to 4 pictures, steps 20, guidance 2; from the request to the last "
        "picture fetched",
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers end with it
    main()
