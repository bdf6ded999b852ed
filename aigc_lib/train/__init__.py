"""Training: one loop, its history, its checkpoints, the moving average."""

from .fit import fit
from .history import History
from .update import TrainingDiverged

__all__ = ["History", "TrainingDiverged", "fit"]
