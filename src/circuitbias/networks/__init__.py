"""Networks: the true weights W0 and what belongs to them."""

import importlib

from circuitbias.catalogue import GuestError, find, name_of
from circuitbias.component import NetworkFamily
from circuitbias.config_schema import checked_section
from circuitbias.networks.network import Network, is_circulant

# Imported when they are first asked for: who works with a network needs no family of them.
_WHERE = {
    "file_network": "files",
    "read_weights": "files",
    "ring_network": "ring",
    "ring_weights": "ring",
    "sideband_network": "sideband",
    "sparse_network": "sparse",
}

__all__ = ["Network", "build_network", "is_circulant", *_WHERE]


def __getattr__(name):
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)


def build_network(options: dict) -> Network:
    """Build the network that a config describes.

    Parameters
    ----------
    options : dict
        `family` and its options, as in the section ``network`` of a config.

    Raises
    ------
    ConfigError
        If the family or an option is unknown, missing or out of its range.
    FileNotFoundError
        If the file to read is not there.
    GuestError
        If a family of your own builds no `Network`.

    Examples
    --------
    >>> build_network({"family": "ring", "pinned": True}).name
    'ring_pinned'
    """
    options = checked_section("network", options, "options of the network")
    return built(find("networks", options.pop("family")).of(options))


def built(family) -> Network:
    """Build the network of a family, once it is sure to be one, and of the size that the family tells.

    Raises
    ------
    GuestError
        If ``build`` returns anything else.
    """
    network, name = family.build(), name_of("networks", type(family))
    if not isinstance(network, Network):
        raise GuestError(f"{name}: build returned {type(network).__name__}, and must return a Network")
    told = family.options().get("n_neurons")
    # Else a size of its own, unless that has to be read from a file; the usual one would build it again.
    if not told and type(family).size is not NetworkFamily.size and not family.files():
        told = family.size
    if told and network.n_neurons != told:
        raise GuestError(f"{name}: build returned {network.n_neurons} neurons, but its size is {told}")
    return network
