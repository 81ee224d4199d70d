"""The documentation: its code runs, its pages are linked and complete, its site builds without a warning."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import yaml

from circuitbias.catalogue import ESTIMATORS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIAL = json.loads((DOCS / "tutorial.ipynb").read_text(encoding="utf-8"))
HEADINGS = ["Equation", "What it assumes", "What it sees, and what it cannot", "Source"]


def test_the_lines_of_the_first_page_are_those_of_the_readme():
    lines = [
        re.search(r"```python\n(import circuitbias as cb.*?)```", page.read_text(encoding="utf-8"), re.S)[1]
        for page in (ROOT / "README.md", DOCS / "index.md")
    ]
    assert lines[0] == lines[1]  # which test_api.py runs


def test_the_code_of_the_tutorial_finds_what_the_page_shows(capsys, monkeypatch):
    """On a tenth of its spikes: bias that stays if coupling is strong, and phantoms where the page says."""
    cells = ["".join(cell["source"]) for cell in TUTORIAL["cells"] if cell["cell_type"] == "code"]
    assert len(TUTORIAL["cells"]) >= 10
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    found = {}
    assert "matched" in cells[-1]  # which takes a while, and has tests of its own
    for cell in cells[:-1]:
        exec(re.sub(r"(\d)_000_000", r"\g<1>00_000", cell), found)
    words = capsys.readouterr().out
    (few, many) = re.findall(r"bias ([.\d]+), variance ([.\d]+)", words)
    assert float(many[1]) < 0.8 * float(few[1])  # eight times the data
    strong = found["cb"].compare(found["ring"], found["cb"].infer(found["more"], "glm"))
    assert strong.bias_corrected > 3 * strong.bias_corrected_se
    profile = np.array(found["profile"](found["from_strong"]))
    distances = np.abs(found["distances"])
    assert (
        profile[(distances > 33) & (distances < 42)].mean() < profile[distances == 28].mean()
    )  # the phantoms


def test_the_tutorial_is_kept_with_what_it_printed():
    printed = [output for cell in TUTORIAL["cells"] for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in printed) == 2
    shown = "".join("".join(output.get("data", {}).get("text/plain", "")) for output in printed)
    assert shown.count("bias_corrected_se") == 3


def test_every_estimator_has_a_page():
    pages = {page.stem: page.read_text(encoding="utf-8") for page in (DOCS / "estimators").glob("*.md")}
    assert pages.keys() == ESTIMATORS.keys()
    for name, text in pages.items():
        assert re.findall(r"^## (.*)$", text, re.M) == HEADINGS, name
        assert f"`method: {name}`" in text


def test_every_page_is_on_a_shelf():
    shelves = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    shown = {re.sub(r"\.md$", "", place) for place in re.findall(r"'([\w/-]+\.md)'", repr(shelves))}
    assert {page.stem for page in DOCS.glob("*.md") if not page.stem.endswith(".template")} <= shown


@pytest.mark.parametrize(
    "page", [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"], ids=lambda page: page.stem
)
def test_links_of_a_page_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    targets = re.findall(r"\[[^][]*\]\(([^()\s]+)\)", text)
    made = {"tutorial.md"}  # from the notebook, on the site
    missing = [
        target
        for target in targets
        if ":" not in target
        and (path := target.partition("#")[0])
        and path not in made
        and not (page.parent / path).exists()
    ]
    assert not missing


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="needs mkdocs: pip install 'circuitbias[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "estimators" / "glm.html").read_text(encoding="utf-8")
    for part in ("ridge", "Traits and cost", "bias, published", "0.234"):
        assert part in page
    assert "fonts.googleapis" not in page
    assert "rate_hz" in (tmp_path / "reference" / "python.html").read_text(encoding="utf-8")
    assert broken_links(tmp_path) == []


def broken_links(site):
    """Links of all pages to files, or to places in pages, that are not there; those of 404 are a server's."""
    pages = {
        page: page.read_text(encoding="utf-8") for page in site.rglob("*.html") if page.name != "404.html"
    }
    places = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in pages.items()}
    found = []
    for page, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^"]*)"', text):
            path, _, place = map(unquote, link.partition("#"))
            if re.match(r"\w+:", link):
                continue
            target = (page.parent / path).resolve() if path else page
            if target.is_dir():
                target /= "index.html"
            if not target.exists() or (place and place not in places.get(target, {place})):
                found.append((page.name, link))
    return found
