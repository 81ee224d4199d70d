"""Read a config: fill the defaults, check every key, and say all that is wrong at once."""

import os
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from circuitbias.catalogue import EXPERIMENTS, declared, find
from circuitbias.circuits import KEYS, TAKEN, circuit_problem, circuits, typical_strengths
from circuitbias.component import Generator
from circuitbias.config_schema import (
    ConfigError,
    complete,
    plain,
    problem,
    refuse,
)
from circuitbias.declaration import told
from circuitbias.yaml_files import read_config

__all__ = [
    "ConfigError",
    "circuits",
    "compares_with_paper",
    "drive_files",
    "label_strength",
    "load_config",
    "network_files",
    "recording_files",
    "resolve_thresholds",
    "strength_label",
]

_WITH_PUBLISHED_THRESHOLDS = ("threshold", "lnp", "glm_relu", "glm_exp")


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
    for path, line in _cross_checks(config, problems):
        problems.setdefault(path, line)
    refuse("the config cannot be used:", problems)
    return config


def resolve_thresholds(config) -> dict[float, float | None]:
    """Threshold theta of every strength r of a complete config of one circuit.

    Returns
    -------
    dict of float to float
        In the order of ``strengths``; the paper's values if ``thresholds: published`` (0 for a generator that
        the paper has none of), None where they are to be found for a rate.

    Raises
    ------
    ConfigError
        If the paper has no threshold for this network or for one of the strengths.
    """
    strengths, thresholds, network = (config[k] for k in ("strengths", "thresholds", "network"))
    family = config["generator"]["family"]
    if isinstance(thresholds, dict):
        if declared("generators", family).engine is Generator.engine:
            rule = f"found for generators with a compiled engine only, not for {family}"
            raise ConfigError(
                circuit_problem(config, ("thresholds",), f"{rule}; must be a list, or left out")
            )
        return dict.fromkeys(strengths)
    if thresholds != "published":
        return dict(zip(strengths, thresholds, strict=True))
    if family not in _WITH_PUBLISHED_THRESHOLDS:
        return dict.fromkeys(strengths, 0.0)
    name = _name_in_paper(network)
    if not name:
        rule = (
            "the paper has some for rings of 100 neurons and those with 1/3, 2/3 or all of its sidebands only"
        )
        rule += "; must be a list of numbers, or {rate_hz: 62.5}"
        raise ConfigError(circuit_problem(config, ("thresholds",), f"{rule} for network = {network}"))

    import numpy as np

    from circuitbias.published import thresholds as published  # brings pandas, which is slow

    try:
        table = published(name, family)
    except ValueError as error:
        rule = f"the paper has none of {family} for this network"
        rule += "; must be a list of numbers, or {rate_hz: 62.5}"
        raise ConfigError(circuit_problem(config, ("thresholds",), rule)) from error
    near = {r: table.to_numpy()[np.isclose(table.index, r)] for r in strengths}
    if unknown := [r for r in strengths if not near[r].size]:
        known = ", ".join(map(strength_label, sorted(table.index)))
        rule = f"the paper has no threshold for {unknown}; must be among {known}"
        raise ConfigError(circuit_problem(config, ("strengths",), f"{rule}, or thresholds be a list"))
    return {r: float(theta[0]) for r, theta in near.items()}


def _name_in_paper(network: dict) -> str:
    """Name of a network in the paper's table of thresholds; empty if it is not there."""
    if network["family"] == "ring" and network["n_neurons"] == 100:
        return "ring_pinned" if network["pinned"] else "ring"
    if network["family"] == "sideband" and network["profile"] == "mpf" and not network["pinned"]:
        thirds = round(3 * network["fraction"])
        near = abs(3 * network["fraction"] - thirds) < 0.003
        return f"sideband_{thirds}_3" if near and thirds else ""
    return ""


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


def strength_label(strength: float) -> str:
    """Shortest text that reads back as exactly this strength, for file names: ``'0.0125'``."""
    return repr(float(strength))


