"""How close estimates of the ring come to the least error there is: the table behind docs/floor.md.

    python benchmarks/floor.py results/floor.csv [--strengths ...] [--seeds 1 2 3] [--n-spikes 1e7]

Simulates the ring at the published thresholds, bounds the errors, and fits with `matched`, directed and, from
the same fit, known to be symmetric. Rows that the file has are kept; seconds are of this machine, one thread.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.errors import circulant_errors
from circuitbias.errors.decomposition import aligned_pairs
from circuitbias.errors.floor import floor, floor_table, least_errors
from circuitbias.estimators import estimate
from circuitbias.networks.ring import ring_network
from circuitbias.published import errors, thresholds
from circuitbias.spikes.segments import SpikeRecord


def chi_squares(weights, couplings, errors):
    """Squared deviations from the truth in standard errors: of single couplings, and of offset means."""
    truth, found = aligned_pairs(weights, couplings)
    _, deviations = aligned_pairs(weights, errors)
    z = (found - truth) / deviations
    means = (found - truth).mean(0) / np.sqrt(np.square(deviations).sum(0)) * len(found)
    return {"chi2": np.mean(z**2), "profile_chi2": np.mean(means**2), "covered": np.mean(np.abs(z) < 1.96)}


def measure(r, seed, n_spikes, fitted):
    """Row of one recording: the floor and, if wanted, the estimate."""
    network = ring_network()
    parameters = ThresholdParameters(r=r, theta=float(thresholds("ring")[r]))
    pieces = list(simulate(network, parameters, seed=seed, n_spikes=n_spikes))
    record = SpikeRecord(network.n_neurons, parameters.dt_ms, pieces)
    started = time.process_time()
    bound = floor(network, parameters, record)
    row = floor_table(bound, network.n_neurons, r=r, seed=seed).iloc[0].to_dict()
    row |= {"floor_seconds": time.process_time() - started}
    if not fitted:
        return row
    unit = parameters.r / (parameters.b * parameters.sigma)
    weights = network.dense_weights() * unit
    started = time.process_time()
    fit = estimate("matched", record, device="cpu", symmetric=True)
    row |= {"seconds": time.process_time() - started, "passes": fit.diagnostics["passes"]}
    row |= {"spikes_left_out": fit.diagnostics["spikes_left_out"]}
    directed = fit.arrays["coefficients"], fit.arrays["coefficient_errors"]
    symmetric = fit.values, fit.arrays["standard_errors"]
    for end, found, noise in (("", directed, bound.noise), ("_symmetric", symmetric, bound.noise_symmetric)):
        split = circulant_errors(weights, found[0])
        row |= {f"matched_{kind}{end}": getattr(split, kind) for kind in ("total", "bias", "variance")}
        row |= {f"{name}{end}": value for name, value in chi_squares(weights, *found).items()}
        row |= {f"ratio{end}": split.total / least_errors(noise, network.n_neurons).total}
    return row


def tables(rows):
    """Markdown of the tables of docs/floor.md: floors with published errors; estimates beside floors."""
    rows = rows.sort_values(["r", "seed"])
    paper = errors("ring").pivot_table(index="r", columns="method", values="total")
    names = ("glm", "logistic", "mean_field", "mpf")
    lines = ["| r | floor 1e6 | 1e7 | 1e8 | W known symmetric 1e6 | 1e7 | 1e8 | score |"]
    lines[0] += "".join(f" {name} / floor 1e8, symmetric |" for name in names)
    lines.append("|---" * (8 + len(names)) + "|")
    for r, some in rows.groupby("r"):
        noise = some[["noise", "noise_symmetric"]].mul(some.n_spikes, axis=0).mean()
        volumes = (1e6, 1e7, 1e8)
        directed, symmetric = ([np.sqrt(x / (x + v)) for v in volumes] for x in noise)
        cells = [*(f"{x:.4f}" for x in (*directed, *symmetric)), f"{some.score_chi2.mean():.3f}"]
        for name in names:
            found = paper.loc[r, name]
            cells.append(f"{found / directed[2]:.2f}, {found / symmetric[2]:.2f}")
        lines.append(f"| {r:g} | " + " | ".join(cells) + " |")
    fitted = rows[rows.get("ratio", pd.Series(np.nan, rows.index)).notna()]
    lines += [
        "",
        "| r | seed | total | / floor | bias | chi2 | profile | within 1.96 | left out | passes | s |",
    ]
    lines[-1] += " symmetric total | / floor | chi2 |"
    lines.append("|---" * 14 + "|")
    for row in fitted.itertuples():
        cells = (
            f"{row.r:g}", f"{row.seed:g}", f"{row.matched_total:.4f}", f"{row.ratio:.3f}",
            f"{row.matched_bias:.4f}",
            f"{row.chi2:.3f}", f"{row.profile_chi2:.2f}", f"{row.covered:.1%}", f"{row.spikes_left_out:.2%}",
            f"{row.passes:g}", f"{row.seconds:.0f}", f"{row.matched_total_symmetric:.4f}",
            f"{row.ratio_symmetric:.3f}", f"{row.chi2_symmetric:.3f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *split_table(rows, paper.columns.intersection(names))])


def split_table(rows, methods):
    """Published errors at 1e8 spikes in three parts, whose squares add up: floor, data and model."""
    lines = ["| r | floor |" + "".join(f" {name}: data | model | total |" for name in methods)]
    lines.append("|---" * (2 + 3 * len(methods)) + "|")
    paper = errors("ring").set_index(["r", "method"])
    for r, some in rows.groupby("r"):
        floor = least_errors(some.noise_symmetric.mean(), 100, (1e8 / some.n_spikes).mean())
        cells = [floor.total]
        for name in methods:
            found = paper.loc[(r, name)]
            data, model = found.variance**2 - floor.variance**2, found.bias**2 - floor.bias**2
            cells += [np.sqrt(max(data, 0)), np.sqrt(max(model, 0)), found.total]
        lines.append(f"| {r:g} | " + " | ".join(f"{x:.3f}" for x in cells) + " |")
    return lines


def main():
    """Measure what the file does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--strengths", type=float, nargs="+", default=sorted(set(errors("ring").r)))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--n-spikes", type=float, default=1e7)
    parser.add_argument("--floor-only", action="store_true")
    parser.add_argument("--print", action="store_true", help="print the tables of docs/floor.md and stop")
    arguments = parser.parse_args()
    rows = pd.read_csv(arguments.output).to_dict("records") if arguments.output.exists() else []
    if arguments.print:
        print(tables(pd.DataFrame(rows)))
        return
    for seed in arguments.seeds:
        for r in arguments.strengths:
            if not any((row["r"], row["seed"]) == (r, seed) for row in rows):
                rows.append(measure(r, seed, int(arguments.n_spikes), not arguments.floor_only))
                arguments.output.parent.mkdir(parents=True, exist_ok=True)
                pd.DataFrame(rows).to_csv(arguments.output, index=False, float_format="%.5g")
                print(pd.Series(rows[-1]).to_string(), flush=True)


if __name__ == "__main__":
    main()
