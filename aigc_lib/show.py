"""Show library code inside a notebook."""

import inspect
from pathlib import Path


class Source(str):
    """Python source that a notebook shows highlighted and `print` shows as it is."""

    def _repr_markdown_(self):
        return f"```python\n{self}\n```"

    def __repr__(self):
        return str(self)


def source(obj):
    """Return the source of a function, class or module of the library.

    The first line is a comment that says where the code stands. Raises ValueError
    for an object without Python source (a number, a built-in, an instance).
    """
    try:
        lines, start = inspect.getsourcelines(obj)
        path = Path(inspect.getsourcefile(inspect.unwrap(obj)))
    except (TypeError, OSError):
        raise ValueError(
            f"obj has no Python source: {obj!r}; pass a function, a class or a module"
        ) from None
    package = Path(__file__).parent
    if path.is_relative_to(package):
        path = path.relative_to(package.parent)
    code = inspect.cleandoc("\n" + "".join(lines)).rstrip()
    return Source(f"# {path.as_posix()}, line {max(start, 1)}\n{code}")
