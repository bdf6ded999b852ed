"""Inspection: figures against closed forms, detectors, bad input."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import label
from sklearn.metrics import roc_auc_score, roc_curve

import aigc_lib as aigc
from aigc_lib.data.made.textures import DEFECTS, KINDS, MATERIALS, make, paste_defects
from aigc_lib.data.readers.surfaces import place_of
from aigc_lib.data.samples import Images
from aigc_lib.data.store import find
from aigc_lib.data.surfaces import folds, grey, surfaces
from aigc_lib.metrics.inspection import aupro, false_alarms, image_auroc
from aigc_lib.models import DCGAN, VAE, FlowMatching
from aigc_lib.models import inspection as detect
from aigc_lib.models.gan.inspection import GANEncoder, distances, search

# ---- figures -------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=20))
def test_auroc_counts_pairs(drawn):
    scores, defect = (np.array(part) for part in zip(*drawn, strict=True))
    if defect.all() or not defect.any():
        with pytest.raises(ValueError, match="with a defect and without"):
            image_auroc(scores, defect)
        return
    a, b = scores[defect][:, None], scores[~defect][None]
    assert image_auroc(scores, defect) == pytest.approx(
        ((a > b) + 0.5 * (a == b)).mean()
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.9, 0.95, 1.0]))
def test_false_alarms_are_read_off_the_curve(seed, recall):
    """Oracle: scikit-learn's curve with every point kept."""
    generator = np.random.default_rng(seed)
    scores, defect = generator.integers(0, 30, 60), generator.random(60) < 0.4
    defect[:2] = True, False
    alarms, found, _ = roc_curve(defect, scores, drop_intermediate=False)
    wanted = alarms[found >= recall - 1e-9].min()
    assert false_alarms(scores, defect, recall=recall) == pytest.approx(wanted)


def by_thresholds(maps, masks, limit):
    """The definition, one threshold after the other."""
    points = [(0.0, 0.0)]
    for threshold in np.unique(maps)[::-1]:
        marked = maps >= threshold
        overlaps = []
        for one, mask in zip(marked, masks, strict=True):
            names, count = label(mask, np.ones((3, 3)))
            overlaps += [one[names == k].mean() for k in range(1, count + 1)]
        points.append((marked[~masks].mean(), np.mean(overlaps)))
    x, y = np.array(points).T
    fine = np.linspace(0, limit, 20_001)
    return np.trapezoid(np.interp(fine, x, y), fine) / limit


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.3, 1.0]))
@example(822, 0.1)  # a jump exactly at the limit
def test_aupro_is_what_its_definition_says(seed, limit):
    generator = np.random.default_rng(seed)
    masks = generator.random((3, 6, 6)) < 0.2
    masks[0, 0, 0], masks[1, 0, 0] = True, False
    maps = generator.integers(0, 40, masks.shape) + 8 * masks
    assert aupro(maps, masks, limit=limit) == pytest.approx(
        by_thresholds(maps, masks, limit), abs=2e-3
    )


def test_aupro_of_one_defect_is_the_auroc_of_its_pixels():
    generator = np.random.default_rng(0)
    masks = np.zeros((1, 20, 20), bool)
    masks[0, 5:9, 5:12] = True
    maps = generator.normal(size=masks.shape) + masks
    oracle = roc_auc_score(masks.ravel(), maps.ravel())
    assert aupro(maps, masks, limit=1.0) == pytest.approx(oracle)


def test_aupro_at_its_ends_and_small_defects_count_as_much():
    masks = np.zeros((2, 10, 10), bool)
    masks[0, :5, :5] = True
    masks[1, 9, 9] = True
    assert aupro(masks * 1.0, masks) == 1
    assert aupro(np.zeros(masks.shape), masks) == pytest.approx(0.15)  # the diagonal
    only_small = np.zeros(masks.shape)
    only_small[1, 9, 9] = 1
    # one of two is found at once; the rest comes with all other pixels
    assert aupro(only_small, masks) == pytest.approx(0.5 + 0.5 * 0.15)


