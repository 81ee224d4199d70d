"""What fitting a ring's spikes with their own generator gains: the table of docs/matched.md.

    python benchmarks/matched_generators.py [--n-spikes 2e6]

Simulates the ring with each generator at 62.5 Hz a neuron and prints, as Markdown, the errors of `matched`
with that generator, with the threshold model's, and of the GLM. Minutes on one core.
"""

import argparse

import numpy as np

import circuitbias as cb
from circuitbias.errors import circulant_errors
from circuitbias.estimators import estimate

CASES = {"lnp": 0.015, "glm_relu": 0.01, "glm_exp": 0.01}
GAINS = {"lnp": 32, "glm_relu": 100 * np.exp(-0.01), "glm_exp": 1e4 * np.exp(-0.01)}
METHODS = [("matched", {}), ("matched", {"generator": "threshold"}), ("glm", {})]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-spikes", type=float, default=2e6)
    n_spikes = int(parser.parse_args().n_spikes)
    ring = cb.network("ring")
    weights = ring.dense_weights()
    off = ~np.eye(len(weights), dtype=bool)
    print("| generator | r | method | total | bias | variance | chi2 |\n|---|---|---|---|---|---|---|")
    for family, r in CASES.items():
        spikes = cb.simulate(ring, r=r, rate_hz=62.5, n_spikes=n_spikes, seed=1, generator=family)
        for method, options in METHODS:
            own = method == "matched" and not options
            couplings = estimate(method, spikes, device="cpu", **({"generator": family} if own else options))
            split = circulant_errors(weights, couplings.values)
            chi2 = ""
            if own:
                truth = GAINS[family] * r * weights
                z = (couplings.values - truth) / couplings.arrays["standard_errors"]
                chi2 = f"{np.mean(z[off] ** 2):.3f}"
            name = f"{method}, {couplings.diagnostics['generator']}" if method == "matched" else method
            errors = f"{split.total:.4f} | {split.bias:.4f} | {split.variance:.4f}"
            print(f"| `{family}` | {r} | `{name}` | {errors} | {chi2} |", flush=True)


if __name__ == "__main__":
    main()
