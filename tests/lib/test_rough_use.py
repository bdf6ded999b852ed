"""What a hurried caller hands over: each a clear refusal, or the right answer."""

import numpy as np
import pytest
import torch

from aigc_lib.codecs.tokenizers import Characters
from aigc_lib.data.answers import Answers
from aigc_lib.decisions.character import Answer, Character
from aigc_lib.decisions.choices import BlindForm
from aigc_lib.metrics import findings, lips, pictures, retrieval, series, text
from aigc_lib.metrics.ledger import Ledger
from aigc_lib.models import CLIP, KnowledgeTracer, LipSync
from aigc_lib.models.lips import MouthTable

TRACER = KnowledgeTracer(["a", "b"], width=8)
NOBODY = Answers.of({"u": []}, items=["a", "b"])
READER = CLIP(Characters.train(["ab"]), 8, 1, 4, size=8, hidden=8, heads=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Ledger({("", "x"): "5"}), "name rows and columns"),
        (lambda: Ledger({(2024, "x"): "5"}), "name rows and columns"),
        (lambda: Ledger.of({"a": {"x": None}}, {"x": ".1f"}), "give a number"),
        (lambda: BlindForm([("<svg>", "<svg>", "<svg>")]), "give two pictures"),
        (lambda: BlindForm([(1, 2)]), "give two pictures"),
        (
            lambda: Character(
                {"s": (Answer("左边", "e", "x"), Answer((), "e", "y"))}, "s", "e"
            ),
            "give several",
        ),
        (lambda: TRACER.mastery(NOBODY, then=(2, 1)), "one of 2 items"),
        (lambda: TRACER.mastery(NOBODY, then=(0, 7)), "0 or 1"),
        (lambda: READER.encode_texts([None]), "give a string"),
        (
            lambda: MouthTable(torch.randn(1, 8_000), torch.zeros(1, 5, 2)),
            "one a frame",
        ),
        (lambda: pictures.gist(torch.full((1, 3, 8, 8), 200)), "give uint8"),
        (lambda: pictures.gist(torch.full((1, 3, 8, 8), 200.0)), r"in \[-1, 1\]"),
        (lambda: retrieval.recall_at(1, [0, 1]), "the first is 1"),
        (lambda: retrieval.mean_reciprocal_rank([np.nan, 1]), "the first is 1"),
        (lambda: series.leverage([1, -1] * 20), "constant"),
        (lambda: text.distinct(["a", float("nan")], 1), r"texts\[1\]=nan"),
        (lambda: text.rouge(None, "a"), "summary=None"),
        (
            lambda: findings.report([findings.Finding("右肺", "上野", "积液", 2.5)]),
            "share",
        ),
    ],
)
def test_it_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_name_in_digits_hides_no_number():
    ledger = Ledger({("1", "销量"): "5", ("2", "销量"): "6"})
    assert ledger.audit("1 销量 5，2 销量 6").true
    assert ledger.audit("1 销量 12").foreign == ["12"]


def test_a_still_mouth_has_no_delay():
    moving = torch.rand(2, 120, 2, generator=torch.Generator().manual_seed(0))
    moving[1] = 0.5
    late = lips.delay(moving, moving, 0.008)
    assert late[0] == pytest.approx(0, abs=1)
    assert late[1].isnan()


def test_sounds_and_pictures_of_numpy():
    sound = np.random.default_rng(0).normal(size=(1, 4_000)).astype(np.float32)
    model = LipSync(width=4)
    wanted = model.predict(torch.from_numpy(sound))
    for x in (sound, sound.astype(np.float64)):
        assert torch.allclose(model.predict(x), wanted, atol=1e-4)
    grey = np.zeros((1, 1, 8, 8), np.uint8)
    assert READER.encode_images(grey).shape == (1, 8)


def test_a_share_of_numpy_is_a_whole_number():
    found = findings.Finding("右肺", "上野", "积液", np.float64(5))
    told = findings.joined(findings.report([found]))
    assert findings.audit(told, [found]).true


def test_lists_of_texts_may_be_arrays():
    assert text.distinct_lines(np.array(["a", "b", "a"])) == pytest.approx(2 / 3)