def test_what_does_not_fit_is_refused():
    maps, masks = np.zeros((2, 8, 8)), np.zeros((2, 8, 8), bool)
    masks[0, 0, 0] = True
    with pytest.raises(ValueError, match=r"give .N, H, W. and a bool"):
        aupro(maps, masks[:, :4])
    with pytest.raises(ValueError, match="bool"):
        aupro(maps, masks.astype(np.uint8))
    with pytest.raises(ValueError, match="marks 0 defects"):
        aupro(maps, np.zeros_like(masks))
    with pytest.raises(ValueError, match="limit=0"):
        aupro(maps, masks, limit=0)
    with pytest.raises(ValueError, match="NaN"):
        image_auroc([0.0, np.nan], np.array([True, False]))
    with pytest.raises(ValueError, match="bool"):
        false_alarms([0.0, 1.0], [0, 1])


# ---- data ----------------------------------------------------------------------------


@pytest.mark.parametrize("material", MATERIALS)
def test_a_defect_is_where_its_mask_says(material):
    """The same picture without the defect differs inside the mask, and only there."""
    for kind, spoil in DEFECTS.items():
        generator = np.random.default_rng(1)
        large = MATERIALS[material](64, generator)
        x = large[:32, :32]
        spoilt, mask = spoil(x.copy(), large, generator)
        change = np.abs(spoilt - x)
        assert 0 < mask.mean() < 1, kind
        assert change[mask].mean() > 0.02, kind
        if kind != "stain":  # a stain has no edge
            assert change[~mask].max() == 0, kind
        else:
            assert change[mask].min() > change[~mask].max() - 0.01


def test_textures_are_drawn_by_their_seed():
    a, b = (make(8, defects=0.5, seed=3) for _ in range(2))
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    assert not torch.equal(a.x, make(8, defects=0.5, seed=4).x)
    assert a.x.shape == (8, 1, 32, 32)
    assert a.x.dtype == torch.uint8
    assert sorted(a.y.tolist()) == [0, 0, 0, 0, 1, 2, 3, 4]
    assert torch.equal(a.masks.flatten(1).any(1), a.y > 0)
    assert len(KINDS) == 5
    data = aigc.data.load("textures", split="test")
    assert data.x.shape == (300, 1, 32, 32)
    assert data.y.float().mean() == 0.5
    assert not aigc.data.load("textures").y.any()
    with pytest.raises(ValueError, match="material='glass'"):
        make(2, material="glass", seed=0)
    with pytest.raises(ValueError, match="defects=2"):
        make(2, defects=2, seed=0)


def test_pasted_defects_change_only_what_they_mark():
    x = make(12, seed=0).x
    spoilt, masks = paste_defects(x, seed=1)
    changed = (spoilt != x)[:, 0]
    assert not (changed & ~masks).any()
    share = masks.float().mean((1, 2))
    assert share.min() > 0.003
    assert share.max() < 0.3
    assert changed.float().mean() > 0.5 * share.mean()
    with pytest.raises(ValueError, match="N >= 2"):
        paste_defects(x[:1], seed=0)
    with pytest.raises(ValueError, match="uint8"):
        paste_defects(x.float(), seed=0)


def test_grey_is_the_weighted_mean():
    x = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    x[:, 1] = 200
    assert grey(x, 4).unique().tolist() == [round(0.587 * 200)]
    x[:, 1, :2] = 0
    assert grey(x, 4)[0, 0, :, 0].tolist() == [0, 0, 117, 117]
    for bad in (x.float(), x[:, :2], x.to(torch.int16), x[0]):
        with pytest.raises(ValueError, match="8 bits"):
            grey(bad, 4)
    with pytest.raises(ValueError, match="size=8"):
        grey(x, 8)


