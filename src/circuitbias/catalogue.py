"""Where components live, by the name that a config gives them, and what they say of themselves.

A built-in one has a name in a table below. A guest, a component of a user's own, is named by its import path
(``my_package.my_module:MyEstimator``) or by an entry point of an installed package.

Most components bring libraries that take seconds to load, and most users of this module want to know their
options alone. So `declared` runs of a built-in module only the class of the component, and the imports that
this needs. A guest's module is imported.
"""

import re
from contextlib import suppress
from functools import cache
from importlib.metadata import entry_points

from circuitbias.component import Component, Drive, Estimator, Generator, NetworkFamily, Picture, Reader
from circuitbias.declaration import told
from circuitbias.guest_import import GuestError, imported, loaded
from circuitbias.guest_lines import line_of_guest
from circuitbias.wording import meant

ESTIMATORS = {
    "glm": "circuitbias.estimators.glm:Glm",
    "glm_history": "circuitbias.estimators.glm_history:GlmHistory",
    "glm_spatiotemporal": "circuitbias.estimators.glm_spatiotemporal:GlmSpatiotemporal",
    "matched": "circuitbias.estimators.matched:Matched",
    "indirect": "circuitbias.estimators.indirect:Indirect",
    "logistic": "circuitbias.estimators.logistic:Logistic",
    "mean_field": "circuitbias.estimators.mean_field:MeanField",
    "tap": "circuitbias.estimators.ising_mean_field:Tap",
    "sessak_monasson": "circuitbias.estimators.ising_mean_field:SessakMonasson",
    "independent_pair": "circuitbias.estimators.ising_mean_field:IndependentPair",
    "bethe": "circuitbias.estimators.ising_mean_field:Bethe",
    "mpf": "circuitbias.estimators.mpf:Mpf",
    "cross_correlation": "circuitbias.estimators.cross_correlation:CrossCorrelation",
    "partial_correlation": "circuitbias.estimators.partial_correlation:PartialCorrelation",
    "transfer_entropy": "circuitbias.estimators.transfer_entropy:TransferEntropy",
    "correlogram_graph": "circuitbias.estimators.correlogram_graph:CorrelogramGraph",
    "glm_masked": "circuitbias.estimators.glm_masked:GlmMasked",
}
"""Methods in the order in which messages, tables and legends list them."""

READERS = {
    "text": "circuitbias.recordings.readers.text:Text",
    "npz": "circuitbias.recordings.readers.npz:Npz",
    "mat": "circuitbias.recordings.readers.mat:Mat",
    "nwb": "circuitbias.recordings.readers.nwb:Nwb",
    "phy": "circuitbias.recordings.readers.phy:Phy",
    "spikeinterface": "circuitbias.recordings.readers.spikeinterface:SpikeInterface",
    "sonata": "circuitbias.recordings.readers.sonata:Sonata",
    "spike_file": "circuitbias.recordings.readers.spike_file:Spikes",
    "hdf5": "circuitbias.recordings.readers.hdf5:Hdf5",
    "counts": "circuitbias.recordings.readers.counts:Counts",
    "neo": "circuitbias.recordings.readers.neo:Neo",
}
"""Formats of recordings, by the name that ``format`` gives them."""

NETWORKS = {
    "ring": "circuitbias.networks.ring:Ring",
    "file": "circuitbias.networks.files:File",
    "sparse": "circuitbias.networks.sparse:Sparse",
    "sideband": "circuitbias.networks.sideband:Sideband",
    "random_sparse": "circuitbias.networks.random_sparse:RandomSparse",
    "random_symmetric": "circuitbias.networks.random_symmetric:RandomSymmetric",
    "excitation_inhibition": "circuitbias.networks.excitation_inhibition:ExcitationInhibition",
    "small_world": "circuitbias.networks.small_world:SmallWorld",
    "sheet": "circuitbias.networks.sheet:Sheet",
    "chaotic": "circuitbias.networks.chaotic:Chaotic",
}
"""Families of networks."""

GENERATORS = {
    "threshold": "circuitbias.dynamics.models.threshold:Threshold",
    "lnp": "circuitbias.dynamics.models.lnp:Lnp",
    "glm_relu": "circuitbias.dynamics.models.glm_relu:GlmRelu",
    "glm_exp": "circuitbias.dynamics.models.glm_exp:GlmExp",
    "ising": "circuitbias.dynamics.models.ising:Ising",
    "adaptive_lif": "circuitbias.dynamics.models.adaptive_lif:AdaptiveLif",
    "chaotic": "circuitbias.dynamics.models.chaotic:Chaotic",
}
"""Models that make spikes."""

DRIVES = {
    "steady": "circuitbias.dynamics.drives:Steady",
    "release": "circuitbias.dynamics.drives:Release",
    "reset": "circuitbias.dynamics.drives:Reset",
    "clamp": "circuitbias.dynamics.drives:Clamp",
    "pulses": "circuitbias.dynamics.drives:Pulses",
    "stimulus": "circuitbias.dynamics.stimulus:Stimulus",
}
"""How drives change in time."""

EXPERIMENTS = {
    "data_volume": "circuitbias.experiments.data_volume:DataVolume",
    "partial_observation": "circuitbias.experiments.partial_observation:PartialObservation",
    "bin_width": "circuitbias.experiments.bin_width:BinWidth",
    "patterns": "circuitbias.experiments.patterns:Patterns",
    "synchrony": "circuitbias.experiments.synchrony:Synchrony",
    "mismatch": "circuitbias.experiments.mismatch:Mismatch",
    "substates": "circuitbias.experiments.substates:Substates",
    "freezing": "circuitbias.experiments.freezing:Freezing",
    "pairs": "circuitbias.experiments.pairs:Pairs",
}
"""Experiments: what a config may ask for beside the errors at every strength. There are no guests."""

