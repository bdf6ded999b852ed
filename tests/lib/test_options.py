"""``--set NAME=VALUE``: values of the types that a constructor names."""

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_lib.models import MODELS
from aigc_lib.options import accepted, convert, options


class Base:
    def __init__(self, *, rate: float = 1.0, shared: int = 1):
        pass


class Model(Base):
    def __init__(
        self,
        tokenizer: object = None,
        *,
        width: int = 8,
        bias: bool = True,
        loss: str = "hinge",
        norm: Literal["layer", "none"] = "layer",
        betas: tuple[float, float] = (0.5, 0.9),
        sizes: tuple[int, ...] = (),
        words: Sequence[str] = (),
        classes: int | None = None,
        shared: float = 0.5,
        **rest,
    ):
        super().__init__(**rest)


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("width=8", 8),
        ("width= -3 ", -3),
        ("rate=1e-3", 1e-3),
        ("rate=2", 2.0),
        ("loss=hinge", "hinge"),
        ("loss='hinge'", "hinge"),
        ("loss=1", "1"),
        ("loss=a=b", "a=b"),
        ("norm=none", "none"),
        ("betas=0.5,0.9", (0.5, 0.9)),
        ("betas=(0, 1)", (0.0, 1.0)),
        ("sizes=1,2,3", (1, 2, 3)),
        ("sizes=4", (4,)),
        ("words=['a', \"b\"]", ("a", "b")),
        ("classes=None", None),
        ("classes=10", 10),
        ("shared=0.5", 0.5),  # the child's word counts
        *[(f"bias={word}", True) for word in ("true", "True", "YES", "on", "1")],
        *[(f"bias={word}", False) for word in ("false", "False", "NO", "off", "0")],
    ],
)
def test_a_value_gets_its_type(pair, value):
    (found,) = options(Model, [pair]).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        ("width=abc", "--set width=abc: give a whole number"),
        ("width=8.5", "give a whole number"),
        ("width=nan", "give a whole number"),
        ("width=", "give a whole number"),
        ("width=true", "give a whole number"),
        ("rate=nan", "give a finite number"),
        ("rate=inf", "give a finite number"),
        ("rate=1e999", "give a finite number"),
        ("rate=fast", "give a finite number"),
        ("bias=maybe", "give true or false"),
        ("bias=2", "give true or false"),
        ("norm=batch", "give layer or none"),
        ("betas=0.5", "give 2 values, such as 0.5,0.5"),
        ("betas=1,2,3", "give 2 values"),
        ("betas=0.5,nan", "give 2 values"),
        ("sizes=1,x", "give a whole number, or several with commas between them"),
        ("classes=some", "give a whole number or none"),
        ("width", "write NAME=VALUE"),
        ("=8", "write NAME=VALUE"),
        ("widht=8", "did you mean 'width'"),
        ("rest=1", "choose one of width"),
        ("self=1", "choose one of width"),
        ("tokenizer=x", "choose one of width"),  # no text stands for such a value
    ],
)
def test_what_is_no_value_of_its_type_is_refused(pair, reason):
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        options(Model, [pair])


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans())
def test_what_python_prints_is_read_back(number, whole, truth):
    assert convert(repr(number), float) == number
    assert convert(repr(whole), int) == whole
    assert convert(repr(truth), bool) is truth
    pair = (number, -number)
    assert convert(repr(pair), tuple[float, float]) == pair


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_options_that_text_can_state(name):
    known = accepted(MODELS[name])
    assert any("learning_rate" in option for option in known)
    assert not {"self", "options", "config", "tokenizer", "bert"} & set(known)
