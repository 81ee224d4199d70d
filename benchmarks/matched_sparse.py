"""What knowing signs or sparseness is worth to the matched estimator: the tables of docs/matched.md.

    .venv/bin/python benchmarks/matched_sparse.py [--n-spikes 300000]

Random sparse networks of 50 neurons, and networks of excitation and inhibition, three of each and a recording
of each; total error after the least-squares scale, and what of the wiring is found. Minutes on one core.
"""

import argparse
import time

import numpy as np

import circuitbias as cb
from circuitbias.errors import total_error
from circuitbias.estimators import estimate

NETWORKS = {
    "random_sparse": {"r": 0.03, "known": {"signs": "inhibitory"}},
    "excitation_inhibition": {"r": 0.01, "known": {"signs": "by_presynaptic"}},
}
SEEDS = (1, 2, 3)
LEAST = 2.0, 3.0  # |z| above which a coupling of the plain fit counts as found


def main():
    """Print a row for each network and fit: means over the seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-spikes", type=float, default=3e5)
    parser.add_argument("--n-neurons", type=int, default=50)
    arguments = parser.parse_args()
    print("| network | fit | total (range) | l1 | found of the connected | false of the found | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name, case in NETWORKS.items():
        known = case["known"]
        fits = [{}, known, {"l1": 3.0}, {"l1": "cross_validation"}, {"l1": "cross_validation"} | known]
        rows = {}
        for seed in SEEDS:
            network = cb.network(name, n_neurons=arguments.n_neurons, seed=seed)
            spikes = cb.simulate(
                network, r=case["r"], rate_hz=62.5, n_spikes=int(arguments.n_spikes), seed=seed
            )
            weights = network.dense_weights()
            for options in fits:
                began = time.process_time()
                found = estimate("matched", spikes, device="cpu", **options)
                took = time.process_time() - began
                for label, chosen in _found(found, options).items():
                    scores = _scores(weights, chosen)
                    rows.setdefault((str(options), label), []).append(
                        (
                            total_error(weights, found.values),
                            found.diagnostics.get("l1", np.nan),
                            *scores,
                            took,
                        )
                    )
        for (options, label), values in rows.items():
            total, l1, recall, false, took = np.array(values).T
            spread = f"{total.mean():.3f} ({total.min():.3f} to {total.max():.3f})"
            shares = f"{l1.mean():.2g} | {recall.mean():.1%} | {false.mean():.1%}"
            print(
                f"| `{name}` | `{options}` {label} | {spread} | {shares} | {took.mean():.0f} |",
                flush=True,
            )


def _found(couplings, options):
    """Which pairs count as connected, by what says so."""
    if options.get("l1"):
        return {"not zero": couplings.values != 0}
    z = np.abs(couplings.values / couplings.standard_errors)
    return {f"z > {least:g}": z > least for least in LEAST}


def _scores(weights, chosen):
    """Share of the connected pairs that are found, and share of those found that are not connected."""
    off = ~np.eye(len(weights), dtype=bool)
    connected, chosen = weights[off] != 0, chosen[off]
    return chosen[connected].mean(), (~connected)[chosen].mean() if chosen.any() else np.nan


if __name__ == "__main__":
    main()
