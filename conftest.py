"""For every test: no progress bars, data found from any folder, `tools` importable."""

import os
from pathlib import Path

os.environ["AIGC_QUIET"] = "1"
if data := os.environ.get("AIGC_DATA_DIR"):
    os.environ["AIGC_DATA_DIR"] = str(Path(data).resolve())
