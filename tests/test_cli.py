"""The steps by hand, from the command line."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import circuitbias
from circuitbias.catalogue import declared
from circuitbias.cli import main
from circuitbias.estimators import METHODS, Couplings
from circuitbias.networks.network import Network
from circuitbias.spikes.storage import SpikeFile

OPTIONS = {method: declared("estimators", method).examples[-1] for method in METHODS}
"""The last choice of options that each method is held to the contract with."""


def step(*arguments):
    """Run a step in this process."""
    assert main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder with all that the steps make of a small network from a .csv file, two seeds."""
    folder = tmp_path_factory.mktemp("made")
    weights = np.zeros((6, 6))
    weights[[0, 1, 2, 4], [1, 2, 3, 0]] = -1
    np.savetxt(folder / "weights.csv", weights, delimiter=",")
    options = json.dumps({"family": "file", "path": str(folder / "weights.csv")})
    step("network", "--options", options, "--output", folder / "network.npz")
    for seed in (1, 2):
        spikes = folder / f"spikes{seed}.h5"
        step(
            *("simulate", "--network", folder / "network.npz", "--seed", seed, "--n-spikes", 8000),
            *("--parameters", '{"r": 0.0003, "theta": 0.00136}', "--trials", 2, "--threads", 2),
            *("--burn-in", 100, "--output", spikes),
        )
        for method, options in OPTIONS.items():
            step(
                *("estimate", "--spikes", spikes, "--method", method, "--options", json.dumps(options)),
                *("--name", f"my_{method}", "--device", "cpu", "--output", folder / f"{method}{seed}.npz"),
            )
    step(
        *("activity", "--network", folder / "network.npz", "--spikes", folder / "spikes1.h5"),
        *("--output", folder / "activity.npz"),
    )
    step(
        *("errors", "--network", folder / "network.npz", "--output", folder / "errors.csv", "--couplings"),
        *(folder / f"{method}{seed}.npz" for method in OPTIONS for seed in (1, 2)),
        *("--profiles", folder / "profiles.csv", "--repetitions", folder / "repetitions.csv"),
    )
    return folder


def test_network_from_a_csv_file(made):
    network = Network.load(made / "network.npz")
    assert np.argwhere(network.weights).tolist() == [[0, 1], [1, 2], [2, 3], [4, 0]]
    assert not network.circulant
    assert network.provenance["path"].endswith("weights.csv")


def test_spikes(made):
    spikes = SpikeFile(made / "spikes1.h5")
    assert len(spikes.trial_steps) == 2
    assert 8000 <= spikes.n_spikes < 8012  # a trial ends with the step in which it has its share
    assert spikes.metadata["parameters"]["model"]["theta"] == 0.00136


def test_couplings_say_what_made_them(made):
    for method, options in OPTIONS.items():
        couplings = Couplings.load(made / f"{method}1.npz")
        assert couplings.values.shape == (6, 6)
        assert couplings.provenance["versions"].keys() >= {"circuitbias", "python", "numpy"}
        parameters = couplings.provenance["parameters"]
        assert (parameters["name"], parameters["method"]) == (f"my_{method}", method)
        assert parameters["options"].items() >= options.items()
        assert "bin_steps" in parameters["options"]  # those left to their defaults too
        assert parameters["n_spikes"] == SpikeFile(made / "spikes1.h5").n_spikes
        assert parameters["spikes"] == SpikeFile(made / "spikes1.h5").metadata
        spikes = parameters["spikes"]["parameters"]
        expected = {"seed": 1, "n_spikes": 8000, "trials": 2, "burn_in": 100}
        assert {key: spikes[key] for key in expected} == expected
        assert spikes["network"] == Network.load(made / "network.npz").provenance
        assert spikes["model"]["r"] == 0.0003


def test_activity(made):
    with np.load(made / "activity.npz") as activity:
        spikes = SpikeFile(made / "spikes1.h5")
        assert activity["n_spikes"] == spikes.n_spikes
        assert activity["duration_s"] == pytest.approx(spikes.trial_steps.sum() / 10_000)
        assert activity["rates_hz"].mean() * activity["duration_s"] * 6 == pytest.approx(spikes.n_spikes)
        assert len(activity["pattern_strength"]) == len(activity["pattern_window_spikes"]) == 0
        assert 0 <= activity["raster_ms"].min() <= activity["raster_ms"].max() < 500


