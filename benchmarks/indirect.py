"""What indirect inference removes of a bias, and what it costs: the table of docs/estimators/indirect.md.

    .venv/bin/python benchmarks/indirect.py [--n-spikes 1e6] [--cases ...] [--seeds 2 3]

62.5 Hz, with `--matched` that beside it. What was looked at while the method was made: the ring at r = .0125
and .025, seed 1, and the network of its tests. Bias and variance are without noise: of the rows of the ring,
else of the recordings together (two seeds at least). Ratios of processor time are of one process.
"""

import argparse
import sys
import time
import warnings

import numpy as np

import circuitbias as cb
from circuitbias.errors import total_error
from circuitbias.errors.corrected import rows_corrected, seeds_corrected
from circuitbias.estimators import estimate

HISTORY = {"estimator": "glm_history", "bin_steps": 10, "rounds": 10}
CASES = {
    "ring .0125": ("ring", 0.0125, {}, {}),
    "ring .025": ("ring", 0.025, {}, {}),
    "random_symmetric .01": ("random_symmetric", 0.01, {}, {}),
    "small_world .03": ("small_world", 0.03, {}, {}),
    "random_sparse .03": ("random_sparse", 0.03, {}, {}),
    "excitation_inhibition .01": ("excitation_inhibition", 0.01, {}, {}),
    # Other generators than assumed.
    "ring .015, lnp, as threshold": ("ring", 0.015, {"generator": "lnp"}, {"generator": "threshold"}),
    "ring .015, lnp": ("ring", 0.015, {"generator": "lnp"}, {"generator": "lnp"}),
    "ring .025, as glm_exp": ("ring", 0.025, {}, {"generator": "glm_exp"}),
    "ring .025, as lnp": ("ring", 0.025, {}, {"generator": "lnp"}),
    "ring .025, logistic": ("ring", 0.025, {}, {"estimator": "logistic"}),
    "ring .025, mean field": ("ring", 0.025, {}, {"estimator": "mean_field"}),
    "ring .0125, history": ("ring", 0.0125, {}, HISTORY),
    "ring .025, history": ("ring", 0.025, {}, HISTORY),
    "small_world .03, history": ("small_world", 0.03, {}, HISTORY),
    "random_sparse .03, history": ("random_sparse", 0.03, {}, HISTORY),
}


def main():
    """Print rows for each case: before and after."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-spikes", type=float, default=1e6)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[2, 3])
    parser.add_argument("--matched", action="store_true", help="also fit the matched estimator")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # pairs without a coupling
    print("| case | estimate | total | bias | variance | rejected | CPU s, of the uncorrected fit |")
    print("|---|---|---|---|---|---|---|")
    for case in arguments.cases:
        family, r, made, options = CASES[case]
        network = cb.network(family)
        weights, stacks, rows = network.dense_weights(), {}, {}
        for seed in arguments.seeds:
            spikes = cb.simulate(
                network, r=r, rate_hz=62.5, n_spikes=int(arguments.n_spikes), seed=seed, **made
            )
            uncorrected = options.get("estimator", "glm")
            methods = [(uncorrected, {}), ("indirect", options)]
            methods += [("matched", {})] * arguments.matched
            for method, given in methods:
                began = time.process_time()
                found = estimate(method, spikes, device="cpu", **given)
                took, rejected = time.process_time() - began, found.diagnostics.get("rejected", 0)
                values = found.values
                parts = rows_corrected(weights, values) if family == "ring" else None
                row = [total_error(weights, values), parts and parts.bias, parts and parts.variance]
                rows.setdefault(method, []).append([*row, rejected, took])
                stacks.setdefault(method, []).append(values)
                print(case, seed, method, rows[method][-1], file=sys.stderr, flush=True)
        for method, found in rows.items():
            found = np.array(found, dtype=float)
            cells = [_spread(column) for column in found.T[:3]]
            if family != "ring" and len(found) > 1:
                split = seeds_corrected(weights, np.array(stacks[method]))
                cells[1:] = f"{split.bias:.3f}", f"{split.variance:.3f}"
            ratio = found[:, 4].mean() / np.mean([row[4] for row in rows[uncorrected]])
            print(f"| {case} | `{method}` | {' | '.join(cells)} | {found[:, 3].sum():.0f} | {ratio:.0f} |",
                  flush=True)  # fmt: skip


def _spread(column):
    if not np.isfinite(column).all():
        return ""
    return f"{column.mean():.3f} ({column.min():.3f} to {column.max():.3f})"


if __name__ == "__main__":
    main()
