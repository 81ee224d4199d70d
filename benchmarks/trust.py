"""Calibration of the trust report: networks with a known wiring, and what each promise delivered.

    .venv/bin/python benchmarks/trust_study.py docs/data/trust_calibration.csv    # 14 minutes of one core
    .venv/bin/python benchmarks/trust_tables.py docs/data/trust_calibration.csv   # the tables of the page

This module is what a row is made by; the study goes over all.

Six architectures, five seeds (701 to 705), two lengths: none of these recordings was looked at while anything
was chosen. What was looked at: seeds 1, 101 to 103 and 501, some with other strengths or a denser sheet; what
seeds 201 to 204 delivered before there was a guard, 401 to 405 before the bias of unconnected pairs was taken
off, and 601 to 605 before pairs connected one way were told from those connected both ways; the strangers of
seeds 301 and 302 (`benchmarks/strangers.py`); and the two recordings of Aplysia.
Beside them the same with a generator that none of the twins has, and with half of the neurons hidden. A table
names the code that made it (`code`), and a test compares; rows of other code are made anew.
"""

import hashlib
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

import circuitbias as cb
from circuitbias.errors.decomposition import total_error
from circuitbias.provenance import _meaning
from circuitbias.spikes.views import ObservedNeurons
from circuitbias.trust.calibration import PROMISES, calibration_error, real_pairs
from circuitbias.trust.report import trust

SOURCE = Path(cb.__file__).parent / "trust"
CODE = (
    "calibration", "checks", "evidence", "expected", "fits", "guard", "histories", "links", "report",
    "simulator", "traits", "twins", "wiring",
)  # fmt: skip
"""Modules that a promise is made by; words and pages are not among them."""

RATE_HZ, LENGTHS = 30.0, (200_000, 800_000)
UNEQUAL = 0.04  # standard deviation of the drives: rates from 5 to 80 Hz
SEEDS = range(701, 706)
FAMILIES = {
    "ring": ({"n_neurons": 50}, 0.02),
    "random_sparse": ({"n_neurons": 50}, 0.04),
    "random_symmetric": ({"n_neurons": 50}, 0.01),
    "small_world": ({"n_neurons": 50, "n_neighbours": 6}, 0.03),
    "excitation_inhibition": ({"n_neurons": 50}, 0.03),
    "sheet": ({"n_rows": 7, "n_columns": 7, "reach": 2.0}, 0.03),
}
VARIANTS = ("plain",) * 3 + ("common",)


def code_hash() -> str:
    """Hash of what the modules behind a promise, and this script, do."""
    digest = hashlib.sha256()
    for path in [*(SOURCE / f"{name}.py" for name in CODE), Path(__file__)]:
        digest.update(path.name.encode() + _meaning(path))
    return digest.hexdigest()[:12]


def network(family: str, seed: int, factor: int = 1):
    """A network of a family with unequal drives; larger by a factor."""
    options, r = FAMILIES[family]
    options = dict(options)
    for name in ("n_neurons", "n_rows"):
        if name in options:
            options[name] *= factor
    if family != "ring":
        options["seed"] = seed
    made = cb.network(family, **options)
    rng = np.random.default_rng(seed)
    return replace(made, drive_scale=1 + UNEQUAL * rng.normal(size=made.n_neurons)), r


def naive(weights, couplings, promise):
    """Share of false ones, and found ones, of what Benjamini and Hochberg's procedure takes by z alone."""
    off = ~np.eye(len(weights), dtype=bool)
    values, errors = couplings.values[off], couplings.standard_errors[off]
    p = np.nan_to_num(2 * norm.sf(np.abs(values / errors)), nan=1.0)
    order = np.argsort(p)
    passed = p[order] <= promise * np.arange(1, len(p) + 1) / len(p)
    chosen = order[: int(passed.nonzero()[0].max(initial=-1) + 1)]
    real = real_pairs(weights, np.sign(np.nan_to_num(values)))
    return false_share(real, chosen), real[chosen].sum() / max(real.sum(), 1)


def false_share(real, chosen):
    """Share of false ones among those chosen; NaN of none."""
    return float(1 - real[chosen].mean()) if len(real[chosen]) else np.nan


