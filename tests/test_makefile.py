"""What the Makefile says of its targets: each can be made first, in a fresh clone, and does what it says."""

import json
import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
RULES = re.findall(r"^([\w$(){}/.-]+):(?!=) *([^#\n]*)(?:## *(.*))?\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
PHONY = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()
RECIPES = {
    target: (needs.split(), text, recipe) for target, needs, text, recipe in RULES if target != ".PHONY"
}


def make(*arguments, **options) -> subprocess.CompletedProcess:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


def needed(target) -> set[str]:
    """All that must be made before a target."""
    found, waiting = set(), list(RECIPES[target][0])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += RECIPES.get(name, ((), "", ""))[0]
    return found


def test_all_targets_with_a_name_are_phony_and_explained():
    names = [target for target in RECIPES if not target.startswith("$")]
    assert sorted(names) == sorted(PHONY)
    assert [name for name in names if not RECIPES[name][1] and name != "format"] == []


@pytest.mark.parametrize("target", [name for name in PHONY if name != "clean"])
def test_what_a_target_runs_is_installed_first(target):
    """In a fresh clone nothing is: whatever runs a program of the environment asks for the environment."""
    recipe = RECIPES[target][2]
    if "$(BIN)" in recipe or not recipe:
        assert "$(VENV)/.ok" in needed(target)


@pytest.mark.parametrize("target", PHONY)
def test_recipes_are_sound(target):
    """As far as a dry run tells: variables are there, and so are the files of the project that it names."""
    done = make("--dry-run", "--always-make", target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    for path in re.findall(r"(?<![\w/.-])((?:config|tests|benchmarks|docs)/[\w/]+\.\w+)", done.stdout):
        assert (ROOT / path).exists(), path


def test_a_config_can_be_chosen_for_the_report():
    said = make("-n", "report", "CONFIG=config/paper.yaml").stdout
    assert "--configfile config/paper.yaml --report" in said
    assert "--configfile config/paper.yaml --cores all -- account explore" in said
    assert "--configfile config/config.yaml --report" in make("-n", "report").stdout


@pytest.mark.parametrize(
    ("target", "page"), [("reproduction", "docs/reproduction.md"), ("performance", "docs/performance.md")]
)
def test_pages_are_what_their_targets_make(target, page):
    """The recipe, as make would run it, but for the environment: it writes what is there already."""
    before = (ROOT / page).read_bytes()
    recipe = make("-n", target).stdout.replace("\\\n", " ")
    commands = [
        line for line in recipe.splitlines() if "circuitbias reproduction" in line or "page.py" in line
    ]
    (command,) = [line.replace(".venv/bin", str(Path(sys.executable).parent)) for line in commands]
    try:
        subprocess.run(command, shell=True, cwd=ROOT, check=True, capture_output=True)
        assert (ROOT / page).read_bytes() == before
    finally:
        (ROOT / page).write_bytes(before)


def test_bench_tables_say_that_nothing_was_timed(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "tables.py", tmp_path / "none", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "make bench" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_benchmark_of_what_is_not_installed_is_skipped(tmp_path):
    """And one that fails while it is timed is a failure: pytest-benchmark writes neither down."""
    (tmp_path / "conftest.py").write_text((ROOT / "benchmarks" / "conftest.py").read_text())
    timed = {"done": "1", "missing": "pytest.skip('not installed')", "failing": "1 / 0"}
    tests = [
        f"def test_{name}(benchmark): benchmark.pedantic(lambda: {what})\n" for name, what in timed.items()
    ]
    (tmp_path / "test_some.py").write_text("import pytest\n" + "".join(tests))
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_some.py"]
    command += [f"--benchmark-json={report}", "-o", "addopts="]
    # Of a process that runs tests beside another one, the plugin would time nothing.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=alone)
    assert "1 failed, 1 passed, 1 skipped" in done.stdout
    assert "Traceback" not in done.stderr
    assert [one["name"] for one in json.loads(report.read_text())["benchmarks"]] == ["test_done"]


def test_peers_are_looked_for_before_they_are_timed():
    """A fit of another program that is not installed is skipped without a time: `make bench` goes on."""
    # Not by its name, which a file of tests bears, too.
    place = spec_from_file_location("benchmarks_of_the_glm", ROOT / "benchmarks" / "test_glm.py")
    benchmarks = module_from_spec(place)
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        place.loader.exec_module(benchmarks)
    finally:
        sys.path.pop(0)
    for name, make_fit in [*benchmarks.ONE_BY_ONE.items(), ("nemos", benchmarks.nemos_population)]:
        try:
            fit = make_fit()
        except pytest.skip.Exception as skip:
            assert "is not installed: make peers" in str(skip)
        else:
            assert callable(fit), name
