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
    "load_config",
    "network_files",
    "recording_files",
]


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
    """Whether a circuit is a ring (pinned or not) with the model of the paper: its numbers apply.

    Parameters
    ----------
    config : dict
        Complete, of one circuit.
    """
    papers = _papers()
    same = all(config[key] == papers[key] for key in ("generator", "drive", "thresholds"))
    return same and config["network"] | {"pinned": False} == papers["network"]


@cache
def _papers() -> dict:
    """The defaults: the ring of the paper."""
    return load_config({})
