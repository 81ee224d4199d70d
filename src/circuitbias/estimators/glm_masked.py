"""The GLM's couplings where the shape of correlograms shows a connection."""

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look
from circuitbias.estimators import correlogram_graph, glm
from circuitbias.estimators.couplings import Couplings
from circuitbias.memory import DEFAULT_MB
from circuitbias.options import (
    ErrorKind,
    bin_width,
    connecting_lag,
    correlogram_width,
    kind_of_errors,
    longest_lag,
)
from circuitbias.spikes.segments import SpikeSource


class GlmMasked(Estimator):
    """The GLM's couplings where the correlogram of a pair shows a connection."""

    bin_steps: int = bin_width()
    correlogram_bin_steps: int = correlogram_width()
    window_ms: float = longest_lag(30.0)
    connected_ms: float | None = connecting_lag()
    errors: ErrorKind = kind_of_errors()

    cost = Cost(seconds=20)
    look = Look("correlations", {"glm_masked": ("#DD7788", "v")}, ("GLM",))
    examples = Examples({"correlogram_bin_steps": 10, "bin_steps": 80})


@GlmMasked.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    correlogram_bin_steps: int,
    window_ms: float,
    connected_ms: float | None,
    errors: str,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
) -> Couplings:
    """Fit the GLM, and keep its couplings where the rule ``peak_lag`` sees a connection.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin of the GLM.
    correlogram_bin_steps, window_ms, connected_ms
        Of the graph: see `circuitbias.estimators.correlogram_graph.estimate`.
    errors : {"model", "sandwich", "jackknife"}, optional
        Kind of the standard errors of the GLM: see `circuitbias.fitting.standard_errors`.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    Couplings
        As from `mask`. Warnings are those of the GLM and of the graph.

    Raises
    ------
    ValueError
        As the GLM and the graph do.
    """
    if correlogram_bin_steps < 1:
        raise ValueError(f"correlogram_bin_steps={correlogram_bin_steps} must be at least 1")
    fitted = glm.estimate(source, bin_steps=bin_steps, errors=errors, memory_mb=memory_mb, device=device)
    graph = correlogram_graph.estimate(
        source,
        bin_steps=correlogram_bin_steps,
        window_ms=window_ms,
        connected_ms=connected_ms,
        memory_mb=memory_mb,
        device=device,
    )
    return mask(fitted, graph)


def mask(fitted: Couplings, graph: Couplings) -> Couplings:
    """Set couplings to 0 where a graph has no connection.

    Parameters
    ----------
    fitted : Couplings
    graph : Couplings
        As from `circuitbias.estimators.correlogram_graph.estimate`.

    Returns
    -------
    Couplings
        With the diagnostics and arrays of ``fitted``, and ``n_connected`` and ``connected`` of the graph. NaN
        where the graph is not defined, or has a connection whose coupling is not.
    """
    connected = graph.arrays["connected"]
    return Couplings(
        np.where(np.isnan(graph.values), np.nan, np.where(connected, fitted.values, 0.0)),
        diagnostics=fitted.diagnostics | {"n_connected": graph.diagnostics["n_connected"]},
        arrays=fitted.arrays | {"connected": connected},
    )
