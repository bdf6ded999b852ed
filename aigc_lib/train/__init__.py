"""Training: one loop, its history, its checkpoints, the moving average."""

import warnings

from tqdm import TqdmWarning

with warnings.catch_warnings():
    # accelerate loads tqdm's widgets, which warn where ipywidgets is missing; the
    # loop's own bar is plain text.
    warnings.simplefilter("ignore", TqdmWarning)
    import accelerate  # noqa: F401

from .fit import fit
from .history import History
from .update import TrainingDiverged

__all__ = ["History", "TrainingDiverged", "fit"]
