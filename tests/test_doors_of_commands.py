"""Options that commands are given are checked as those of Python are, in the same words."""

import json
import math

import pytest

from circuitbias.cli import main
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks import ring_network
from circuitbias.spikes.writing import write_spikes


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    ring_network(20, 1.4, 1.41).save(folder / "network.npz")
    parameters = ThresholdParameters(0.01, 0.0013)
    segments = simulate(ring_network(20, 1.4, 1.41), parameters, seed=1, n_spikes=2000)
    made = {"parameters": {"seed": 1, "model": parameters.to_dict()}}
    write_spikes(folder / "spikes.h5", segments, 20, 0.1, made)
    return folder


def refused(capsys, *words) -> str:
    """What the command line says when it refuses."""
    assert main([str(word) for word in words]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('{"binarise": "false"}', "binarise = 'false': must be true or false"),
        ('{"lags": [1.9]}', "lags[0] = 1.9: must be a whole number >= 0"),
        ('{"lags": 1}', "lags = 1: must be a list"),
        ('{"ridge": NaN}', "ridge = nan: must be a finite number >= 0"),
        ('{"bin_steps": "100"}', "bin_steps = '100': must be a whole number"),
        ('{"bin_step": 100}', "did you mean bin_steps?"),
        ('{"ridge": 1, "ridge": 2}', "the key 'ridge' is there twice"),
    ],
)
def test_options_on_the_command_line(files, capsys, options, message):
    words = ["--spikes", files / "spikes.h5", "--method", "glm", "--options", options]
    assert message in refused(capsys, "estimate", *words, "--output", files / "no.npz")
    entry = options.replace("{", '{"method": "glm", ', 1)
    words = ["--network", files / "network.npz", "--spikes", files / "spikes.h5", "--options", "{}"]
    words += ["--estimators", f'{{"mine": {entry}}}', "--output", files / "no.csv"]
    assert message in refused(capsys, "experiment", "bin_width", *words)
    assert not list(files.glob("no*"))


@pytest.mark.parametrize(
    ("experiment", "options", "message"),
    [
        ("bin_width", {"bin_steps": [1.5]}, "bin_steps[0] = 1.5: must be a whole number"),
        ("bin_width", {"bin_steps": 100}, "bin_steps = 100: must be a list"),
        ("bin_width", {"n_spikes": "2000"}, "n_spikes = '2000': must be a whole number >= 1000 or null"),
        ("data_volume", {"decade": 1}, "did you mean decades?"),
        ("data_volume", {"n_windows": True}, "n_windows = True"),
        ("partial_observation", {"fixed_half": "no"}, "fixed_half = 'no': must be true or false"),
        ("partial_observation", {"coverage": 1}, "coverage = 1.0"),
        ("patterns", {"bin_steps": 0}, "bin_steps = 0"),
        ("synchrony", {"n_spikes": -5}, "n_spikes = -5"),
    ],
)
def test_options_of_experiments(files, capsys, experiment, options, message):
    words = [
        "--network",
        files / "network.npz",
        "--spikes",
        files / "spikes.h5",
        "--options",
        json.dumps(options),
    ]
    words += ["--estimators", '{"mine": {"method": "mean_field"}}', "--output", files / "no.csv"]
    assert message in refused(capsys, "experiment", experiment, *words)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ('{"r": "0.01", "theta": 0.001}', "r = '0.01': must be a finite number >= 0"),
        ('{"r": 0.01, "theta": NaN}', "theta = nan: must be a finite number"),
        ('{"r": 0.01, "theta": true}', "theta = True: must be a finite number"),
        ('{"r": 0.01, "theta": 1, "tau": 5}', "unknown parameters ['tau'] (did you mean tau_ms?)"),
        ('{"r": 0.01, "theta": 1, "dt_ms": 20}', "dt_ms = 20.0: must be < tau_ms = 10.0"),
        ('{"r": 0.01, "r": 0.02, "theta": 1}', "the key 'r' is there twice"),
    ],
)
def test_parameters_on_the_command_line(files, capsys, parameters, message):
    words = ["--network", files / "network.npz", "--parameters", parameters, "--seed", 1, "--n-spikes", 10]
    assert message in refused(capsys, "simulate", *words, "--output", files / "no.h5")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('{"family": "ring", "pinned": "false"}', "pinned = 'false': must be true or false"),
        ('{"family": "ring", "n_neurons": "20"}', "n_neurons = '20': must be a whole number"),
        ('{"famly": "ring"}', "did you mean family?"),
        ('{"family": "sparse", "n_neurons": 20, "n_inputs": 20}', "n_inputs = 20: must be < n_neurons = 20"),
    ],
)
def test_networks_on_the_command_line(files, capsys, options, message):
    assert message in refused(capsys, "network", "--options", options, "--output", files / "no.npz")


def test_whole_numbers_on_the_command_line(files, tmp_path, capsys):
    words = ["simulate", "--network", files / "network.npz", "--parameters", '{"r": 0.01, "theta": 0.0013}']
    for seed, n_spikes, name in (("1", "1000", "a.h5"), ("1e0", "1e3", "b.h5")):
        made = [*words, "--seed", seed, "--n-spikes", n_spikes, "--output", tmp_path / name]
        assert main([str(word) for word in made]) == 0
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    for n_spikes in ("1.5", "nan", "inf", "many", "", "True", "1_000"):
        made = [*words, "--seed", "1", "--n-spikes", n_spikes, "--output", tmp_path / "c.h5"]
        with pytest.raises(SystemExit):
            main([str(word) for word in made])
        assert f"--n-spikes: invalid whole_number value: '{n_spikes}'" in capsys.readouterr().err
    made = [*words, "--seed", "-1", "--n-spikes", "10", "--output", tmp_path / "c.h5"]
    assert "seed = -1: must be a whole number >= 0" in refused(capsys, *made)


def test_a_network_that_was_changed_into_none_is_not_written(tmp_path):
    network = ring_network(20, 1.4, 1.41)
    network.weights[3, 5] = math.nan
    with pytest.raises(ValueError, match="1 entries are not finite"):
        network.save(tmp_path / "network.npz")
    network.weights[3, 5] = 7  # circulant no longer
    with pytest.raises(ValueError, match="circulant: True, but"):
        network.save(tmp_path / "network.npz")
    assert list(tmp_path.iterdir()) == []