def test_all_pictures_of_a_place_are_on_one_side():
    place = np.array(list("aabbccddee"))
    groups = folds(place, 3)
    assert np.sum(groups, 0).tolist() == [1] * 10
    for group in groups:
        assert not set(place[group]) & set(place[~group])
    with pytest.raises(ValueError, match="2 to 5"):
        folds(place, 6)


def test_a_place_is_in_the_name():
    assert place_of("01_200907232354_560000_000_crop_1.jpg") == "560000_000"
    with pytest.raises(ValueError, match="expected a name"):
        place_of("picture.jpg")


@pytest.mark.skipif(find("bsdata") is None, reason="bsdata is not here")
def test_patches_are_divided_by_place():
    data = surfaces()
    assert data.x.shape == (1_657, 1, 32, 32)
    assert data.defect.sum() == 357
    assert len(np.unique(data.place)) == 14
    parts = {s: aigc.data.load("bsdata", split=s) for s in ("train", "test")}
    n = len(parts["train"])
    assert not set(data.place[:n]) & set(data.place[n:])
    assert (data.defect[n:] == parts["test"].y.numpy().astype(bool)).all()


# ---- detectors -----------------------------------------------------------------------

normals = make(60, seed=5).x
judged = make(40, defects=0.5, seed=6)


def test_principal_components_rebuild_what_they_span():
    """A picture that is a mean of normals comes back; one with a defect does not."""
    pca = detect.PixelPCA(normals, 0.9)
    assert pca.pca.explained_variance_ratio_.sum() >= 0.9
    flat = detect.as_floats(normals).flatten(1)
    mean = ((flat.mean(0).view(1, 1, 32, 32) + 1) * 127.5).round().to(torch.uint8)
    assert pca.maps(mean).max() < 0.01
    hurt = mean.clone()
    hurt[:, :, 10:14, 10:14] = 0
    maps = pca.maps(hurt)[0]
    assert maps[10:14, 10:14].min() > 3 * np.delete(maps.ravel(), 0).mean()


def test_the_memory_knows_its_own_patches():
    memory = detect.PatchMemory(normals[:2], size=20_000)
    assert len(memory.memory) == 2 * 16 * 16
    assert memory.maps(normals[:2]).max() < 1e-2  # cdist rounds
    maps = detect.PatchMemory(normals, size=300).maps(judged.x)
    assert maps.shape == (40, 32, 32)
    scores = detect.picture_scores(detect.smoothed(maps))
    assert image_auroc(scores, (judged.y > 0).numpy()) > 0.8


@pytest.mark.parametrize("name", detect.DESCRIPTORS)
def test_a_descriptor_does_not_see_the_light(name):
    """Twice as bright and contrasty a picture is described alike; another is not."""
    describe = detect.DESCRIPTORS[name]
    x = detect.as_floats(normals[:1]) * 0.4
    found = describe(x)
    assert found.shape[2:] == (16, 16)
    apart = (describe(detect.as_floats(normals[1:2]) * 0.4) - found).abs().mean()
    assert (describe(1.5 * x + 0.1) - found).abs().mean() < 0.15 * apart
    with pytest.raises(ValueError, match="descriptor='edges'"):
        detect.PatchMemory(normals, descriptor="edges")


def test_a_marker_learns_from_pasted_defects_to_find_others():
    aigc.start(seed=0)
    learned = make(100, seed=8).x
    pasted, masks = paste_defects(learned, seed=0)
    marker = detect.DefectMarker(width=16)
    clean = torch.zeros(100, 32, 32, dtype=torch.bool)
    data = Images(torch.cat([learned, pasted]), torch.cat([clean, masks]))

    def found():
        scores = detect.picture_scores(marker.maps(judged.x))
        return image_auroc(scores, (judged.y > 0).numpy())

    aigc.fit(marker, data, steps=60)
    assert found() > 0.65
    assert aupro(marker.maps(judged.x), judged.masks.numpy()) > 0.4  # chance is 0.15
    with pytest.raises(ValueError, match="has learned"):
        marker.maps(make(2, size=40, seed=0).x)
    with pytest.raises(ValueError, match="weight=0"):
        detect.DefectMarker(weight=0)


