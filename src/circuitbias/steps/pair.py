"""Draw the evidence for one coupling of a recording: correlogram, the coupling of every method, rates."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from circuitbias.catalogue import ESTIMATORS
from circuitbias.estimators.evidence import Evidence, evidence
from circuitbias.estimators.of_recording import infer_units
from circuitbias.files import atomic_path
from circuitbias.memory import beside
from circuitbias.places import drawing_into_files
from circuitbias.progress import report_line
from circuitbias.steps.infer import add_recording_arguments, check_folder, read_recording

_METHODS = ("glm", "mean_field", "cross_correlation", "glm_masked")
_MOST_UNITS = 200  # of which a fit of each with all takes seconds
_MOST_LAGS = 5000
_CLOSED = ("mean_field", "cross_correlation", "partial_correlation")

EXAMPLES = """
circuitbias pair 2 7 spikes.csv --output pair_2_7
circuitbias pair 2 7 spikes.csv --methods glm mean_field --bin-ms 5 --json --output pair_2_7
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("a", metavar="A", help="id of a unit, presynaptic where lags are positive")
    parser.add_argument("b", metavar="B", help="id of another one")
    add_recording_arguments(parser)
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help=f"whose couplings are shown; default: {', '.join(_METHODS)}; of more than {_MOST_UNITS} units "
        f"{', '.join(_CLOSED[:2])}",
    )
    parser.add_argument("--bin-ms", type=float, help="width of the methods' bins (ms); default: their own")
    parser.add_argument("--lag-bin-ms", type=float, default=1.0, help="of the correlogram (ms); default: 1")
    parser.add_argument("--lags-ms", type=float, default=30.0, help="longest lag (ms); default: 30")
    parser.add_argument(
        "--jitter-ms", type=float, default=10.0, help="windows within which spikes are moved; default: 10"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--json", action="store_true", help="print what was found for programs")
    parser.add_argument("--output", required=True, help="stem of the figure (.png, .pdf, .csv) and .json")


def run(arguments):
    """Do the step."""
    check_folder(arguments.output and Path(arguments.output).parent)
    if arguments.lags_ms > _MOST_LAGS * arguments.lag_bin_ms > 0:
        raise ValueError(
            f"--lags-ms {arguments.lags_ms:g}: must be at most {_MOST_LAGS} bins of "
            f"{arguments.lag_bin_ms:g} ms (--lag-bin-ms)"
        )
    if unknown := [name for name in arguments.methods or () if name not in ESTIMATORS and ":" not in name]:
        raise ValueError(f"--methods {unknown[0]}: must be among {', '.join(ESTIMATORS)}")
    read = read_recording(arguments)
    places = []
    for unit in (arguments.a, arguments.b):
        read.select([unit])  # names the nearest if there is none
        places.append(read.units.index(unit))
    if places[0] == places[1]:
        raise ValueError(f"{arguments.a} and {arguments.b} are the same unit: name two")
    spikes, _ = read.to_spikes(arguments.dt_ms, memory_mb=arguments.memory_mb)
    usual = _METHODS if len(read.units) <= _MOST_UNITS else _CLOSED[:2]

    def of(method):
        def estimate():
            report_line(f"{method}: couplings of all {len(read.units)} units", always=True)
            with beside(spikes.nbytes, arguments.memory_mb) as left:
                resources = {"memory_mb": left, "device": arguments.device}
                return infer_units(read, method, bin_ms=arguments.bin_ms, dt_ms=arguments.dt_ms, **resources)[
                    0
                ]

        return estimate

    found = evidence(
        spikes,
        list(read.units),
        tuple(places),
        {method: of(method) for method in arguments.methods or usual},
        bin_ms=arguments.lag_bin_ms,
        window_ms=arguments.lags_ms,
        jitter_ms=arguments.jitter_ms,
    )
    with drawing_into_files():
        from circuitbias.figures import style
        from circuitbias.figures.pair import draw
    style.save(*draw(found), arguments.output, footnotes=_notes(found), formats=("pdf", "png", "csv"))
    told = as_json(found)
    with atomic_path(Path(f"{arguments.output}.json")) as aside:
        aside.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1) if arguments.json else "\n".join(found.sentences()))


def as_json(found: Evidence) -> dict:
    """Return what was found as plain values."""
    told = dataclasses.asdict(found) | {"sentences": found.sentences()}
    told["correlogram"]["outside_ms"] = found.correlogram.outside_ms

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in value]
        return value.tolist() if isinstance(value, np.ndarray | np.generic) else value

    return plain(told)


def _notes(found: Evidence) -> list[str]:
    a, b = found.units
    spans = found.correlogram
    lines = [
        f"Lag: bin of {b}'s spike less bin of {a}'s, bins of {spans.bin_ms:g} ms counted from the start of "
        f"each trial. Grey: mean of all ways to move each spike within its window of {spans.jitter_ms:g} ms "
        f"(exact), and {spans.band:.2f} Poisson standard deviations around it: all lags together stay inside "
        "in 95 % of such correlograms. Dots: outside; beside a peak, fewer pairs than that are its shadow.",
        "A grey strip at the right: couplings smaller than the median one of the method. Errors are the "
        "method's own.",
    ]
    if any(one["a_to_b"]["masked"] is not None for one in found.methods if "unusable" not in one):
        lines.append(
            "The mask keeps a coupling if the peak of the correlogram lies near lag 0, and cuts it if not."
        )
    lines += [f"{one['method']}: {one['unusable']}." for one in found.methods if "unusable" in one]
    for one in found.methods:
        for (x, y), way in (((a, b), "a_to_b"), ((b, a), "b_to_a")):
            if "unusable" not in one and one[way]["coupling"] is None:
                lines.append(f"{one['method']}, {x} to {y}: none ({one[way]['reason'] or 'not known why'}).")
    return lines
