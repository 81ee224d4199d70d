"""Read a config: fill the defaults, check every key, and say all that is wrong at once."""

import os
import warnings
from functools import cache
from pathlib import Path

from circuitbias.catalogue import find
from circuitbias.circuits import KEYS, circuit_problem, circuits
from circuitbias.config_schema import (
    ConfigError,
    complete,
    plain,
    problem,
    refuse,
)
from circuitbias.cross_checks import cross_checks
from circuitbias.yaml_files import read_config

__all__ = [
    "ConfigError",
    "circuits",
    "compares_with_paper",
    "drive_files",
    "is_ring_of_the_paper",
    "load_config",
    "network_files",
    "recording_files",
]

GENERATORS_OF_THE_PAPER = ("lnp", "glm_exp", "glm_relu", "ising")
"""Others than its threshold model that it has numbers of, on the ring."""


def load_config(source) -> dict:
    """Complete and check a config.

    Parameters
    ----------
    source : mapping, str or Path
        The config itself (it is left unchanged) or a YAML file that holds it.

    Returns
    -------
    dict
        Plain dicts, lists and scalars with every default filled in. Numbers written as text
        (YAML reads ``1e-3`` so) and whole numbers written as ``1e7`` have become numbers.

    Raises
    ------
    ConfigError
        Lists the problems that were found, up to a hundred.
    """
    config = plain(read_config(source) if isinstance(source, str | Path) else source)
    if isinstance(config, dict) and "model" in config and "generator" not in config:
        warnings.warn("the key `model` of a config is now called `generator`", FutureWarning, stacklevel=2)
        config = {"generator" if key == "model" else key: value for key, value in config.items()}
    if isinstance(config, dict) and "recordings" in config and not {*KEYS, "circuits"} & set(config):
        config["circuits"] = {}
    problems = complete(config)
    for path, line in cross_checks(config, problems):
        problems.setdefault(path, line)
    refuse("the config cannot be used:", problems)
    return config


def network_files(config) -> list[str]:
    """Files that the network of a complete config of one circuit is read from; none if it is computed.

    Raises
    ------
    ConfigError
        If the file is not there. (Snakemake alone would go on with a network that is there already.)
    """
    if config["network"]["family"] != "file":
        return []
    path = os.path.expanduser(config["network"]["path"])
    if not os.path.isfile(path):  # and not Path.is_file: names can be too long for it
        where = "" if os.path.isabs(path) else f" in {os.getcwd()}"
        rule = f"no such file{where}; must be a file of weights"
        raise ConfigError(circuit_problem(config, ("network", "path"), rule))
    return [path]


def recording_files(recording: dict, path: tuple = ()) -> list[str]:
    """Files that a recording of a complete config is read from: itself, or what lies in its folder.

    Parameters
    ----------
    recording : dict
        An entry of ``recordings``.
    path : tuple, optional
        Of the entry, for messages.

    Raises
    ------
    ConfigError
        If there is no such file.
    """
    place = os.path.expanduser(recording["file"])
    wrong = None
    if os.path.isdir(place):
        from circuitbias.recordings.opening import format_of

        try:
            reader = find("readers", recording.get("format") or format_of(Path(place)))
            return [os.fspath(one) for one in reader.files(Path(place))]
        except ValueError as error:
            wrong = str(error)
    elif not os.path.isfile(place):
        where = "" if os.path.isabs(place) else f" in {os.getcwd()}"
        wrong = f"no such file{where}; must be a recording"
    if wrong:
        whole = recording
        for key in (*reversed(path),):
            whole = {key: whole}
        raise ConfigError(problem(whole, (*path, "file"), wrong))
    return [place]


def drive_files(config) -> list[str]:
    """Files that the drive of a complete config of one circuit is read from.

    Raises
    ------
    ConfigError
        If a file is not there.
    """
    options = dict(config["drive"])
    files = [os.path.expanduser(path) for path in find("drives", options.pop("family")).of(options).files()]
    for path in files:
        if not os.path.isfile(path):
            rule = f"no such file in {os.getcwd()}; must be a file of stimuli"
            raise ConfigError(circuit_problem(config, ("drive", "path"), rule))
    return files


def compares_with_paper(config) -> bool:
    """Whether the paper has numbers of a circuit.

    They are of its threshold model on the ring (pinned or not) and on the ring with sidebands, and of four
    other generators on the ring; all with its own parameters, drive and thresholds.

    Parameters
    ----------
    config : dict
        Complete, of one circuit.
    """
    generator, network = config["generator"]["family"], config["network"]["family"]
    if generator != "threshold" and generator not in GENERATORS_OF_THE_PAPER:
        return False
    if network != "ring" and (network, generator) != ("sideband", "threshold"):
        return False
    papers = _papers(generator, network)
    either_way = {"as_published": False} if "as_published" in papers["generator"] else {}
    same = config["generator"] | either_way == papers["generator"]
    same &= all(config[key] == papers[key] for key in ("drive", "thresholds"))
    may_be_pinned = (network, generator) == ("ring", "threshold")
    wiring = config["network"] | ({"pinned": False} if may_be_pinned else {})
    return same and wiring == papers["network"]


def is_ring_of_the_paper(config) -> bool:
    """Whether a complete circuit is the paper's ring, pinned or not, with its threshold model."""
    families = config["network"]["family"], config["generator"]["family"]
    return families == ("ring", "threshold") and compares_with_paper(config)


@cache
def _papers(generator: str, network: str) -> dict:
    """A circuit of the paper: a network and a generator with their defaults."""
    return load_config({"generator": {"family": generator}, "network": {"family": network}})
