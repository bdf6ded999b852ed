"""Diffusion and flow matching: what both share, one file each, and their networks."""

from .ddpm import DDPM, NoiseSchedule
from .flow import FlowMatching, StraightPath

__all__ = ["DDPM", "FlowMatching", "NoiseSchedule", "StraightPath"]