def test_spread_out_takes_the_farthest():
    """On a line from 0 to 10: the ends, then the middle, whatever it starts with."""
    rows = torch.tensor([[0.0], [0.1], [0.2], [5.0], [9.9], [10.0]])
    for seed in range(5):
        chosen = set(detect.spread_out(rows, 3, seed=seed).tolist())
        assert chosen & {0, 1, 2}
        assert 3 in chosen
        assert chosen & {4, 5}
    assert len(set(detect.spread_out(rows, 6).tolist())) == 6
    with pytest.raises(ValueError, match="n=7"):
        detect.spread_out(rows, 7)


def test_scores_of_pictures_are_the_highest_pixels():
    maps = np.zeros((2, 10, 10))
    maps[0, 0, :2] = 4, 2
    assert detect.picture_scores(maps, 0.02).tolist() == [3, 0]
    assert detect.picture_scores(maps, 1.0)[0] == pytest.approx(0.06)
    assert detect.smoothed(maps).sum() < maps.sum() + 1e-9
    with pytest.raises(ValueError, match="share=0"):
        detect.picture_scores(maps, 0)


class Twin(torch.nn.Module):
    """A flow that leads every point straight to a given picture."""

    def __init__(self, x):
        super().__init__()
        self.x = torch.nn.Parameter(x)

    def forward(self, x, t, labels=None):
        return (self.x - x) / (1 - t.view(-1, 1, 1, 1)).clamp_min(1e-3)


def test_a_flow_rebuilds_what_it_has_learned_and_no_defect():
    good = detect.as_floats(normals[:1])
    flow = FlowMatching(image_size=32, net=Twin(good))
    bad = good.clone()
    bad[:, :, 8:12, 8:12] = -1
    rebuilt = detect.rebuilt_by_flow(flow, bad, start=0.4, draws=2)
    # the last of four midpoint steps ends where the velocity was taken half way
    assert (rebuilt - good).abs().max() < 0.5 * (bad - good).abs().max()
    maps = detect.difference(bad, rebuilt)[0]
    assert maps[8:12, 8:12].mean() > 5 * maps[20:].mean()
    with pytest.raises(ValueError, match="start=1"):
        detect.rebuilt_by_flow(flow, bad, start=1.0)


def test_a_vae_rebuilds_with_its_mean_code():
    aigc.start(seed=0)
    vae = VAE(image_size=32, latent_dim=4, hidden=32)
    x = detect.as_floats(normals[:3])
    rebuilt = detect.rebuilt_by_vae(vae, x)
    assert rebuilt.shape == x.shape
    assert torch.equal(rebuilt, detect.rebuilt_by_vae(vae, x))  # nothing is drawn


@pytest.mark.parametrize("kind", [detect.PixelPCA, detect.PatchMemory])
def test_detectors_refuse_what_they_have_not_learned(kind):
    with pytest.raises(ValueError, match=r"N >= 1|2 or more"):
        kind(normals[:0])
    with pytest.raises(ValueError, match="uint8"):
        kind(normals.float())
    found = kind(normals[:8])
    with pytest.raises(ValueError, match="has learned"):
        found.maps(make(2, size=40, seed=0).x)
    with pytest.raises(ValueError, match="has learned"):
        found.maps(normals[:2].repeat(1, 3, 1, 1))
    with pytest.raises(ValueError, match="uint8"):
        found.maps(normals[:2].to(torch.int16))


# ---- AnoGAN --------------------------------------------------------------------------


class Line(torch.nn.Module):
    """Draws z: G(z) = tanh(z) in every pixel of one of four quarters."""

    def forward(self, z):
        quarters = z.tanh().view(-1, 1, 2, 2)
        return quarters.repeat_interleave(4, 2).repeat_interleave(4, 3)


