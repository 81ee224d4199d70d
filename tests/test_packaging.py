"""What is installed, by pip or by conda, is what pyproject.toml asks for."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import circuitbias

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch", "snakemake": "snakemake-minimal"}

project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
required = [Requirement(line) for line in project["dependencies"]]
optional = [Requirement(line) for lines in project["optional-dependencies"].values() for line in lines]
constraints = (ROOT / "constraints.txt").read_text().split("\n")
pinned = [Requirement(line) for line in constraints if line and not line.startswith("#")]


def test_the_conda_environment_has_the_bounds_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"]
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-e .[test]"]}
    bounds = {line.name: line.specifier for line in map(Requirement, conda)}
    bounds.pop("pip")
    python = bounds.pop("python")
    assert "3.11" in python
    assert "3.10" not in python
    assert bounds == {CONDA_NAMES.get(r.name, r.name): r.specifier for r in required}


def test_the_conda_environment_says_how_to_add_what_a_cluster_needs():
    lines = (ROOT / "environment.yml").read_text().splitlines()
    (told,) = [line.split("`")[1] for line in lines if line.startswith("#") and "SLURM" in line]
    (plugin,) = map(Requirement, project["optional-dependencies"]["slurm"])
    assert Requirement(told) == plugin


@pytest.mark.parametrize("requirement", required + optional, ids=str)
def test_the_constraints_pin_within_the_bounds_of_pyproject(requirement):
    pins = [pin for pin in pinned if pin.name == requirement.name]
    assert pins, f"{requirement.name} is not pinned"
    for pin in pins:
        (version,) = [spec.version for spec in pin.specifier if spec.operator == "=="]
        assert version in requirement.specifier


def test_the_constraints_can_be_had_everywhere():
    assert not [pin for pin in pinned if pin.url or "+" in str(pin.specifier)]
    assert not [line for line in constraints if "://" in line or line.startswith("-")]


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == circuitbias.__version__ == project["version"]
    assert citation["license"] == project["license"] == "MIT"
