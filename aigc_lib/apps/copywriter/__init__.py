"""The writer of product copy: attributes in, lines out, each with its verdict.

``python -m aigc_lib.apps.copywriter writer.safetensors`` opens the page.
"""

from .page import choices, chosen, page, table
from .writer import Copywriter, judged, pairs, said, told

__all__ = [
    "Copywriter",
    "choices",
    "chosen",
    "judged",
    "page",
    "pairs",
    "said",
    "table",
    "told",
]
