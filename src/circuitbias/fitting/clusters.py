"""A few Hessians for many targets, where memory holds no more: targets that respond together share one.

The Hessian of target j is ``X' diag(mu_j) X / T``, mu_j being its rate: the moments of the covariates over
its responses. Targets that respond at the same times have the same one, up to their mean rates. They pay: the
ring of 400 neurons at r = .025, 4e6 spikes in the default memory, takes 46 s of one core and 65 passes with
them, 65 s and 107 passes in three batches with own Hessians, which also give standard errors (made at the end
after clusters, these take 37 s more). The smaller the memory, the more they save.
"""

import numpy as np
import torch

from circuitbias.fitting.preconditioners import shared_preconditioner
from circuitbias.fitting.tuning import tuning


def similar_targets(profiles: np.ndarray, n_clusters: int) -> np.ndarray:
    """Put targets with similar correlations into clusters.

    Parameters
    ----------
    profiles : ndarray, shape (n_targets, n_columns)
        Correlations of the targets with the columns of the design.
    n_clusters : int
        Most clusters.

    Returns
    -------
    ndarray of int, shape (n_targets,)
        Cluster of each target, from 0 on.
    """
    if n_clusters >= len(profiles):
        return np.arange(len(profiles))
    from sklearn.cluster import KMeans  # slow to import, and seldom needed

    clusters = KMeans(n_clusters, n_init=1, max_iter=20, random_state=0).fit_predict(profiles)
    return np.unique(clusters, return_inverse=True)[1]  # with less variety, some are empty


def cluster_preconditioner(blocks, coefficients, clusters, second_moment, response_means, free, ridge):
    """Inverse of the Hessians, at some coefficients, of Poisson targets that share one in each cluster.

    Parameters
    ----------
    blocks : iterable of (tensor, shape (rows, n_columns); tensor, shape (rows, 1), or float)
        Rows in single precision, or a sample of them, and their weights.
    coefficients : tensor, shape (n_columns, n_targets)
    clusters : ndarray of int, shape (n_targets,)
        From `similar_targets`.
    second_moment, response_means, free, ridge
        See `circuitbias.fitting.preconditioners.shared_preconditioner`.

    Returns
    -------
    callable
        From gradients to steps, both of shape (n_columns, n_targets).
    """
    clusters = torch.from_numpy(clusters).to(coefficients.device)
    membership = torch.nn.functional.one_hot(clusters).float()  # single precision: it only points the way
    coefficients = coefficients.float()
    moments = torch.zeros((membership.shape[1], *second_moment.shape)).to(coefficients)
    total_rates = torch.zeros_like(moments[:, 0, 0])
    for rows, weights in blocks:
        rates = (rows @ coefficients).exp_() @ membership * weights
        total_rates += rates.sum(0)
        for moment, rate in zip(moments, rates.T, strict=True):
            moment.addmm_((rows * rate[:, None]).T, rows)

    parts = []
    for cluster, (moment, total) in enumerate(zip(moments, total_rates, strict=True)):
        members = (clusters == cluster).nonzero()[:, 0]
        weighted = torch.lerp(moment.double() / total, second_moment, tuning().cluster_shrinkage)
        of_members = response_means[members], free[:, members]
        parts.append((members, shared_preconditioner(weighted, *of_members, ridge)))

    def apply(gradient):
        step = torch.empty_like(gradient)
        for members, precondition in parts:
            step[:, members] = precondition(gradient[:, members])
        return step

    return apply
