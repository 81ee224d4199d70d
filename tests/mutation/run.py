"""Score of the tests: the share of small edits of the code that some test notices (`make mutate`).

A seeded sample of each room's mutations is tried on a copy of the tree, one process a mutation: first the
tests of the module, then those of its room. An edit that `equivalent.csv` names changes no result. What the
table already knows is kept, and only what survived is tried again.
"""

import argparse
import csv
import math
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from mutants import Mutation, mutations

ROOT = Path(__file__).parents[2]
PACKAGE = Path("src/circuitbias")
COLUMNS = ("room", "module", "code", "before", "after", "result", "seconds")
LIBRARIES = ("scipy.optimize", "torch", "numba", "pandas", "sklearn.linear_model", "matplotlib.pyplot")
MEMORY = 6 << 30  # of a mutation's process, in bytes: some ask for all there is

# Tests of a room, for what those of the module alone leave alive; and of modules that no file is named after.
ROOMS = {
    "dynamics": "dynamics test_doors_of_data.py",
    "spikes": "spikes estimators/test_cross_correlation.py estimators/test_glm.py hostile "
    "test_doors_of_data.py",
    "networks": "networks hostile/test_hostile_weights.py test_doors_of_data.py",
    "fitting": "fitting estimators",
    "likelihood": "estimators errors",
    "estimators": "estimators faults/test_memory.py",
    "errors": "errors comparison",
    "experiments": "experiments figures/test_experiment_figures.py figures/test_data_volume_figure.py "
    "figures/test_partial_observation_figure.py",
    "comparison": "comparison published test_reproduction_page.py",
}
NEAREST = {
    "dynamics/engines": "dynamics/test_engine.py",
    "dynamics/engines/philox": "dynamics/test_philox.py dynamics/test_engine.py",
    "dynamics/engines/cuda": "dynamics/test_simulate_cuda.py",
    "dynamics/trials": "dynamics/test_simulate.py",
    "spikes/segments": "spikes/test_segments.py test_doors_of_data.py",
    "spikes/storage": "spikes/test_storage.py hostile/test_hostile_readers.py",
    "spikes/writing": "spikes/test_storage.py",
    "spikes/coincidences": "spikes/test_activity.py",
    "spikes/foreign": "spikes/test_segments.py test_doors_of_data.py",
    "spikes/correlograms": "estimators/test_cross_correlation.py",
    "spikes/moments": "estimators/test_mean_field.py estimators/test_mpf.py",
    "estimators/jitter": "estimators/test_jitter.py",
    "estimators/correlogram_shape": "estimators/test_correlogram_graph.py",
    "comparison": "comparison",
    "comparison/page": "test_reproduction_page.py",
    "errors/tables": "errors/test_error_tables.py",
    "errors/of_estimate": "errors/test_error_tables.py",
    "experiments": "experiments",
    "fitting": "estimators/test_glm.py estimators/test_glm_history.py fitting",
    "fitting/proximal_newton": "estimators/test_logistic.py",
    "fitting/designs/raised_cosines": "estimators/test_glm_spatiotemporal.py",
    "fitting/designs/histories": "estimators/test_glm_history.py",
    "estimators/cross_validation": "estimators/test_logistic_choice.py",
    "estimators/usable": "estimators/test_glm.py estimators/test_mean_field.py",
}


def rounds_of(module: Path, root: Path) -> list[list[str]]:
    """Tests to try one after the other: those nearest to a module of the package, and those of its room."""
    room = module.parts[0]
    nearest, named = NEAREST.get(str(module.with_suffix("")), ""), f"{room}/test_{module.stem}.py"
    if not nearest and (root / "tests" / named).exists():
        nearest = named
    for folder in module.parents:
        nearest = nearest or NEAREST.get(str(folder), "")
    return [[f"tests/{name}" for name in names.split()] for names in (nearest, ROOMS[room]) if names]


def outcome(root: Path, tests: list[str], limit: float, fresh_kernels: bool = False) -> str:
    """Run tests in a process of their own, up to a limit in seconds of a processor: what comes of them.

    Returns
    -------
    {"survived", "killed", "too long"}
        In which case the output is in the folder.
    """
    child = os.fork()
    if child == 0:
        _run_tests(root, tests, math.ceil(limit), fresh_kernels)
    end = time.monotonic() + 20 * limit + 60  # others may be at work; and tests may wait for what never comes
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return {0: "survived", -signal.SIGXCPU: "too long"}.get(code, "killed")
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "too long"


def _run_tests(root, tests, limit, fresh_kernels):
    os.setsid()  # so that it ends with all that it starts
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    os.chdir(root)
    with open(root / "output.txt", "w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ["PYTHONPATH"] = sys.path[0] = str(root / "src")
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # two edits of one second and size look the same
    import numba

    # A kernel is compiled again if its own file has changed, but not if one that it calls into has.
    kernels = root / "kernels"
    if fresh_kernels:
        kernels = Path(tempfile.mkdtemp(dir=root))
    os.environ["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR = str(kernels)
    code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests])
    if fresh_kernels:
        shutil.rmtree(kernels)
    os._exit(int(code))


