"""Edits by a flow: what they keep, what they change, what they refuse."""

import pytest
import torch

from aigc_lib.codecs.tokenizers import Characters
from aigc_lib.models import FlowMatching, LatentFlow, MapVAE, TextFlow, edits


def livened(model):
    """Give the layers that begin as 0 some weights, so that labels and noise matter."""
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.net.parameters():
            if weights.dim() > 1 and not weights.any():
                weights.copy_(0.03 * torch.randn(weights.shape, generator=source))
    return model.eval()


def pixel_flow():
    torch.manual_seed(0)
    return livened(FlowMatching(16, 3, 8, classes=4))


def latent_flow():
    torch.manual_seed(0)
    return livened(LatentFlow(MapVAE(32, 3, 4, 8), 8, classes=4))


def text_flow():
    torch.manual_seed(0)
    return livened(TextFlow(Characters("□红心月亮"), 16, 3, 8, text_width=16))


FLOWS = {
    "pixels": (pixel_flow, 2),
    "codes": (latent_flow, 2),
    "text": (text_flow, "红心"),
}


@pytest.fixture(params=FLOWS)
def flow(request):
    make, label = FLOWS[request.param]
    return make(), label


def pictures(model, n=2, seed=1):
    source = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *model.picture_shape), generator=source) / 127.5 - 1


def test_uint8_comes_back_exactly():
    u = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(edits.to_uint8(u.float() / 127.5 - 1), u)


def test_painting_leaves_what_is_known_bit_for_bit(flow):
    model, label = flow
    x = pictures(model)
    known = torch.ones(x.shape[-2:], dtype=torch.bool)
    known[3:9, 2:11] = False
    found = edits.paint(model, x, known, label, seed=0, guidance=2.0, steps=3)
    assert torch.equal(found[..., known], x[..., known])
    assert not torch.equal(found[..., ~known], x[..., ~known])
    assert torch.equal(
        found, edits.paint(model, x, known, label, seed=0, guidance=2.0, steps=3)
    )


def test_the_way_back_leads_to_the_noise_that_leads_here():
    model = pixel_flow()
    noise = model.noise(3, 0)
    x = edits.drawn_from(model, noise, 1, steps=40)
    inside = x.abs().flatten(1).max(1).values < 1  # nothing was cut off
    again = edits.drawn_from(model, edits.noise_of(model, x, 1, steps=40), 1, steps=40)
    error = (again - x).abs().flatten(1).max(1).values
    assert (error[inside] < 2e-2).all()


def test_the_flow_of_a_known_field_is_followed_exactly():
    """v = a x: e^a times as long after one unit of time, and back."""

    class Growing(torch.nn.Module):
        def forward(self, x, t, labels=None):
            return 0.5 * x

    model = FlowMatching(sample_shape=(4,), net=Growing())
    model.register_parameter("unused", torch.nn.Parameter(torch.zeros(1)))
    x = torch.randn(5, 4)
    there = model.follow(x, 0.0, 1.0, steps=50)
    assert torch.allclose(there, x * torch.tensor(0.5).exp(), rtol=1e-4)
    assert torch.allclose(model.follow(there, 1.0, 0.0, steps=50), x, rtol=1e-4)
    half = model.follow(x, 0.25, 0.75, steps=50)
    assert torch.allclose(half, x * torch.tensor(0.25).exp(), rtol=1e-4)


def test_variations_are_nearer_the_less_noise_they_get(flow):
    model, label = flow
    x = model.sample(1, seed=3, labels=label, steps=4)
    options = {"labels": label, "seed": 0, "steps": 10}
    near, far = (
        (edits.vary(model, x, strength, 4, **options) - x).abs().mean()
        for strength in (0.1, 1.0)
    )
    assert near < far


def test_all_the_strength_is_a_new_picture():
    model = pixel_flow()
    x = pictures(model, 1)
    other = pictures(model, 1, seed=9)
    first, second = (
        edits.vary(model, each, 1.0, 2, 1, seed=4, steps=4) for each in (x, other)
    )
    assert torch.allclose(first, second)


