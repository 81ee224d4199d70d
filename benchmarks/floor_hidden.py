"""What is lost with hidden neurons, whatever the estimator: the table of docs/floor.md.

    .venv/bin/python benchmarks/floor_hidden.py

Networks of five neurons that inhibit each other, one to three of them hidden, at two strengths; three
networks and recordings of 20 s of each. Two minutes of one core.
"""

import numpy as np

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.errors.floor_hidden import hidden_floor
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

N, N_STEPS, N_PARTICLES, SEEDS = 5, 200_000, 100, (1, 2, 3)
STRENGTHS = {"weak": 0.5e-4, "strong": 1.5e-4}  # for a weight of 1, by the model's own definition


def main():
    """Print a row for each strength and number of hidden neurons."""
    print(
        "| couplings | hidden | rate (Hz) | seen | unseen, wiring known | unseen, nothing known | of seen |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, r in STRENGTHS.items():
        parameters = ThresholdParameters(r=r, theta=1.2e-3)
        for hidden in (1, 2, 3):
            found = []
            for seed in SEEDS:
                weights = -np.random.default_rng(seed).uniform(0.3, 1.2, (N, N))
                np.fill_diagonal(weights, 0)
                network = Network(weights, np.arange(N), np.ones(N), "all", False, {})
                segments = list(simulate(network, parameters, seed=seed, n_steps=N_STEPS))
                record = SpikeRecord(N, parameters.dt_ms, segments)
                observed = np.arange(N - hidden)
                floor = hidden_floor(
                    network, parameters, record, observed, n_particles=N_PARTICLES, seed=seed
                )
                rate = record.n_spikes / N / (N_STEPS * parameters.dt_ms / 1000)
                errors = np.sqrt([floor.seen, floor.known, floor.unknown])
                found.append([rate, *errors, errors[2] / errors[0]])
            rate, *errors, ratio = np.transpose(found)
            cells = " | ".join(f"{x.mean():.3f}" for x in errors)
            spread = f"{ratio.mean():.2f} ({ratio.min():.2f} to {ratio.max():.2f})"
            print(f"| {name} | {hidden} of {N} | {rate.mean():.0f} | {cells} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
