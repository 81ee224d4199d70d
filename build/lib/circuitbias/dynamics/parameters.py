"""Parameters of the threshold model, in the paper's units."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from circuitbias.checks import number, require

RHO_PAPER = 0.5 * math.erfc(1.5 / math.sqrt(2))
"""Share of steps with noise, 0.0668: the paper's gate opens when a standard normal exceeds 1.5."""


@dataclass(frozen=True)
class ThresholdParameters:
    """Parameters of the threshold model of Das & Fiete (2020), where a spike raises s by 1.

    Attributes
    ----------
    r : float
        Weight strength, >= 0 (0.0005 to 0.025 in the paper).
    theta : float
        Threshold on the summed input, in the arbitrary input units set by `b`.
    b : float
        Constant drive, >= 0.
    sigma : float
        Amplitude of the noise relative to `b`, >= 0.
    rho : float
        Probability that a neuron's noise is on in a step, in [0, 1].
    tau_ms, dt_ms : float
        Synaptic time constant and time step in milliseconds, 0 < dt_ms < tau_ms.

    Raises
    ------
    ValueError
        If a value is not a finite real number or out of its range.
    """

    r: float
    theta: float
    b: float = 1e-3
    sigma: float = 0.3
    rho: float = RHO_PAPER
    tau_ms: float = 10.0
    dt_ms: float = 0.1

    def __post_init__(self):
        limits = {"theta": {}, "rho": {"least": 0, "most": 1}, "tau_ms": {"above": 0}, "dt_ms": {"above": 0}}
        for name, value in vars(self).copy().items():
            checked = number(name, value, **limits.get(name, {"least": 0}))
            object.__setattr__(self, name, checked)  # numpy scalars would not go into JSON
        require(self.dt_ms < self.tau_ms, "dt_ms", self.dt_ms, f"< tau_ms = {self.tau_ms}")

    @property
    def decay(self):
        """Factor 1 - dt/tau by which s decays in a step (0.99 in the paper)."""
        return 1 - self.dt_ms / self.tau_ms

    def sam_strength(self):
        """Return r/dt, the r of ``ThresholdSAM``, where a spike raises s by dt and not by 1."""
        return self.r / self.dt_ms

    def to_dict(self):
        """Return the parameters as a JSON-able dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        """Build from a dict such as `to_dict` returns; absent keys take their defaults.

        Raises
        ------
        ValueError
            If a key is unknown, or `r` or `theta` is missing.
        """
        require(
            isinstance(values, Mapping), "parameters", values, "a mapping such as {'r': 0.01, 'theta': 0.001}"
        )
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known), key=str):
            close = difflib.get_close_matches(str(unknown[0]), known, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ValueError(f"unknown parameters {unknown}{hint}; allowed: {', '.join(known)}")
        if missing := sorted({"r", "theta"} - set(values)):
            raise ValueError(f"missing parameters {missing}")
        return cls(**values)


def synaptic_tau_ms(source) -> float:
    """Synaptic time constant (ms) of the model that made a recording, else that of the paper's."""
    return model_parameter(source, "tau_ms", ThresholdParameters.tau_ms)


def model_parameter(source, name: str, otherwise):
    """Parameter of the model that made a recording, if it says so.

    Parameters
    ----------
    source : SpikeSource
        A spike file that says what made it, a view of one, or any other recording: that has none.
    name : str
        One of `ThresholdParameters`, or of another generator; or ``family``, which it is.
    otherwise : float or str
        What to return if there is none.
    """
    while source is not None:
        found = getattr(source, "metadata", None)
        for key in ("parameters", "model", name):
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            return type(otherwise)(found)
        source = getattr(source, "source", None)  # of a view
    return otherwise
