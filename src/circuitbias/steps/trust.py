"""Say which couplings of a recording may be believed: a page, a summary and a table of pairs."""

import json
from pathlib import Path

from circuitbias.exceptions import UnusableDataError
from circuitbias.files import atomic_path
from circuitbias.memory import beside
from circuitbias.places import drawing_into_files
from circuitbias.progress import report_line
from circuitbias.steps import add_keep_going, json_object, whole_number
from circuitbias.steps.infer import add_recording_arguments, check_folder, read_recording, without_places
from circuitbias.trust.library import stress_test, table
from circuitbias.trust.page import page, page_without, pair_table, summary
from circuitbias.trust.report import SIMULATORS, trust
from circuitbias.trust.words import sections

EXAMPLES = """
circuitbias trust spikes.csv --output trust
circuitbias trust spikes.csv --library --output trust
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    add_recording_arguments(parser)
    parser.add_argument(
        "--estimators",
        default='{"glm": {}}',
        help='methods under trust with their options, as JSON, beside the history GLM; default: {"glm": {}}',
    )
    parser.add_argument(
        "--simulators",
        nargs="+",
        default=list(SIMULATORS),
        help=f"links of the twins: exponential, threshold, rectified; default: {' '.join(SIMULATORS)}",
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="of the twins; default: 0")
    parser.add_argument(
        "--library",
        action="store_true",
        help="judge networks of other kinds, too (ring, small world, half of a network ...): what would a "
        "promise deliver if the circuit were one of them? Takes about as long as eight twins",
    )
    add_keep_going(parser)
    parser.add_argument(
        "--output", required=True, help="folder for trust.html, trust.json, pairs.csv, library.csv, figure"
    )


def run(arguments):
    """Do the step."""
    try:
        _trust(arguments)
    except UnusableDataError as refusal:
        if not arguments.keep_going:
            raise
        report_line(f"no result: {refusal}", always=True)
        folder, name = Path(arguments.output), Path(arguments.recording).name
        with atomic_path(folder / "trust.json") as aside:
            aside.write_text(json.dumps({"recording": {"name": name}, "refused": str(refusal)}) + "\n")
        with atomic_path(folder / "trust.html") as aside:
            aside.write_text(page_without(name, str(refusal)), encoding="utf-8")


def _trust(arguments):
    estimators = json_object("--estimators", arguments.estimators)
    check_folder(arguments.output)
    read = read_recording(arguments)
    spikes, conversion = read.to_spikes(arguments.dt_ms, memory_mb=arguments.memory_mb)
    report_line(f"{spikes.n_spikes} spikes of {len(read.units)} units", always=True)
    with beside(spikes.nbytes + 8 * read.n_spikes, arguments.memory_mb) as left:
        report = trust(
            spikes,
            list(read.units),
            estimators=estimators,
            simulators=tuple(arguments.simulators),
            seed=arguments.seed,
            memory_mb=left,
        )
        stress = None
        if arguments.library:
            stress = stress_test(report, spikes, seed=arguments.seed, memory_mb=left)
    source = without_places(read.origin)
    source["notes"] = [*source.get("notes", []), *conversion.sentences()]
    with drawing_into_files():
        from circuitbias.figures import style
        from circuitbias.figures.trust import draw
    folder = Path(arguments.output)
    # All that can go wrong has been done; the page comes last: a folder with it is whole.
    (folder / "trust.html").unlink(missing_ok=True)
    style.save(*draw(report), folder / "trust", formats=("png", "pdf", "csv"))
    with atomic_path(folder / "pairs.csv") as aside:
        pair_table(report).to_csv(aside, index=False, float_format="%.6g")
    (folder / "library.csv").unlink(missing_ok=True)
    if stress is not None:
        with atomic_path(folder / "library.csv") as aside:
            table(stress).to_csv(aside, index=False, float_format="%.6g")
    with atomic_path(folder / "trust.json") as aside:
        text = json.dumps(summary(report, source, stress), indent=1, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")
    with atomic_path(folder / "trust.html") as aside:
        figure = (folder / "trust.png").read_bytes()
        aside.write_text(page(report, source, figure, stress), encoding="utf-8")
    for title, lines in sections(report, stress).items():
        print("\n".join([title, *(f"- {line}" for line in lines), ""]))
