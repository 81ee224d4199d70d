"""What a config asks for that its network cannot give: refused before the first job, not in the middle."""

import math

from circuitbias.config import ConfigError, circuits, is_ring_of_the_paper, network_files, recording_files
from circuitbias.config_schema import problem, refuse
from circuitbias.networks import Network, build_network
from circuitbias.spikes.activity import bump_period


def require_possible(config: dict) -> None:
    """Check what is asked for against the network, where that is cheap to know.

    Parameters
    ----------
    config : dict
        Complete, as from `circuitbias.config.load_config`.

    Raises
    ------
    ConfigError
        Lists all that cannot work, by key, with the reason; or says that the file of weights is not there.
    """
    problems = [found for circuit in circuits(config).values() for found in _impossible(circuit)]
    problems += _missing(config.get("recordings", {}))
    refuse("the config cannot be used:", dict(enumerate(problems)))


def _missing(recordings: dict) -> list[str]:
    """Recordings whose file is not there."""
    found = []
    for name, recording in recordings.items():
        try:
            recording_files(recording, ("recordings", name))
        except ConfigError as error:
            found.append(str(error))
    return found


def _impossible(circuit: dict) -> list[str]:
    """What one circuit asks for and cannot give."""
    experiments = circuit["experiments"]
    wanted = {"patterns", "partial_observation", "substates"} & set(experiments)
    if not wanted:
        return []  # no need to read a file of weights
    network = circuit["network"]
    network_files(circuit)  # says it if there is no such file
    built = None if network["family"] == "sparse" else build_network(network)
    n_neurons = built.n_neurons if built else network["n_neurons"]
    problems, name = [], circuit.get("circuit")
    of = f" of circuits.{name}" if name else ""
    remedy = f"Leave it out of circuits.{name}.experiments" if name else "Leave it out"
    if "patterns" in wanted and not favours_pattern(built):
        problems.append(
            f"experiments.patterns{of}: needs a ring, whose weights depend on the offset alone and favour "
            f"bumps of activity: those of network = {network} do not. {remedy}"
        )
    if "substates" in wanted and not is_ring_of_the_paper(circuit):
        problems.append(
            f"experiments.substates{of}: needs the paper's ring and model with `thresholds: published`, "
            f"whose sidebands are known; network = {network}. {remedy}"
        )
    observed = experiments.get("partial_observation", {}).get("n_observed") or []
    if any(n > n_neurons for n in observed):
        path = ("experiments", "partial_observation", "n_observed")
        rule = f"each must be <= {n_neurons}, the number of neurons"
        rule += f" of circuits.{circuit['circuit']}" if circuit.get("circuit") else ""
        problems.append(problem(circuit, path, rule))
    return problems


def favours_pattern(network: Network | None) -> bool:
    """Whether the weights are circulant and have a period for bumps; None has not."""
    return bool(network and network.circulant and math.isfinite(bump_period(network.dense_weights())))
