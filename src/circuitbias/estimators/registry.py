"""The methods, by the name that a config gives them."""

import inspect

import numpy as np

from circuitbias.catalogue import ESTIMATORS, GuestError, find, name_of, path_of
from circuitbias.component import Estimator
from circuitbias.config_schema import checked_section
from circuitbias.estimators.couplings import Couplings, NoCouplingsWarning, warn
from circuitbias.estimators.phases import in_phase, split_phases, without_phases
from circuitbias.exceptions import UnusableDataError, naming_extra
from circuitbias.memory import DEFAULT_MB, Budget
from circuitbias.spikes.foreign import checked_source
from circuitbias.spikes.segments import SpikeSource

_MOST_NAMED = 5  # pairs
_BYTES_A_PAIR = 160  # of the matrices of any method: twenty of them


METHODS = tuple(ESTIMATORS)
"""Names of the methods."""


def module_of(method: str) -> str:
    """Return the full name of the module that defines a method."""
    return path_of("estimators", method).partition(":")[0]


def estimate(
    method: str | Estimator | type[Estimator],
    source: SpikeSource,
    *,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
    weights: np.ndarray | None = None,
    **options,
) -> Couplings:
    """Estimate couplings from spikes.

    Parameters
    ----------
    method : str or Estimator
        One of `METHODS`; one of your own as ``"my_package.my_module:MyEstimator"``, or its class, or one of
        that class with its options.
    source : SpikeSource
        Spikes, in memory or on disk.
    memory_mb : float, optional
        Bound of the memory for counts and blocks, in 1e6 bytes.
    device : {"auto", "cpu", "cuda"}, optional
        Where the linear algebra runs.
    weights : ndarray, shape (n, n), optional
        True weights [pre, post]. No method sees them but an oracle: one whose options ask for it.
    **options
        Of the method, and ``phase_ms`` or ``phase_offsets``, as in a config. Checked as those of a config
        are: a whole number may be a float without a fraction (``100.0``) or NumPy's; texts and truth values
        are no numbers.

    Returns
    -------
    Couplings
        With ``method``, all its ``options``, ``traits`` (see `Estimator`) and its ``certificate`` in words
        among the diagnostics.

    Warns
    -----
    NoCouplingsWarning
        If no pair has a coupling, after the warnings that say why; not where fits have not converged.

    Raises
    ------
    ConfigError
        If the method or an option is unknown, or an option is not allowed.
    GuestError
        If a method of your own returns no couplings, infinite ones, or those of another number of neurons.
    ValueError
        If an argument does not allow an estimate.
    UnusableDataError
        If the data do not; see `circuitbias.estimators.attempt`.
    """
    options, phases = split_phases(options, f"options of {method}")
    chosen = component(method, options)
    name = name_of("estimators", type(chosen))
    source = checked_source(source)
    budget = Budget(memory_mb)
    shown = {"weights": weights} if "weights" in inspect.signature(chosen.estimate).parameters else {}
    if not source.trial_steps.sum():
        raise UnusableDataError(getattr(source, "unusable", "") or "the recording has no steps")
    n_neurons = source.n_neurons
    source = in_phase(source, phases, chosen, name) if phases else source
    pairs = _BYTES_A_PAIR * source.n_neurons**2
    budget.require(pairs, f"the pairs of {source.n_neurons} neurons")

    def estimated() -> Couplings:
        couplings = chosen.estimate(source, memory_mb=memory_mb, device=device, **shown)
        shape = couplings.values.shape if isinstance(couplings, Couplings) else None
        if shape != (source.n_neurons,) * 2:
            what = f"couplings of shape {shape}" if shape else type(couplings).__name__
            raise GuestError(
                f"{name}: estimate returned {what}, and must return Couplings(values): values "
                f"{(source.n_neurons,) * 2}, [from, to], with NaN on the diagonal"
            )
        if infinite := np.argwhere(np.isinf(couplings.values)).tolist():
            more = f" and {len(infinite) - _MOST_NAMED} more" * (len(infinite) > _MOST_NAMED)
            raise GuestError(
                f"{name}: pairs {infinite[:_MOST_NAMED]}{more} have infinite couplings; what has no "
                "finite one is NaN"
            )
        return couplings

    couplings = without_phases(estimated, source, n_neurons)
    certificate = couplings.certificate
    couplings.diagnostics |= {
        "method": name,
        "options": (options := chosen.options()) | phases,
        "traits": chosen.traits(),
        "certificate": str(certificate or "closed form"),
    }
    # Fits that did not converge have said so, and what they lacked.
    failed = certificate and not certificate.reaches(options.get("tolerance", np.inf))
    if not failed and not np.isfinite(couplings.values).any():
        warn(NoCouplingsWarning(_nothing_found(name, options)))
    return couplings


def _nothing_found(method, options) -> str:
    """Say that there is no coupling at all, and name the penalty where the method has one that is off."""
    if options.get("ridge") == 0:
        return (
            f"{method}: no pair has a coupling. Where the likelihood has no maximum, a penalty gives it one: "
            "try ridge=1e-4 (nats a bin: ridge / 2 times the sum of squared couplings is added to the mean "
            "log-loss of a bin). Else try other bins or a longer recording"
        )
    return f"{method}: no pair has a coupling. Try other bins or a longer recording"


def complete_options(method: str, options: dict) -> dict:
    """Check the options of a method and fill in the defaults, as in a config.

    Raises
    ------
    ConfigError
        If the method or an option is unknown, or an option is not allowed: a config's own words.
    """
    entry = checked_section("estimators", {"method": method} | options, f"options of {method}")
    return {name: value for name, value in entry.items() if name != "method"}


def component(method: str | Estimator | type[Estimator], options: dict) -> Estimator:
    """Make a method with its options, complete and checked.

    Raises
    ------
    ConfigError
        As `complete_options` does.
    """
    if isinstance(method, Estimator):
        method, options = type(method), method.options() | options
    if isinstance(method, type) and issubclass(method, Estimator):
        return method(**options)
    options = complete_options(method, options)
    with naming_extra(f"the method {method}"):
        return find("estimators", method).of(options)