def gan():
    aigc.start(seed=0)
    model = DCGAN(image_size=8, latent_dim=4, width=4)
    model.generator = Line()
    return model


def test_the_search_finds_the_nearest_picture():
    """What G can draw is found; a dot that it cannot draw is what remains."""
    model = gan()
    z = torch.tensor([[0.5, -0.3, 0.2, -0.8]])
    x = Line()(z)
    found = search(model, x, steps=300, weight=0.0)
    assert (found.pictures - x).abs().max() < 0.05
    hurt = x.clone()
    hurt[0, 0, 0, 0] = -1.0  # one pixel of sixteen: the median stays
    found = search(model, hurt, steps=300, weight=0.0)
    assert found.residual.item() == pytest.approx(
        (hurt - x).abs().sum().item(), abs=0.3
    )
    more = search(model, hurt, steps=5, weight=0.0, z=found.z)
    assert more.residual <= found.residual + 1e-4
    assert (found.scores(0.0) == found.residual.numpy()).all()
    assert found.scores(1.0) == pytest.approx(found.features.numpy())


def test_pictures_do_not_disturb_each_other():
    model = gan()
    x = Line()(torch.randn(3, 4, generator=torch.Generator().manual_seed(1)))
    z = torch.zeros(3, 4)
    both = search(model, x, steps=20, z=z)
    alone = [search(model, x[k : k + 1], steps=20, z=z[:1]) for k in range(3)]
    assert torch.allclose(both.z, torch.cat([a.z for a in alone]), atol=1e-3)


def test_the_search_changes_no_network():
    aigc.start(seed=0)
    model = DCGAN(image_size=8, latent_dim=4, width=4)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    x = torch.zeros(2, 1, 8, 8)
    search(model, x, steps=3)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.training
    residual, features = distances(model.eval(), x, x)
    assert not residual.any()
    assert not features.any()


def test_the_encoder_learns_to_guess_z():
    model = gan()
    x = Line()(torch.randn(256, 4, generator=torch.Generator().manual_seed(0)))
    encoder = GANEncoder(model, hidden=64)
    frozen = {k: v.clone() for k, v in encoder.gan.state_dict().items()}
    before = encoder.find(x).residual.mean()
    aigc.fit(encoder, x, steps=150)
    after = encoder.find(x).residual.mean()
    assert after < 0.4 * before
    new = encoder.gan.state_dict()
    assert all(torch.equal(v, new[k]) for k, v in frozen.items())


def test_what_learns_is_saved_and_loaded(tmp_path):
    judge = DCGAN(image_size=8, latent_dim=4, width=4)
    x = torch.zeros(2, 1, 8, 8)
    aigc.fit(judge, torch.zeros(8, 1, 8, 8), steps=2, batch_size=4)
    encoder = GANEncoder(judge, hidden=16)
    again = aigc.models.load(encoder.save(tmp_path / "e"))
    for one, other in zip(again.find(x), encoder.find(x), strict=True):
        assert torch.equal(one, other)
    marker = detect.DefectMarker(width=4)
    loaded = aigc.models.load(marker.save(tmp_path / "m"))
    assert (loaded.maps(normals[:2]) == marker.maps(normals[:2])).all()


def test_pictures_that_the_gan_cannot_draw_are_refused():
    model = gan()
    good = torch.zeros(2, 1, 8, 8)
    for bad, told in (
        (torch.zeros(2, 1, 16, 16), "this GAN draws"),
        (torch.zeros(2, 3, 8, 8), "this GAN draws"),
        (good[:0], "N >= 1"),
        (good.to(torch.uint8), "floats"),
        (good + 7, "floats"),
        (good * torch.nan, "floats"),
    ):
        with pytest.raises(ValueError, match=told):
            search(model, bad, steps=2)
        with pytest.raises(ValueError, match=told):
            GANEncoder(model, hidden=16).find(bad)
    with pytest.raises(ValueError, match="weight=2"):
        search(model, good, weight=2)