def copy_tree(target: Path) -> None:
    """Copy all files that git knows or would."""
    listed = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.check_output(listed, text=True).split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


class Trial:
    """A copy of the tree in which one mutation after the other is tried."""

    def __init__(self, root: Path, n_rounds: int = 2):
        self.root, self._n_rounds, self._seconds = root, n_rounds, {}
        copy_tree(root)

    def __call__(self, module: Path, mutation: Mutation) -> str:
        """What becomes of the tests of a module; those that do not pass as they are make an end of it."""
        path = self.root / PACKAGE / module
        source, fresh_kernels = path.read_text(), self._other_kernels_call_into(path)
        for tests in rounds_of(module, self.root)[: self._n_rounds]:
            limit = 30 + 5 * self._seconds_of(tests, fresh_kernels)
            path.write_text(mutation.of(source))
            result = outcome(self.root, tests, limit, fresh_kernels)
            path.write_text(source)
            if result != "survived":
                break
        return result

    def _other_kernels_call_into(self, path):
        others = (other.read_text() for other in path.parent.glob("*.py") if other != path)
        return any("numba" in text and f".{path.stem} import" in text for text in others)

    def _seconds_of(self, tests, fresh_kernels):
        """Of a processor, without a mutation."""
        key = tuple(tests), fresh_kernels
        if key not in self._seconds:
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            if outcome(self.root, tests, 1800, fresh_kernels) != "survived":
                output = (self.root / "output.txt").read_text()
                sys.exit(f"{tests} do not pass without a mutation:\n{output}")
            self._seconds[key] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        return self._seconds[key]


def edits_of(room: str, within: str = "") -> dict[tuple, tuple[Path, Mutation]]:
    """All mutations of a room, of modules whose path holds a text, by the first columns of the table.

    They go by the text of their line, not by its number, which changes with every edit above it.
    """
    found = {}
    for path in sorted((ROOT / PACKAGE / room).rglob("*.py")):
        if within in str(path):
            module, source = path.relative_to(ROOT / PACKAGE), path.read_text()
            lines = source.splitlines()
            for edit in mutations(source):
                texts = (" ".join(text.split()) for text in (lines[edit.line - 1], edit.before, edit.after))
                found[room, str(module), *texts] = module, edit
    return found


def read_table(path: Path) -> dict[tuple, list[str]]:
    """What is known of edits that can still be made: result and seconds, by the first columns."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        _, *rows = csv.reader(file)
    possible = {key for room in ROOMS for key in edits_of(room)}
    return {key: row[5:] for row in rows if (key := tuple(row[:5])) in possible}


def write_table(path: Path, table: dict[tuple, list]) -> None:
    """Write it in order of rooms, modules and lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*key, *table[key]] for key in sorted(table))


def summary(table: dict[tuple, list]) -> str:
    """Score by room, in Markdown."""
    lines = ["| room | tried | change nothing | noticed | score |", "|---|---|---|---|---|"]
    for room in dict.fromkeys(key[0] for key in table):
        results = [values[0] for key, values in table.items() if key[0] == room]
        equivalent, survived = results.count("equivalent"), results.count("survived")
        asked = len(results) - equivalent
        score = f"{(asked - survived) / asked:.0%}" if asked else ""
        lines.append(f"| {room} | {len(results)} | {equivalent} | {asked - survived} | {score} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--modules", default="", help="only paths below the package that hold this")
    parser.add_argument("--sample", type=int, default=60, help="mutations of a room; 0: what survived alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nearest", action="store_true", help="try the tests of the module alone")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no further one after this")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "data" / "mutation.csv")
    options = parser.parse_args()
    for library in LIBRARIES:
        __import__(library)  # once, for all processes
    with (Path(__file__).parent / "equivalent.csv").open(newline="") as file:
        changing_nothing = {tuple(" ".join(text.split()) for text in row[:4]) for row in csv.reader(file)}
    end, table = time.monotonic() + 60 * options.minutes, read_table(options.output)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder), 1 if options.nearest else 2)
        for room in options.rooms:
            possible = edits_of(room, options.modules)
            chosen = random.Random(options.seed).sample(list(possible), min(options.sample, len(possible)))
            again = [key for key in possible if table.get(key, [""])[0] == "survived"]
            for key in dict.fromkeys(again + chosen):
                if time.monotonic() > end or (key in table and key not in again):
                    continue
                begin = time.monotonic()
                module, edit = possible[key]
                result = "equivalent" if key[1:] in changing_nothing else trial(module, edit)
                table[key] = [result, round(time.monotonic() - begin, 1)]
                print(*key, *table[key], sep=" | ", flush=True)
                write_table(options.output, table)
    print(summary(table))


if __name__ == "__main__":
    main()
