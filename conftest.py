"""For every test: no progress bars, data found from any folder, `tools` importable."""

import gc
import os
from pathlib import Path

os.environ["AIGC_QUIET"] = "1"
if data := os.environ.get("AIGC_DATA_DIR"):
    os.environ["AIGC_DATA_DIR"] = str(Path(data).resolve())

# Python looks for garbage after every few hundred new objects, among all that torch and
# the tests have made at their import: a seventh of the time that tests take.
gc.set_threshold(20_000, 20, 50)


def pytest_collection_finish():
    gc.freeze()
