"""Causes that docs/reproduction.yaml names for numbers of ours that differ from the published ones."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import circuitbias as cb
from circuitbias import published
from circuitbias.errors.sampling import noise_and_bias_power, predict_errors
from circuitbias.estimators.couplings import ConstantNeuronWarning
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.bumps import diffusivities_as_published
from circuitbias.spikes.substates import divergence_bits, grassberger_bits, state_counts
from circuitbias.spikes.views import first_spikes

THETA = {0.015: 8.93e-4, 0.0175: 8.52e-4, 0.02: 8.15e-4, 0.0225: 7.75e-4, 0.025: 7.4e-4}
"""Published, of the pinned ring."""


def with_endless_data(errors, volumes):
    """Continue errors of two volumes to 1e8 spikes: in 1 / (1 - error squared) noise falls as 1 / volume."""
    less, more = (1 / (1 - error**2) for error in errors)
    noise = (less - more) / (1 / volumes[0] - 1 / volumes[1])
    return np.sqrt(1 - 1 / (more - noise * (1 / volumes[1] - 1 / 1e8)))


@pytest.mark.slow
@pytest.mark.parametrize("r", THETA)
def test_a_standardised_response_makes_the_published_error_of_logistic_regression_on_the_pinned_ring(r):
    """With a response of +1 and -1, and an intercept, ours are .517 to .498, and published .540 to .759.

    At least three quarters of the difference must go. (At r = .0125 it is 2 %, too little to tell.) Couplings
    are the mean of both directions; with those of one, .6 to 2.9 % of the published error are left at 1e8
    spikes.
    """
    table = published.errors("ring_pinned")
    paper = table.total[(table.method == "logistic_binarised") & np.isclose(table.r, r)].item()
    ring = cb.network("ring", pinned=True)
    spikes = cb.simulate(ring, r=r, theta=THETA[r], n_spikes=6_000_000, seed=1)
    volumes = 2_000_000, 6_000_000
    standardised, plain = (
        with_endless_data([
            cb.compare(ring, cb.infer(part, "logistic", binarise=True, as_published=slip)).total
            for part in (first_spikes(spikes, n) for n in volumes)
        ], volumes)
        for slip in (True, False)
    )  # fmt: skip
    print(f"r = {r:g}: {standardised:.3f}, without the slip {plain:.3f}, published {paper:.3f}")
    assert abs(standardised - paper) < abs(plain - paper) / 4


@pytest.mark.slow
def test_variance_errors_of_mean_field_scatter_between_recordings_of_drifting_bumps():
    """At r = .025 far more than the 1 % that noise independent between pairs would have."""
    ring = cb.network("ring")
    found = []
    for seed in range(100, 106):
        spikes = cb.simulate(ring, r=0.025, theta=7.35e-4, n_spikes=10_000_000, seed=seed)
        found.append(cb.compare(ring, cb.infer(spikes, "mean_field")).variance)
    scatter = np.std(found, ddof=1) / np.mean(found)
    print(f"variance errors {np.round(found, 4)}, scatter {scatter:.3f}")
    assert 0.04 < scatter < 0.25  # .11, itself known to a third from six


@pytest.mark.parametrize(("method", "r"), [("glm", 0.0025), ("glm", 0.005), ("mpf", 0.0025)])
def test_slopes_published_at_weak_strengths_hold_what_least_squares_shrinks(method, r):
    """Of total error squared less the bias squared of all data, as the paper has it, from 1e7 spikes on.

    With noise alone the power of the variance falls as 1 / volume: a slope of -1, as ours are. What is left
    of the total by subtracting one bias holds shrinkage as well, which is larger where there are fewer data.
    Everything here follows from the published errors at 1e8 spikes and the model.
    """
    fit, errors = published.power_law_fits(), published.errors("ring")
    (fit,) = fit[(fit.method == method) & np.isclose(fit.r, r)].itertuples()
    (paper,) = errors[(errors.method == method) & np.isclose(errors.r, r)].itertuples()
    log_volumes = np.linspace(7, 8, 5)
    totals = [predict_errors(paper.bias, paper.variance, 100, 1e8, 10**v).total for v in log_volumes]
    slope, intercept = np.polyfit(log_volumes, np.log10(np.square(totals) - paper.bias**2), 1)
    noise = noise_and_bias_power(paper.bias, paper.variance, 100).noise
    print(f"{method} r = {r:g}: slope {slope:.4f}, published {fit.slope:.4f}")
    assert abs(slope - fit.slope) < abs(-1 - fit.slope) / 2
    assert abs(intercept - fit.log10_intercept) < abs(np.log10(noise * 1e8) - fit.log10_intercept)


def test_errors_published_for_bins_of_one_step_are_those_of_equal_couplings():
    """Couplings that are all the same, with noise that is independent of the weights: one number makes three.

    Nothing that tells one pair from another is in them. Without noise they have a total error of .802; the
    noise follows from the published total, and then variance and bias must come out.
    """
    (paper,) = published.bin_width().query("bin_steps == 1").itertuples()
    ring = cb.network("ring")
    weights = ring.weights[~np.eye(100, dtype=bool)]
    in_their_mean = weights.sum() ** 2 / (weights.size * np.square(weights).sum())
    assert np.sqrt(1 - in_their_mean) == pytest.approx(0.802, abs=5e-4)
    noise_sd = np.sqrt(in_their_mean / (1 - paper.total**2) - 1)  # of the couplings, in units of their mean
    rng, found = np.random.default_rng(1), []
    for _ in range(100):
        noise = np.triu(noise_sd * rng.standard_normal((100, 100)), 1)
        values = -1 - noise - noise.T
        np.fill_diagonal(values, np.nan)
        errors = cb.compare(ring, cb.Couplings(values))
        found.append([errors[name] for name in ("total", "bias", "variance")])
    mean, scatter = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
    print(f"{mean.round(4)} +- {scatter.round(4)}, published {paper.total} {paper.bias} {paper.variance}")
    assert (np.abs(mean - [paper.total, paper.bias, paper.variance]) < 2 * scatter).all()


def flow_and_gradient(states, share):
    """The published objective, of E = x'Jx: the flow into single flips and into the inverse of a state."""
    n = states.shape[1]

    def evaluate(parameters):
        couplings = parameters.reshape(n, n)
        couplings = (couplings + couplings.T) / 2
        fields, signs = states @ couplings, 2 * states - 1
        flips = share[:, None] * np.exp(signs * fields - couplings.diagonal() / 2)
        inverse = share * np.exp(fields.sum(axis=1) - couplings.sum() / 2)
        gradient = (flips * signs).T @ states - np.diag(flips.sum(axis=0)) / 2
        gradient += inverse @ states - inverse.sum() / 2  # of x x' - (1 - x)(1 - x)', by rows and columns
        return flips.sum() + inverse.sum(), ((gradient + gradient.T) / 2).ravel()

    return evaluate


