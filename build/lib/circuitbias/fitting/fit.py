"""What every fit of many regressions comes to."""

from dataclasses import dataclass

import numpy as np

from circuitbias.device import Array, namespace, on_cpu


@dataclass
class Fit:
    """Regressions of all targets on one design.

    Attributes
    ----------
    coefficients : array, shape (n_columns, n_targets)
        Slopes first, intercepts last.
    infinite : array of bool, shape (n_columns, n_targets)
        Coefficients without a finite value; the others are those in this limit.
    scaled_gradient : array, shape (n_targets,)
        Largest entry of each target's gradient, in the units of the tolerance.
    converged : array of bool, shape (n_targets,)
    passes : int
        Over the data.
    standard_errors : array, shape (n_columns - 1, n_targets), optional
        Of the slopes; NaN for those that are held.
    undefined : array of bool, shape (n_targets,), optional
        Targets whose likelihood has no maximum, even in a limit.
    """

    coefficients: Array
    infinite: Array
    scaled_gradient: Array
    converged: Array
    passes: int = 0
    standard_errors: Array | None = None
    undefined: Array | None = None

    def __post_init__(self):
        if self.undefined is None:
            self.undefined = namespace(self.converged).zeros_like(self.converged)

    @property
    def fitted(self) -> Array:
        """Targets that have a fit, shape (n_targets,)."""
        return self.converged & ~self.undefined

    def finite(self, values: Array) -> np.ndarray:
        """Values, (n_columns, n_targets) or its slopes, with NaN where there is no fit or no finite one."""
        known = self.fitted & ~self.infinite[: len(values)]
        return on_cpu(namespace(values).where(known, values, np.nan))

    def of_fitted(self, values: Array) -> np.ndarray:
        """Values, (n_targets,), with NaN for targets that have no fit."""
        return on_cpu(namespace(values).where(self.fitted, values, np.nan))

    def certificate(self) -> dict:
        """How far from their optimum the fits are: `circuitbias.estimators.couplings.Certificate`."""
        fitted = self.scaled_gradient[self.fitted]
        return {
            "passes": self.passes,
            "largest_scaled_gradient": fitted.max().item() if len(fitted) else None,
            "n_not_converged": int((~self.converged & ~self.undefined).sum()),
        }
