"""From fits to what every regression returns and warns of."""

import warnings

from circuitbias.estimators.couplings import NotConvergedWarning


def warn_not_converged(neurons, solution, tolerance, max_passes, passes) -> None:
    """Warn, for the caller of an estimator, of fits that did not reach the tolerance."""
    warnings.warn(
        f"fits of neurons {neurons.tolist()} did not reach tolerance={tolerance:g} in {passes} passes "
        f"(max_passes={max_passes}, largest scaled gradient {solution.scaled_gradient.max():.1e}): "
        "their couplings are NaN",
        NotConvergedWarning,
        stacklevel=4,
    )
