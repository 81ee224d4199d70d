"""How wrong is a circuit when it is inferred from its activity?"""

from circuitbias.places import settle_kernels

__version__ = "0.1.0"

settle_kernels()  # before anything of ours imports numba