def row(case, family, seed, n_spikes, weights, spikes) -> dict:
    """Trust one recording, and compare with the truth."""
    started = time.process_time()
    report = trust(spikes, variants=VARIANTS, seed=seed)
    found = {
        "case": case,
        "family": family,
        "seed": seed,
        "spikes": n_spikes,
        "correlation": report.traits.correlation,
        "seconds": time.process_time() - started,
        "refused": report.refused,
        "estimator": report.first,
        "worse": report.worse,
    }
    off = ~np.eye(len(weights), dtype=bool)
    for name, couplings in report.estimates.items():
        found[f"{name}_total"] = total_error(weights, couplings.values)
        if name in report.expected:
            one = report.expected[name]
            found |= {
                f"{name}_expected": one.total,
                f"{name}_lowest": one.lowest,
                f"{name}_highest": one.highest,
            }
        for promise in PROMISES:
            false, recall = naive(weights, couplings, promise)
            found |= {f"{name}_naive_{promise:g}": false, f"{name}_naive_recall_{promise:g}": recall}
    if report.refused:
        return found
    signs = np.sign(np.nan_to_num(report.estimates[report.first].values))[off]
    real = real_pairs(weights, signs)
    phantom = report.phantom[off]
    found |= {"ece": calibration_error(phantom, real), "phantoms": float(1 - real.mean())}
    for promise, chosen in report.lists.items():
        chosen = chosen[off]
        found |= {
            f"listed_{promise:g}": int(chosen.sum()),
            f"false_{promise:g}": false_share(real, chosen),
            f"recall_{promise:g}": real[chosen].sum() / max(real.sum(), 1),
        }
        for name, sign in (("excite", 1), ("inhibit", -1)):
            of_sign = chosen & (signs == sign)
            found |= {f"{name}_{promise:g}": int(of_sign.sum())}
            found |= {f"{name}_false_{promise:g}": false_share(real, of_sign)}
    return found


def recordings():
    """Yield (case, family, seed, spikes), true weights, and a function that makes the spikes."""
    for seed in SEEDS:
        yield from of_length(LENGTHS[0], seed)
        if seed in SEEDS[:2]:
            yield from other_cases(seed)
    for seed in SEEDS:
        yield from of_length(LENGTHS[1], seed)


def other_cases(seed):
    """Yield the recordings of another generator, and those of which half of the neurons are hidden."""
    for family in ("ring", "random_sparse", "excitation_inhibition"):
        made, r = network(family, seed, factor=2)
        seen = np.sort(np.random.default_rng(seed).permutation(made.n_neurons)[: made.n_neurons // 2])
        weights = made.dense_weights()[np.ix_(seen, seen)]
        about = ("half hidden", family, seed, LENGTHS[0])
        yield about, weights, partial(half_seen, made, r / 2**0.5, seed, seen)
    for family in ("ring", "random_sparse", "small_world"):
        # Linear-nonlinear Poisson neurons, which none of the twins has; half the strength is as strong.
        made, r = network(family, seed)
        recording = {"rate_hz": RATE_HZ, "n_spikes": LENGTHS[0], "seed": seed, "generator": "lnp"}
        about = ("another generator", family, seed, LENGTHS[0])
        yield about, made.dense_weights(), partial(cb.simulate, made, r=r / 2, **recording)


def half_seen(made, r, seed, seen):
    """Spikes of the neurons that are seen, about as many as in the calibration."""
    spikes = cb.simulate(made, r=r, rate_hz=RATE_HZ, n_spikes=2 * LENGTHS[0], seed=seed)
    return ObservedNeurons(spikes, seen)


def of_length(n_spikes, seed):
    """Yield the recordings of the calibration with so many spikes."""
    for family in FAMILIES:
        made, r = network(family, seed)
        recording = {"rate_hz": RATE_HZ, "n_spikes": n_spikes, "seed": seed}
        about = ("calibration", family, seed, n_spikes)
        yield about, made.dense_weights(), partial(cb.simulate, made, r=r, **recording)


def rows_of_this_code(path):
    """Rows of a run that was cut short; none that other code has made."""
    if not path.exists():
        return []
    table = pd.read_csv(path)
    return table[table.code == code_hash()].drop(columns="code").to_dict("records")
