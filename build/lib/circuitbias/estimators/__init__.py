"""Estimators: from spikes to couplings. One file per method family, one registry, one contract."""

from circuitbias.estimators.attempt import attempt
from circuitbias.estimators.blocks import estimate_with_blocks
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.registry import METHODS, estimate

__all__ = ["METHODS", "Couplings", "attempt", "estimate", "estimate_with_blocks"]
