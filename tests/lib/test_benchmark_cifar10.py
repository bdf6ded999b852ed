"""What CIFAR-10 says without a GPU, and what it trains with one."""

from types import SimpleNamespace

import torch

import aigc_lib as aigc
from benchmarks import cifar10


def test_without_a_gpu_nothing_is_invented(monkeypatch):
    written = {}
    monkeypatch.setattr(
        cifar10, "record", lambda name, rows, **about: written.update({name: rows})
    )
    monkeypatch.setattr(cifar10, "pick_device", lambda: torch.device("cpu"))
    cifar10.main()
    assert [row["fid"][:16] for row in written["cifar10"]] == ["not measured yet"] * 2


def test_what_is_trained_and_judged(monkeypatch):
    images = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    fit, judged = aigc.fit, []

    def one_step(model, data, *, seconds, batch_size, seed):
        return fit(model, data.x, steps=1, batch_size=4, seed=seed)

    def fid(real, fake):
        assert real is images
        judged.append(fake.shape)
        return 1.0

    monkeypatch.setattr(aigc.data, "load", lambda name: SimpleNamespace(x=images))
    monkeypatch.setattr(aigc, "fit", one_step)
    monkeypatch.setattr(cifar10, "inception_fid", fid)
    monkeypatch.setattr(cifar10, "SAMPLES", 3)
    monkeypatch.setattr(cifar10, "WIDTH", 8)
    for name in cifar10.BUILD:
        assert cifar10.measure(name, 0) == {"fid": 1.0, "steps": 1}
    assert judged == [(3, 3, 32, 32)] * 2
