"""What a cluster is asked for: enough for what was measured, and more at each attempt."""

import numpy as np
import pytest
import yaml
from checkout import ROOT

from circuitbias.config import load_config
from circuitbias.estimators.registry import METHODS
from circuitbias.experiments import EXPERIMENTS
from circuitbias.job_sizes import job_memory_mb, job_minutes

ESTIMATORS = {method: {"method": method} for method in METHODS}
SWEEPS = ("data_volume", "partial_observation", "bin_width")
EXPERIMENT = {name: {"estimators": ["glm"]} if name in SWEEPS else {} for name in EXPERIMENTS}

# Seconds and largest memory (MB) of whole jobs: docs/clusters.md.
MEASURED = [
    ("methods", "simulate", None, 6, 238),
    ("methods", "estimate", "glm_history", 39, 562),
    ("methods", "estimate", "glm_spatiotemporal", 72, 646),
    ("methods", "estimate", "logistic", 35, 481),
    ("methods", "experiment", "data_volume", 57, 552),
    ("methods", "experiment", "partial_observation", 70, 493),
    ("methods", "experiment", "bin_width", 34, 558),
    ("paper", "simulate", None, 26, 238),
    ("paper", "estimate", "glm", 29, 625),
    ("paper", "estimate", "mpf", 64, 630),
]


def sizes(config, *job):
    return job_minutes(config, *job), job_memory_mb(config, *job)


def with_volume(n_spikes, n_neurons=100, **keys):
    return load_config(
        {
            "network": {"family": "ring", "n_neurons": n_neurons},
            "thresholds": [0.001],
            "strengths": [0.01],
            "simulation": {"n_spikes": n_spikes},
            "estimators": ESTIMATORS,
            "experiments": EXPERIMENT,
        }
        | keys
    )


@pytest.mark.parametrize(("name", "step", "part", "seconds", "memory_mb"), MEASURED)
def test_what_was_measured_fits_with_room_to_spare(name, step, part, seconds, memory_mb):
    config = load_config(ROOT / "config" / f"{name}.yaml")
    minutes, asked_mb = sizes(config, step, part)
    assert 4 * seconds <= 60 * minutes <= max(600, 20 * seconds)
    assert memory_mb + 400 <= asked_mb <= 3000  # Snakemake itself takes the rest


JOBS = [
    ("simulate", None),
    ("activity", None),
    *(("estimate", method) for method in METHODS),
    *(("experiment", name) for name in EXPERIMENTS),
]


@pytest.mark.parametrize(("step", "part"), JOBS)
def test_more_data_neurons_or_attempts_ask_for_more(step, part):
    small, large, wide = with_volume(1e5), with_volume(1e10), with_volume(1e10, n_neurons=1000)
    first, second, third = (sizes(small, step, part, attempt) for attempt in (1, 2, 3))
    assert first[0] == 10
    assert first[1] < 2000
    assert second == tuple(2 * size for size in first)
    assert third == tuple(4 * size for size in first)
    assert sizes(large, step, part)[0] > first[0]
    assert all(
        more >= less for more, less in zip(sizes(wide, step, part), sizes(large, step, part), strict=True)
    )


@pytest.mark.parametrize(
    ("plain", "more", "times"),
    [
        ({"method": "glm"}, {"method": "glm", "lags": [0, 1, 2]}, 3),
        ({"method": "glm"}, {"method": "glm", "bin_steps": 10}, 10),
        ({"method": "glm_history"}, {"method": "glm_history", "bin_steps": 1}, 10),
        ({"method": "logistic"}, {"method": "logistic", "l1": "oracle", "l1_grid": [0, 1]}, 2),
        ({"method": "logistic"}, {"method": "logistic", "l1": "cross_validation", "folds": 3}, 18),
    ],
)
def test_options_that_cost_time_ask_for_it(plain, more, times):
    config = with_volume(1e9, estimators={"plain": plain, "more": more}, experiments={})
    asked = {name: job_minutes(config, "estimate", name) for name in ("plain", "more")}
    assert asked["more"] == pytest.approx(times * asked["plain"], abs=times)


def test_an_experiment_on_a_part_of_the_recording_asks_for_less():
    part = with_volume(1e9, experiments={"bin_width": {"n_spikes": 1_000_000}})
    assert job_minutes(part, "experiment", "bin_width") < job_minutes(
        with_volume(1e9), "experiment", "bin_width"
    )


def test_the_memory_bound_of_the_config_bounds_what_is_asked_for():
    tight = with_volume(1e9, memory_mb=200)
    assert job_memory_mb(tight, "estimate", "glm") < job_memory_mb(with_volume(1e9), "estimate", "glm")


def test_neurons_of_every_kind_of_network_are_counted(tmp_path):
    np.save(tmp_path / "mine.npy", np.zeros((300, 300)))
    ring = with_volume(1e9, n_neurons=300)
    for network in (
        {"family": "file", "path": str(tmp_path / "mine.npy")},
        {"family": "sparse", "n_neurons": 300, "n_inputs": 20},
    ):
        minutes, memory_mb = sizes(with_volume(1e9, network=network), "estimate", "mpf")
        alone, same_mb = sizes(ring, "estimate", "mpf")
        assert memory_mb == same_mb
        assert minutes == pytest.approx(2 * alone, abs=1)  # blocks of the recording take as long as the whole


def test_where_blocks_of_the_recording_are_estimated_twice_the_time_is_asked_for():
    ring, pinned = with_volume(1e10), with_volume(1e10, network={"family": "ring", "pinned": True})
    for step, part, times in (
        ("simulate", None, 1),
        ("estimate", "glm", 2),
        ("experiment", "data_volume", 2),
        ("experiment", "partial_observation", 1),  # of parts of any network, so twice in both
        ("experiment", "patterns", 1),
    ):
        asked = [job_minutes(config, step, part) for config in (ring, pinned)]
        assert asked[1] == pytest.approx(times * asked[0], abs=1), part


def test_sampling_errors_take_time_that_does_not_grow_with_the_recording():
    def minutes(n_spikes, **more):
        config = load_config({"simulation": {"n_spikes": n_spikes}} | more)
        return job_minutes(config, "estimate", "glm")

    few, many = (minutes(n, sampling_errors=True) - minutes(n) for n in (1e9, 1e10))
    assert few > 0 and abs(many - few) <= 1


def test_an_unknown_step_is_refused():
    with pytest.raises(
        ValueError, match="step='estimat' is none; must be simulate, activity, floor, estimate or"
    ):
        job_minutes(with_volume(1e6), "estimat")


def test_the_profile_of_the_cluster_repeats_what_matters_of_the_default_one():
    default, slurm = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
        for name in ("default", "slurm")
    )
    default.pop("resources")  # a cluster has a queue for GPUs of its own
    assert {key: slurm.get(key) for key in default} == default
