"""WaveNet: sound, one sample after the other."""

from .wavenet import WaveNet

__all__ = ["WaveNet"]
