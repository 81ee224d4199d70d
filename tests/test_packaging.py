"""What is installed, by pip or by conda, is what pyproject.toml asks for."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import circuitbias
from circuitbias.exceptions import EXTRAS

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch", "snakemake": "snakemake-minimal"}

project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
required = [Requirement(line) for line in project["dependencies"]]
extras = {
    name: [found for found in map(Requirement, lines) if found.name != "circuitbias"]
    for name, lines in project["optional-dependencies"].items()
}
"""What each extra brings beside other extras of our own."""
optional = [requirement for extra in extras.values() for requirement in extra]
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
    whole = [*required, *extras["torch"], *extras["workflow"]]
    assert bounds == {CONDA_NAMES.get(r.name, r.name): r.specifier for r in whole}


def test_the_package_alone_brings_neither_torch_nor_snakemake():
    assert {"torch", "snakemake"}.isdisjoint(requirement.name for requirement in required)
    assert set(EXTRAS.values()) <= extras.keys()
    for library, extra in EXTRAS.items():
        assert library in [requirement.name for requirement in extras[extra]]


def test_the_conda_environment_says_how_to_add_what_a_cluster_needs():
    lines = (ROOT / "environment.yml").read_text().splitlines()
    (told,) = [line.split("`")[1] for line in lines if line.startswith("#") and "SLURM" in line]
    (plugin,) = extras["slurm"]
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
