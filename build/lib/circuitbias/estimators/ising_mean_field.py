r"""Couplings of an Ising model from the moments of binary counts, in four approximations.

A bin with spikes has x = 1, one without has x = 0. The model is

.. math:: P(x) \propto \exp\Big(\sum_{i<j} J_{ij} x_i x_j + \sum_i b_i x_i\Big),

so that J is a log odds ratio; negative couplings inhibit. In the literature spins are s = 2x - 1 and
couplings J/4. With p the means of x, m = 2p - 1 those of s, v = p (1 - p) and C the variances and
covariances of x, naive mean field is :math:`-(C^{-1})_{ij}`, the method ``mean_field`` with binary
counts. The methods here go beyond it; all are symmetric and closed in form, and say how many pairs they leave
undefined (diagnostic ``n_undefined_pairs``). What has no real solution is NaN, never the modulus of a complex
number.
"""

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look
from circuitbias.estimators.couplings import Couplings, NoSolutionWarning, SeparableCountsWarning, warn
from circuitbias.estimators.prepare import prepare
from circuitbias.options import bin_width, slip_of_the_paper
from circuitbias.spikes.moments import Moments, inverse_covariance, state_counts

_NO_REAL_ROOT = (
    NoSolutionWarning,
    "the approximation has no real solution at {} pairs of neurons: they are NaN",
)
_STATE_NOT_SEEN = (
    SeparableCountsWarning,
    "{} pairs of neurons never fire together, never one of them alone, or always at least one of them: "
    "their log odds ratio is infinite and their couplings are NaN",
)


def _estimate(component, source, memory_mb, device, problem) -> Couplings:
    given = prepare(source, component.bin_steps, True, memory_mb=memory_mb, device=device)
    with np.errstate(invalid="ignore", divide="ignore"):  # what is not finite is said to be NaN
        solved = component.couplings(given.moments)
    values = np.where(np.isfinite(solved), solved, np.nan)
    defined = ~given.usable.undefined[given.kept]
    if n_undefined := int(np.triu(np.isnan(values) & defined[:, None] & defined, 1).sum()):
        category, message = problem
        warn(category(message.format(n_undefined)))
    return given.result(values, {"n_undefined_pairs": n_undefined})


def _log_odds_ratio(moments: Moments) -> np.ndarray:
    """Of each pair, shape (n, n); infinite or NaN where one of its four states was not seen."""
    together, neither, first, second = np.log(state_counts(moments))
    return together + neither - first - second


class Tap(Estimator):
    r"""The equations of Thouless, Anderson and Palmer: mean field to second order in the couplings.

    They add the reaction of a neuron on itself to naive mean field:
    :math:`(C^{-1})_{ij} = -J_{ij} - \frac12 m_i m_j J_{ij}^2`. The root that continues naive mean field is

    .. math:: J_{ij} = \frac{-2 (C^{-1})_{ij}}{1 + \sqrt{1 - 2 m_i m_j (C^{-1})_{ij}}}.

    With ``as_published``, :math:`8 p_i p_j` is in the place of :math:`2 m_i m_j`, as for Das & Fiete (2020):
    the equation for spins, solved with the moments of 0 and 1. Their curve is this one.

    References
    ----------
    Roudi, Tyrcha & Hertz, Phys. Rev. E 79:051915 (2009).
    """

    bin_steps: int = bin_width()
    as_published: bool = slip_of_the_paper()

    binary = True
    across_bins = False
    cost = Cost(seconds=5)
    look = Look("inverse Ising", {"tap": ("#4D4D4D", "<")}, ("TAP",))
    examples = Examples({}, {"as_published": True, "bin_steps": 80})

    def estimate(self, source, *, memory_mb, device):
        """Estimate couplings; pairs without a finite one are NaN, with a `NoSolutionWarning`."""
        return _estimate(self, source, memory_mb, device, _NO_REAL_ROOT)

    def couplings(self, moments: Moments) -> np.ndarray:
        """Couplings, (n, n), from the moments of binary counts; not finite where there are none."""
        p, inverse = moments.mean, inverse_covariance(moments.covariance)
        m = 2 * p - 1
        radicand = 1 - (8 * np.outer(p, p) if self.as_published else 2 * np.outer(m, m)) * inverse
        return -2 * inverse / (1 + np.sqrt(radicand))


