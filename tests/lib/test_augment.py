"""Changes of data: what must stay stays, what changes does so by the stated law."""

import pytest
import torch

from aigc_lib.data import augment


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(n=64):
    return 2 * torch.rand(n, 1, 12, 12, generator=source()) - 1


def test_a_flip_mirrors_about_half():
    x = pictures(400)
    made = augment.flipped(x, source())
    mirrored = (made == x.flip(-1)).flatten(1).all(1)
    kept = (made == x).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert 150 < mirrored.sum() < 250


def test_a_shift_moves_and_brings_in_black():
    x = torch.ones(300, 2, 9, 9)
    made = augment.shifted(x, 2, source())
    blacks = (made == augment.BLACK).flatten(1).sum(1)
    assert made.shape == x.shape
    assert set(made.unique().tolist()) == {-1.0, 1.0}
    assert blacks.max() == 2 * (81 - 49)  # two steps both ways, two channels
    assert torch.equal(augment.shifted(x, 0), x)
    spot = torch.full((200, 1, 9, 9), -1.0)
    spot[..., 4, 4] = 1
    places = augment.shifted(spot, 1, source()).flatten(1).argmax(1).unique()
    assert places.tolist() == [30, 31, 32, 39, 40, 41, 48, 49, 50]


def test_a_cut_is_a_square():
    made = augment.cut_out(torch.ones(100, 1, 20, 20), 4, source())
    hidden = (made == augment.BLACK).squeeze(1)
    assert (hidden.any(1).sum(1) <= 5).all()
    assert torch.equal(hidden, hidden.any(2)[:, :, None] & hidden.any(1)[:, None, :])


def test_mixing_blends_labels_as_pictures():
    y = torch.arange(64) % 4
    x = augment.soft(y, 4)[:, None, :, None] * torch.ones(64, 1, 4, 3)
    made, labels = augment.mixed(x, augment.soft(y, 4), 1.0, source())
    assert torch.allclose(made[:, 0, :, 0], labels)
    assert torch.allclose(labels.sum(1), torch.ones(64))
    assert ((labels > 0.1) & (labels < 0.9)).any()


def test_mixing_draws_from_the_beta_law():
    x = torch.cat([torch.zeros(20_000, 1), torch.ones(20_000, 1)])
    made, _ = augment.mixed(x, x, 0.2, source())
    # half of the pairs are unlike: their weights are Beta(0.2, 0.2), variance 1 / 5.6
    unlike = made[(made > 0) & (made < 1)]
    assert unlike.mean() == pytest.approx(0.5, abs=0.01)
    assert made.var() == pytest.approx(0.25 / 2 + (1 / 5.6) / 2, abs=0.005)


def test_smote_stays_on_segments_between_neighbours():
    rows = torch.tensor([[0.0, 0], [1, 0], [0, 1], [100, 100], [101, 100]])
    made = augment.smote(rows, 500, k=1, generator=source())
    ends = [(0, 1), (1, 0), (2, 0), (3, 4), (4, 3)]
    for row in made:
        gaps = []
        for a, b in ends:
            share = (row - rows[a]) @ (rows[b] - rows[a]) / (rows[b] - rows[a]).norm()
            gaps.append((row - rows[a] - share * (rows[b] - rows[a])).norm().item())
        assert min(gaps) < 1e-4
    assert ((made > 2) & (made < 99)).sum() == 0


def test_smote_against_imbalanced_learn():
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    few = torch.randn(40, 3, generator=source(1))
    many = torch.randn(2_040, 3, generator=source(2)) + 9
    x = torch.cat([few, many]).numpy()
    y = [1] * 40 + [0] * 2_040
    theirs, _ = over_sampling.SMOTE(random_state=0).fit_resample(x, y)
    theirs = torch.from_numpy(theirs)[len(x) :]
    ours = augment.smote(few, len(theirs), generator=source())
    assert len(theirs) == 2_000
    assert torch.allclose(ours.mean(0), theirs.mean(0), atol=0.1)
    assert torch.allclose(ours.T.cov(), theirs.T.cov(), atol=0.1)
    assert ours.var(0).sum() < few.var(0).sum()  # between the rows, never beyond


def test_a_mask_hides_runs():
    mel = torch.arange(200 * 80.0).view(200, 10, 8)
    made = augment.masked(mel, 3, 2, source())
    hidden = made != mel
    bands, frames = hidden.all(2), hidden.all(1)
    assert bands.sum(1).max() == 3
    assert frames.sum(1).max() == 2
    assert (hidden == bands[:, :, None] | frames[:, None, :]).all()
    assert torch.equal(augment.masked(mel, 0, 0), mel)


def test_words_go_and_one_stays():
    text = "where is my new card today"
    generator = source()
    rows = [augment.without_words(text, 0.5, generator).split() for _ in range(200)]
    assert all(row and set(row) <= set(text.split()) for row in rows)
    assert 2.7 < sum(map(len, rows)) / 200 < 3.5  # half of 6, a few kept whole
    assert augment.without_words(text, 0) == text
    assert augment.without_words("card", 0.999, source()) == "card"


def test_synonyms_change_listed_words_only():
    known = {"card": ["plastic", "bank card"], "lost": ["missing"]}
    made = augment.with_synonyms("Card got lost", known, 1.0, source())
    assert made in ("plastic got missing", "bank card got missing")
    assert augment.with_synonyms("Card got lost", known, 0) == "Card got lost"


def test_the_same_seed_gives_the_same():
    x, y = pictures(), augment.soft(torch.arange(64) % 3, 3)
    for change in (augment.nothing, augment.moved, augment.mixing):
        a, b = (change(x, y, source(5)) for _ in range(2))
        assert torch.equal(a[0], b[0])
        assert torch.equal(a[1], b[1])


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: augment.shifted(pictures(2), -1), "most"),
        (lambda: augment.cut_out(pictures(2), 0), "size"),
        (lambda: augment.mixed(pictures(2), torch.ones(2, 2), 0), "alpha"),
        (lambda: augment.smote(torch.zeros(1, 2), 3), "rows"),
        (lambda: augment.smote(torch.zeros(4, 2), 0), "n="),
        (lambda: augment.masked(torch.zeros(1, 4, 4), 5), "run of 5"),
        (lambda: augment.without_words("a b", 1.0), "share"),
        (lambda: augment.with_synonyms("a", {}, 1.1), "share"),
    ],
)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=name):
        call()
