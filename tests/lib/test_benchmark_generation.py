"""The ways of writing that are timed write the same."""

import pytest
import torch

from aigc_lib.data import Characters
from aigc_lib.models import GPT
from benchmarks.generation import check, reread, ways


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = GPT(Characters("\nabcdefgh"), context=8, depth=2, heads=2, width=16).eval()
    for p in made.net.parameters():
        p.data.add_(0.3 * torch.randn_like(p))
    return made


def test_uncached_sees_what_the_context_holds(model):
    tokens = torch.arange(7)[None]
    written = reread(model.net, tokens, 5, 8)
    assert written.shape == (1, 12)
    for end in range(7, 12):
        likeliest = model.net(written[:, max(0, end - 8) : end])[0, -1].argmax()
        assert written[0, end] == likeliest


def test_all_ways_write_alike_and_as_much_as_they_say(model):
    check(model, model.net)
    for name, (n, call) in ways(model, model.net).items():
        result = call()
        wrote = len(result) if isinstance(result, str) else result.shape[1]
        start = {"filling": 1, "full": 8}[name.partition(",")[0]]
        assert wrote == (n if isinstance(result, str) else n + start)


def test_another_text_is_noticed(model, monkeypatch):
    monkeypatch.setattr(model, "complete", lambda *a, **k: "abc")
    with pytest.raises(AssertionError):
        check(model, model.net)