def test_a_descent_on_bins_of_one_step_makes_couplings_equal_before_it_learns_any():
    """As in the published script: from couplings of 1e-3 at random, by quasi-Newton steps.

    A silent bin pushes all couplings alike, to lessen the flow into the state in which all neurons fire. So
    the published errors are those of a descent that has not ended; where ours ends it has learnt noise.
    """
    ring = cb.network("ring")
    spikes = cb.simulate(ring, r=0.005, theta=1.213e-3, n_spikes=60_000, seed=1)
    states, times = np.unique(BinnedCounts(spikes, 1, binarise=True).all(), axis=0, return_counts=True)
    evaluate = flow_and_gradient(states.astype(float), times / times.sum())
    start = 1e-3 * np.random.default_rng(1).standard_normal((100, 100))
    totals = []

    def errors_so_far(parameters):
        couplings = -(parameters.reshape(100, 100) + parameters.reshape(100, 100).T)
        np.fill_diagonal(couplings, np.nan)
        totals.append(cb.compare(ring, cb.Couplings(couplings)).total)

    start = ((start + start.T) / 2).ravel()
    minimize(evaluate, start, jac=True, callback=errors_so_far, method="L-BFGS-B", options={"maxiter": 20})
    print(f"total errors, step after step: {np.round(totals, 3)}")
    (paper,) = published.bin_width().query("bin_steps == 1").itertuples()
    assert min(totals) == pytest.approx(0.802, abs=1e-3)  # equal couplings
    assert paper.total < totals[-1] and totals[-1] > 0.95  # noise: none of the weights is learnt any more