def test_a_walk_begins_and_ends_at_its_ends(flow):
    model, label = flow
    a, b = pictures(model, 2).split(1)
    found = edits.walk(model, a, b, 5, (label, label), steps=3)
    assert found.shape == (5, *model.picture_shape)
    assert torch.equal(found[0], a[0])
    assert torch.equal(found[-1], b[0])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_between_goes_at_a_constant_angle(share):
    a, b = torch.randn(2, 1, 600, generator=torch.Generator().manual_seed(0))
    found = edits.between(a, b, share)
    cosine = torch.nn.functional.cosine_similarity
    whole, part = cosine(a, b).arccos(), cosine(a, found).clamp(-1, 1).arccos()
    assert part.item() == pytest.approx(share * whole.item(), abs=2e-3)


def test_between_parallels_there_is_a_straight_line():
    a = torch.randn(1, 3, 4, 4)
    assert torch.allclose(edits.between(a, 2 * a, 0.5), 1.5 * a)


def test_to_change_a_class_into_itself_changes_little():
    model = pixel_flow()
    x = edits.drawn_from(model, model.noise(2, 0), 1, steps=40)
    same = edits.change_class(model, x, 1, 1, 0.6, guidance=1.0, steps=40)
    other = edits.change_class(model, x, 1, 3, 0.6, guidance=1.0, steps=40)
    assert (same - x).abs().mean() < (other - x).abs().mean()


def test_to_move_by_nothing_leads_back_and_else_away(flow):
    model, label = flow
    x = model.sample(2, seed=0, labels=label, steps=20)
    way = edits.direction(model, x[:1], x[1:], (label, label), steps=5)
    assert way.shape == (1, *model.sample_shape)
    still = edits.move(model, x, way, 0.0, label, steps=5)
    noise = edits.noise_of(model, x, label, steps=5)
    straight = edits.drawn_from(model, noise, label, steps=5)
    assert torch.allclose(still, straight, atol=1e-4)
    moved = edits.move(model, x, way, 1.0, label, steps=5)
    assert (moved - straight).abs().mean() > 20 * (still - straight).abs().mean()


def test_requests_get_the_same_bits_alone_and_in_company(flow):
    model, label = flow
    first = {"n": 3, "seed": 1, "labels": label, "guidance": 2.0, "steps": 3}
    second = {"n": edits.CHUNK + 2, "seed": 2, "guidance": 2.0, "steps": 3}
    third = {"n": 1, "seed": 3, "labels": label, "steps": 2}
    alone = [edits.sample_together(model, [each])[0] for each in (first, second, third)]
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        requests = [(first, second, third)[k] for k in order]
        found = edits.sample_together(model, requests)
        for k, x in zip(order, found, strict=True):
            assert torch.equal(x, alone[k])


def test_together_is_what_sample_draws():
    model = pixel_flow()
    options = {"seed": 5, "labels": 2, "guidance": 2.0, "steps": 4}
    (found,) = edits.sample_together(model, [{"n": 3, **options}])
    assert torch.allclose(found, model.sample(3, **options), atol=1e-4)


def test_a_file_brings_a_latent_flow_back(tmp_path):
    model = latent_flow()
    model.prepare(pictures(model, 6))
    path = model.save(tmp_path / "flow.safetensors")
    from aigc_lib import models

    again = models.load(path)
    assert torch.equal(model.sample(2, seed=0), again.sample(2, seed=0))