def test_errors(made):
    errors = pd.read_csv(made / "errors.csv")
    assert errors.estimator.tolist() == [f"my_{method}" for method in OPTIONS for _ in (1, 2)]
    assert errors.seed.tolist() == [1, 2] * len(OPTIONS)
    assert errors.total.between(0, 1).all()
    assert errors.roc_auc[:2].min() > 0.9
    assert errors.bias.isna().all()  # one recording of a network without symmetry
    repetitions = pd.read_csv(made / "repetitions.csv")
    assert repetitions.n_seeds.tolist() == [2] * len(OPTIONS)
    assert repetitions.variance.gt(0).all()
    assert pd.read_csv(made / "profiles.csv").empty


def test_same_inputs_same_result(made, tmp_path):
    step(
        *(
            "estimate",
            "--spikes",
            made / "spikes1.h5",
            "--method",
            "glm",
            "--name",
            "my_glm",
            "--device",
            "cpu",
        ),
        *("--options", json.dumps(OPTIONS["glm"]), "--memory-mb", 20, "--output", tmp_path / "again.npz"),
    )
    ours, theirs = Couplings.load(tmp_path / "again.npz"), Couplings.load(made / "glm1.npz")
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-7)
    assert ours.provenance == theirs.provenance


def test_comparison_with_the_paper(tmp_path, capsys):
    ring, spikes, couplings = (tmp_path / name for name in ("ring.npz", "spikes.h5", "couplings.npz"))
    step("network", "--options", '{"family": "ring"}', "--output", ring)
    step(
        *("simulate", "--network", ring, "--seed", 1, "--n-spikes", 300_000, "--output", spikes),
        *("--parameters", '{"r": 0.025, "theta": 0.000735}'),
    )
    step("estimate", "--spikes", spikes, "--method", "mean_field", "--output", couplings)
    step("activity", "--network", ring, "--spikes", spikes, "--output", tmp_path / "activity.npz")
    step(
        *("errors", "--network", ring, "--couplings", couplings, "--output", tmp_path / "errors.csv"),
        *("--profiles", tmp_path / "profiles.csv"),
    )
    capsys.readouterr()
    step(
        *("compare", "--network", ring, "--errors", tmp_path / "errors.csv"),
        *("--activity", tmp_path / "activity.npz", "--output", tmp_path / "comparison.csv"),
    )
    comparison = pd.read_csv(tmp_path / "comparison.csv")
    errors = ["total", "bias", "variance"]  # default options have a counterpart
    assert comparison.quantity.tolist() == [*errors, *(f"{error}_l1" for error in errors)]
    assert comparison.ratio[:3].between(0.7, 1.3).all()
    assert (comparison.network == "ring").all()
    output = capsys.readouterr()
    assert output.out.startswith("Published numbers beside ours")
    assert "Warning" not in output.err
    assert len(pd.read_csv(tmp_path / "profiles.csv")) == 99


@pytest.fixture
def fails(capsys):
    """Run a step that must fail; return its one line."""

    def fails(*arguments):
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == 1
        message = capsys.readouterr().err
        assert message.startswith(f"circuitbias {arguments[0]}: error: ")
        assert message.count("\n") == 1
        assert "Traceback" not in message
        return message

    return fails


def test_missing_and_foreign_files(made, tmp_path, fails):
    output = ("--output", tmp_path / "output.npz")
    assert "no such spike file" in fails(
        "estimate", "--spikes", tmp_path / "no.h5", "--method", "glm", *output
    )
    assert "no.npz" in fails(
        "errors", "--network", made / "network.npz", "--couplings", tmp_path / "no.npz", *output
    )
    assert "not a whole file of couplings" in fails(
        "errors", "--network", made / "network.npz", "--couplings", made / "network.npz", *output
    )
    options = json.dumps({"family": "file", "path": str(tmp_path / "no.csv")})
    assert "there is no file" in fails("network", "--options", options, *output)
    assert "is not a network of the published numbers" in fails(
        *("compare", "--network", made / "network.npz", "--errors", made / "errors.csv"),
        *("--activity", made / "activity.npz", *output),
    )
    assert list(tmp_path.iterdir()) == []  # and nothing half-made is left