def test_published_diffusivities_are_slopes_over_twenty_milliseconds_without_a_factor_of_ours():
    """Of the authors' measure, in a unit that counts the phase of four bumps as that of one on 100 neurons.

    Of a recording of ten seconds, at r = .0125 and .015 where the phase runs away now and then, a value may
    be half or twice the mean. The unit and these ten seconds were found after seeing the numbers.
    """
    ring, theta, ratios = cb.network("ring"), published.thresholds("ring"), {}
    for paper in published.diffusivity().itertuples():
        spikes = cb.simulate(ring, r=paper.r, theta=theta[paper.r], n_spikes=1_000_000, seed=1)
        windows = diffusivities_as_published(spikes, 25.0, 10.0) / (312.5 * paper.diffusivity)
        mean, scatter = ratios[paper.r] = windows.mean(), windows.std(ddof=1)
        print(f"r = {paper.r:g}: {mean:.3f} of the published, ten seconds scatter by {scatter:.3f}")
    assert all(abs(mean - 1) < 2 * scatter for mean, scatter in ratios.values())
    assert all(abs(mean - 1) < 0.1 for r, (mean, _) in ratios.items() if r > 0.0175)
    assert ratios[0.0125][1] > 0.2 and ratios[0.015][1] > 0.2  # of firm bumps .06


def test_the_empty_past_makes_the_published_errors_of_the_exponential_glm():
    """Two bins in which nobody fires make couplings 2.4 % smaller, and the bias at r = .0075 a sixth larger.

    One published recording beside the mean of four of ours, by what 96 recordings scatter by.
    """
    r, ring = 0.0075, cb.network("ring")
    table = published.errors("ring_glm_exp")
    paper = table[np.isclose(table.r, r)].iloc[0]
    (theta,) = published.thresholds("ring", "glm_exp").loc[lambda at: np.isclose(at.index, r)]
    found = {}
    for slip in (False, True):
        options = {
            "r": r,
            "theta": theta,
            "n_spikes": 1_000_000,
            "generator": "glm_exp",
            "as_published": slip,
        }
        found[slip] = pd.DataFrame(
            [cb.compare(ring, cb.infer(cb.simulate(ring, **options, seed=seed))) for seed in range(101, 105)]
        )
    plain, with_past = ((found[slip].bias.mean() - paper.bias) / 0.0025 for slip in (False, True))
    print(f"bias less the published one, in standard deviations: {plain:.1f}, with the past {with_past:.1f}")
    assert plain < -2.5 and abs(with_past) < 2
    assert abs(found[True].total.mean() - paper.total) < abs(found[False].total.mean() - paper.total)


LIKELIHOODS = {
    0.0005: 6468.09,
    0.0025: 56277.4,
    0.005: 480661,
    0.0075: 1.03834e7,
    0.01: 1.36731e8,
    0.0125: 2.50099e8,
    0.015: 2.21159e8,
    0.0175: 1.3181e8,
    0.02: 7.13636e7,
    0.0225: 4.13013e7,
    0.025: 2.70781e7,
}
"""Published, in nats: how much likelier a second recording of the ring makes its states than sidebands do."""


def published_share(r):
    """Share of bins of 100 steps in which a neuron fires, in the published recording of the ring.

    A window's share of the log-likelihood is the difference of two published divergences. So the number of
    windows is known, and of bins (100 windows each). They hold 1e8, the count at which their recordings end.
    """
    table = published.substates().query("r == @r").set_index("against").divergence
    windows = LIKELIHOODS[r] / (np.log(2) * (table.sideband_3_3 - table.same))
    return 1e8 / windows


def excess(counts):
    """Share of neurons that are on, and how much more entropy ten independent ones would have."""
    on = (np.arange(len(counts))[:, None] >> np.arange(10)) & 1
    share = (counts @ on).sum() / 10 / counts.sum()
    alone = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    return np.array([share, 10 * alone - grassberger_bits(counts)])


