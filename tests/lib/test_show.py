"""show.source: the very code of the library, with its place."""

import pytest

from aigc_lib import plots, show


def test_source_names_its_place_and_holds_the_code():
    text = show.source(plots.grid)
    first, *rest = text.splitlines()
    assert first.startswith("# aigc_lib/plots.py, line ")
    line = int(first.rsplit(" ", 1)[1])
    with open(plots.__file__, encoding="utf-8") as file:
        assert file.read().splitlines()[line - 1] == rest[0]
    assert rest[0].startswith("def grid(")


def test_methods_lose_their_indentation():
    assert "\ndef _repr_markdown_(self):\n    return" in show.source(
        show.Source._repr_markdown_
    )


def test_notebooks_highlight_it_and_print_does_not():
    code = show.source(show.source)
    assert code._repr_markdown_().startswith("```python\n# aigc_lib/show.py")
    assert repr(code) == str(code)


@pytest.mark.parametrize("thing", [3, len, "text", plots.STYLE])
def test_what_has_no_source_is_refused(thing):
    with pytest.raises(ValueError, match="pass a function, a class or a module"):
        show.source(thing)


def test_the_place_of_decorated_code_is_its_own():
    from aigc_lib.models import CLIP

    assert show.source(CLIP.begin).startswith("# aigc_lib/models/transformer/clip.py")
