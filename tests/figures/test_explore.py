"""The page to explore: what is in it, and (slow) what a browser without a network makes of it."""

import asyncio
import base64
import json
import re
import shutil
import subprocess
import urllib.request

import numpy as np
import pytest
from checkout import Checkout

import circuitbias as cb
from circuitbias.cli import main

pytest.importorskip("bokeh", reason="bokeh is not installed: the extra `explore`")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
STRENGTHS = {0.005: 0.00136, 0.01: 0.0013, 0.02: 0.0012}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page of a small ring, as the steps make it: three strengths, two methods, all data and a tenth."""
    folder = tmp_path_factory.mktemp("explore")

    def step(*words):
        assert main([str(word) for word in words]) == 0

    ring = ("--network", folder / "ring.npz")
    options = {"family": "ring", "n_neurons": 20, "sigma1": 1.4, "sigma2": 1.41}
    step("network", "--options", json.dumps(options), "--output", ring[1])
    files = []
    for r, theta in STRENGTHS.items():
        spikes, model = folder / f"{r}.h5", json.dumps({"r": r, "theta": theta})
        step("simulate", *ring, "--parameters", model, "--seed", 1, "--n-spikes", 20_000, "--output", spikes)
        for method in ("mean_field", "partial_correlation"):
            for share in (1, 0.1):
                files.append(folder / f"{method}_{r}_{share}.npz")
                chosen = ("--spikes", spikes, "--method", method, "--share", share)
                step("estimate", *ring, *chosen, "--output", files[-1])
    tables = ("--tables", folder / "errors.csv")
    step("explore", *ring, "--couplings", *files, *tables, "--output", folder / "page.html")
    return folder


def held(folder) -> dict:
    """Couplings that the page holds, by method, share and strength."""
    html = (folder / "page.html").read_text(encoding="utf-8")
    entries = r'\["([a-z_]+ [0-9.]+ [0-9.]+)",\{"type":"map","entries":'
    found = re.findall(entries + r'\[\["values","([^"]*)"\],\["step",([-0-9.e]+)\]', html)
    return {key: np.frombuffer(base64.b64decode(text), "<i2") * float(step) for key, text, step in found}


def test_it_holds_every_estimate_in_units_of_the_true_weights(made):
    found = held(made)
    assert len(found) == 12
    weights = cb.Network.load(made / "ring.npz").dense_weights()
    couplings = cb.Couplings.load(made / "mean_field_0.01_0.1.npz")
    off = ~np.eye(20, dtype=bool)
    scale = (couplings.values[off] @ weights[off]) / (couplings.values[off] @ couplings.values[off])
    shown = found["mean_field 0.1 0.01"].reshape(20, 20)[off]
    np.testing.assert_allclose(shown, scale * couplings.values[off], atol=2e-5 * np.abs(shown).max())


def test_it_asks_no_network_for_anything_and_is_small(made):
    html = (made / "page.html").read_text(encoding="utf-8")
    assert len(html) < 10e6
    assert not re.findall(r"<(?:script|link)[^>]*(?:src|href)=", html)
    assert "errors.csv" in html


def test_shares_are_of_the_recording(made):
    counts = [
        cb.Couplings.load(made / f"mean_field_0.01_{share}.npz").diagnostics["n_counts"] for share in (1, 0.1)
    ]
    assert counts[1] == pytest.approx(0.1 * counts[0], rel=0.1)


def test_a_second_seed_is_refused(made, tmp_path, capsys):
    one = str(made / "mean_field_0.01_1.npz")
    words = ["explore", "--network", str(made / "ring.npz"), "--couplings", one, one]
    assert main([*words, "--output", str(tmp_path / "x.html")]) == 1
    assert "mean_field at r = 0.01 is there twice; give one seed" in capsys.readouterr().err


def test_what_does_not_fit_is_left_out_and_said():
    from circuitbias.figures.explore_page import Estimate, page

    n, rng = 300, np.random.default_rng(0)
    weights = rng.normal(size=(n, n))
    estimates = [
        Estimate("glm", share, r, 1000, weights, 0.5, 0.3, 0.4, "")
        for share in (1.0, 0.1)
        for r in np.arange(1, 21) / 100
    ]
    html, left_out = page("random", weights, False, estimates, {})
    assert len(html) < 10e6
    assert left_out[0].startswith("estimates from 0.1 of the recording are left out")
    assert "Estimates from 0.1 of the recording are left out" in html


def test_the_workflow_has_a_target_for_it(tmp_path):
    said = Checkout(tmp_path).snakemake("--dry-run", "--quiet", "rules", "--", "explore")
    counts = dict(re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE))
    assert (counts["estimate"], counts["estimate_part"], counts["explore_circuit"]) == ("4", "8", "1")
    assert "figure1" not in counts


# --- in a browser -------------------------------------------------------------------------------


class Browser:
    """Chromium without a network, spoken to by its own protocol."""

    def __init__(self, address: str, folder):
        self.folder, self.number = folder, 0
        self.loop = asyncio.new_event_loop()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1350,1000"]
        options += ["--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}"]
        options += [
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--disable-background-networking",
        ]
        self.process = subprocess.Popen([CHROMIUM, *options, address], stderr=subprocess.PIPE, text=True)
        line = next(line for line in self.process.stderr if "DevTools listening on" in line)
        port = re.search(r":(\d+)/", line)[1]
        for _ in range(50):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                pages = [one for one in json.load(answer) if one["url"] == address]
            if pages:
                break
        self.socket = self.loop.run_until_complete(self._connect(pages[0]["webSocketDebuggerUrl"]))

    async def _connect(self, address):
        from tornado.websocket import websocket_connect

        return await websocket_connect(address, max_message_size=2**27)

    def ask(self, method: str, **parameters):
        async def ask():
            self.number += 1
            message = {"id": self.number, "method": method, "params": parameters}
            await self.socket.write_message(json.dumps(message))
            while True:
                answer = json.loads(await self.socket.read_message())
                if answer.get("id") == self.number:
                    assert "error" not in answer, answer
                    return answer["result"]

        return self.loop.run_until_complete(asyncio.wait_for(ask(), 60))

    def run(self, script: str):
        """Value of a piece of JavaScript."""
        done = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def click(self, x: float, y: float):
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def hover(self, x: float, y: float):
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, name: str) -> bytes:
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        picture = base64.b64decode(self.ask("Page.captureScreenshot")["data"])
        (self.folder / name).write_bytes(picture)
        return picture

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.loop.close()


READY = """new Promise((done) => { const look = () =>
  window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].get_model_by_name("label").text
  ? done(true) : setTimeout(look, 50); look() })"""
MODEL = "Bokeh.documents[0].get_model_by_name"
WHERE = """(() => { const all = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
  [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
  const found = all(document).find(MATCH); const box = found.getBoundingClientRect();
  return [box.x, box.y, box.width, box.height] })()"""


FIGURE = 'found = all(document).filter((one) => one.classList.contains("bk-Figure"))[1]'
TIP = """new Promise((done) => { const all = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
  [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
  const look = () => { const tip = all(document).find((one) => one.classList.contains("bk-tooltip-content") ||
    one.classList.contains("bk-tooltip-row-value"));
    const values = all(document).filter((one) => one.classList.contains("bk-tooltip-row-value"));
    tip ? done(values.map((one) => one.textContent).join(" ")) : setTimeout(look, 50) }; look() })"""


@pytest.fixture
def browser(made, tmp_path):
    opened = Browser((made / "page.html").as_uri(), tmp_path)
    try:
        assert opened.run(READY)
        yield opened
    finally:
        opened.close()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")
def test_a_browser_moves_the_slider_and_clicks(browser, made):
    """What a person does, with the network off: everything follows, and is what the files hold."""
    assert "<b>r = 0.01</b>, mean_field, all" in browser.run(f'{MODEL}("label").text')
    first = browser.screenshot("first.png")
    # The slider's handle, dragged to its end by the keyboard.
    x, y, width, height = browser.run(
        WHERE.replace("MATCH", '(one) => one.classList.contains("noUi-handle")')
    )
    browser.click(x + width / 2, y + height / 2)
    for kind in ("keyDown", "keyUp"):
        browser.ask(
            "Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39
        )
    assert "<b>r = 0.02</b>, mean_field, all" in browser.run(f'{MODEL}("label").text')
    moved = browser.screenshot("moved.png")
    # A click on the other method, and one on a tenth of the recording.
    for words in ("partial_correlation", "0.1"):
        match = f'(one) => one.classList.contains("bk-btn") && one.textContent === "{words}"'
        x, y, width, height = browser.run(WHERE.replace("MATCH", match))
        browser.click(x + width / 2, y + height / 2)
    assert "<b>r = 0.02</b>, partial_correlation, 0.1" in browser.run(f'{MODEL}("label").text')
    clicked = browser.screenshot("clicked.png")
    assert len({first, moved, clicked}) == 3
    drawn = browser.run(f'Array.from({MODEL}("image").renderers[0].data_source.data.image[0])')
    shown = np.array([np.nan if one is None else one for one in drawn], dtype=float).reshape(20, 20)
    off = ~np.eye(20, dtype=bool)
    expected = held(made)["partial_correlation 0.1 0.02"].reshape(20, 20)
    np.testing.assert_allclose(shown[off], expected[off], rtol=1e-5)
    # Hover: the numbers are those of the pair that is named.
    x, y, width, height = browser.run(WHERE.replace("found = all(document).find(MATCH)", FIGURE))
    browser.hover(x + 0.4 * width, y + 0.3 * height)
    browser.hover(x + 0.4 * width + 1, y + 0.3 * height)
    text = browser.run(TIP)
    pre, post, *numbers = re.findall(r"-?[0-9.]+", text.replace("−", "-"))
    weights = cb.Network.load(made / "ring.npz").dense_weights()
    true, estimate = weights[int(pre), int(post)], expected[int(pre), int(post)]
    np.testing.assert_allclose([float(one) for one in numbers], [true, estimate, estimate - true], atol=6e-5)
    browser.screenshot("hovered.png")
