"""Strangers: recordings that the trust report was not made for, and what its promise delivers on them.

    .venv/bin/python benchmarks/strangers.py docs/data/trust_strangers.csv     # resumes; an hour of one core

Neurons of other models (sigmoid units with delays and a refractory time, Izhikevich's, adaptive leaky
integrate-and-fire), hidden units, drive that is common to all, bursts, drift, rates from 1 to 100 Hz, no
connections at all. The report is to keep its promise on each, or to refuse with a reason.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numba import njit
from scipy.signal import lfilter
from trust import code_hash, false_share, half_seen, naive, network, rows_of_this_code

import circuitbias as cb
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.trust.calibration import calibration_error, real_pairs
from circuitbias.trust.report import trust

STEPS_A_MS = 10
STRANGERS = {}


def stranger(function):
    """Add a recording: a function of a seed that returns true weights and spikes."""
    STRANGERS[function.__name__] = function
    return function


@njit(cache=True)
def _sigmoid(weights, delays, bias, fading, rest, own, loads, drive, n_steps, seed):
    """Units that fire in a millisecond with p = 1 / (1 + exp(-input)), at most once in ``rest`` of them."""
    np.random.seed(seed)  # noqa: NPY002
    n, longest = len(bias), delays.max() + 1
    due = np.zeros((longest, n))
    h, last = np.zeros(n), np.full(n, -1000)
    times, units = np.empty(1000, np.int64), np.empty(1000, np.int64)
    k = 0
    for t in range(n_steps):
        now = t % longest
        for j in range(n):
            h[j] = h[j] * fading + due[now, j]
            due[now, j] = 0.0
            if t - last[j] <= rest:
                continue
            burst = own * np.exp(-(t - last[j]) / 8.0)
            x = bias[j] + h[j] + burst + loads[j] * drive[t]
            if np.random.random() * (1 + np.exp(-x)) < 1.0:  # noqa: NPY002
                last[j] = t
                if k == len(times):
                    times, units = np.append(times, np.empty_like(times)), np.append(units, units)
                times[k], units[k] = t, j
                k += 1
                for post in range(n):
                    if weights[j, post] != 0.0:
                        due[(t + delays[j, post]) % longest, post] += weights[j, post]
    return times[:k], units[:k]


@njit(cache=True)
def _izhikevich(weights, delays, a, d, noise, n_steps, seed):
    """Simple model neurons (Izhikevich 2003) in steps of 1 ms, the potential in halves."""
    np.random.seed(seed)  # noqa: NPY002
    n, longest = len(a), delays.max() + 1
    v, u = np.full(n, -65.0), np.full(n, -13.0)
    due = np.zeros((longest, n))
    times, units = np.empty(1000, np.int64), np.empty(1000, np.int64)
    k = 0
    for t in range(n_steps):
        now = t % longest
        for j in range(n):
            current = due[now, j] + noise[j] * np.random.normal()  # noqa: NPY002
            due[now, j] = 0.0
            for _ in range(2):
                v[j] += 0.5 * (0.04 * v[j] ** 2 + 5 * v[j] + 140 - u[j] + current)
            u[j] += a[j] * (0.2 * v[j] - u[j])
            if v[j] >= 30:
                v[j] = -65.0
                u[j] += d[j]
                if k == len(times):
                    times, units = np.append(times, np.empty_like(times)), np.append(units, units)
                times[k], units[k] = t, j
                k += 1
                for post in range(n):
                    if weights[j, post] != 0.0:
                        due[(t + delays[j, post]) % longest, post] += weights[j, post]
    return times[:k], units[:k]


def sigmoid(
    weights, rates_hz, seconds, seed, *, loads=0.0, drive=None, own=0.0, tau_ms=5.0, longest_ms=6, scale=None
):
    """Spikes of sigmoid units, their biases tuned to the rates; ``scale``: of the rates in time."""
    rng = np.random.default_rng([seed, 11])
    n, n_steps = len(weights), int(seconds * 1000)
    delays = rng.integers(1, longest_ms + 1, (n, n))
    drive = np.zeros(n_steps) if drive is None else drive
    loads = np.broadcast_to(np.asarray(loads, dtype=float), n).copy()
    wanted = np.broadcast_to(np.asarray(rates_hz, dtype=float), n) * 1e-3
    bias, tuning_steps = np.log(wanted / (1 - wanted)), min(n_steps, 60_000)
    fixed = (weights, delays), (np.exp(-1 / tau_ms), 2, own, loads, drive)
    for k in range(12):
        _, units = _sigmoid(*fixed[0], bias, *fixed[1], tuning_steps, seed + k)
        found = (np.bincount(units, minlength=n) + 2) / (wanted * tuning_steps + 2)
        bias -= np.clip(np.log(found), -1, 1) * (1 if k < 6 else 0.4)
    times, units = _sigmoid(*fixed[0], bias, *fixed[1], n_steps, seed + 100)
    return times, units


def spikes_of(times, units, n, seconds, seed):
    """A recording of the first n units, each spike somewhere within its millisecond."""
    seen = units < n
    steps = times[seen] * STEPS_A_MS + np.random.default_rng([seed, 5]).integers(0, STEPS_A_MS, seen.sum())
    events = np.unique(np.column_stack([steps, units[seen]]), axis=0)  # a unit fires once in a step
    return SpikeRecord.from_events(events[:, 0], events[:, 1], n, int(seconds * 1000) * STEPS_A_MS)


def wiring(n, seed, chance=0.1, excite=0.8, inhibit=-1.2, share=0.7):
    """Random couplings (of the input of a sigmoid): excitatory and inhibitory units, lognormal sizes."""
    rng = np.random.default_rng([seed, 3])
    sign = np.where(rng.random(n) < share, excite, inhibit)
    weights = sign[:, None] * np.exp(0.4 * rng.normal(size=(n, n))) * (rng.random((n, n)) < chance)
    np.fill_diagonal(weights, 0)
    return weights


def noise(seconds, seed, tau_ms):
    """Noise with this correlation time, of variance 1, a value a millisecond."""
    n, fading = int(seconds * 1000), np.exp(-1 / tau_ms)
    white = np.random.default_rng([seed, 9]).normal(size=n) * np.sqrt(1 - fading**2)
    return lfilter([1.0], [1.0, -fading], white)


def _plain(seed, n=50, rates=10.0, seconds=400, weights=None, **options):
    weights = wiring(n, seed) if weights is None else weights
    times, units = sigmoid(weights, rates, seconds, seed, **options)
    return weights, spikes_of(times, units, n, seconds, seed)


@stranger
def sigmoid_delays(seed):
    """Delays of 1 to 6 ms, refractory."""
    return _plain(seed)


@stranger
def long_delays(seed):
    """Delays up to 20 ms."""
    return _plain(seed, longest_ms=20)


@stranger
def no_connections(seed):
    """Independent units, rates from 2 to 50 Hz."""
    rates = np.exp(np.random.default_rng(seed).uniform(np.log(2), np.log(50), 50))
    return _plain(seed, rates=rates, weights=np.zeros((50, 50)))


@stranger
def no_connections_slow_drive(seed):
    """No connections, but an input common to all that changes within 100 ms."""
    loads = 0.3 * np.random.default_rng(seed).normal(size=50)
    return _plain(seed, weights=np.zeros((50, 50)), loads=loads, drive=noise(400, seed, 100))


@stranger
def no_connections_fast_drive(seed):
    """No connections, but an input common to all that changes within 5 ms."""
    loads = 0.5 * np.random.default_rng(seed).normal(size=50)
    return _plain(seed, weights=np.zeros((50, 50)), loads=loads, drive=noise(400, seed, 5))


@stranger
def slow_drive(seed):
    """An input common to all that changes within 200 ms."""
    loads = 0.3 * np.random.default_rng(seed).normal(size=50)
    return _plain(seed, loads=loads, drive=noise(400, seed, 200))


@stranger
def fast_drive(seed):
    """An input common to all that changes within 5 ms."""
    loads = 0.5 * np.random.default_rng(seed).normal(size=50)
    return _plain(seed, loads=loads, drive=noise(400, seed, 5))


@stranger
def oscillation(seed):
    """All follow a rhythm of 8 Hz."""
    drive = np.sqrt(2) * np.sin(2 * np.pi * 8 * np.arange(400_000) / 1000)
    return _plain(seed, loads=0.4, drive=drive)


@stranger
def bursts(seed):
    """A spike makes more of the same unit for 8 ms."""
    return _plain(seed, own=3.0)


@stranger
def drift(seed):
    """All rates rise or fall by a factor of four, steadily."""
    loads = np.random.default_rng(seed).choice([-0.7, 0.7], 50)
    return _plain(seed, loads=loads, drive=np.linspace(-1, 1, 400_000))


@stranger
def two_states(seed):
    """Half of the time all fire three times as often, in stretches of ten seconds."""
    drive = np.where(np.arange(400_000) // 10_000 % 2, 0.55, -0.55)
    return _plain(seed, loads=1.0, drive=drive)


@stranger
def an_hour_of_low_rates(seed):
    """1 to 5 Hz for an hour."""
    rates = np.random.default_rng(seed).uniform(1, 5, 50)
    return _plain(seed, rates=rates, seconds=3600)


@stranger
def few_units(seed):
    """Twenty of them."""
    return _plain(seed, n=20, seconds=600, weights=wiring(20, seed, chance=0.15))


@stranger
def strong_inhibition(seed):
    """Nine of ten units inhibit, strongly."""
    return _plain(seed, rates=15.0, weights=wiring(50, seed, 0.15, 1.0, -2.0, share=0.1))


@stranger
def dense(seed):
    """Half of all pairs are connected."""
    return _plain(seed, rates=20.0, weights=wiring(50, seed, 0.5, 0.25, -0.35))


@stranger
def unequal_rates(seed):
    """From 1 to 100 Hz."""
    return _plain(seed, rates=np.exp(np.random.default_rng(seed).uniform(0, np.log(100), 50)))


@stranger
def hidden_three_quarters(seed):
    """50 of 200 units are seen."""
    weights = wiring(200, seed, chance=0.05)
    times, units = sigmoid(weights, 10.0, 400, seed)
    return weights[:50, :50], spikes_of(times, units, 50, 400, seed)


@stranger
def split_unit(seed):
    """A sixth of the spikes of five units are copied to another one within a millisecond (sorting errors)."""
    weights = wiring(50, seed)
    times, units = sigmoid(weights, 10.0, 400, seed)
    rng = np.random.default_rng(seed)
    copied = (units < 5) & (rng.random(len(units)) < 1 / 6)
    times, units = np.append(times, times[copied]), np.append(units, units[copied] + 5)
    return weights, spikes_of(times, units, 50, 400, seed)


def _house(family, seed):
    made, r = network(family, seed, factor=2)
    seen = np.sort(np.random.default_rng(seed).permutation(made.n_neurons)[: made.n_neurons // 2])
    return made.dense_weights()[np.ix_(seen, seen)], half_seen(made, r / 2**0.5, seed, seen)


@stranger
def half_ring(seed):
    """Half of a ring."""
    return _house("ring", seed)


@stranger
def half_sparse(seed):
    """Half of a random sparse network."""
    return _house("random_sparse", seed)


@stranger
def half_excitation_inhibition(seed):
    """Half of a network of excitation and inhibition."""
    return _house("excitation_inhibition", seed)


@stranger
def adaptive_lif(seed):
    """Integrate-and-fire neurons with delays and adaptation."""
    made, r = network("random_sparse", seed)
    about = {"rate_hz": 30.0, "n_spikes": 200_000, "seed": seed, "generator": "adaptive_lif"}
    return made.dense_weights(), cb.simulate(made, r=r, **about)


@stranger
def lnp_sheet(seed):
    """Linear-nonlinear Poisson neurons on a sheet."""
    made, r = network("sheet", seed)
    about = {"rate_hz": 30.0, "n_spikes": 200_000, "seed": seed, "generator": "lnp"}
    return made.dense_weights(), cb.simulate(made, r=r / 2, **about)


def _simple_model(n, seen, seconds, seed, excite, inhibit, chance):
    rng = np.random.default_rng([seed, 17])
    inhibits = np.arange(n) % 5 == 4
    x = rng.random(n)
    a = np.where(inhibits, 0.02 + 0.08 * x, 0.02)
    d = np.where(inhibits, 2.0, 8 - 6 * x**2)
    sizes = np.where(inhibits, inhibit, excite)[:, None] * rng.uniform(0.5, 1.5, (n, n))
    weights = sizes * (rng.random((n, n)) < chance)
    np.fill_diagonal(weights, 0)
    delays = np.where(inhibits[:, None], 1, rng.integers(1, 11, (n, n)))
    drive = np.where(inhibits, 3.0, 6.0)
    times, units = _izhikevich(weights, delays, a, d, drive, int(seconds * 1000), seed)
    return weights[:seen, :seen], spikes_of(times, units, seen, seconds, seed)


@stranger
def izhikevich(seed):
    """100 simple model neurons with delays of 1 to 10 ms, all seen."""
    return _simple_model(100, 100, 600, seed, 5.0, -5.0, 0.1)


@stranger
def izhikevich_100_of_1000(seed):
    """100 of 1000 simple model neurons."""
    return _simple_model(1000, 100, 600, seed, 1.5, -3.0, 0.1)


@stranger
def many_units(seed):
    """300 of them."""
    return _plain(seed, n=300, seconds=200, rates=12.0, weights=wiring(300, seed, 0.03))


def row(name, seed, variants, weights, spikes) -> dict:
    """Trust one recording, and compare with the truth."""
    started = time.process_time()
    report = trust(spikes, variants=variants, seed=seed)
    n_spikes = sum(len(one.neurons) for one in spikes.segments())
    found = {"case": name, "seed": seed, "units": len(weights), "spikes": n_spikes}
    found |= {"seconds": time.process_time() - started, "refused": report.refused, "worse": report.worse}
    off = ~np.eye(len(weights), dtype=bool)
    signs = np.sign(np.nan_to_num(report.estimates[report.first].values))[off]
    real = real_pairs(weights, signs)
    found |= {"connected": int(real_pairs(weights, np.sign(weights[off])).sum()), "estimator": report.first}
    found |= {"correlation": report.traits.correlation, "spread": report.spread}
    found["naive_0.1"], found["naive_recall_0.1"] = naive(weights, report.estimates["glm_history"], 0.1)
    if report.refused:
        return found
    found["ece"] = calibration_error(report.phantom[off], real)
    for promise, chosen in report.lists.items():
        chosen = chosen[off]
        found |= {f"listed_{promise:g}": int(chosen.sum()), f"false_{promise:g}": false_share(real, chosen)}
        found[f"found_{promise:g}"] = real[chosen].sum() / max(found["connected"], 1)
    return found


def main():
    """Make the table, or what is missing of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("--seeds", type=int, nargs="+", default=[301, 302])
    parser.add_argument(
        "--variants", nargs="+", default=["plain"] * 3 + ["common", "hidden"], help="of twins"
    )
    parser.add_argument("--cases", nargs="+", default=list(STRANGERS))
    arguments = parser.parse_args()
    path = Path(arguments.output)
    rows = rows_of_this_code(path)
    done = {(one["case"], one["seed"]) for one in rows}
    for seed in arguments.seeds:
        for name in arguments.cases:
            if (name, seed) in done:
                continue
            rows.append(row(name, seed, tuple(arguments.variants), *STRANGERS[name](seed)))
            pd.DataFrame(rows).assign(code=code_hash()).to_csv(path, index=False, float_format="%.5g")
            shown = ("case", "seed", "spikes", "connected", "seconds", "refused", "naive_0.1", "listed_0.1",
                     "false_0.1", "found_0.1", "ece", "spread")  # fmt: skip
            print({key: rows[-1].get(key) for key in shown}, flush=True)


if __name__ == "__main__":
    main()
