import numpy as np
import pandas as pd
import pytest

from circuitbias.figures import style, synchrony
from circuitbias.networks.ring import ring_weights

N = 20
ESTIMATORS = ("glm", "correlogram_graph", "glm_masked")


@pytest.fixture
def weights():
    return ring_weights(N, sigma1=1.4, sigma2=1.41)


@pytest.fixture
def arrays(weights):
    rng = np.random.default_rng(0)
    peaks = np.triu(rng.uniform(-30, 30, (N, N)), 1)
    peaks -= peaks.T
    np.fill_diagonal(peaks, np.nan)
    return {
        "example_pairs": np.array([[0, 1], [0, 5]]),
        "lags_ms": np.linspace(-30, 30, 201),
        "examples": rng.normal(size=(2, 201)),
        "peak_lag_ms": peaks,
        "connected": np.abs(peaks) < 12,
        "connected_ms": np.array(12.0),
        **{name: weights + 1e-4 * rng.normal(size=(N, N)) for name in ESTIMATORS},
        "r": np.array(0.025),
        "seed": np.array(2),
    }


@pytest.fixture
def table():
    rows = [
        {"estimator": name, "r": r, "seed": seed, "n_spikes": 10**6, "total": r + k + seed / 10}
        | {"bias": 0.1 * k, "variance": 0.2}
        for r in (0.01, 0.025)
        for seed in (1, 2)
        for k, name in enumerate(ESTIMATORS)
    ]
    return pd.DataFrame(rows)


def series(numbers, name):
    return numbers[numbers.series == name]


def drawn(figure):
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}


def test_matrices_and_curves_are_what_was_given(weights, table, arrays):
    figure, numbers = synchrony.draw(weights, table, arrays)
    curve = series(numbers, "from 0 to 5")
    np.testing.assert_array_equal(curve.y, arrays["examples"][1])
    np.testing.assert_array_equal(curve.x, arrays["lags_ms"])
    lags = series(numbers, "|lag of peak| (ms)").value.to_numpy().reshape(N, N)
    np.testing.assert_array_equal(lags, np.abs(arrays["peak_lag_ms"]))
    shown = series(numbers, "connected").value.to_numpy().reshape(N, N)
    off_diagonal = ~np.eye(N, dtype=bool)
    np.testing.assert_array_equal(shown[off_diagonal], arrays["connected"][off_diagonal])
    for name in ESTIMATORS:
        np.testing.assert_array_equal(series(numbers, name).value.to_numpy().reshape(N, N), arrays[name])
    panels = drawn(figure)
    images = [panels[title].images[0] for title in panels if "GLM" in title or "correlogram" in title]
    assert len(images) == 3
    assert len({image.get_clim() for image in images}) == 1


def test_a_peak_is_filled_if_it_connects(weights, table, arrays):
    arrays["peak_lag_ms"][0, [1, 5]] = 3.0, -21.0
    arrays["connected"][0, [1, 5]] = True, False
    panels = drawn(synchrony.draw(weights, table, arrays)[0])
    near, far = (next(a for title, a in panels.items() if f"{d} neurons apart" in title) for d in (1, 5))
    assert (near.lines[-1].get_xdata()[0], far.lines[-1].get_xdata()[0]) == pytest.approx((3.0, -21.0))
    assert near.lines[-1].get_markerfacecolor() != "white"
    assert far.lines[-1].get_markerfacecolor() == "white"


def test_the_lags_that_connect_are_shaded_as_far_as_they_do(weights, table, arrays):
    panels = drawn(synchrony.draw(weights, table, arrays)[0])
    (first,) = (axes for title, axes in panels.items() if "1 neurons apart" in title)
    (shade,) = first.patches
    assert (shade.get_x(), shade.get_width()) == (-12.0, 24.0)


