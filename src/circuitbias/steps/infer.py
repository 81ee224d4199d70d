"""Infer couplings from a recording: a file in, a folder with tables, a graph, a figure and a summary out."""

import dataclasses
import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from circuitbias.catalogue import READERS
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.graphml import write_graphml
from circuitbias.estimators.of_recording import infer_units
from circuitbias.estimators.summary import Summary, strongest_in_words, summarise
from circuitbias.exceptions import UnusableDataError
from circuitbias.files import atomic_path
from circuitbias.memory import DEFAULT_MB
from circuitbias.places import drawing_into_files
from circuitbias.progress import report_line
from circuitbias.provenance import describe
from circuitbias.recordings import Recording, recording
from circuitbias.recordings.conversion import Conversion
from circuitbias.recordings.time_units import ALLOWED
from circuitbias.steps import add_keep_going, json_object

_POSITIONS = (("x", "y"), ("x_um", "y_um"), ("pos_x", "pos_y"), ("position_x", "position_y"), ("ML", "AP"))


EXAMPLES = """
circuitbias infer spikes.csv --bin-ms 10 --output answer
circuitbias infer spikes.csv --units 2 5 7 --window-s 0 300 --method mean_field --json --output part
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    add_recording_arguments(parser)
    parser.add_argument("--method", default="glm", help="method; default: glm")
    parser.add_argument("--bin-ms", type=float, help="width of a bin (ms); default: the method's own")
    parser.add_argument("--options", default="{}", help='of the method, as JSON, e.g. {"ridge": 1e-3}')
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    add_keep_going(parser)
    parser.add_argument("--json", action="store_true", help="print summary.json in place of summary.txt")
    parser.add_argument(
        "--output", required=True, help="folder for couplings.csv, .npz, .graphml, units.csv, summary, figure"
    )


def add_recording_arguments(parser):
    """Declare the recording, and what says how to read it."""
    parser.add_argument(
        "recording",
        metavar="FILE",
        help="recording: .csv, .tsv, .txt, .npz, .mat, .nwb, .h5 (SONATA or a spike file), or "
        "the folder of Phy",
    )
    parser.add_argument("--units", nargs="+", metavar="ID", help="units to take, by their ids")
    parser.add_argument(
        "--where",
        nargs="+",
        default=[],
        metavar="COLUMN=VALUE",
        help="units to take, by their properties, e.g. label=good 'isolation>=20'",
    )
    parser.add_argument("--least-rate-hz", type=float, help="leave out units that fire less often")
    parser.add_argument(
        "--window-s", nargs=2, type=float, metavar=("START", "END"), help="part of the time (s)"
    )
    parser.add_argument("--format", help=f"of the file, if its name does not tell: {', '.join(READERS)}")
    parser.add_argument(
        "--format-options", default="{}", help='of the format, as JSON, e.g. {"time_column": "t"}'
    )
    parser.add_argument("--time-unit", help=f"of the times, if the file does not say: {', '.join(ALLOWED)}")
    parser.add_argument("--sampling-rate-hz", type=float, help="of times in samples")
    parser.add_argument("--dt-ms", type=float, default=0.1, help="length of a step (ms); default: 0.1")
    parser.add_argument(
        "--memory-mb",
        type=float,
        default=DEFAULT_MB,
        help="bound of the memory, beside that of the program itself (1e6 bytes); default: 1500",
    )


def read_recording(arguments) -> Recording:
    """Read the recording that the arguments name, and take the part of it that they choose."""
    of_format = json_object("--format-options", arguments.format_options)
    where = dict(map(_condition, arguments.where))
    report_line(f"reading {arguments.recording}", always=True)
    return recording(
        arguments.recording,
        arguments.format,
        time_unit=arguments.time_unit,
        sampling_rate_hz=arguments.sampling_rate_hz,
        memory_mb=arguments.memory_mb,
        **of_format,
    ).select(arguments.units, where, arguments.least_rate_hz, arguments.window_s)


def run(arguments):
    """Do the step."""
    try:
        _infer(arguments)
    except UnusableDataError as error:
        if not arguments.keep_going:
            raise
        _write_why(Path(arguments.output), arguments.method, str(error), arguments.json)


def _write_why(folder: Path, method: str, why: str, as_json: bool) -> None:
    """Leave a folder that says why there are no couplings, in place of those of an earlier try."""
    with drawing_into_files():
        from circuitbias.figures import shared, style
    for name in ("summary.json", "couplings.npz", "couplings.graphml", "units.csv"):
        (folder / name).unlink(missing_ok=True)
    empty = pd.DataFrame(columns=["pre", "post", "coupling", "standard_error", "reason"])
    _write_table(folder / "couplings.csv", empty)
    style.save(
        *shared.empty_figure(f"No couplings by {method}: {why}"),
        os.fspath(folder / "couplings"),
        formats=("pdf", "png"),
    )
    text = f"No couplings by {method}: {why}\n"
    with atomic_path(folder / "summary.txt") as aside:
        aside.write_text(text, encoding="utf-8")
    told = json.dumps({"method": method, "unusable": why}, indent=1)
    with atomic_path(folder / "summary.json") as aside:
        aside.write_text(told + "\n", encoding="utf-8")
    print(told if as_json else text.rstrip("\n"))


def _infer(arguments) -> None:
    options = json_object("--options", arguments.options)
    taken = {"method", "recording", "bin_ms", "dt_ms", "memory_mb", "device"} & set(options)
    if taken:
        raise ValueError(f"--options must not hold {sorted(taken)}: these are arguments of their own")
    check_folder(arguments.output)
    read = read_recording(arguments)
    report_line(f"{read.n_spikes} spikes of {len(read.units)} units: {arguments.method}", always=True)
    couplings, spikes, report = infer_units(
        read,
        arguments.method,
        bin_ms=arguments.bin_ms,
        dt_ms=arguments.dt_ms,
        memory_mb=arguments.memory_mb,
        device=arguments.device,
        **options,
    )
    source = without_places(read.origin)
    couplings.provenance = describe(
        method=arguments.method, options=couplings.diagnostics["options"], recording=source
    )
    summary = summarise(couplings, report)
    report_line("drawing", always=True)
    figure = figure_writer(read, couplings, spikes, report, summary)
    # All that can go wrong has been done; the summary comes last: a folder with it is whole.
    folder = Path(arguments.output)
    (folder / "summary.json").unlink(missing_ok=True)
    couplings.save(folder / "couplings.npz")
    _write_table(folder / "couplings.csv", couplings.to_pandas())
    units = unit_table(read, report)
    _write_table(folder / "units.csv", units)
    with atomic_path(folder / "couplings.graphml") as aside:
        write_graphml(aside, couplings, units)
    figure(folder / "couplings")
    text = in_words(source, couplings, summary)
    with atomic_path(folder / "summary.txt") as aside:
        aside.write_text(text, encoding="utf-8")
    told = {"recording": source, "report": couplings.diagnostics["recording"]} | dataclasses.asdict(summary)
    with atomic_path(folder / "summary.json") as aside:
        aside.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1) if arguments.json else text.rstrip("\n"))


def check_folder(folder) -> None:
    """Refuse a place where no folder can be made or written to, before any work is done.

    Raises
    ------
    OSError
    """
    if not os.fspath(folder).strip():
        raise NotADirectoryError("--output is empty: name a folder")
    place = next(one for one in (Path(folder).absolute(), *Path(folder).absolute().parents) if one.exists())
    if not place.is_dir():
        raise NotADirectoryError(f"--output {folder}: {place} is a file; name a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(f"--output {folder}: this user must not write into {place}")


def unit_table(read: Recording, report: Conversion) -> pd.DataFrame:
    """Return a row for each unit: spikes, rate, what was counted in it, and its properties."""
    own = pd.DataFrame(
        {
            "unit": read.units,
            "spikes": report.spikes,
            "rate_hz": report.spikes / report.seconds,
            "silent": report.spikes == 0,
            "rare": (report.spikes > 0) & (report.spikes < report.rare_spikes),
            "refractory_violations": report.refractory_violations,
            "same_step": report.merged,
            "outside": report.outside,
            "observed_s": report.own_s,
        }
    )
    others = {name: column for name, column in read.properties.items() if name not in own}
    return own.assign(**others)


def in_words(source: dict, couplings: Couplings, summary: Summary) -> str:
    """Return the summary as a text."""
    parts = {
        f"What was read: {source.get('name', 'a recording')}": couplings.diagnostics["recording"],
        "What was found": summary.found,
        "What stands out most" if summary.standing_out is not None else "The largest": strongest_in_words(
            summary
        ),
        "What would help": summary.help,
    }
    lines = [
        line for title, text in parts.items() if text for line in ("", title, *(f"- {one}" for one in text))
    ]
    return "\n".join(lines[1:]) + "\n"


def _condition(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"\s*(.+?)\s*(>=|<=|!=|==|=|>|<)\s*(.*?)\s*", text)
    if not found:
        raise ValueError(f"--where {text!r}: must be COLUMN=VALUE, or with >=, <=, >, < or != in place of =")
    column, sign, value = found.groups()
    return column, value if sign in ("=", "==") else f"{sign} {value}"


def without_places(origin: dict) -> dict:
    """Where a recording comes from without folders: results have no places in them."""
    named = {"name": Path(origin["path"]).name} if "path" in origin else {}
    return named | {key: value for key, value in origin.items() if key != "path"}


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_path(path) as aside:
        table.to_csv(aside, index=False, float_format="%.8g")


def figure_writer(read: Recording, couplings: Couplings, spikes, report: Conversion, summary: Summary):
    """Draw the figure; return what writes it."""
    with drawing_into_files():
        from circuitbias.figures import style
        from circuitbias.figures.recording import draw, piece_of
    drawn = draw(
        list(read.units),
        couplings.values,
        couplings.standard_errors,
        report.spikes / report.seconds,
        piece_of(spikes, float(report.trials_s[0, 0])),
        f"couplings ({couplings.diagnostics['method']})",
        positions_of(read),
    )
    notes = ["Too short to say: see summary.txt."] * summary.too_short
    if summary.n_couplings < summary.n_pairs:
        notes.append(
            f"Grey: {summary.n_pairs - summary.n_couplings} pairs without a coupling, and the diagonal."
        )
    return lambda stem: style.save(*drawn, os.fspath(stem), footnotes=notes, formats=("pdf", "png"))


def positions_of(read: Recording) -> np.ndarray | None:
    """Return where units lie, (n, 2), if columns of a recording say it."""
    for names in _POSITIONS:
        columns = [read.properties.get(name) for name in names]
        if all(column is not None and column.dtype.kind in "iuf" for column in columns):
            return np.column_stack(columns).astype(float)
    return None
