"""The package in five functions: a network, its spikes, an estimate, its errors, a picture."""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from circuitbias.checks import flag, require
from circuitbias.component import Generator
from circuitbias.dynamics.named import NamedModel
from circuitbias.dynamics.recording import record
from circuitbias.dynamics.simulate import simulate as segments_of
from circuitbias.dynamics.threshold_search import threshold_for_rate
from circuitbias.errors.decomposition import fit_scale
from circuitbias.errors.of_estimate import detection_of, errors_of, warn_if_inverted, why_no_error
from circuitbias.estimators import Couplings, estimate, estimate_with_blocks
from circuitbias.estimators.of_recording import infer_units
from circuitbias.figures import style
from circuitbias.networks import Network, build_network, is_circulant
from circuitbias.networks.edges import list_of_edges
from circuitbias.recordings import Recording
from circuitbias.spikes.segments import SpikeRecord, SpikeSource


def network(family: str | np.ndarray = "ring", **options) -> Network:
    """Make a network.

    Parameters
    ----------
    family : str or (n, n) array_like
        A family of networks (``ring``, ``sparse``, ``file``), or weights of your own, [pre, post].
    **options
        Of the family: the keys of ``network`` in a config.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If the family or an option is unknown, missing or out of its range.
    """
    if isinstance(family, str):
        return build_network({"family": family} | options)
    if options:
        raise ValueError(f"options {sorted(options)} are of families of networks, not of weights given")
    weights = family if hasattr(family, "shape") else np.asarray(family)
    if edges := list_of_edges(weights):
        raise ValueError(f"weights: shape is {weights.shape}: {edges}")
    n = weights.shape[0] if weights.ndim else 0
    made = Network(weights, np.arange(n), np.ones(n), "own", False, {"family": "array"})
    return replace(made, circulant=is_circulant(made.weights))


def simulate(
    network: Network,
    *,
    r: float,
    theta: float | None = None,
    rate_hz: float | None = None,
    n_spikes: int,
    seed: int = 0,
    trials: int = 1,
    device: str = "cpu",
    generator: str | Generator = "threshold",
    **model,
) -> SpikeRecord:
    """Simulate a generator of spikes, built-in or your own, on a network, and keep the spikes in memory.

    Parameters
    ----------
    network : Network
    r : float
        Weight strength.
    theta, rate_hz : float
        The threshold, or the mean rate for which it is to be found
        (`circuitbias.dynamics.threshold_search.threshold_for_rate`). The threshold model needs one of them;
        of other generators theta is 0 if left out.
    n_spikes : int
        Spikes to record, of all neurons together.
    seed, trials, device
        As for `circuitbias.dynamics.simulate.simulate`.
    generator : str or Generator, optional
        One of those that ``circuitbias list`` names, or a model of your own:
        ``"my_package.my_module:MyGenerator"``, or one of that class.
    **model
        Options of the generator. Of the threshold model: ``b``, ``sigma``, ``rho``, ``tau_ms``, ``dt_ms``.
        And ``drive``, a mapping as in a config, if it changes in time: ``{"family": "release"}``.

    Returns
    -------
    SpikeRecord

    Raises
    ------
    ValueError, SilentNetworkError
        As the functions named above do.
    """
    if not (theta is None or rate_hz is None) or (generator == "threshold" and theta is None is rate_hz):
        raise ValueError(f"give one of theta and rate_hz, got theta = {theta} and rate_hz = {rate_hz}")
    named = NamedModel.of({"r": r, "theta": theta or 0.0} | model, generator)
    if rate_hz is not None:
        named = named.at(threshold_for_rate(network, named.searched(network), rate_hz).theta)
    recording = {"seed": seed, "n_spikes": n_spikes, "trials": trials}
    engine = named.engine(network)
    cycle_steps = getattr(engine, "cycle_steps", 0)
    if engine is None:
        segments = record(named.generator, network, r=r, theta=named.theta, **recording)
    else:
        segments = segments_of(network, engine, **recording, device=device)
    return SpikeRecord(network.n_neurons, named.dt_ms, list(segments), named.repeats, cycle_steps)


def infer(
    spikes: SpikeSource | Recording, method: str = "glm", *, blocks: bool = False, **options
) -> Couplings:
    """Infer couplings from spikes.

    Parameters
    ----------
    spikes : SpikeSource or Recording
        A `SpikeRecord`, or a `circuitbias.spikes.storage.SpikeFile`; or what `circuitbias.recording`
        reads: then
        the width of bins may be given in milliseconds (``bin_ms``), and ``to_pandas()`` of the couplings has
        the ids of the units (`circuitbias.estimators.of_recording.infer_units`).
    method : str
        One of `circuitbias.estimators.METHODS`.
    blocks : bool, optional
        Whether to infer couplings from parts of the recording, too: by these `compare` tells bias from
        variance where positions in the network are not equivalent.
    **options
        Of the method: its keys in a config.

    Returns
    -------
    Couplings

    Raises
    ------
    ValueError
        If the method or an option is unknown or not allowed, or the data do not allow an estimate.
    """
    blocks = flag("blocks", blocks)
    if isinstance(spikes, Recording):
        require(not blocks, "blocks", blocks, "False for a recording: there is no truth to compare it with")
        return infer_units(spikes, method, **options)[0]
    return (estimate_with_blocks if blocks else estimate)(method, spikes, **options)