@pytest.mark.slow
def test_the_published_ring_fires_as_ours_does_and_its_joint_states_hold_as_much_information():
    """At weak strengths entropies follow the rate: .0002 bits for .0001 of the bins in which neurons fire.

    Ours lay .0003 bits above the published ones at four strengths, from the same seeds, so from one noise,
    and fired more. Here seeds (one for each strength) and volume were decided on beforehand. Neither the
    share differs nor what is left of the entropy beside it.
    """
    ring, theta, deviations = cb.network("ring"), published.thresholds("ring"), []
    entropy = published.substates().query("against == 'same'").set_index("r").entropy
    for seed, r in enumerate(LIKELIHOODS, start=901):
        spikes = cb.simulate(ring, r=r, theta=theta[r], n_spikes=10_000_000, seed=seed)
        blocks = state_counts(spikes, 10, 100, 10)
        ours = excess(blocks.sum(axis=0))
        spread = 3 * np.std([excess(blocks.sum(axis=0) - block) for block in blocks], axis=0)
        share = published_share(r)
        alone = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
        paper = np.array([share, 10 * alone - entropy[r]])
        both = spread * np.sqrt(1 + blocks.sum() / (1e8 / share))
        deviations.append((ours - paper) / both)
        print(f"r = {r:g}: {ours} +- {both}, published {paper}")
    deviations = np.array(deviations)
    print(f"deviations, in standard errors of ten blocks:\n{deviations.round(1)}")
    assert (abs(deviations) < 4).all()
    assert (np.square(deviations).mean(axis=0) < 2.5).all()  # 9/7 = 1.3 is expected of Student's t


@pytest.mark.slow
def test_the_divergence_from_sidebands_at_the_strongest_weights_is_the_published_one():
    """Six recordings of 1e7 spikes of either ring, decided on beforehand.

    Five of 3e6 had been 2 % below, by a correction for few samples that was too large.
    """
    r, found = 0.025, {}
    networks = {"ring": cb.network("ring"), "sideband_3_3": cb.network("sideband")}
    for first, (name, network) in zip((700, 800), networks.items(), strict=True):
        theta = published.thresholds(name)[r]
        found[name] = np.array([
            state_counts(
                cb.simulate(network, r=r, theta=theta, n_spikes=10_000_000, seed=seed), 10, 100
            )[0]
            for seed in range(first, first + 6)
        ])  # fmt: skip
    own, other = found.values()
    ours = divergence_bits(own.sum(axis=0), other.sum(axis=0))
    left_out = [
        [divergence_bits(own.sum(axis=0) - one, other.sum(axis=0)) for one in own],
        [divergence_bits(own.sum(axis=0), other.sum(axis=0) - one) for one in other],
    ]
    spread = np.sqrt(5 * np.var(left_out, axis=1).sum() * 1.3)  # the published one is of 2e8 spikes
    (paper,) = published.substates().query("r == @r and against == 'sideband_3_3'").divergence
    print(f"divergence {ours:.5f} +- {spread:.5f}, published {paper:.5f}")
    assert abs(ours - paper) < 2.5 * spread


def test_minimum_probability_flow_of_the_pinned_ring_does_not_depend_on_where_the_published_descent_stops():
    """As in the published script: all 100 neurons, from nothing, to the tolerances of `minFunc`.

    The silent neuron is in that fit. The flow into the inverse of each state keeps its bias finite.
    """
    r, ring = 0.0075, cb.network("ring", pinned=True)
    (theta,) = published.thresholds("ring_pinned").loc[lambda at: np.isclose(at.index, r)]
    spikes = cb.simulate(ring, r=r, theta=theta, n_spikes=300_000, seed=1)
    states = BinnedCounts(spikes, 100, binarise=True).all().astype(float)
    start = 7e-4 * np.random.default_rng(1).standard_normal((100, 100))
    options = {
        "maxcor": 100,
        "gtol": 1e-5,
        "ftol": 1e-11,  # of a flow of about 100
        "maxiter": 10_000,
        "maxfun": 10_000,
    }
    found = minimize(
        flow_and_gradient(states, np.full(len(states), 1 / len(states))),
        ((start + start.T) / 2).ravel(),
        jac=True,
        method="L-BFGS-B",
        options=options,
    )
    values = -found.x.reshape(100, 100)
    values[0] = values[:, 0] = np.nan
    np.fill_diagonal(values, np.nan)
    with pytest.warns(ConstantNeuronWarning):
        ours = cb.compare(ring, cb.infer(spikes, "mpf")).total
    theirs = cb.compare(ring, cb.Couplings(values)).total
    print(f"total error {theirs:.5f} after {found.nit} steps, ours {ours:.5f}")
    assert theirs == pytest.approx(ours, rel=2e-3)  # two recordings had been 2 % above the published one
