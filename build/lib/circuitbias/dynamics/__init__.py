"""Spiking dynamics: the threshold model's parameters, its readable reference, its fast engines.

Only the parameters are exported here; ``threshold_sam`` needs torch and is imported by name.
"""

from circuitbias.dynamics.parameters import RHO_PAPER, ThresholdParameters

__all__ = ["RHO_PAPER", "ThresholdParameters"]
