"""The circuits of a config: one, whose keys are at the top level, or several by name."""

from circuitbias.config_schema import problem

KEYS = ("network", "generator", "drive", "strengths", "thresholds", "simulation", "seeds")
"""What a circuit may have of its own; it may also choose among the estimators and experiments."""

TAKEN = ("benchmarks", "experiments", "figures", "logs", "recordings")
"""Names of folders that lie beside those of the circuits."""


def circuits(config: dict) -> dict[str, dict]:
    """Split a complete config into configs of one circuit each.

    Parameters
    ----------
    config : dict
        Complete, as from `circuitbias.config.load_config`.

    Returns
    -------
    dict of str to dict
        By name; of a config without ``circuits``, itself under the name "". Each has the keys of a config of
        one circuit: its own, or else those of the whole. Of an experiment, the estimators and strengths that
        the circuit has are left; without any, the circuit has no such experiment. ``circuit`` is its name.
    """
    if "circuits" not in config:
        return {"": config}
    shared = {key: value for key, value in config.items() if key != "circuits"}
    return {name: _circuit(name, own, shared) for name, own in config["circuits"].items()}


def typical_strengths(strengths: list[float]) -> list[float]:
    """Return the lowest, the middle and the highest of some strengths."""
    known = sorted(strengths)
    return sorted({known[0], known[len(known) // 2], known[-1]})


def circuit_problem(circuit: dict, path: tuple, rule: str) -> str:
    """Word a problem of one circuit, by the key that it has in the whole config."""
    if name := circuit.get("circuit"):
        return problem({"circuits": {name: circuit}}, ("circuits", name, *path), rule)
    return problem(circuit, path, rule)


def _circuit(name, own, shared):
    one = shared | {key: own[key] for key in KEYS if key in own} | {"circuit": name}
    one["estimators"] = _chosen(own, shared, "estimators")
    sections = _chosen(own, shared, "experiments")
    left = {name: _section(section, one) for name, section in sections.items()}
    one["experiments"] = {name: section for name, section in left.items() if section}
    wanted = shared["figures"].get("example_strengths", ())
    shown = [r for r in wanted if r in one["strengths"]] or typical_strengths(one["strengths"])
    one["figures"] = shared["figures"] | {"example_strengths": shown}
    return one


def _chosen(own, shared, key):
    return {name: shared[key][name] for name in own.get(key, shared[key])}


def _section(section, one):
    """What a circuit has of an experiment; None if that is nothing."""
    kept = {
        key: [value for value in section[key] if value in one[key]]
        for key in ("estimators", "strengths")
        if section.get(key)
    }
    return section | kept if all(kept.values()) else None
