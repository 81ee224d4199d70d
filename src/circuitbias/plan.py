"""What a config asks for that its network cannot give: refused before the first job, not in the middle."""

import math

from circuitbias.config import ConfigError, network_files
from circuitbias.config_schema import problem
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
    experiments = config["experiments"]
    wanted = {"patterns", "partial_observation"} & set(experiments)
    if not wanted:
        return  # no need to read a file of weights
    network = config["network"]
    network_files(config)  # says it if there is no such file
    built = None if network["family"] == "sparse" else build_network(network)
    n_neurons = built.n_neurons if built else network["n_neurons"]
    problems = []
    if "patterns" in wanted and not favours_pattern(built):
        problems.append(
            "experiments.patterns: needs a ring, whose weights depend on the offset alone and favour bumps "
            f"of activity: those of network = {network} do not. Leave it out"
        )
    observed = experiments.get("partial_observation", {}).get("n_observed") or []
    if any(n > n_neurons for n in observed):
        path = ("experiments", "partial_observation", "n_observed")
        problems.append(problem(config, path, f"each must be <= {n_neurons}, the number of neurons"))
    if problems:
        raise ConfigError("\n  ".join(["the config cannot be used:", *problems]))


def favours_pattern(network: Network | None) -> bool:
    """Whether the weights are circulant and have a period for bumps; None has not."""
    return bool(network and network.circulant and math.isfinite(bump_period(network.dense_weights())))
