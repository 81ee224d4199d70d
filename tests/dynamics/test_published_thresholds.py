"""Thresholds found for 62.5 Hz beside every one that was published: rates at both, measured independently.

``pytest -m slow -s`` of this file prints the table of docs/generators.md. The
authors tuned theirs by hand, to 15.9 to 16.4 ms between spikes where they wanted 16: that is 61.0 to 62.9 Hz.
"""

import pytest

import circuitbias as cb
from circuitbias.dynamics.named import NamedModel
from circuitbias.dynamics.threshold_search import threshold_for_rate
from circuitbias.published import thresholds

STRONGEST = 0.025
"""Of the paper's sweeps; beyond it the full sidebands have one threshold more, which was tuned less well."""

NETWORKS = {
    "ring": {"family": "ring"},
    "ring_pinned": {"family": "ring", "pinned": True},
    **{f"sideband_{k}_3": {"family": "sideband", "profile": "mpf", "fraction": k / 3} for k in (1, 2, 3)},
}
TABLES = [(name, "threshold") for name in NETWORKS]
TABLES += [("ring", generator) for generator in ("lnp", "glm_relu", "glm_exp")]


def rate_of(network, model, theta):
    spikes = cb.simulate(network, r=model.r, theta=theta, n_spikes=400_000, seed=7, generator=model.family)
    return float(spikes.n_spikes / network.n_neurons / (spikes.trial_steps.sum() * spikes.dt_ms / 1000))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "generator"), TABLES, ids=map("-".join, TABLES))
def test_thresholds_are_those_that_were_published(name, generator):
    network = cb.network(**NETWORKS[name])
    active = 0.99 if name == "ring_pinned" else 1  # the rates that were published are of those that fire
    theirs, beyond, ours, differences = [], [], [], []
    for r, published in thresholds(name, generator).items():
        model = NamedModel.of({"r": r, "theta": 1e-3}, generator)
        found = threshold_for_rate(network, model.searched(network), 62.5 * active)
        ours.append(rate_of(network, model, found.theta) / active)
        (theirs if r <= STRONGEST else beyond).append(rate_of(network, model, published) / active)
        differences.append(1e6 * abs(published - found.theta))
    print(f"\n| {name} | {generator} | {len(ours)} | {min(ours):.2f} ... {max(ours):.2f} ", end="")
    print(f"| {min(theirs):.2f} ... {max(theirs):.2f} | {max(differences):.1f} |", beyond or "")
    # Ours to the precision of the search and of this measurement, 0.5 % each; theirs in the band besides.
    assert min(ours) > 62.5 * 0.985 and max(ours) < 62.5 * 1.015
    assert min(theirs) > 1000 / 16.4 * 0.99 and max(theirs) < 1000 / 15.9 * 1.01
    assert all(abs(rate - 62.5) < 2.5 for rate in beyond)
