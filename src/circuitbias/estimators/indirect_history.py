"""The history GLM of bins that were drawn: histories stay as observed, only the responses are new."""

import numpy as np

from circuitbias.device import placed
from circuitbias.estimators.glm_history import GlmHistory
from circuitbias.estimators.indirect_bins import BLOCK_BINS, DrawnBins
from circuitbias.fitting.designs.histories import ExponentialDesign
from circuitbias.fitting.regressions import fit, require_fit_memory
from circuitbias.memory import Budget
from circuitbias.spikes.events import EventBlock, Events


class DrawnResponses(ExponentialDesign):
    """Observed histories at the first steps of bins, and the counts that were drawn in these bins.

    Parameters
    ----------
    drawn : DrawnBins
        Its sums of past spikes are the histories.
    device : str or torch.device
    most_bytes : float
        That counts may take to be kept; more are drawn anew in each pass.
    """

    def __init__(self, drawn: DrawnBins, device, most_bytes: float):
        everyone = np.arange(drawn.n_neurons)
        events = Events(drawn.source, drawn.bin_steps, everyone, BLOCK_BINS, look_back=0)
        super().__init__(events, everyone, drawn.filter_steps, device)
        self._drawn, self.n_rows = drawn, drawn.n_bins
        self._require_rows()
        self._type = np.min_scalar_type(drawn.bin_steps)
        self._keeps = self.n_rows * drawn.n_neurons * self._type.itemsize <= most_bytes
        self._kept: dict[int, np.ndarray] = {}

    def blocks_and_counts(self):
        """Yield the rows of the design matrix, and the counts drawn there; sums up the latter."""
        total, observed = np.zeros(self.n_targets), np.zeros(self.n_targets)
        for number, rows, there in self._drawn.rows():
            counts = self._kept.get(number)
            if counts is None:
                steps, neurons = self._drawn.draw(number, rows)
                block = EventBlock(0, 0, len(rows), steps, neurons)
                counts = self.events.counts(block).astype(self._type)
                if self._keeps:
                    self._kept[number] = counts
            total += counts.sum(0)
            observed += there.sum(0)
            yield placed(rows, self._device), counts.astype(np.float64)
        self._drawn.counts, self._drawn.observed = total, observed


def couplings_of(drawn: DrawnBins, method: GlmHistory, *, memory_mb: float, device) -> np.ndarray:
    """Fit the history GLM to drawn responses.

    Parameters
    ----------
    drawn : DrawnBins
    method : GlmHistory
        With the width of these bins and the filter of their sums.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    ndarray, shape (n, n)
        NaN where there is no fit or no finite coupling.
    """
    budget, n = Budget(memory_mb), drawn.n_neurons
    require_fit_memory(budget, n, n + 1, drawn.n_bins, f"a GLM on the histories of {n} neurons")
    design = DrawnResponses(drawn, device, budget.kept)
    fitted = fit(design, budget, method.ridge, method.tolerance, method.max_passes)
    return fitted.finite(fitted.coefficients[:-1])