class Comparison(pd.Series):
    """Errors and scores of an estimate, by name. Printed, it shows the few that matter; `to_string`, all."""

    @property
    def _constructor(self):
        return pd.Series  # of a part of it there is nothing to sum up

    def __repr__(self):
        how = f"bias and variance are not told apart: {self.attrs.get('not_split', 'no repetitions')}"
        if "no_error" in self.attrs:
            how = f"no errors: {self.attrs['no_error']}"
        elif self["split_by"] != "nothing":
            how = f"bias and variance are told apart by {self['split_by']}"
        lines = [f"{self.name or 'couplings'}: {self['n_pairs']} pairs; {how}"]
        lines.append(f"{'':<10}{'error':>8}   without sampling noise")
        for name in ("total", "bias", "variance"):
            corrected = ""
            if np.isfinite(self.get(f"{name}_corrected", np.nan)):
                corrected = f"{self[f'{name}_corrected']:.3f} ± {self[f'{name}_corrected_se']:.3f}"
            lines.append(f"{name:<10}{self[name]:>8.3f}   {corrected}".rstrip())
        for what, suffix in (
            ("connections", ""),
            ("that excite", "_excitatory"),
            ("that inhibit", "_inhibitory"),
        ):
            if not suffix or self[f"n{suffix}"]:  # found among all other pairs, by the sign of the coupling
                roc, precision = self[f"roc_auc{suffix}"], self[f"average_precision{suffix}"]
                found = f"ROC area {roc:.3f}, average precision {precision:.3f}"
                if not np.isfinite(roc):  # nothing to tell apart, or a method without signs
                    blind = suffix and not np.isfinite(self["signs_right"])
                    why = (
                        "the method tells no signs" if blind else "all pairs with a coupling are, or none is"
                    )
                    found = f"no ROC area: {why}"
                signs = self["signs_right"]
                right = "" if suffix or not np.isfinite(signs) else f"; signs right: {signs:.3f}"
                lines.append(f"{what}: {found}{right}")
        if self["inverted"]:
            lines.append("the signs of the couplings are the wrong way round")
        return "\n".join([*lines, f"(all {len(self)} values: .to_string(); each by its name)"])


def compare(network: Network, couplings: Couplings) -> Comparison:
    """Compare couplings with the true weights.

    Parameters
    ----------
    network : Network
    couplings : Couplings

    Returns
    -------
    Comparison
        A pandas Series: what `circuitbias.errors.of_estimate.errors_of` and
        `circuitbias.errors.detection.detection_scores` give, by name. Couplings with all signs wrong are
        warned of (`InvertedCouplingsWarning`).
    """
    _check_kinds(network, couplings)
    warn_if_inverted(network, couplings)
    scores = detection_of(network, couplings)
    found = Comparison(errors_of(network, couplings) | scores, name=couplings.diagnostics.get("method"))
    found.attrs["not_split"] = "infer with blocks=True"
    if why := why_no_error(network, couplings):
        found.attrs["no_error"] = why
    if "blocks" in couplings.arrays:
        found.attrs["not_split"] = "what parts of the recording share does not stand out of their noise"
    if refused := couplings.diagnostics.get("blocks_refused"):
        found.attrs["not_split"] = f"a part of the recording allows no estimate ({refused})"
    return found


def _check_kinds(network, couplings) -> None:
    """Refuse what is no network, or are no couplings, as when they are given the other way round."""
    require(isinstance(network, Network), "network", network, "a Network")
    require(isinstance(couplings, Couplings), "couplings", couplings, "Couplings, such as infer returns")


@style.styled
def plot(network: Network, couplings: Couplings) -> Figure:
    """Draw true weights, scaled couplings, and one against the other.

    Parameters
    ----------
    network : Network
    couplings : Couplings

    Returns
    -------
    Figure
        Of matplotlib; ``savefig`` writes it.
    """
    _check_kinds(network, couplings)
    weights = network.dense_weights().astype(float)
    np.fill_diagonal(weights, np.nan)
    scaled = fit_scale(weights, couplings.values) * couplings.values
    figure = Figure(figsize=(7.2, 2.4), layout="constrained")
    true, inferred, scatter = figure.subplots(1, 3)
    limit = float(np.nanmax(np.abs([weights, scaled]), initial=0.0)) or 1.0
    for axes, matrix, title in ((true, weights, "true weights"), (inferred, scaled, "couplings, scaled")):
        image = axes.imshow(matrix, cmap=style.WEIGHTS_MAP, vmin=-limit, vmax=limit)
        axes.set(title=title, xlabel="to neuron", ylabel="from neuron")
    figure.colorbar(image, ax=inferred)
    scatter.plot(weights.ravel(), scaled.ravel(), ".", markersize=2, color=style.INK)
    scatter.axline((0, 0), slope=1, color=style.GUIDE, linewidth=0.8)
    scatter.set(xlabel="true weight", ylabel="coupling, scaled")
    return figure
