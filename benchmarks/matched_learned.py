"""What a learned link and filter remove of the GLM's bias, and what they cost: the table of docs/matched.md.

    .venv/bin/python benchmarks/matched_learned.py [--n-spikes 5e5]

The ring at r = .025 and a random sparse network at r = .03, 62.5 Hz, three recordings of each. `learned`
knows neither link nor time constant and begins at 15 ms; `matched` knows both. Biases without noise are of
the rows of the ring, and of the three recordings of the sparse network together. Minutes of one core.
"""

import argparse
import sys
import time

import numpy as np

import circuitbias as cb
from circuitbias.errors import total_error
from circuitbias.errors.corrected import rows_corrected, seeds_corrected
from circuitbias.estimators import estimate

NETWORKS = {"ring": 0.025, "random_sparse": 0.03}
SEEDS = (1, 2, 3)
FITS = {
    "matched": ("matched", {}),
    "learned": ("matched", {"generator": "learned", "tau_ms": 15}),
    "exponential, 10 ms known": ("glm_history", {"bin_steps": 10}),
    "paper's GLM": ("glm", {}),
}


def main():
    """Print a row for each network and fit: means and ranges over the seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-spikes", type=float, default=5e5)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--fits", nargs="+", default=list(FITS), choices=list(FITS))
    arguments = parser.parse_args()
    n_spikes = int(arguments.n_spikes)
    print("| network | fit | total | bias without noise | variance | curvature | tau (ms) | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for name, r in ((name, NETWORKS[name]) for name in arguments.networks):
        network, rows, stacks = cb.network(name), {}, {}
        weights = network.dense_weights()
        for seed in SEEDS:
            spikes = cb.simulate(network, r=r, rate_hz=62.5, n_spikes=n_spikes, seed=seed)
            for fit, (method, options) in ((fit, FITS[fit]) for fit in arguments.fits):
                began = time.process_time()
                found = estimate(method, spikes, device="cpu", **options)
                took, said = time.process_time() - began, found.diagnostics
                split = rows_corrected(weights, found.values) if name == "ring" else None
                parts = (split.bias, split.variance) if split else (np.nan, np.nan)
                shared = said.get("curvature", np.nan), said.get("tau_ms", np.nan)
                row = [total_error(weights, found.values), *parts, *shared, took]
                rows.setdefault(fit, []).append(row)
                stacks.setdefault(fit, []).append(found.values)
                report = " ".join(f"{x:.4g}" for x in row)
                print(name, seed, fit, report, file=sys.stderr, flush=True)
        for fit, values in rows.items():
            values = np.array(values)
            cells = [_spread(column) for column in values.T[:-1]]
            if name != "ring":
                split = seeds_corrected(weights, np.array(stacks[fit]))
                cells[1:3] = f"{split.bias:.3f}", f"{split.variance:.3f}"
            print(f"| `{name}` | {fit} | {' | '.join(cells)} | {values[:, -1].mean():.0f} |", flush=True)


def _spread(column):
    if not np.isfinite(column).all():
        return ""
    return f"{column.mean():.3f} ({column.min():.3f} to {column.max():.3f})"


if __name__ == "__main__":
    main()
