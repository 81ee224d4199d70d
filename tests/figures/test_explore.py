"""The page to explore: what is in it, and (slow) what a browser without a network makes of it."""

import base64
import json
import re

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from checkout import Checkout

import circuitbias as cb
from circuitbias.cli import main
from circuitbias.spikes.storage import SpikeFile

pytest.importorskip("bokeh", reason="bokeh is not installed: the extra `explore`")
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
    tables = ("--tables", folder / "errors.csv", "--spikes", *(folder / f"{r}.h5" for r in STRENGTHS))
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


def lags_held(folder) -> dict:
    """Correlograms that the page holds, by strength: pairs i < j and then j > i, lags from 0 on."""
    html = (folder / "page.html").read_text(encoding="utf-8")
    entries = r'\["([0-9.]+)",\{"type":"map","entries":\[\["values","([^"]*)"\],\["tops","([^"]*)"\]'
    found = {}
    for r, values, tops in re.findall(entries, html):
        top = np.frombuffer(base64.b64decode(tops), "<u2") / 1000
        found[float(r)] = (
            np.frombuffer(base64.b64decode(values), "u1").reshape(len(top), -1) / 255 * top[:, None]
        )
    return found


def counted(spikes, pre, post, n_bins, lag):
    """Pairs of spikes by a loop over bins of 5 ms, over what chance gives."""
    counts = np.zeros((2, n_bins))
    for segment in spikes.segments():
        for place, neuron in enumerate((pre, post)):
            bins = segment.steps[segment.neurons == neuron] // 50
            np.add.at(counts[place], bins[bins < n_bins], 1)
    together = sum(counts[0, k] * counts[1, k + lag] for k in range(n_bins - lag))
    return together / (counts[0].mean() * counts[1].mean() * (n_bins - lag))


def test_it_holds_correlograms_of_every_pair(made):
    """Against a loop over bins; a byte a bin is a 255th of the largest of a pair."""
    found = lags_held(made)
    assert list(found) == list(STRENGTHS)
    spikes = SpikeFile(made / "0.02.h5")
    n_bins = int(spikes.trial_steps.sum()) // 50
    first, second = np.triu_indices(20, 1)
    for place in (0, 57, 189):
        i, j = int(first[place]), int(second[place])
        for lag in (0, 1, 10):
            for row, pair in ((place, (i, j)), (place + 190, (j, i))):
                expected = counted(spikes, *pair, n_bins, lag)
                assert found[0.02][row, lag] == pytest.approx(
                    expected, abs=found[0.02][row].max() / 400 + 1e-3
                )


def test_correlograms_that_do_not_fit_are_of_the_largest_estimates():
    from circuitbias.figures.explore_page.correlograms import LAGS, Lagged, packed

    n, rng = 400, np.random.default_rng(0)
    ratios = rng.uniform(0.5, 2, (n, n, LAGS + 1))
    importance = rng.uniform(size=(n, n))
    importance[7, 300] = 5
    store, left_out, n_bytes = packed({0.01: Lagged(ratios, 10), 0.02: Lagged(ratios, 10)}, importance)
    pairs = np.frombuffer(base64.b64decode(store["pairs"]), "<u4").tolist()
    assert 7 * n + 300 in pairs and 300 * n + 7 in pairs
    assert n_bytes < 2e6 and re.search(r"of the \d+ pairs with the largest estimates", left_out[0])
    one = store["by_strength"]["0.02"]
    place = pairs.index(300 * n + 7)
    values = np.frombuffer(base64.b64decode(one["values"]), "u1").reshape(len(pairs), -1)[place]
    top = np.frombuffer(base64.b64decode(one["tops"]), "<u2")[place] / 1000
    np.testing.assert_allclose(values / 255 * top, ratios[300, 7], atol=top / 250)


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
    # And so is the correlogram, of both directions.
    assert browser.run(f'{MODEL}("lags").title.text').startswith(f"correlogram: {pre} → {post}")
    shown = np.array(browser.run(f'Array.from({MODEL}("correlogram").data.ratio)'))
    first, second = np.triu_indices(20, 1)
    place = {(i, j): k for k, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True))}
    place |= {(j, i): k + 190 for (i, j), k in list(place.items())}
    held_lags = lags_held(made)[0.02]
    right, left = held_lags[place[int(pre), int(post)]], held_lags[place[int(post), int(pre)]]
    np.testing.assert_allclose(shown, [*left[:0:-1], *right], rtol=1e-5, atol=1e-6)
    browser.screenshot("hovered.png")
