"""Thresholds of the strengths of a config: as published, as given, or to be found for a rate."""

from circuitbias.catalogue import declared
from circuitbias.circuits import circuit_problem
from circuitbias.component import Generator
from circuitbias.config_schema import ConfigError

_WITH_PUBLISHED_THRESHOLDS = ("threshold", "lnp", "glm_relu", "glm_exp")


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


def strength_label(strength: float) -> str:
    """Shortest text that reads back as exactly this strength, for file names: ``'0.0125'``."""
    return repr(float(strength))
