"""Write the readable cards in this folder from ``aigc_lib/data/cards``.

Run ``python datasets/write_cards.py`` after a change there; a test compares them.
"""

from pathlib import Path

from aigc_lib.data import CATALOG

for name, card in CATALOG.items():
    Path(__file__).with_name(f"{name}.md").write_text(card.markdown(), encoding="utf-8")
