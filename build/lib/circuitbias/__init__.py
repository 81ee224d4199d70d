"""How wrong is a circuit when it is inferred from its activity?

The package in five lines; what each does is said by its own docstring:

    import circuitbias as cb

    ring = cb.network("ring")
    spikes = cb.simulate(ring, r=0.0125, rate_hz=62.5, n_spikes=300_000, seed=1)
    couplings = cb.infer(spikes, "glm")
    print(cb.compare(ring, couplings))
    cb.plot(ring, couplings).savefig("couplings.png")
"""

import importlib

from circuitbias.exceptions import naming_extra
from circuitbias.places import settle_kernels

__version__ = "0.1.0"

# Imported when they are first asked for: numba and scipy take a second to load.
_WHERE = {
    "network": "api",
    "simulate": "api",
    "recording": "recordings.opening",
    "infer": "api",
    "compare": "api",
    "plot": "api",
    "BinnedCounts": "spikes.binning",
    "Couplings": "estimators.couplings",
    "Estimator": "component",
    "Generator": "component",
    "Network": "networks.network",
    "NetworkFamily": "component",
    "Recording": "recordings.recording",
    "SpikeRecord": "spikes.segments",
    "ThresholdParameters": "dynamics.parameters",
    "ThresholdSAM": "dynamics.threshold_sam",
    "UnusableDataError": "exceptions",
    "Reader": "component",
    "option": "component",
}

__all__ = ["__version__", *_WHERE]

settle_kernels()  # before anything of ours imports numba


def __getattr__(name):
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(_WHERE)}")
    with naming_extra(f"{__name__}.{name}"):
        value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_WHERE])
