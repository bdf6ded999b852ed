"""A draft from a text, and a flow that is shown it."""

import pytest
import torch

from aigc_lib import models
from aigc_lib.codecs.tokenizers import Characters
from aigc_lib.models import TextDraft, TextFlow
from aigc_lib.models.diffusion.draft import Drafted
from aigc_lib.train import fit

NAMES = ["红心", "心红", "月", "亮月"]


def flow(**options):
    torch.manual_seed(0)
    alphabet = Characters("□红心月亮")
    return TextFlow(alphabet, 8, 3, 8, text_width=16, **options)


def draft(size=8):
    torch.manual_seed(0)
    return TextDraft(Characters("□红心月亮"), size, 3, 32, 64)


def samples():
    """One picture a name, and its tokens."""
    source = torch.Generator().manual_seed(0)
    x = torch.rand(4, 3, 8, 8, generator=source) * 2 - 1
    return x, flow().read(NAMES)


def test_a_draft_learns_pictures_by_heart_and_minds_the_order():
    x, tokens = samples()
    model = draft()
    fit(model, (x, tokens), steps=300, batch_size=4, ema=0.9)
    with model.for_sampling("net") as net:
        assert (net(tokens) - x).square().mean() < 0.01 * x.var()


def test_where_one_text_means_two_pictures_the_draft_is_their_mean():
    x, tokens = samples()
    tokens = tokens[:1].expand(4, -1)
    model = draft()
    fit(model, (x, tokens), steps=300, batch_size=4, ema=0.9)
    with model.for_sampling("net") as net:
        assert torch.allclose(net(tokens[:1]), x.mean(0), atol=0.05)


def test_no_text_is_an_empty_draft_and_empty_places_do_not_matter():
    model, tokens = draft(), samples()[1]
    assert not model(torch.full((2, 5), -1)).any()
    longer = torch.cat([tokens, torch.full((4, 7), -1)], 1)
    assert torch.allclose(model(tokens), model(longer), atol=1e-6)


def livened(model):
    """Give what begins as 0 some weights."""
    with torch.no_grad():
        for weights in model.net.parameters():
            if weights.dim() > 1 and not weights.any():
                weights.normal_(0, 0.05)
    return model


def test_a_flow_that_is_shown_a_draft_begins_as_it_was():
    first = livened(flow())
    second = first.drafted(draft(), early=1.0)
    assert second.early == 1.0
    x = [m.sample(2, seed=0, labels="红心", guidance=2.0) for m in (first, second)]
    assert torch.allclose(*x, atol=1e-5)
    with pytest.raises(ValueError, match="has one already"):
        second.drafted(draft())


def test_the_flow_learns_what_to_make_of_the_draft_which_stays(tmp_path):
    x, tokens = samples()
    sketch = draft()
    fit(sketch, (x, tokens), steps=300, batch_size=4, ema=0.9)
    model = livened(flow()).drafted(sketch, early=1.0)
    before = [p.clone() for p in model.net.draft.parameters()]
    fit(model, (x, tokens), steps=150, batch_size=4, ema=0.9)
    after = list(model.net.draft.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert model.net.unet.enter.weight[:, 12:].any()  # it looks at the draft
    drawn = model.sample(4, seed=1, labels=NAMES, steps=20)
    apart = torch.cdist(drawn.flatten(1), x.flatten(1))
    assert apart.argmin(1).tolist() == [0, 1, 2, 3]
    again = models.load(model.save(tmp_path / "flow.safetensors"))
    assert torch.equal(again.sample(4, seed=1, labels=NAMES, steps=20), drawn)


def test_the_matrices_of_the_net_are_still_trained_as_such():
    plain, shown = flow(), flow().drafted(draft())
    assert isinstance(shown.net, Drafted)
    count = [
        len(m.optimizers()["net"].param_groups[0]["params"]) for m in (plain, shown)
    ]
    assert count[0] == count[1] > 0


def test_early_times_are_nearer_to_noise():
    torch.manual_seed(0)
    usual, early = (
        flow(early=e).learned_times(4_000, torch.device("cpu")) for e in (0.0, 1.0)
    )
    assert usual.median() == pytest.approx(0.5, abs=0.03)
    assert early.median() == pytest.approx(1 / (1 + torch.e), abs=0.03)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: flow(draft=draft(16)), "draft of"),
        (lambda: flow(early=float("nan")), "early"),
        (lambda: TextDraft(Characters("□月"), width=0), "width"),
        (lambda: TextDraft(Characters("□月"), learning_rate=0), "learning_rate"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        wrong()