FIGURES = {
    "figure1": "circuitbias.figures.figure1:Figure1",
    "figure2": "circuitbias.figures.figure2:Figure2",
    "methods": "circuitbias.figures.methods:Methods",
    "profiles": "circuitbias.figures.profiles:Profiles",
    "detection": "circuitbias.figures.detection:Detection",
    "circuits": "circuitbias.figures.circuits:Circuits",
    "matched_mismatched": "circuitbias.figures.matched_mismatched:MatchedMismatched",
    "remedies": "circuitbias.figures.remedies:Remedies",
    "data_volume": "circuitbias.figures.data_volume:DataVolume",
    "partial_observation": "circuitbias.figures.partial_observation:PartialObservation",
    "bin_width": "circuitbias.figures.bin_width:BinWidth",
    "patterns": "circuitbias.figures.patterns:Patterns",
    "synchrony": "circuitbias.figures.synchrony:Synchrony",
    "mismatch": "circuitbias.figures.mismatch:Mismatch",
    "substates": "circuitbias.figures.substates:Substates",
    "freezing": "circuitbias.figures.freezing:Freezing",
    "pairs": "circuitbias.figures.pairs:Pairs",
}
"""Figures of a run; one of an experiment has its name."""

BUILT_IN = {
    "networks": NETWORKS,
    "generators": GENERATORS,
    "drives": DRIVES,
    "estimators": ESTIMATORS,
    "readers": READERS,
}
"""By kind of component, as a config and entry points (``circuitbias.estimators``) call it."""

_BASES = {
    "networks": NetworkFamily,
    "generators": Generator,
    "drives": Drive,
    "estimators": Estimator,
    "readers": Reader,
}
_MET: dict[str, dict[str, type[Component]]] = {kind: {} for kind in _BASES}
"""Guests that have been found."""

IMPORT_PATH = "^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"
"""How a path to a guest is written, as a regular expression."""


def path_of(kind: str, name) -> str | None:
    """Return the import path ``module:Class`` of a component; None if no component has that name."""
    if not isinstance(name, str):
        return None
    if name in BUILT_IN[kind]:
        return BUILT_IN[kind][name]
    return name if re.fullmatch(IMPORT_PATH, name) else guests(kind).get(name)


def module_of(kind: str, name: str) -> str:
    """Return the full name of the module that defines a component."""
    return path_of(kind, name).partition(":")[0]


@cache
def guests(kind: str) -> dict[str, str]:
    """Return the components that installed packages offer as entry points: import paths by name."""
    found = entry_points(group=f"circuitbias.{kind}")
    return {point.name: point.value for point in found if point.name not in BUILT_IN[kind]}


def declared(kind: str, name: str) -> type[Component]:
    """Return the class of a component without importing the libraries that it computes with.

    Parameters
    ----------
    kind : str
        A key of `BUILT_IN`.
    name : str
        As in a config; `path_of` must know it.

    Returns
    -------
    type
        With all that it says of itself; the methods of a built-in one that compute do not work.

    Raises
    ------
    GuestError
        As `find` does.
    """
    return told(BUILT_IN[kind][name]) if name in BUILT_IN[kind] else find(kind, name)


def find(kind: str, name: str) -> type[Component]:
    """Import the class of a component, with everything that it computes with.

    Modules of guests are looked for where Python looks, and then in the working directory.

    Raises
    ------
    GuestError
        If there is no such module or class, its module fails, or it is no component of that kind.
    """
    path = path_of(kind, name)
    if name in BUILT_IN[kind]:
        return loaded(path)
    found = imported(path, _BASES[kind])
    _MET[kind][name] = found
    return found


def find_any(name: str) -> tuple[str, type[Component]]:
    """Find the kind and the class of a component of any kind.

    Raises
    ------
    GuestError
        If there is none of that name, listing all; or as `find` does.
    """
    kinds = [kind for kind in BUILT_IN if name in BUILT_IN[kind] or name in guests(kind)]
    kinds = kinds or [kind for kind in BUILT_IN if path_of(kind, name)]
    if not kinds:
        known = [other for kind in BUILT_IN for other in [*BUILT_IN[kind], *guests(kind)]]
        rule = f"must be one of {', '.join(known)}, or a path my_module:MyClass{meant(name, known)}"
        raise GuestError(f"{name!r} is no component; {rule}")
    for kind in kinds:
        with suppress(GuestError):
            return kind, find(kind, name)
    return "estimators", find("estimators", name)  # most are: its words say what is wrong


def name_of(kind: str, component: type[Component]) -> str:
    """Return the name of a component in a config; for a guest, its import path."""
    path = f"{component.__module__}:{component.__qualname__}"
    known = BUILT_IN[kind] | guests(kind)
    return next((name for name, place in known.items() if place == path), path)


def line_in_guests(error: BaseException) -> str:
    """Name the line of a guest's code that an error came through, of the guests that were met so far.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
        As from `circuitbias.guest_lines.line_of_guest`.
    """
    return line_of_guest(error, {guest.__module__ for met in _MET.values() for guest in met.values()})


def looks() -> dict:
    """Return a `Look` for each built-in method and for each guest loaded so far."""
    ours = {method: declared("estimators", method).look for method in ESTIMATORS}
    return ours | {method: guest.look for method, guest in _MET["estimators"].items()}


def meet(methods) -> None:
    """Load the guests among some methods, where possible, so that `looks` knows them."""
    for method in methods:
        if method not in ESTIMATORS and path_of("estimators", method):
            with suppress(GuestError):
                find("estimators", method)


def pictures() -> dict[str, type[Picture]]:
    """Return the class of every figure by name."""
    return {name: told(path) for name, path in FIGURES.items()}
