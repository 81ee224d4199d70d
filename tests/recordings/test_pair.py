"""The evidence for one coupling: counts by hand and by brute force, the band by chance, the step."""

import itertools
import json

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.cli import main
from circuitbias.estimators.evidence import pair_correlogram


def spikes(*trains, end=1.0):
    recording = cb.recording({k: np.asarray(train) for k, train in enumerate(trains)})
    return recording.select(window_s=(0.0, end)).to_spikes()[0]


LENGTHS = {"bin_ms": 1.0, "window_ms": 5.0, "jitter_ms": 4.0}


def test_the_second_unit_fires_after_the_first_one_at_a_positive_lag():
    """By hand: B fires 3.2 ms after A at 0.1 s (bins 100 and 103), and 2 ms before A at 0.5 s."""
    found = pair_correlogram(spikes([0.1, 0.5], [0.1032, 0.498]), (0, 1), **LENGTHS)
    assert found.lags_ms[found.pairs > 0].tolist() == [-2, 3]
    turned = pair_correlogram(spikes([0.1, 0.5], [0.1032, 0.498]), (1, 0), **LENGTHS)
    assert turned.lags_ms[turned.pairs > 0].tolist() == [-3, 2]


def test_counts_as_two_loops_have_them():
    rng = np.random.default_rng(2)
    a, b = (np.sort(rng.uniform(0, 20, n)) for n in (300, 500))
    found = pair_correlogram(spikes(a, b, rng.uniform(0, 20, 50), end=20.0), (0, 1), **LENGTHS)
    bins = [np.unique(np.floor(train * 1e4 + 1e-6)).astype(int) // 10 for train in (a, b)]
    for lag, n in zip(found.lags_ms, found.pairs, strict=True):
        assert n == sum(int(later - earlier == lag) for earlier in bins[0] for later in bins[1])


def test_what_is_expected_is_the_mean_of_all_ways_to_jitter():
    a, b = [0.0005, 0.0101], [0.0026, 0.0112]
    found = pair_correlogram(spikes(a, b, end=0.02), (0, 1), **LENGTHS)
    windows = [[int(t * 1000) // 4 * 4 for t in train] for train in (a, b)]
    expected = np.zeros(11)
    ways = list(itertools.product(range(4), repeat=4))
    for p, q, r, s in ways:
        moved_a, moved_b = (windows[0][0] + p, windows[0][1] + q), (windows[1][0] + r, windows[1][1] + s)
        for x, y in itertools.product(moved_a, moved_b):
            if abs(y - x) <= 5:
                expected[y - x + 5] += 1 / len(ways)
    np.testing.assert_allclose(found.expected, expected)


def test_independent_units_stay_in_the_band():
    """At rates of 4 and 15 Hz, 19 times in 20; the chance of 12 or more of 80 to leave it is then .002."""
    left = 0
    for seed in range(80):
        rng = np.random.default_rng(seed)
        trains = [np.sort(rng.uniform(0, 100, n)) for n in (400, 1500)]
        found = pair_correlogram(spikes(*trains, end=100.0), (0, 1), bin_ms=2, window_ms=20, jitter_ms=20)
        left += bool(len(found.outside_ms))
    assert left < 12


def test_a_peak_is_outside_and_its_shadow_is_not():
    rng = np.random.default_rng(0)
    a = np.sort(rng.uniform(0, 600, 3000))
    b = np.sort(np.concatenate([rng.uniform(0, 600, 3000), a[::5] + 0.004]))
    found = pair_correlogram(spikes(a, b, end=600.0), (0, 1), bin_ms=1, window_ms=30, jitter_ms=10)
    assert found.outside_ms.tolist() == [4.0]
    assert (np.abs(found.z) > found.band).sum() > 3  # the shadow


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ({"bin_ms": 0.25}, "bin_ms = 0.25.*a multiple of a step"),
        ({"window_ms": 2.5}, "window_ms = 2.5.*a multiple of a bin"),
        ({"jitter_ms": 1.0}, "jitter_ms = 1.0.*at least two bins"),
        ({"jitter_ms": 5000.0}, "longer than every trial"),
    ],
)
def test_lengths_that_do_not_fit(lengths, message):
    with pytest.raises(ValueError, match=message):
        pair_correlogram(spikes([0.1], [0.2]), (0, 1), **LENGTHS | lengths)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    rng = np.random.default_rng(1)
    trains = [np.sort(rng.uniform(0, 60, 300)) for _ in range(4)]
    trains[3] = np.sort(np.append(trains[3], trains[1][::4] + 0.004))
    path = tmp_path_factory.mktemp("pair") / "a.csv"
    lines = [f"{t:.6f},u{k}" for k, train in enumerate(trains) for t in train] + ["5.0,rare"]
    path.write_text("time_s,unit\n" + "\n".join(lines) + "\n")
    return path


def test_the_step(recording, tmp_path, capsys):
    stem = tmp_path / "new" / "pair"
    words = ["pair", "u1", "u3", str(recording), "--methods", "mean_field", "matched", "--output", str(stem)]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(stem.with_suffix(".json").read_text())
    couplings = cb.infer(cb.recording(recording), "mean_field")
    way = told["methods"][0]["a_to_b"]
    values = couplings.values[~np.eye(5, dtype=bool)]
    assert way["coupling"] == pytest.approx(couplings.values[2, 4])  # ids in the order of texts: rare, u0, u1
    assert way["above"] == pytest.approx(np.mean(np.abs(values[np.isfinite(values)]) < way["coupling"]))
    assert told["correlogram"]["outside_ms"] == [4.0]
    assert {path.suffix for path in stem.parent.iterdir()} == {".png", ".pdf", ".csv", ".json"}
    assert main(words) == 0
    assert "most at +4 ms (more pairs" in capsys.readouterr().out


def test_what_the_mask_cuts_is_named(tmp_path, capsys):
    """Unit 3 repeats spikes of 1 after 4 ms, 0 those of 2 after 22 ms, beyond the 10 ms of the mask."""
    rng = np.random.default_rng(1)
    trains = [np.sort(rng.uniform(0, 300, 1500)) for _ in range(4)]
    for later, earlier, lag_s in ((3, 1, 0.004), (0, 2, 0.022)):
        trains[later] = np.sort(np.append(trains[later], trains[earlier][::3] + lag_s))
    path = tmp_path / "a.csv"
    path.write_text("time_s,unit\n" + "".join(f"{t:.6f},{k}\n" for k, one in enumerate(trains) for t in one))
    for a, b, cut in ((1, 3, False), (2, 0, True)):
        words = ["pair", str(a), str(b), str(path), "--methods", "glm_masked", "glm"]
        assert main([*words, "--output", str(tmp_path / "pair")]) == 0
        said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("glm_masked")]
        assert (f"{a} -> {b} cut by the mask" in said[0]) == cut
        told = json.loads((tmp_path / "pair.json").read_text())["methods"]
        assert [one["a_to_b"]["masked"] for one in told] == [cut, None]


def test_a_pair_without_a_coupling_says_why(recording, tmp_path, capsys):
    words = ["pair", "u0", "rare", str(recording), "--methods", "glm", "--output", str(tmp_path / "pair")]
    assert main(words) == 0
    assert "glm: u0 -> rare none (infinite: they never fire together" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["u1", "u33"], "there is no unit 'u33' (did you mean u3?)"),
        (["u1", "u1"], "u1 and u1 are the same unit"),
        (["u1", "u2", "--methods", "glmm"], "--methods glmm: must be among glm"),
        (["u1", "u2", "--lags-ms", "1e6"], "--lags-ms 1e+06: must be at most 5000 bins of 1 ms"),
        (["u1", "u2", "--units", "u1", "u2", "u1"], "units: u1 is named twice"),
    ],
)
def test_pairs_that_are_none(recording, tmp_path, capsys, words, message):
    a, b, *more = words
    assert main(["pair", a, b, str(recording), *more, "--output", str(tmp_path / "x")]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
