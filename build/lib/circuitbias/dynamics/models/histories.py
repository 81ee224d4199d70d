"""What the references of the two GLM generators share: filtered histories of past spikes, step by step."""

import numpy as np
from scipy.stats import poisson


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
    weights = network.dense_weights().copy()
    np.fill_diagonal(weights, 0)
    kernel = np.exp(-np.arange(1, model.window + 1) * model.dt_ms / model.tau_ms)
    counts = np.zeros(uniforms.shape, dtype=int)
    for step, u in enumerate(uniforms):
        past = counts[max(0, step - model.window) : step][::-1]  # the last step first
        filtered = kernel[: len(past)] @ past
        counts[step] = poisson.isf(u, rate(r * (filtered @ weights) + model.b * network.drive_scale))
    return counts
