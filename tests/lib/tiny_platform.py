"""An image platform whose models were hardly trained: they draw, and that is enough."""

import contextlib
import io
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import torch
from PIL import Image

from aigc_lib import models
from aigc_lib.apps.image_platform import trainer
from aigc_lib.apps.image_platform.platform import Platform
from aigc_lib.apps.image_platform.trainer import add_file

CLASSES = ["红", "绿", "<b>蓝</b>"]
WORK = {"quick": 4, "long": 1, "slow": 1}
WIDTHS = 8, 16


def tiny_model(path, kind="flow"):
    """Write the file of an untrained model of pictures of 32 x 32 and three classes."""
    torch.manual_seed(0)
    if kind == "flow":
        model = models.FlowMatching(32, 3, 8, net="dit", classes=3)
        with torch.no_grad():  # an untrained DiT says 0, whatever it is asked
            for weights in model.parameters():
                weights.add_(0.05 * torch.randn(weights.shape))
    else:
        model = models.ConditionalGAN(32, 3, classes=3, latent_dim=8, width=4)
    model.save(path)
    return path


@contextlib.contextmanager
def platform_at(folder, url=None, blobs=None, work=WORK):
    """A platform in this process, with a flow (number 1) and a GAN (number 2).

    What it trains on pictures of one's own is narrow, and judged by few drawings.
    """
    folder.mkdir(exist_ok=True, parents=True)
    platform = Platform(
        url or f"sqlite:///{folder / 'platform.sqlite'}",
        blobs or (folder / "blobs").as_uri(),
        folder,
    )
    for kind in ("flow", "gan"):
        file = tiny_model(folder / f"{kind}.safetensors", kind)
        add_file(platform.store, file, f"小模型 {kind}", CLASSES)
    # DBOS does not start in a thread with an event loop: tests with a browser have one
    with ThreadPoolExecutor(1) as other:
        other.submit(platform.start, work).result()
    try:
        with patch.multiple(trainer, WIDTHS=WIDTHS, JUDGED=8):
            yield platform
    finally:
        platform.close()


def finished(client, answer):
    """Wait for the job that an answer names; returns what the service tells of it."""
    assert answer.status_code == 202, answer.text
    until = time.monotonic() + 300
    while time.monotonic() < until:
        job = client.get(answer.json()["url"]).json()
        if job["state"] not in ("waiting", "running"):
            return job
        time.sleep(0.05)
    raise TimeoutError(json.dumps(job))


def aged(platform, names):
    """Let blobs in a folder be old, as if nobody had put them for years."""
    for name in names:
        os.utime(Path(platform.store.blobs.folder, name[:2], name[2:]), (0, 0))


def png(size=(40, 30), colour=(200, 30, 40), mode="RGB", form="PNG", **options):
    """The bytes of a picture of one colour."""
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, form, **options)
    return out.getvalue()
