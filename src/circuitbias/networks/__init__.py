"""Networks: the true weights W0 and what belongs to them."""

from circuitbias.config_schema import checked_section
from circuitbias.networks.files import file_network, read_weights
from circuitbias.networks.network import Network, is_circulant
from circuitbias.networks.ring import ring_network, ring_weights
from circuitbias.networks.sparse import sparse_network

__all__ = [
    "FAMILIES",
    "Network",
    "build_network",
    "file_network",
    "is_circulant",
    "read_weights",
    "ring_network",
    "ring_weights",
    "sparse_network",
]

FAMILIES = {"ring": ring_network, "file": file_network, "sparse": sparse_network}


def build_network(options: dict) -> Network:
    """Build the network that a config describes.

    Parameters
    ----------
    options : dict
        `family` and the arguments of its function in `FAMILIES`, as in the section ``network`` of a config.

    Raises
    ------
    ConfigError
        If the family or an option is unknown, missing or out of its range.
    FileNotFoundError
        If the file to read is not there.

    Examples
    --------
    >>> build_network({"family": "ring", "pinned": True}).name
    'ring_pinned'
    """
    options = checked_section("network", options, "options of the network")
    return FAMILIES[options.pop("family")](**options)
