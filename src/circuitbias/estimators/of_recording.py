"""Couplings between the units of a recording: with their ids, and with a reason where there is none."""

import warnings
from collections import Counter

import numpy as np

from circuitbias.checks import number, require
from circuitbias.estimators.couplings import Couplings, EstimationWarning, NoCouplingsWarning
from circuitbias.estimators.registry import component, estimate
from circuitbias.exceptions import UnusableDataError
from circuitbias.memory import beside
from circuitbias.recordings.conversion import Conversion
from circuitbias.recordings.recording import Recording
from circuitbias.spikes.packed import PackedSpikes

_USUAL_DT_MS = 0.1  # steps that the methods' default bins are counted in
_SILENT = "one of the two has no spike"
_UNKNOWN = "not known"
_NEED_TIMES = ("matched",)  # its likelihood is that of every step


class UnknownCouplingsWarning(EstimationWarning):
    """Some pairs of units have no coupling; the message counts them by reason."""


def infer_units(
    recording: Recording,
    method: str = "glm",
    *,
    bin_ms: float | None = None,
    dt_ms: float = 0.1,
    memory_mb: float = 1500.0,
    device: str = "auto",
    **options,
) -> tuple[Couplings, PackedSpikes, Conversion]:
    """Infer couplings between the units of a recording.

    Parameters
    ----------
    recording : Recording
    method : str, optional
        One of `circuitbias.estimators.METHODS`.
    bin_ms : float, optional
        Width of a bin in milliseconds, a multiple of `dt_ms`; default: the method's own.
    dt_ms : float, optional
        Length of a step in milliseconds.
    memory_mb, device
        As for `circuitbias.estimators.estimate`.
    **options
        Of the method.

    Returns
    -------
    couplings : Couplings
        Beside the method's own arrays: ``units`` (n,), their ids, ``unit_spikes`` (n,), and ``reasons``
        (n, n),
        places in the list of words in the diagnostic of this name. The diagnostic ``recording`` says in
        sentences what was read and what was left out.
    spikes : PackedSpikes
    report : Conversion

    Warns
    -----
    UnknownCouplingsWarning
        If pairs have no coupling.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    UnusableDataError
        If there are fewer than two units, or the data do not allow an estimate.
    MemoryLimitError
        If `memory_mb` does not hold the spikes and what the method needs beside them.
    """
    dt_ms = number("dt_ms", dt_ms, above=0)
    counted = recording.origin.get("bin_ms")
    options = _with_bins(method, bin_ms, dt_ms, options, counted)
    if counted:
        _check_counted(counted, method, dt_ms, component(method, options).options())
    if len(recording.units) < 2:
        raise UnusableDataError(
            f"there is only one unit, {recording.units[0]}: couplings are between two or more"
        )
    spikes, report = recording.to_spikes(dt_ms, memory_mb=memory_mb)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", EstimationWarning)
        with beside(spikes.nbytes + 8 * recording.n_spikes, memory_mb) as left:
            couplings = estimate(method, spikes, memory_mb=left, device=device, **options)
    about = [one.message for one in caught if issubclass(one.category, EstimationWarning)]
    for one in caught:
        if not issubclass(one.category, EstimationWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    codes, words = reasons(couplings.values, report.spikes == 0, about)
    couplings.arrays |= {"units": np.array(recording.units), "unit_spikes": report.spikes, "reasons": codes}
    couplings.diagnostics |= {
        "reasons": words,
        "recording": [*recording.origin.get("notes", []), *report.sentences()],
    }
    if counted := counted_reasons(couplings):
        told = "; ".join(f"{n}: {why}" for why, n in counted.items())
        more = "".join(f". {one}" for one in about if isinstance(one, NoCouplingsWarning))
        unknown = sum(counted.values())
        message = f"{unknown} of {codes.size - len(codes)} pairs of units have no coupling ({told}){more}"
        warnings.warn(message, UnknownCouplingsWarning, stacklevel=3)
    return couplings, spikes, report


def reasons(
    values: np.ndarray, silent: np.ndarray, about: list[EstimationWarning]
) -> tuple[np.ndarray, list]:
    """Say of every pair without a coupling why there is none.

    A warning that does not say which pairs it is about explains those that no other one does.

    Parameters
    ----------
    values : ndarray, shape (n, n)
    silent : ndarray of bool, shape (n,)
        Neurons without a spike.
    about : list of EstimationWarning

    Returns
    -------
    codes : ndarray of uint8, shape (n, n)
        0 where there is a coupling, and on the diagonal.
    words : list of str
        By the codes.
    """
    n = len(values)
    codes, words = np.zeros((n, n), dtype=np.uint8), [""]
    unknown = np.isnan(values) & ~np.eye(n, dtype=bool)

    def explain(pairs, why):
        pairs = pairs & unknown & (codes == 0)
        if pairs.any():
            if why not in words:
                words.append(why)
            codes[pairs] = words.index(why)

    explain(silent[:, None] | silent, _SILENT)
    about = [one for one in about if not isinstance(one, NoCouplingsWarning)]
    for one in about:
        if (pairs := one.concerns(n)) is not None:
            explain(pairs, one.why)
    vague = dict.fromkeys(one.why for one in about if one.concerns(n) is None)
    explain(unknown, " or ".join(vague) or _UNKNOWN)
    return codes, words


def counted_reasons(couplings: Couplings) -> dict[str, int]:
    """Count the pairs without a coupling, by reason."""
    words, codes = couplings.diagnostics["reasons"], couplings.arrays["reasons"]
    counts = Counter(codes[codes > 0].tolist())
    return {words[code]: n for code, n in counts.most_common()}


def _check_counted(counted: float, method: str, dt_ms: float, options: dict) -> None:
    """Of a recording that was counted in bins, only counts in such bins, or in multiples, are data."""
    widths = {key: value * dt_ms for key, value in options.items() if key.endswith("bin_steps")}
    if method in _NEED_TIMES or not widths:
        raise UnusableDataError(f"{method} needs times of spikes; this recording holds counts in bins")
    widths |= {key: options[key] for key in ("jitter_ms",) if options.get(key)}
    for key, width in widths.items():
        times = width / counted
        require(
            round(times) >= 1 and abs(times - round(times)) < 1e-6 * times,
            "bin_ms" if key == "bin_steps" else key,
            width if key != "correlogram_bin_steps" else options[key],
            f"{counted:g} ms or a multiple: the recording holds counts in bins of {counted:g} ms",
        )


def _with_bins(method: str, bin_ms: float | None, dt_ms: float, options: dict, counted: float | None) -> dict:
    """Options with the width of a bin in steps; by default that of a recording that was counted in bins."""
    chosen = component(method, options)  # refuses an unknown method, and options that are not its own
    if "bin_steps" in options:
        require(bin_ms is None, "bin_ms", bin_ms, "left out where the option bin_steps is given")
        return options
    default = chosen.schema()["properties"].get("bin_steps")
    if default is None:
        require(bin_ms is None, "bin_ms", bin_ms, f"left out: {method} has no bins")
        return options
    usual = counted or default["default"] * _USUAL_DT_MS
    width = usual if bin_ms is None else number("bin_ms", bin_ms, above=0)
    steps = round(width / dt_ms)
    require(
        steps >= 1 and abs(width / dt_ms - steps) < 1e-6 * steps,
        "bin_ms",
        width,
        f"a multiple of a step, dt_ms = {dt_ms:g}",
    )
    return options | {"bin_steps": steps}