def test_prepared_codes_have_one_spread():
    model = latent_flow()
    codes = model.prepare(pictures(model, 8))
    assert torch.allclose(codes.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(codes.std((0, 2, 3)), torch.ones(4), atol=1e-4)
    x = pictures(model, 2)
    straight = model.autoencoder.decode(model.autoencoder.encode(x))
    assert torch.allclose(model.pictured(model.coded(x)), straight, atol=1e-5)


def test_unknown_characters_are_read_and_no_text_is_refused():
    model = text_flow()
    tokens = model.read(["红狗", "心"])
    assert tokens[0, :3].tolist() == [1, 0, -1]
    assert tokens[1, 0] == 2
    with pytest.raises(ValueError, match="say what to draw"):
        model.read([" "])
    with pytest.raises(ValueError, match="tokenizer"):
        TextFlow(Characters("红心"))


def test_a_text_is_cut_at_what_the_model_reads():
    model = text_flow()
    assert model.read("红心" * 40).shape == (1, model.context)


def test_the_order_of_words_matters():
    model = text_flow()
    a, b = model.net.condition.read(torch.zeros(2), model.read(["红心月", "月心红"]))
    assert not torch.allclose(a, b)


def test_texts_in_training_are_dropped_one_by_one():
    model = text_flow()
    torch.manual_seed(0)
    _x, tokens = model.parts((torch.zeros(400, 3, 16, 16), model.read(["红心"] * 400)))
    dropped = (tokens < 0).all(1)
    assert 10 < dropped.sum() < 80
    assert (tokens[~dropped, :2] > 0).all()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda m, x: edits.vary(m, x, 0.0), "strength"),
        (lambda m, x: edits.vary(m, x[:0], 0.5), "one picture"),
        (lambda m, x: edits.vary(m, x, 0.5, 0), "n=0"),
        (lambda m, x: edits.walk(m, x, x, 1), "n=1"),
        (lambda m, x: edits.change_class(m, x, 0, 9), "choose numbers"),
        (lambda m, x: edits.change_class(m, x, 0, 1, 1.5), "strength"),
        (lambda m, x: edits.move(m, x, x, float("nan")), "amount"),
        (lambda m, x: edits.direction(m, x[:0], x), "plus"),
        (lambda m, x: edits.paint(m, x, torch.ones(2), 1), "boolean"),
        (lambda m, x: edits.paint(m, 3 * x, torch.ones(16, 16) > 0, 1), r"\[-1, 1\]"),
        (lambda m, x: m.follow(x, 0.0, 2.0), "stop"),
        (lambda m, x: edits.sample_together(m, [{"n": 0}]), "n=0"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, says):
    model = pixel_flow()
    with pytest.raises(ValueError, match=says):
        wrong(model, pictures(model, 1))


def test_a_model_without_classes_takes_no_labels():
    torch.manual_seed(0)
    model = livened(FlowMatching(16, 3, 8))
    x = pictures(model, 1)
    assert edits.vary(model, x, 0.5, seed=0, steps=2).shape == x.shape
    with pytest.raises(ValueError, match="without classes"):
        edits.vary(model, x, 0.5, 1, 2, steps=2)


def test_only_flows_can_edit():
    from aigc_lib.models import DCGAN

    assert edits.can_edit(pixel_flow())
    assert edits.can_edit(latent_flow())
    assert not edits.can_edit(DCGAN())


def test_uint8_stands_for_the_same_pictures(flow):
    model, label = flow
    x = pictures(model, 1)
    u = edits.to_uint8(x)
    one = edits.vary(model, u, 0.5, 2, label, seed=0, steps=4)
    assert torch.allclose(
        one, edits.vary(model, x, 0.5, 2, label, seed=0, steps=4), atol=1e-5
    )
    ends = edits.walk(model, u, x.double(), 3, steps=2)
    assert torch.allclose(ends[0], x[0], atol=1e-5)


@pytest.mark.parametrize("wrong", [float("nan"), 255.0])
def test_no_edit_takes_what_is_no_picture(wrong):
    model = pixel_flow()
    x = pictures(model, 1)
    x[0, 0, 0, 0] = wrong
    for edit in (
        lambda: edits.noise_of(model, x, steps=2),
        lambda: edits.vary(model, x, 0.5, steps=2),
        lambda: edits.walk(model, x, x, 3, steps=2),
        lambda: edits.change_class(model, x, 0, 1, steps=2),
    ):
        with pytest.raises(ValueError, match=r"give uint8, or floating point"):
            edit()


def test_between_nothing_and_something_lies_a_straight_line():
    a, b = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert torch.equal(edits.between(a, b, 0.5), b / 2)
    assert torch.equal(edits.between(-b, b, 0.5), a)