def test_share_of_connected_pairs_by_offset(weights, table, arrays):
    arrays["connected"][:] = False
    for i in range(N):
        arrays["connected"][i, (i + 3) % N] = i < 15
    _, numbers = synchrony.draw(weights, table, arrays)
    share = series(numbers, "share of pairs connected").set_index("x").y
    assert (share[3], share[-3], share[4]) == (0.75, 0, 0)


def test_errors_of_the_strength_shown_with_the_range_over_seeds(weights, table, arrays):
    figure, numbers = synchrony.draw(weights, table, arrays)
    errors = series(numbers, "glm_masked, errors")
    np.testing.assert_allclose(errors.y, [2.025 + 0.15, 0.2, 0.2])
    np.testing.assert_allclose(errors.low, [2.125, 0.2, 0.2])
    np.testing.assert_allclose(errors.high, [2.225, 0.2, 0.2])
    heights = [bar.get_height() for bar in drawn(figure)["errors"].patches]
    np.testing.assert_allclose(heights[-3:], errors.y)


def test_errors_without_noise_and_over_fewer_pairs(weights, table, arrays):
    without = table.assign(bias2_corrected=0.04, bias_corrected=0.2, variance_corrected=0.1)
    figure, numbers = synchrony.draw(weights, without, arrays)
    for quantity, left in (("bias", 0.2), ("variance", 0.1)):
        assert series(numbers, f"glm, {quantity} without noise").y.tolist() == pytest.approx([left])
    assert series(numbers, "glm, total without noise").empty
    texts = [text.get_text() for text in figure.subfigs[-1].legends[0].texts]
    assert texts == ["GLM", "correlogram graph", "GLM masked", "without sampling noise"]
    assert figure.get_suptitle() == ""
    some = table.assign(n_pairs=342, n_all_pairs=380)
    figure, _ = synchrony.draw(weights, some, arrays)
    assert figure.get_suptitle().startswith("All errors are over 90 % of the pairs")
    figure.draw_without_rendering()


def test_published_errors_stand_on_their_bars(weights, table, arrays):
    simple = pd.DataFrame({"estimator": ["glm", "glm_masked"], "published": [0.23, 0.32]})
    figure, numbers = synchrony.draw(weights, table, arrays, simple)
    found = pd.concat([series(numbers, f"{name}, published") for name in ESTIMATORS])
    assert found.y.tolist() == [0.23, 0.32]
    ours = pd.concat([series(numbers, f"{name}, errors").iloc[:1] for name in ("glm", "glm_masked")])
    np.testing.assert_array_equal(found.x, ours.x)
    texts = [text.get_text() for text in figure.subfigs[-1].legends[0].texts]
    assert texts == ["GLM", "correlogram graph", "GLM masked", "published"]
    whole = simple.assign(condition="synchrony", quantity="total", r=0.025, n_spikes_published=1e8)
    others = [whole.assign(published=9.0, **other) for other in ({"condition": ""}, {"r": 0.01})]
    _, among_others = synchrony.draw(weights, table, arrays, pd.concat([*others, whole]))
    pd.testing.assert_frame_equal(among_others, numbers)


def test_networks_without_offsets_have_total_errors_only(table, arrays):
    weights = -np.random.default_rng(1).random((N, N))
    table[["bias", "variance"]] = np.nan
    figure, numbers = synchrony.draw(weights, table, arrays)
    assert len(series(numbers, "glm, errors")) == 1
    assert not len(series(numbers, "share of pairs connected"))
    assert len(drawn(figure)["errors"].patches) == 3


def test_one_run_without_a_strength_and_the_same_bytes_each_time(tmp_path, weights, table, arrays):
    one = table.iloc[:3].drop(columns=["r", "seed"])
    for folder in ("once", "twice"):
        style.save(*synchrony.draw(weights, one, arrays), tmp_path / folder / "synchrony")
    for suffix in ("svg", "png", "csv"):
        once, twice = ((tmp_path / f / f"synchrony.{suffix}").read_bytes() for f in ("once", "twice"))
        assert once == twice