def test_silent_network(made, tmp_path, fails):
    message = fails(
        *("simulate", "--network", made / "network.npz", "--seed", 1, "--n-spikes", 10),
        *("--parameters", '{"r": 0.0003, "theta": 1.0}', "--max-silent-steps", 1000),
        *("--output", tmp_path / "spikes.h5"),
    )
    assert "theta=1 is out of reach" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text, problem", [("{'a': 1}", "is not JSON"), ("[1]", "must be a JSON object")])
def test_bad_json(made, tmp_path, fails, text, problem):
    output = ("--output", tmp_path / "output")
    message = fails("network", "--options", text, *output)
    assert "--options" in message
    assert problem in message
    spikes = ("--spikes", made / "spikes1.h5", "--method", "glm")
    assert problem in fails("estimate", *spikes, "--options", text, *output)
    network = ("--network", made / "network.npz", "--seed", 1, "--n-spikes", 10)
    assert problem in fails("simulate", *network, "--parameters", text, *output)


def test_wrong_options(made, tmp_path, fails):
    estimate = ("estimate", "--spikes", made / "spikes1.h5", "--output", tmp_path / "couplings.npz")
    assert "method = 'plm': must be one of" in fails(*estimate, "--method", "plm")
    glm = (*estimate, "--method", "glm", "--options")
    assert "options of glm: bins = 3: unknown key" in fails(*glm, '{"bins": 3}')
    assert "must not hold ['method']" in fails(*glm, '{"method": "glm"}')
    assert "bin_steps = 0" in fails(*glm, '{"bin_steps": 0}')


def test_warnings_are_lines_without_code(made, tmp_path, capsys):
    step(
        *("estimate", "--spikes", made / "spikes1.h5", "--method", "glm", "--output", tmp_path / "c.npz"),
        *("--options", '{"max_passes": 1}'),
    )
    lines = capsys.readouterr().err.splitlines()
    (warning,) = [line for line in lines if "Warning" in line]
    assert warning.startswith("NotConvergedWarning: fits of neurons [0, 1, 2, 3, 4, 5] did not reach")


def test_usage(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["estimate", "--method", "glm"])
    assert stop.value.code == 2
    assert "--spikes" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "estimate" in capsys.readouterr().out


def test_version_as_a_module():
    command = [sys.executable, "-m", "circuitbias", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == circuitbias.__version__


def test_a_threshold_for_a_rate(tmp_path, capsys):
    step("network", "--options", '{"family": "ring", "n_neurons": 20}', "--output", tmp_path / "ring.npz")
    searched = ("threshold", "--network", tmp_path / "ring.npz", "--rate-hz", "30", "--output")
    step(*searched, tmp_path / "theta.json", "--parameters", '{"r": 0.01}')
    common = ("simulate", "--network", tmp_path / "ring.npz", "--seed", "5", "--n-spikes", "30000")
    recorded = (*common, "--threshold", tmp_path / "theta.json", "--output", tmp_path / "spikes.h5")
    step(*recorded, "--parameters", '{"r": 0.01}')
    spikes = SpikeFile(tmp_path / "spikes.h5")
    duration_s = spikes.trial_steps.sum() * 1e-4
    # A Poisson process of 3e4 spikes scatters by 0.6 %; the search adds up to 0.5 %.
    assert spikes.n_spikes / 20 / duration_s == pytest.approx(30, rel=0.03)
    theta = json.loads((tmp_path / "theta.json").read_text())["theta"]
    assert spikes.metadata["parameters"]["model"]["theta"] == theta

    for words, complaint in [
        ((*searched, tmp_path / "x", "--parameters", '{"r": 1, "theta": 2}'), "theta = 2, which is what is"),
        ((*recorded, "--parameters", '{"r": 0.01, "theta": 0.001}'), "theta is given twice"),
    ]:
        assert main([str(word) for word in words]) == 1
        assert complaint in capsys.readouterr().err
    (tmp_path / "theta.json").write_text("{}")
    assert main([str(word) for word in (*recorded, "--parameters", '{"r": 0.01}')]) == 1
    assert "theta.json" in capsys.readouterr().err
