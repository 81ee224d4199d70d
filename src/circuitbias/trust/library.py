"""If the circuit were another one: a library of architectures as a stress test of a report.

Twins come from the recording's own couplings, so that they share what these have wrong. Networks of the
library have wirings that owe nothing to the recording; like twins they have its units, rates, correlation
and length. Their pairs are judged by what the recording's twins have taught, and their wiring says what a
promise would have delivered.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.stats import binom

from circuitbias.checks import whole
from circuitbias.errors.decomposition import total_error
from circuitbias.networks import build_network
from circuitbias.options import STRONGEST
from circuitbias.progress import report_line
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import ObservedNeurons
from circuitbias.trust.calibration import PROMISES, calibration_error, real_pairs
from circuitbias.trust.checks import check_fit
from circuitbias.trust.fits import all_estimates, on_twins
from circuitbias.trust.guard import judged
from circuitbias.trust.report import TrustReport
from circuitbias.trust.traits import traits
from circuitbias.trust.twins import Plan, Twin, make_twin

_CONNECTED = 0.1  # share of pairs, where an architecture leaves it open
_NEAR_INSTABILITY = 0.95  # largest eigenvalue of the linear response up to which weights are scaled
_BEYOND_CHANCE = 0.01  # probability of so many phantoms, or more, by which a promise counts as broken


@dataclass(frozen=True)
class Architecture:
    """A kind of network.

    Attributes
    ----------
    name : str
    words : str
        As in "if the circuit were ...".
    build : callable
        ``(n, seed)`` to weights, [pre, post].
    variant, link : str
        Of the plan (`circuitbias.trust.twins.Plan`); an empty link: that of the simulator whose promise the
        report makes.
    halved : bool
        Whether there are twice as many units, matched together, of which half are not recorded.
    """

    name: str
    words: str
    build: Callable
    variant: str = "plain"
    link: str = ""
    halved: bool = False


def _family(family, **options):
    def build(n, seed):
        made = build_network({"family": family, "n_neurons": n, "seed": seed + 1} | options)
        return made.dense_weights()

    return build


def _ring(n, _):
    widths = {"sigma1": 0.0698 * n, "sigma2": 0.07 * n}  # as of a ring of 100
    return build_network({"family": "ring", "n_neurons": n} | widths).dense_weights()


def _small_world(n, seed):
    return _family("small_world", n_neighbours=max(round(_CONNECTED * n), 2))(n, seed)


def _sheet(n, seed):
    """The first n units of a square sheet."""
    side = int(np.ceil(np.sqrt(n)))
    options = {"n_rows": side, "n_columns": side, "reach": 2.0, "seed": seed + 1}
    return build_network({"family": "sheet"} | options).dense_weights()[:n, :n]


_sparse = _family("random_sparse", connected=_CONNECTED, highest=STRONGEST)
_dale = _family("excitation_inhibition", connected=_CONNECTED)

ARCHITECTURES = (
    Architecture("ring", "a ring whose units inhibit each other", _ring),
    Architecture("random_sparse", "sparse and random", _sparse),
    Architecture("small_world", "a small world whose connections are equally strong", _small_world),
    Architecture("excitation_inhibition", "a network of excitatory and of inhibitory units", _dale),
    Architecture("sheet", "a sheet with local inhibition", _sheet),
    Architecture("rectified", "sparse and random, of rectified units", _sparse, link="rectified"),
    Architecture("common_drive", "sparse and random, with common drive", _sparse, "common"),
    Architecture("half_hidden", "half of a network of excitation and inhibition", _dale, halved=True),
)


@dataclass(frozen=True, eq=False)
class Stress:
    """What the report's judge says of one network of the library.

    Attributes
    ----------
    architecture : Architecture
    refused : str
        Why the network is left out: what of the recording it could not be made to have. Else empty.
    correlation : float
        NaN if there is no recording of it.
    connected : float
        Share of the pairs with a connection.
    listed, false : dict of float to int
        By promise: couplings that are listed, and those of them that are phantoms.
    found : dict of float to float
        Share of the connections that are listed.
    calibration_error, total : float
        Of the probabilities; and the total error of the couplings that are judged.
    """

    architecture: Architecture
    refused: str = ""
    correlation: float = np.nan
    connected: float = np.nan
    listed: dict = field(default_factory=dict)
    false: dict = field(default_factory=dict)
    found: dict = field(default_factory=dict)
    calibration_error: float = np.nan
    total: float = np.nan

    def delivered(self, promise: float) -> float:
        """Share of phantoms in a list; NaN of an empty one."""
        return self.false[promise] / self.listed[promise] if self.listed.get(promise) else np.nan

    def broken(self, promise: float) -> bool:
        """Whether a list holds more phantoms than promised, and more than chance explains."""
        if not self.listed.get(promise):
            return False
        return float(binom.sf(self.false[promise] - 1, self.listed[promise], promise)) < _BEYOND_CHANCE


def stress_test(
    report: TrustReport,
    source: SpikeSource,
    *,
    architectures: tuple[Architecture, ...] = ARCHITECTURES,
    seed: int = 0,
    memory_mb: float = 1500.0,
) -> list[Stress]:
    """Judge networks of a library by what the twins of a report have taught.

    Parameters
    ----------
    report : TrustReport
    source : SpikeSource
        The recording that it is of.
    architectures : tuple of Architecture, optional
    seed : int, optional
        Of wirings and spikes.
    memory_mb : float, optional

    Returns
    -------
    list of Stress
        One for each architecture; none without a promise that could be tested.
    """
    seed, results, started = whole("seed", seed, most=2**31), [], time.monotonic()
    if report.judge is None:
        return results
    for number, one in enumerate(architectures):
        left = ""
        if number:
            seconds_left = (time.monotonic() - started) / number * (len(architectures) - number)
            left = f", about {seconds_left:.0f} s left in all"
        report_line(f"library {number + 1} of {len(architectures)}{left}: {one.name}", always=True)
        results.append(_stress(one, report, source, seed + 1000 * number, memory_mb))
    return results


def _stress(one, report, source, seed, memory_mb):
    made = _made(one, report, source, seed, memory_mb)
    correlation = made.traits.correlation if made.traits else np.nan
    if made.refused:
        return Stress(one, made.refused, correlation)
    weights, estimates = made.weights, all_estimates(made.spikes, on_twins(report.methods), memory_mb)
    residual = check_fit(made.spikes, estimates["glm_history"], seed=seed).residual
    phantom, lists, _, _ = judged(
        report.judge, estimates, report.first, made.traits, report.shift, float(np.nanmax(residual))
    )
    off = ~np.eye(len(weights), dtype=bool)
    real = real_pairs(weights, np.sign(np.nan_to_num(estimates[report.first].values))[off])
    connected = real_pairs(weights, np.sign(weights[off]))
    return Stress(
        one,
        "",
        correlation,
        float(connected.mean()),
        {promise: int(chosen.sum()) for promise, chosen in lists.items()},
        {promise: int((chosen & ~real).sum()) for promise, chosen in lists.items()},
        {promise: float((chosen & real).sum() / connected.sum()) for promise, chosen in lists.items()},
        calibration_error(phantom, real),
        float(total_error(weights, estimates[report.first].values)),
    )


def _made(one, report, source, seed, memory_mb) -> Twin:
    """Simulate the network, like the recording; or say why it cannot be."""
    n, wanted = source.n_neurons, report.traits
    own_past = np.nan_to_num(np.diag(report.estimates["glm_history"].arrays["coefficients"]))
    plan = Plan(one.link or report.worse, one.variant, seed + 900_000)
    n_all = 2 * n if one.halved else n
    # Which units are seen, and who has which rate, has nothing to do with the wiring.
    order = np.random.default_rng([seed, 3]).permutation(n_all)
    weights = np.array(one.build(n_all, seed), dtype=float)[np.ix_(order, order)]
    np.fill_diagonal(weights, 0.0)
    if not weights[:n, :n].any():
        return Twin(plan, weights, refused=f"with {n} units it has no connection")
    own_past, rates_hz = np.resize(own_past, n_all), np.resize(wanted.rates_hz, n_all)
    weights *= _scale(weights, report, own_past, rates_hz)
    like = replace(wanted, rates_hz=rates_hz)
    made = make_twin(plan, weights, own_past, source, like, report.tau_ms, memory_mb)
    if one.halved and not made.refused:
        made.spikes = ObservedNeurons(made.spikes, np.arange(n))
        made.traits, made.weights = traits(made.spikes, memory_mb=memory_mb), weights[:n, :n]
    return made


def _scale(weights, report, own_past, rates_hz):
    """Factor by which weights make, in linear response, as much correlation as those of the twins do."""
    tau_s, n = report.tau_ms / 1000, len(report.units)
    seen = own_past[:n], rates_hz[:n], tau_s
    twins = [twin for twin in report.twins if twin.plan.variant == "plain" and not twin.refused]
    wanted = np.mean([linear_correlation(twin.strength * twin.weights, *seen) for twin in twins])
    low, high = 0.0, 1.0
    while linear_correlation(high * weights, own_past, rates_hz, tau_s) < wanted:
        low, high = high, 2 * high
    for _ in range(30):
        middle = (low + high) / 2
        more = linear_correlation(middle * weights, own_past, rates_hz, tau_s) > wanted
        low, high = (low, middle) if more else (middle, high)
    return low


def linear_correlation(
    weights: np.ndarray, own_past: np.ndarray, rates_hz: np.ndarray, tau_s: float
) -> float:
    """Root mean square correlation of long counts in linear response; infinite where that is unstable.

    A spike of i adds G_ij = J_ij rate_j tau to the spikes of j, so that the covariance of the counts is
    proportional to (1 - G^T)^-1 diag(rate) (1 - G)^-1 (Hawkes 1971, doi:10.1093/biomet/58.1.83).

    Parameters
    ----------
    weights : ndarray, shape (n, n)
        Changes of the log rate by a spike, [pre, post].
    own_past, rates_hz : ndarray, shape (n,)
        The same of a unit's own spikes; rates.
    tau_s : float
    """
    response = (weights + np.diag(own_past)) * rates_hz * tau_s
    if np.linalg.eigvals(response).real.max() > _NEAR_INSTABILITY:
        return np.inf
    away = np.linalg.inv(np.eye(len(weights)) - response)
    covariance = away.T * rates_hz @ away
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(np.maximum(sd, 1e-12), np.maximum(sd, 1e-12))
    return float(np.sqrt(np.mean(correlation[~np.eye(len(weights), dtype=bool)] ** 2)))


def table(results: list[Stress]) -> pd.DataFrame:
    """Return a row for each architecture.

    Returns
    -------
    DataFrame
        ``architecture``, ``correlation``, ``connected``, and at each promise ``listed``, ``delivered``,
        ``found`` and whether it is ``broken``; ``total_error``, ``calibration_error``, ``left_out``.
    """
    rows = []
    for one in results:
        row = {"architecture": one.architecture.name, "correlation": one.correlation}
        row["connected"] = one.connected
        for promise in PROMISES:
            row |= {
                f"listed_{promise:g}": one.listed.get(promise, 0),
                f"delivered_{promise:g}": one.delivered(promise),
                f"found_{promise:g}": one.found.get(promise, np.nan),
                f"broken_{promise:g}": one.broken(promise),
            }
        rows.append(row | {"total_error": one.total, "calibration_error": one.calibration_error})
        rows[-1]["left_out"] = one.refused
    return pd.DataFrame(rows)
