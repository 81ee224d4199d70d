"""From fits to what every regression returns and warns of."""

import numpy as np

from circuitbias.device import on_cpu
from circuitbias.estimators.couplings import NotConvergedWarning, SeparableCountsWarning, warn

AT_BOUND_OF_A_HISTORY = "fire only where the history of some neuron is empty, or only where it is largest"
"""Why a coefficient of a history has no finite value."""

_MOST_NAMED = 8  # pairs, or neurons, that a message names
_RIDGE = (
    "ridge > 0, a penalty ridge / 2 |J_j|^2 on the mean negative log-likelihood of a bin (nats), "
    "gives all of them finite values; 1 / (number of bins) is a weak one"
)


def warn_not_converged(kept: np.ndarray, fit, tolerance: float, max_passes: int) -> None:
    """Warn, for the caller of an estimator, of fits that did not reach the tolerance.

    Parameters
    ----------
    kept : ndarray of int, shape (n_kept,)
        Numbers of the targets.
    fit : Fit
        Or what has its ``converged``, ``scaled_gradient`` and ``passes``.
    tolerance, max_passes
        What was asked for.
    """
    failed = ~on_cpu(fit.converged)
    if (undefined := getattr(fit, "undefined", None)) is not None:
        failed &= ~on_cpu(undefined)
    if failed.any():
        warn(
            NotConvergedWarning(
                f"fits of neurons {kept[failed].tolist()} did not reach tolerance={tolerance:g} in "
                f"{fit.passes} passes (max_passes={max_passes}, largest scaled gradient "
                f"{fit.scaled_gradient.max():.1e}): their couplings are NaN",
                targets=kept[failed],
            )
        )


def warn_infinite(infinite: np.ndarray, kept: np.ndarray, reason: str, remedy: str | None = None) -> None:
    """Warn, for the caller of an estimator, of couplings without a finite value.

    Parameters
    ----------
    infinite : ndarray of bool, shape (n_kept, n_kept)
        Which [pre, post].
    kept : ndarray of int, shape (n_kept,)
        Numbers of these neurons.
    reason : str
        Of the targets: "never fire ...".
    remedy : str, optional
        By default the ridge.
    """
    pairs = np.argwhere(infinite)
    if not len(pairs):
        return
    targets = kept[np.unique(pairs[:, 1])].tolist()
    who = f"neurons {targets}" if len(targets) <= _MOST_NAMED else f"{len(targets)} neurons"
    warn(
        SeparableCountsWarning(
            f"{len(pairs)} coefficients ({named_pairs(infinite, kept)}) have no finite value and are NaN: "
            f"{who} {reason}. All others are those in this limit. {remedy or _RIDGE}",
            pairs=kept[pairs],
        )
    )


def named_pairs(infinite: np.ndarray, kept: np.ndarray) -> str:
    """Name pairs of neurons; many, by the few neurons that most of them are with."""
    pairs = np.argwhere(infinite)
    if len(pairs) <= _MOST_NAMED:
        return ", ".join(f"{kept[i]} -> {kept[j]}" for i, j in pairs)
    left, named = infinite.copy(), []
    while left.any() and len(named) < _MOST_NAMED:
        often = left.sum(0) + left.sum(1) - left.diagonal()
        worst = int(often.argmax())
        named.append(f"{often[worst]} with neuron {kept[worst]}")
        left[worst], left[:, worst] = False, False
    return ", ".join(named + [f"{left.sum()} others"] * bool(left.any()))
