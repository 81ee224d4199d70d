"""What is lost with hidden neurons, whatever the estimator: the table of docs/floor.md.

    .venv/bin/python benchmarks/floor_hidden.py

Networks of five neurons that inhibit each other, one to three of them hidden, at two strengths; three
networks and recordings of 10 s of each. Minutes of one core.
"""

import numpy as np

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.errors.floor_hidden import hidden_floor
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

N, N_STEPS, PARTICLES, SEEDS = 5, 100_000, (100, 400), (1, 2, 3)
STRENGTHS = {"weak": 0.5e-4, "strong": 1.5e-4}  # for a weight of 1, by the model's own definition


def main():
    """Print a row for each strength and number of hidden neurons."""
    ratios = " | ".join(f"nothing known / seen, {n} particles" for n in PARTICLES)
    print(f"| couplings | hidden | rate (Hz) | seen | wiring known | {ratios} (range) |")
    print("|---|---|---|---|---|---|---|")
    for name, r in STRENGTHS.items():
        for hidden in (1, 2, 3):
            found = np.array([_errors(r, hidden, seed) for seed in SEEDS])
            rate, *errors = found.mean(0)
            cells = " | ".join(f"{x:.3f}" for x in errors[:2]) + f" | {errors[2]:.2f} | {errors[3]:.2f}"
            spread = f"({found[:, -1].min():.2f} to {found[:, -1].max():.2f})"
            print(f"| {name} | {hidden} of {N} | {rate:.0f} | {cells} {spread} |", flush=True)


def _errors(r, hidden, seed):
    """Rate, least errors with the hidden neurons seen or known, and how much more where they are not."""
    parameters = ThresholdParameters(r=r, theta=1.2e-3)
    weights = -np.random.default_rng(seed).uniform(0.3, 1.2, (N, N))
    np.fill_diagonal(weights, 0)
    network = Network(weights, np.arange(N), np.ones(N), "all", False, {})
    record = SpikeRecord(N, parameters.dt_ms, list(simulate(network, parameters, seed=seed, n_steps=N_STEPS)))
    floors = [
        hidden_floor(network, parameters, record, np.arange(N - hidden), n_particles=n, seed=seed)
        for n in PARTICLES
    ]
    ratios = [np.sqrt(floor.unknown / floor.seen) for floor in floors]
    rate_hz = record.n_spikes / N / (N_STEPS * parameters.dt_ms / 1000)
    return rate_hz, np.sqrt(floors[-1].seen), np.sqrt(floors[-1].known), *ratios


if __name__ == "__main__":
    main()
