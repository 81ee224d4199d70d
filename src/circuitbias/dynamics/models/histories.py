"""What the references of the two GLM generators share: filtered histories of past spikes, step by step."""

import numpy as np

from circuitbias.component import option


def with_recorded_past():
    """Option: whether a recording begins with the empty past, as those of the paper do.

    The authors' script keeps the past in the first ``window`` rows of the array that it fills, and saves
    these rows, too. In bins of 100 steps that are two in which nobody fires, when otherwise one in 1e27 is
    empty: of 1e6 spikes they make couplings 2 % smaller and change the bias by up to a sixth
    (`docs/generators.md`).
    """
    return option(
        False, "Begin a recording with the empty past, `window` steps without a spike, as the paper's begin."
    )


def counts_of_histories(model, network, r, rate, uniforms):
    r"""Simulate a GLM on spike histories step by step, from an empty past.

    .. math::
        g_i(t) &= r \sum_{j \ne i} W_0[j, i] \sum_{l=1}^{L} e^{-l\, dt / \tau} X_j(t - l) + b_i \\
        X_i(t) &\sim \mathrm{Poisson}(\lambda(g_i(t)))

    Parameters
    ----------
    model : Generator
        With b, tau_ms, dt_ms and ``window``, the L above.
    network : Network
    r : float
    rate : callable
        lambda, of the inputs g of all neurons.
    uniforms : ndarray, shape (n_steps, n)
        A number U on (0, 1) for each count, the smallest k with P(count > k) <= U.

    Returns
    -------
    ndarray of int, shape (n_steps, n)
        Counts.
    """
    from scipy.stats import poisson  # a config is read with the option above, and without scipy

    weights = network.dense_weights().copy()
    np.fill_diagonal(weights, 0)
    kernel = np.exp(-np.arange(1, model.window + 1) * model.dt_ms / model.tau_ms)
    counts = np.zeros(uniforms.shape, dtype=int)
    for step, u in enumerate(uniforms):
        past = counts[max(0, step - model.window) : step][::-1]  # the last step first
        filtered = kernel[: len(past)] @ past
        counts[step] = poisson.isf(u, rate(r * (filtered @ weights) + model.b * network.drive_scale))
    return counts
