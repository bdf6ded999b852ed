"""Two towers: what they may not confuse, what they can learn, what they must refuse."""

import math

import pytest
import torch

import aigc_lib as aigc
from aigc_lib.codecs.tokenizers import UNKNOWN, Characters
from aigc_lib.data.captions import Captioned
from aigc_lib.models import CLIP
from aigc_lib.models.transformer.pairs import contrast

COLOURS = {
    "红": (1.0, -1, -1),
    "绿": (-1, 1, -1),
    "蓝": (-1, -1, 1),
    "黑": (-1, -1, -1),
}
SMALL = {"image_size": 8, "width": 4, "size": 16, "hidden": 8, "heads": 2, "depth": 1}


def clip(**options):
    torch.manual_seed(0)
    return CLIP(Characters(UNKNOWN + "红绿蓝黑甲乙 "), **SMALL | options)


def painted(colours, noise=0.3):
    x = torch.tensor([COLOURS[c] for c in colours])[:, :, None, None].expand(
        -1, 3, 8, 8
    )
    source = torch.Generator().manual_seed(0)
    return (x + noise * torch.randn(x.shape, generator=source)).clamp(-1, 1)


def losses(model, batch):
    found = []
    model.training_step(batch, lambda name, loss: found.append(loss))
    return found[0]


def test_points_have_length_one_and_scores_are_their_cosines():
    model, texts = clip(), ["红", "绿 甲"]
    x = painted("红绿蓝")
    points = model.encode_texts(texts), model.encode_images(x)
    assert [p.shape for p in points] == [(2, 16), (3, 16)]
    for p in points:
        torch.testing.assert_close(p.norm(dim=1), torch.ones(len(p)))
    torch.testing.assert_close(model.score(texts, x), points[0] @ points[1].T)
    assert model.classify(x, texts).tolist() == model.score(texts, x).argmax(0).tolist()


def test_bytes_and_floats_are_the_same_pictures():
    model, x = clip(), torch.randint(256, (3, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(model.encode_images(x), model.encode_images(x / 127.5 - 1))


def test_a_text_does_not_depend_on_its_neighbours():
    model = clip()
    alone, beside = (model.encode_texts(t)[0] for t in (["红甲"], ["红甲", "绿 蓝 乙"]))
    torch.testing.assert_close(alone, beside)


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_only_a_bag_of_single_tokens_is_blind_to_order(runs):
    model = clip(runs=runs, depth=int(runs == 0))
    one, other = model.encode_texts(["红甲绿乙", "绿甲红乙"])
    assert torch.allclose(one, other, atol=1e-6) == (runs == 1)


def test_a_transformer_beside_the_bag_adds_nothing_at_first():
    both, bag = clip(runs=2), clip(runs=2, depth=0)
    bag.texts.load_state_dict(both.texts.state_dict(), strict=False)
    texts = ["红甲", "绿乙"]
    torch.testing.assert_close(both.encode_texts(texts), bag.encode_texts(texts))


def test_the_loss_is_that_of_the_pairs():
    model = clip(dropout=0.0).eval()
    x, tokens = painted("红绿蓝"), model.encode(["红", "绿", "蓝"])
    wanted = contrast(model.logits(tokens, x))
    torch.testing.assert_close(losses(model, (x, tokens)), wanted)


def test_equal_texts_and_groups_are_no_wrong_answers():
    model = clip(dropout=0.0).eval()
    x = painted("红红绿")
    tokens = model.encode(["红", "红", "绿"])
    logits = model.logits(tokens, x)
    logits[0, 1] = logits[1, 0] = -math.inf
    wanted = contrast(logits)
    torch.testing.assert_close(losses(model, (x, tokens)), wanted)
    tokens = model.encode(["红", "甲", "绿"])
    alone, grouped = (
        losses(model, (x, tokens, *g)) for g in ((), (torch.tensor([5, 5, 1]),))
    )
    assert grouped < alone


def test_the_scale_stays_below_a_hundred():
    model = clip().eval()
    with torch.no_grad():
        model.log_scale.fill_(9.0)
        assert model.logits(model.encode(["红"]), painted("红")).abs() <= 100


def test_it_learns_and_names_colours_that_it_was_never_told_together():
    model = clip(learning_rate=3e-3)
    names = list("红绿蓝黑") * 16
    data = Captioned(
        painted(names), names, [()] * len(names), model.encode, change=lambda x: x * 0.9
    )
    before = model.classify(painted("红绿蓝黑"), list("红绿蓝黑"))
    aigc.fit(model, data, steps=30, batch_size=16, ema=0.8)
    assert before.tolist() != [0, 1, 2, 3]
    found = model.classify(
        painted("黑蓝绿红", 0.1), ["黑 甲", "蓝 甲", "绿 甲", "红 甲"]
    )
    assert found.tolist() == [0, 1, 2, 3]


def test_it_begins_with_what_is_rare_and_which_colour_it_goes_with():
    model = clip(runs=2, size=8)
    texts = ["甲 红", "甲 绿", "甲 蓝", "甲 黑"] * 8
    x = painted("红绿蓝黑" * 8)
    model.begin(x, texts, stiffness=1.0)
    weight = model.texts.weight
    token = {c: int(model.tokenizer.encode(c)[0]) for c in "甲乙红"}
    assert weight[token["甲"]] == 0 == weight[token["乙"]] < weight[token["红"]]
    found = model.classify(painted("黑蓝绿红", 0.1), ["黑", "蓝", "绿", "红"])
    assert found.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="3 pictures, 2 texts"):
        model.begin(x[:3], texts[:2])
    with pytest.raises(ValueError, match="runs=0"):
        clip(runs=0).begin(x, texts)


def test_pairs_do_not_reach_across_words():
    model = clip(runs=2, depth=0)
    one, other, third = model.encode_texts(["红甲 绿", "绿 红甲", "红 甲绿"])
    assert torch.allclose(one, other, atol=1e-6)
    assert not torch.allclose(one, third, atol=1e-3)


def test_it_is_saved_with_its_tokenizer(tmp_path):
    model = clip(runs=1, context=9)
    again = aigc.models.load(model.save(tmp_path / "clip.safetensors"))
    assert again.config == model.config
    x = painted("红绿")
    torch.testing.assert_close(again.score(["红甲"], x), model.score(["红甲"], x))


def test_matrices_decay_and_vectors_do_not():
    model = clip(weight_decay=0.3)
    (optimizer,) = model.optimizers().values()
    for group in optimizer.param_groups:
        for p in group["params"]:
            assert group["weight_decay"] == (0.3 if p.dim() >= 2 else 0.0)


def test_what_is_longer_than_the_context_is_cut():
    model = clip(context=3)
    one, other = model.encode_texts(["红绿蓝", "红绿蓝甲乙"])
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runs": 3}, "runs=3"),
        ({"runs": 0, "depth": 0}, "runs=0, depth=0"),
        ({"image_size": 10}, "image_size=10"),
        ({"hidden": 6, "heads": 2}, "width=6, heads=2"),
        ({"dropout": 1.0}, "dropout"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"weight_decay": -1}, "weight_decay"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        clip(**options)


def test_bad_texts_and_pictures():
    model, x = clip(), painted("红")
    for texts in ([], [""], ["红", ""], [" "]):
        with pytest.raises(ValueError, match="none without a token"):
            model.score(texts, x)
    with pytest.raises(ValueError, match="a list of texts"):
        model.score("红", x)
    with pytest.raises(ValueError, match=r"give \(N, 3, 8, 8\)"):
        model.encode_images(x[:, :1])
