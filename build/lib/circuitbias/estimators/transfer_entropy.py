"""Transfer entropy: what a neuron's past says of another one's present, beyond that one's own past."""

import math

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import on_cpu, placed
from circuitbias.estimators.couplings import ConstantNeuronWarning, Couplings, warn
from circuitbias.estimators.prepare import prepare
from circuitbias.exceptions import UnusableDataError
from circuitbias.options import bin_width
from circuitbias.spikes.binning import BinnedCounts


def joint_counts(counts: BinnedCounts, lag: int, device) -> np.ndarray:
    """Count, for all pairs (i, j), the joint states of both neurons' past and of j's present.

    Parameters
    ----------
    counts : BinnedCounts
        Binary.
    lag : int
        Bins from past to present; both lie in one trial.
    device : str or torch.device

    Returns
    -------
    ndarray of float64, shape (2, 2, 2, n, n)
        ``[a, b, c, i, j]`` is the number of bins t with ``x_i(t - lag) = a``, ``x_j(t - lag) = b`` and
        ``x_j(t) = c``: whole numbers, exactly.
    """
    n = counts.n_neurons
    past_past, past_present, all_three = (placed(np.zeros((n, n)), device) for _ in range(3))
    past_sum, present_sum = (placed(np.zeros(n), device) for _ in range(2))
    trial, before, n_rows = None, None, 0
    for block in counts.blocks():
        if block.trial != trial:
            trial, before = block.trial, block.counts[:0]
        rows = np.concatenate([before, block.counts])
        before = rows[max(len(rows) - lag, 0) :]
        if len(rows) <= lag:
            continue
        # Sums over a block are far below 2^24, so single precision holds them exactly.
        past, present = (placed(part.astype(np.float32), device) for part in (rows[:-lag], rows[lag:]))
        past_past += past.T @ past
        past_present += past.T @ present
        all_three += past.T @ (past * present)
        past_sum += past.sum(0)
        present_sum += present.sum(0)
        n_rows += len(past)

    past_past, past_present, all_three, past_sum, present_sum = (
        on_cpu(sums) for sums in (past_past, past_present, all_three, past_sum, present_sum)
    )
    own = past_present.diagonal()  # x_j(t - lag) = x_j(t) = 1
    result = np.empty((2, 2, 2, n, n))
    result[1, 1, 1] = all_three
    result[1, 1, 0] = past_past - all_three
    result[1, 0, 1] = past_present - all_three
    result[1, 0, 0] = past_sum[:, None] - past_past - result[1, 0, 1]
    result[0, 1, 1] = own - all_three
    result[0, 1, 0] = past_sum - own - result[1, 1, 0]
    result[0, 0, 1] = present_sum - own - result[1, 0, 1]
    result[0, 0, 0] = n_rows - present_sum - (past_sum - own) - result[1, 0, 0]
    return result


class TransferEntropy(Estimator):
    r"""What a neuron's past says of another one's present, beyond that one's own past.

    With x the counts in bins made binary,

    .. math::
        T_{i \to j} = I(x_j(t); x_i(t - l) \mid x_j(t - l)) = \sum_{abc} p_{abc} \log_2
        \frac{p(c \mid a, b)}{p(c \mid b)},

    a and b being the past of i and j and c the present of j, and all probabilities the shares of the bins
    with these states (the plug-in estimate). Directed.

    The plug-in estimate is too large on data that are finite. ``2 T ln 2`` times it, T being the number of
    bins, is the likelihood ratio of two nested models of j, with and without the past of i, which have 2 and
    4 parameters. If i says nothing of j, that is distributed as chi-squared with 2 degrees of freedom, so
    that the mean of the estimate is ``2 / (2 T ln 2)`` bits where the truth is 0. That number is reported,
    and not subtracted.

    The sign, if asked for, is that of ``sum_b p(b) cov(x_i(t - l), x_j(t) | x_j(t - l) = b)``: negative for
    inhibition.

    References
    ----------
    Schreiber, Phys. Rev. Lett. 85:461 (2000). Its bias: Barnett & Bossomaier, Phys. Rev. Lett. 109:138105
    (2012), who show that it is a likelihood ratio, with the distribution of Wilks, Ann. Math. Stat. 9:60
    (1938).
    """

    bin_steps: int = bin_width()
    lag: int = option(1, "Lag of the past (bins).", least=1)
    signed: bool = option(True, "Give it the sign of the partial covariance of past and present.")

    directed = True
    binary = True
    cost = Cost(seconds=5)
    look = Look("correlations", {"transfer_entropy": ("#B8860B", "D")})
    examples = Examples({}, {"bin_steps": 50, "lag": 2})

    def estimate(self, source, *, memory_mb, device):
        """Estimate couplings.

        Returns
        -------
        Couplings
            Diagnostics: ``n_bins`` and ``n_counts`` (of the bins with a past), ``expected_bias_bits``
            (above).

        Warns
        -----
        ConstantNeuronWarning
            Couplings from a neuron are NaN if it fires in no bin, or in every bin, that is a past; those to a
            neuron, if it does so in those that have a past.

        Raises
        ------
        UnusableDataError
            If no trial is longer than the lag.
        """
        given = prepare(source, self.bin_steps, True, memory_mb=memory_mb, device=device)
        trial_bins = given.counts.trial_bins
        n_bins = int(np.maximum(trial_bins - self.lag, 0).sum())
        if n_bins == 0:
            raise UnusableDataError(
                f"lag={self.lag} is as long as every trial (longest: {trial_bins.max()} bins)"
            )
        joint = joint_counts(given.counts, self.lag, given.device)

        past, present = joint.sum(axis=(1, 2))[1, :, 0], joint.sum(axis=(0, 1))[1, 0]
        constant_past, constant_present = (sums % n_bins == 0 for sums in (past, present))
        if (constant := constant_past | constant_present).any():
            warn(
                ConstantNeuronWarning(
                    f"neurons {np.flatnonzero(constant).tolist()} have the same count in every bin that is a "
                    "past, or that has one: couplings from them, or to them, are NaN"
                )
            )
        values = _information(joint) / n_bins
        if self.signed:
            values *= np.sign(_partial_covariance(joint))
        values[constant_past] = values[:, constant_present] = np.nan
        expected_bias = 1 / (n_bins * math.log(2))
        return Couplings(
            values,
            {"n_bins": n_bins, "n_counts": round(present.sum()), "expected_bias_bits": expected_bias},
        )


def _information(joint):
    """Sum over bins of the conditional mutual information of a and c given b, in bits: (n, n)."""
    past_of_post = joint.sum(axis=(0, 2), keepdims=True)
    ratio = np.divide(
        joint * past_of_post,
        joint.sum(axis=2, keepdims=True) * joint.sum(axis=0, keepdims=True),
        out=np.ones_like(joint),
        where=joint > 0,
    )
    return np.maximum((joint * np.log2(ratio)).sum(axis=(0, 1, 2)), 0.0)  # rounding may leave less


def _partial_covariance(joint):
    """Sum over bins of the covariance of a and c given b: (n, n)."""
    past_of_post = joint.sum(axis=(0, 2))
    both = joint[1, :, 1] * past_of_post - joint.sum(axis=2)[1] * joint.sum(axis=0)[:, 1]  # whole numbers
    return np.divide(both, past_of_post, out=np.zeros_like(both), where=past_of_post > 0).sum(axis=0)
