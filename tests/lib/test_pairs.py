"""The encoder that learns from pairs, and its loss."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import aigc_lib as aigc
from aigc_lib.models import PairEncoder
from aigc_lib.models.transformer.pairs import contrast

SMALL = {"buckets": 512, "width": 16, "learning_rate": 1e-2}


def test_contrast_is_the_cross_entropy_of_rows_and_of_columns():
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    rows = -logits.log_softmax(1).diagonal().mean()
    columns = -logits.log_softmax(0).diagonal().mean()
    assert contrast(logits).item() == pytest.approx((rows + columns).item() / 2)
    assert contrast(torch.zeros(8, 8)).item() == pytest.approx(math.log(8))


def test_pairs_of_one_group_are_no_wrong_answers():
    logits = 9 * torch.eye(4)
    logits[0, 1] = logits[1, 0] = 9
    group = torch.tensor([0, 0, 1, 2])
    apart = contrast(9 * torch.eye(4)).item()
    assert contrast(logits).item() > 0.3
    assert contrast(logits, group).item() == pytest.approx(apart, abs=1e-3)
    assert contrast(logits, torch.arange(4)).item() == contrast(logits).item()


def test_runs_of_letters():
    model = PairEncoder(ngrams=2, **SMALL)
    assert len(model.runs("退货退货")) == 4  # 退 货 退货 货退
    assert model.runs("ABC").equal(model.runs("abc"))
    assert model.runs("").shape == (0,)
    assert len(PairEncoder(longest=3, **SMALL).runs("一二三四五六")) == 3


def test_a_point_has_length_one_and_an_empty_text_is_zero():
    model = PairEncoder(**SMALL)
    points = model.points(["退货", "how do I return it", "。 ", ""])
    assert points[:3].norm(dim=1).allclose(torch.ones(3))
    assert points[3].eq(0).all()
    alone = torch.cat([model.points([text]) for text in ("退货", "how do I return it")])
    assert alone.allclose(points[:2], atol=1e-6)  # whatever else is in the batch


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_any_text_has_a_point(texts):
    assert PairEncoder(**SMALL).points(texts).isfinite().all()


def test_rare_runs_weigh_more():
    model = PairEncoder(ngrams=1, **SMALL)
    model.rarity(["甲乙", "甲丙", "甲丁"])
    weight = {c: model.net.weight[model.runs(c)].item() for c in "甲乙戊"}
    assert weight["甲"] < weight["乙"] < weight["戊"] == 1


def test_it_learns_which_texts_belong_together():
    left = ["邮费谁付", "怎么开票", "几点下班", "坏了能修吗"] * 4
    right = ["运费由您承担", "发票在订单里申请", "客服到晚上九点", "保修一年"] * 4
    torch.manual_seed(0)
    model = PairEncoder(spread=0.2, **SMALL)
    rows = model.pairs(left, right, list(range(4)) * 4)
    aigc.fit(model, rows, steps=60, batch_size=8, seed=0, ema=0.9)
    close = model.points(left[:4]) @ model.points(right[:4]).T
    assert close.argmax(1).tolist() == [0, 1, 2, 3]


def test_it_is_saved_and_loaded(tmp_path):
    model = PairEncoder(spread=0.5, **SMALL)
    again = PairEncoder.load(model.save(tmp_path / "pairs.safetensors"))
    assert again.points(["退货"]).equal(model.points(["退货"]))
    assert aigc.models.load(tmp_path / "pairs.safetensors").config == model.config


@pytest.mark.parametrize(
    ("options", "message"),
    [({"ngrams": 0}, "ngrams"), ({"scale": 0}, "scale"), ({"spread": -1}, "spread")],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        PairEncoder(**SMALL | options)


def test_bad_texts():
    model = PairEncoder(**SMALL)
    for call in (model.points, model.rarity, model.encode):
        with pytest.raises(ValueError, match=r"at least|texts"):
            call([])
    with pytest.raises(ValueError, match="give pairs"):
        model.pairs(["a"], ["b", "c"])
    with pytest.raises(ValueError, match="a list of texts"):
        model.points("退货")
