"""``python -m benchmarks [name ...]``: measure, and write results/NAME.json.

Run it on an idle machine: most figures are a time, or a quality within a time. Without
names it measures what the present commit has not measured yet, so that an interrupted
run goes on. ``SEEDS=1``, which `make bench` sets unless told otherwise, takes one seed
each: quick, but it says nothing of the luck of training.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.record import TRAINED, commit, is_dirty

ROOT = Path(__file__).parent.parent
# Benchmarks that have the machine to themselves, and those that ask for one core only
# or count steps: each of these gets a core.
ALONE = [
    "imports",
    "loop",
    "shared_machine",
    "dcgan",
    "flow",
    "image_models",
    "style_mixing",
    "vae_nll",
    "tinyshakespeare",
    "generation",
    "wavenet",
    "cifar10",
    "adult",
    "ranking",
    "service_desk",
    "music_service",
    "music_worker_kills",
    "music_instrument",
    "image_platform",
    "image_kills",
    "image_workers",
    "monitor_kills",
    "five_minutes",
    "first_start",
    "picture_training",
]
ONE_CORE = [  # the long ones first, so that both cores end together
    "music_chorales",
    "music_melody",
    "music_studio",
    "product_copy",
    "infogan",
    "gan_remedies",
    "text_classification",
    "scenarios",
    "scenarios_filtered",
    "forecast_scores",
    "opinion_alarm",
    "review_alarm",
    "sentiment",
    "tracing",
    "table_rivals",
    "table_drawing",
    "tracing_trees",  # reads what `tracing` chose
    "courses",
    "items",
    "product_pictures",
    "checkerboard",
    "ring8",
    "life",
    "synthetic",
    "synthetic_curve",
    "synthetic_curve_table",
    "synthetic_cutout",
    "bandit",
    "audiences",
    "inspection",
    "inspection_together",
    "inspection_fine",
    "inspection_normals",
    "jobshop",
    "jobshop_optima",
    "demand",
    "stock",
    "routes",
    "routes_long",
    "credit",
    "credit_bias",
    "churn",
    "molecules",
    "molecule_baselines",
    "molecules_longer",
    "xrays",
    "xrays_shifts",
    "patients",
    "generated_texts",
    "compliance",
    "summaries",
    "headlines",
    "difficulty",
    "designs",
    "metric_floor",
    "levels",
    "platform_levels",
    "clip",
    "clip_squares",
    "video",
    "presenter",
    "painters",
    "painters_longer",
    "storyboard",
    "talk",
    "clothing",  # these read the models that `make models` has trained
    "edits",
    "emoji",
    "stickers",
    "mark",
    "desk_intents",
    "desk_retrieval",
    "desk_voice",
    "desk_answers",
    "desk_composed",
    "desk_dialogues",
]
# Collected from executed chapters, `make book JOBS=1`, not measured here.
COLLECTED = ["chapters", "open_exercises"]
NAMES = ALONE + ONE_CORE + COLLECTED


def main(chosen: list[str]) -> int:
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        print(f"{', '.join(unknown)}: choose from {', '.join(NAMES)}", file=sys.stderr)
        return 2
    if chosen:  # to be measured anew, training and all
        shutil.rmtree(TRAINED, ignore_errors=True)
    wanted = chosen or [n for n in ALONE + ONE_CORE if not is_measured(n)]
    for name in ALONE + COLLECTED:
        if name in wanted and not measure(name):
            return 1
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(
            lambda name: measure(name, OMP_NUM_THREADS="1"),
            [name for name in ONE_CORE if name in wanted],
        )
        return 0 if all(list(done)) else 1


def measure(name: str, **environment: str) -> bool:
    """Run one benchmark in a process of its own: none finds the caches of another."""
    print(f"== {name}", flush=True)
    start = time.perf_counter()
    module = [sys.executable, "-m", f"benchmarks.{name}"]
    environ = os.environ | environment
    code = subprocess.run(module, cwd=ROOT, env=environ, check=False).returncode
    took = f"{time.perf_counter() - start:.0f} s"
    print(f"== {name} " + (f"failed after {took}" if code else took), flush=True)
    return code == 0


def is_measured(name: str) -> bool:
    """Whether results/NAME.json holds figures of the present, unchanged code."""
    path = ROOT / "results" / f"{name}.json"
    if not path.exists() or is_dirty():
        return False
    told = json.loads(path.read_text("utf-8"))
    return not told["dirty"] and told["commit"] == commit()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
