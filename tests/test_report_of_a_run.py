"""The report of a run, as `make report` makes it, and (slow) in a browser without a network."""

import json
import re
import time

import pandas as pd
import pytest
import yaml
from browser import CHROMIUM, Browser
from checkout import Checkout

from circuitbias.cli import main
from circuitbias.steps.account import by_stage

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def benchmark(path, seconds, memory, cpu):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEAD}{seconds}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t50\t{cpu}\n")


def test_an_account_sums_up_what_jobs_took(tmp_path):
    folder = tmp_path / "benchmarks"
    benchmark(folder / "estimate" / "glm" / "r0.01_seed1.tsv", 90.0, 500.0, 60.0)
    benchmark(folder / "estimate" / "glm" / "r0.02_seed1.tsv", 30.0, 800.0, 30.0)
    benchmark(folder / "network.tsv", 0.0, "-", "-")  # too short for a number
    table = by_stage([str(folder)]).set_index("stage")
    assert table.loc["estimate"].tolist() == [2, 2.0, 90.0, 1.5, 800.0]
    assert table.loc["network"].tolist() == [1, 0, 0, 0, 0]
    config = {"name": "<mine>", "strengths": [0.01, 0.02]}
    words = [
        "--config",
        json.dumps(config),
        "--benchmarks",
        str(folder),
        "--output",
        str(tmp_path / "a.html"),
    ]
    assert main(["account", *words]) == 0
    page = (tmp_path / "a.html").read_text()
    told = yaml.safe_load(
        re.search(r"<pre>(.*)</pre>", page, re.DOTALL)[1].replace("&lt;", "<").replace("&gt;", ">")
    )
    assert told == config
    assert pd.__version__ in page and "Most went to <b>estimate</b>: 100%" in page


def test_an_account_of_nothing(tmp_path):
    assert main(["account", "--config", "{}", "--output", str(tmp_path / "a.html")]) == 0
    assert "No job of this run has left a benchmark file" in (tmp_path / "a.html").read_text()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    pytest.importorskip("bokeh", reason="bokeh is not installed: the extra `explore`")
    checkout = Checkout(tmp_path_factory.mktemp("checkout"))
    checkout.snakemake("--", "account", "explore")
    checkout.snakemake("--report", "report.html", "--", "all", "account", "explore")
    return checkout.folder / "report.html"


READY = """new Promise((done) => { const look = () => document.querySelector("#root, #brand, nav, svg") ?
  done(true) : setTimeout(look, 50); look() })"""
TEXT = "document.body.innerText"
CLICK = """new Promise((done) => { let tries = 0; const look = () => {
  const found = [...document.querySelectorAll("a, button, li, span, div")].filter(
    (one) => one.innerText && one.innerText.trim() === WORDS).pop();
  if (found) { found.click(); setTimeout(() => done(true), 300) }
  else if (++tries > 100) done(false); else setTimeout(look, 50) }; look() })"""
EYE = "document.querySelector('a[iconname=eye]').click()"
FRAME = """new Promise((done) => { let tries = 0; const look = () => {
  const frame = document.querySelector("iframe"), box = frame && frame.getBoundingClientRect();
  frame ? done([frame.src.slice(0, 30), box.x, box.y]) : ++tries > 200 ? done([""]) : setTimeout(look, 50) };
  look() })"""
SHOWN = """new Promise((done) => { const look = () => window.Bokeh && Bokeh.documents.length &&
  Bokeh.documents[0].get_model_by_name("label").text ? done(true) : setTimeout(look, 50); look() })"""
LABEL = 'Bokeh.documents[0].get_model_by_name("label").text'
HANDLE = """(() => { const all = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
  [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
  const box = all(document).find((one) => one.classList.contains("noUi-handle")).getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2] })()"""
LINKS = """(() => { const all = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
  [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
  return all(document).filter((one) => one.tagName === "A" && one.href.includes("errors.csv")).length })()"""
MOST = 2 * 2**20  # letters of an address that Chromium opens
LEFT = {"key": "ArrowLeft", "code": "ArrowLeft", "windowsVirtualKeyCode": 37}


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")
def test_a_browser_opens_the_report(report, tmp_path):
    """One file, the network off: every category opens; the page to explore moves within the report."""
    page = max(re.findall(r'"data_uri": "(data:text/html[^"]*)"', report.read_text()), key=len)
    assert len(page) > MOST  # as an address of its own it would stay blank
    browser = Browser(report.as_uri(), tmp_path)
    try:
        assert browser.run(READY)
        for category in ("Figures", "Tables", "This run", "Explore"):
            assert browser.run(CLICK.replace("WORDS", json.dumps(category))), browser.run(TEXT)
            if category == "This run":
                browser.run(EYE)
                assert browser.run(FRAME)[0].startswith("data:text/html")
                time.sleep(3)
                assert len(browser.screenshot("account.png")) > 50_000  # an empty frame takes a tenth of it
            browser.screenshot(f"{category}.png")
            if category != "Explore":
                assert browser.run(CLICK.replace("WORDS", '"Results"'))
        browser.run(EYE)
        frame = browser.frame("blob:")
        assert browser.run(SHOWN, frame)
        assert "<b>r = 0.02</b>, glm, all" in browser.run(LABEL, frame)
        source, *corner = browser.run(FRAME)
        assert source.startswith("blob:")
        browser.click(*map(sum, zip(browser.run(HANDLE, frame), corner, strict=True)))
        for kind in ("keyDown", "keyUp"):
            browser.ask("Input.dispatchKeyEvent", type=kind, **LEFT)
        assert "<b>r = 0.01</b>, glm, all" in browser.run(LABEL, frame)
        assert browser.run(LINKS, frame) == 0  # they would lead out of the report, to nowhere
        browser.screenshot("explored.png")
    finally:
        browser.close()
