"""Read a config: fill the defaults, check every key, and say all that is wrong at once."""

from collections.abc import Iterator
from functools import reduce
from operator import getitem
from pathlib import Path

import yaml

from circuitbias.config_schema import complete, config_reference, problem

__all__ = [
    "ConfigError",
    "compares_with_paper",
    "config_reference",
    "label_strength",
    "load_config",
    "network_files",
    "resolve_thresholds",
    "strength_label",
]


class ConfigError(ValueError):
    """Names the full key, its value and what is allowed; one line for every problem."""


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
        Lists every problem that was found.
    """
    config = _plain(_read(source) if isinstance(source, str | Path) else source)
    problems = complete(config)
    for path, line in _cross_checks(config, problems):
        problems.setdefault(path, line)
    if problems:
        raise ConfigError("\n  ".join(["the config cannot be used:", *problems.values()]))
    return config


def resolve_thresholds(config) -> dict[float, float]:
    """Threshold theta of every strength r of a complete config.

    Returns
    -------
    dict of float to float
        In the order of ``strengths``; the paper's values if ``thresholds: published``.

    Raises
    ------
    ConfigError
        If the paper has no threshold for this network or for one of the strengths.
    """
    strengths, thresholds, network = (config[k] for k in ("strengths", "thresholds", "network"))
    if thresholds != "published":
        return dict(zip(strengths, thresholds, strict=True))
    if network["family"] != "ring" or network["n_neurons"] != 100:
        rule = "the paper has some for rings of 100 neurons only; must be a list of numbers"
        raise ConfigError(problem(config, ("thresholds",), f"{rule} for network = {network}"))

    import numpy as np

    from circuitbias.published import thresholds as published  # brings pandas, which is slow

    table = published("ring_pinned" if network["pinned"] else "ring")
    near = {r: table.to_numpy()[np.isclose(table.index, r)] for r in strengths}
    if unknown := [r for r in strengths if not near[r].size]:
        known = ", ".join(map(strength_label, sorted(table.index)))
        rule = f"the paper has no threshold for {unknown}; must be among {known}"
        raise ConfigError(problem(config, ("strengths",), f"{rule}, or thresholds be a list"))
    return {r: float(theta[0]) for r, theta in near.items()}


def network_files(config) -> list[str]:
    """Files that the network of a complete config is read from; none if it is computed.

    Raises
    ------
    ConfigError
        If the file is not there. (Snakemake alone would go on with a network that is there already.)
    """
    if config["network"]["family"] != "file":
        return []
    path = config["network"]["path"]
    if not Path(path).is_file():
        raise ConfigError(problem(config, ("network", "path"), "no such file; must be a file of weights"))
    return [path]


def compares_with_paper(config) -> bool:
    """Whether a complete config has a ring (pinned or not) and the model of the paper: its numbers apply."""
    papers = load_config({})
    same = all(config[key] == papers[key] for key in ("model", "thresholds"))
    return same and config["network"] | {"pinned": False} == papers["network"]


def strength_label(strength: float) -> str:
    """Shortest text that reads back as exactly this strength, for file names: ``'0.0125'``."""
    return repr(float(strength))


def label_strength(label: str) -> float:
    """Inverse of `strength_label`."""
    return float(label)


def _read(path):
    try:
        config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"config file {path}: {error.strerror}; must be a YAML file") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"config file {path}: must be valid YAML: {error}") from error
    return {} if config is None else config


def _plain(value):
    """Copy a config into plain dicts and lists, whatever mappings it came in."""
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _cross_checks(config, problems) -> Iterator[tuple[tuple, str]]:
    """Check keys against each other where they are sound in themselves; choose the examples."""
    wrong = list(problems)

    def sound(*paths):  # nothing wrong above, at or below them
        return not any(
            all(a == b for a, b in zip(bad, path, strict=False)) for bad in wrong for path in paths
        )

    ordered = [(("model",), "dt_ms", "tau_ms"), (("simulation",), "trials", "n_spikes")]
    if sound(("network",)) and config["network"]["family"] == "sparse":
        ordered.append((("network",), "n_inputs", "n_neurons"))
    if () not in wrong and ("estimators",) not in wrong:
        ordered += [(("estimators", name), "far_ms", "window_ms") for name in config["estimators"]]
    for section, low, high in ordered:
        path = (*section, low)
        if sound(path, (*section, high)):
            values = reduce(getitem, section, config)
            if values.get(low) is not None and not values[low] < values[high]:
                yield path, problem(config, path, f"must be < {high} = {values[high]}")

    strengths, thresholds = ("strengths",), ("thresholds",)
    examples = ("figures", "example_strengths")
    if sound(strengths, examples):
        known = sorted(config["strengths"])
        typical = sorted({known[0], known[len(known) // 2], known[-1]})
        if not set(config["figures"].setdefault("example_strengths", typical)) <= set(known):
            yield examples, problem(config, examples, f"must be among strengths = {known}")
    for name, experiment in config["experiments"].items() if sound(("experiments",)) else ():
        for key, known in (("estimators", list(config["estimators"])), ("strengths", config["strengths"])):
            path = ("experiments", name, key)
            if sound((key,)) and not set(experiment.get(key) or ()) <= set(known):
                yield path, problem(config, path, f"must be among {key} = {known}")
    if sound(strengths, thresholds, ("network",)):
        given, n = config["thresholds"], len(config["strengths"])
        if given != "published" and len(given) != n:
            rule = f"has {len(given)} entries; must have {n}, one for each of strengths"
            yield thresholds, problem(config, thresholds, rule)
        else:
            try:
                resolve_thresholds(config)
            except ConfigError as error:
                yield thresholds, str(error)
