"""The GLM's couplings where the shape of correlograms shows a connection."""

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look
from circuitbias.estimators.correlogram_graph import CorrelogramGraph
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.glm import Glm
from circuitbias.options import (
    ErrorKind,
    bin_width,
    connecting_lag,
    correlogram_width,
    kind_of_errors,
    longest_lag,
)


class GlmMasked(Estimator):
    """The GLM's couplings where the correlogram of a pair shows a connection, by the rule ``peak_lag``."""

    bin_steps: int = bin_width()
    correlogram_bin_steps: int = correlogram_width()
    window_ms: float = longest_lag(30.0)
    connected_ms: float | None = connecting_lag()
    errors: ErrorKind = kind_of_errors()

    cost = Cost(seconds=20)
    look = Look("correlations", {"glm_masked": ("#DD7788", "v")}, ("GLM",))
    examples = Examples({"correlogram_bin_steps": 10, "bin_steps": 80})

    def estimate(self, source, *, memory_mb, device):
        """Fit the GLM and draw the graph; see `mask`. Warnings and errors are those of both."""
        resources = {"memory_mb": memory_mb, "device": device}
        fitted = Glm(bin_steps=self.bin_steps, errors=self.errors).estimate(source, **resources)
        graph = CorrelogramGraph(
            bin_steps=self.correlogram_bin_steps, window_ms=self.window_ms, connected_ms=self.connected_ms
        )
        return mask(fitted, graph.estimate(source, **resources))


def mask(fitted: Couplings, graph: Couplings) -> Couplings:
    """Set couplings to 0 where a graph has no connection.

    Parameters
    ----------
    fitted : Couplings
    graph : Couplings
        As from `CorrelogramGraph`.

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