def label_strength(label: str) -> float:
    """Inverse of `strength_label`."""
    return float(label)


def _cross_checks(config, problems) -> Iterator[tuple[tuple, str]]:
    """Check keys against each other where they are sound in themselves; choose the examples."""
    wrong = list(problems)

    def sound(*paths):  # nothing wrong above, at or below them
        return not any(
            all(a == b for a, b in zip(bad, path, strict=False)) for bad in wrong for path in paths
        )

    if not isinstance(config, dict):
        return
    if config.get("circuits") == {} and not config.get("recordings"):
        yield ("circuits",), problem(config, ("circuits",), "must hold a circuit, or be left out")
    for name, recording in config.get("recordings", {}).items() if sound(("recordings",)) else ():
        path = ("recordings", name, "estimators")
        known = sound(path, ("estimators",)) and list(config["estimators"])
        if known and not set(recording.get("estimators", ())) <= set(known):
            yield path, problem(config, path, f"must be among estimators = {known}")
    named = config.get("circuits", {"": config})
    for name, own in named.items() if isinstance(named, dict) else ():
        if isinstance(own, dict):
            yield from _circuit_checks(config, name, own, sound)
    sections = named if sound(("circuits",), ("strengths",)) else {}
    known = sorted({r for own in sections.values() for r in own.get("strengths", config["strengths"])})
    examples = ("figures", "example_strengths")
    if known and sound(examples):
        if "circuits" not in config:
            config["figures"].setdefault("example_strengths", typical_strengths(known))
        if not set(config["figures"].get("example_strengths", ())) <= set(known):
            yield examples, problem(config, examples, f"must be among strengths = {known}")
    for name, experiment in config["experiments"].items() if sound(("experiments",)) else ():
        for key, choice in (("estimators", config["estimators"]), ("strengths", known)):
            path = ("experiments", name, key)
            if sound((key,), ("circuits",)) and not set(experiment.get(key) or ()) <= set(choice):
                yield path, problem(config, path, f"must be among {key} = {list(choice)}")
        path = ("experiments", name, "estimators")
        if needed := sound(path, ("estimators",)) and told(EXPERIMENTS[name]).sweeps_over:
            names = experiment["estimators"] or config["estimators"]
            if without := [one for one in names if needed not in config["estimators"].get(one, (needed,))]:
                rule = f"must not hold {', '.join(without)}, which have no option {needed}"
                yield path, problem(config, path, rule)


def _circuit_checks(config, name, own, sound) -> Iterator[tuple[tuple, str]]:
    """Check the keys of one circuit against each other; its name is "" if they are at the top level."""
    above = ("circuits", name) if name else ()
    if name in TAKEN:
        yield above, problem(config, above, f"its name must not be one of {', '.join(TAKEN)}")
    for key in ("estimators", "experiments") if name else ():
        path = (*above, key)
        if key in own and sound(path, (key,)) and not set(own[key]) <= set(config[key]):
            yield path, problem(config, path, f"must be among {list(config[key])}")
    needed = ("network", "strengths", "thresholds")
    if not sound(*((*above, key) if key in own else (key,) for key in needed)):
        return
    one = {key: own.get(key, config.get(key)) for key in KEYS} | {"circuit": name}
    given, n, path = one["thresholds"], len(one["strengths"]), ("thresholds",)
    family = one["generator"].get("family") if isinstance(one["generator"], dict) else None
    if family == "threshold" and isinstance(given, list) and (low := [t for t in given if not t > 0]):
        place = (*path, given.index(low[0]))
        yield (*above, *place), circuit_problem(one, place, "must be a finite number > 0")
    elif isinstance(given, list) and len(given) != n:
        rule = f"has {len(given)} entries; must have {n}, one for each of strengths"
        yield (*above, *path), circuit_problem(one, path, rule)
    elif sound((*above, "generator") if "generator" in own else ("generator",)):
        try:
            resolve_thresholds(one)
        except ConfigError as error:
            yield (*above, *path), str(error)