class IndependentPair(Estimator):
    r"""The log odds ratio of a pair's four states, as if the pair were alone.

    .. math:: J_{ij} = \ln \frac{p_{11} p_{00}}{p_{10} p_{01}}

    Indirect effects are not explained away, so this is a measure of correlation.

    References
    ----------
    Roudi, Tyrcha & Hertz, Phys. Rev. E 79:051915 (2009).
    """

    bin_steps: int = bin_width()

    binary = True
    across_bins = False
    cost = Cost(seconds=5)
    look = Look("inverse Ising", {"independent_pair": ("#117733", "d")})

    def estimate(self, source, *, memory_mb, device):
        """Estimate couplings; pairs without a finite one are NaN, with a `SeparableCountsWarning`."""
        return _estimate(self, source, memory_mb, device, _STATE_NOT_SEEN)

    def couplings(self, moments: Moments) -> np.ndarray:
        """Couplings, (n, n), from the moments of binary counts; not finite where there are none."""
        return _log_odds_ratio(moments)


class SessakMonasson(Estimator):
    r"""The expansion of Sessak and Monasson in small correlations: all loops and all pairs.

    The sum over loops is naive mean field, the sum over pairs is `IndependentPair`; what they have in common,
    naive mean field of the pair alone, is counted once:

    .. math:: J_{ij} = -(C^{-1})_{ij} + \ln\frac{p_{11} p_{00}}{p_{10} p_{01}}
        - \frac{C_{ij}}{v_i v_j - C_{ij}^2}.

    ``as_published`` repeats what makes the curve of Das & Fiete (2020). Their formula is that for spins, with
    moments of 0 and 1. Its pair term takes means of zero, and its logarithm only holds the numerator:
    :math:`\frac14 \ln[(1 + C_{ij})^2] / (1 - C_{ij})^2`; its last term is
    :math:`C_{ij} / [(1 - p_i^2)(1 - p_j^2) - C_{ij}^2]`. It needs no states to be seen.

    References
    ----------
    Sessak & Monasson, J. Phys. A 42:055001 (2009); Roudi, Tyrcha & Hertz, Phys. Rev. E 79:051915 (2009).
    """

    bin_steps: int = bin_width()
    as_published: bool = slip_of_the_paper()

    binary = True
    across_bins = False
    cost = Cost(seconds=5)
    look = Look("inverse Ising", {"sessak_monasson": ("#882255", ">")}, ("Sessak", "Monasson"))
    examples = Examples({}, {"as_published": True})

    def estimate(self, source, *, memory_mb, device):
        """Estimate couplings; pairs without a finite one are NaN, with a `SeparableCountsWarning`."""
        return _estimate(self, source, memory_mb, device, _STATE_NOT_SEEN)

    def couplings(self, moments: Moments) -> np.ndarray:
        """Couplings, (n, n), from the moments of binary counts; not finite where there are none."""
        c = moments.covariance
        if self.as_published:
            pairs = np.log(1 + c) / 2 / (1 - c) ** 2
            widths = 1 - moments.mean**2
        else:
            pairs = _log_odds_ratio(moments)
            widths = np.diag(c).copy()
        return -inverse_covariance(c) + pairs - c / (np.outer(widths, widths) - c**2)


class Bethe(Estimator):
    r"""The Bethe approximation, exact for couplings without loops.

    With :math:`a = \sqrt{1 + 4 v_i v_j (C^{-1})_{ij}^2} - \frac12 m_i m_j (C^{-1})_{ij}`,

    .. math:: J_{ij} = -4 \operatorname{artanh}
        \frac{(C^{-1})_{ij}}{2 a + \sqrt{4 a^2 - (C^{-1})_{ij}^2}}.

    References
    ----------
    Ricci-Tersenghi, J. Stat. Mech. P08015 (2012), solved for the smaller root without cancellation;
    Nguyen & Berg, J. Stat. Mech. P03004 (2012).
    """

    bin_steps: int = bin_width()

    binary = True
    across_bins = False
    cost = Cost(seconds=7)
    look = Look("inverse Ising", {"bethe": ("#6699CC", "H")}, ("Bethe",))
    examples = Examples({"bin_steps": 80})

    def estimate(self, source, *, memory_mb, device):
        """Estimate couplings; pairs without a finite one are NaN, with a `NoSolutionWarning`."""
        return _estimate(self, source, memory_mb, device, _NO_REAL_ROOT)

    def couplings(self, moments: Moments) -> np.ndarray:
        """Couplings, (n, n), from the moments of binary counts; not finite where there are none."""
        m, v = 2 * moments.mean - 1, np.diag(moments.covariance)
        inverse = inverse_covariance(moments.covariance)
        a = np.sqrt(1 + 4 * np.outer(v, v) * inverse**2) - np.outer(m, m) * inverse / 2
        a = np.where(2 * a > (1 + 1e-12) * np.abs(inverse), a, np.nan)  # else nothing or all but infinite
        return -4 * np.arctanh(inverse / (2 * a + np.sqrt(4 * a**2 - inverse**2)))
