import json

import numpy as np
import pandas as pd
import pytest

from circuitbias.cli import main
from circuitbias.errors.of_estimate import InvertedCouplingsWarning
from circuitbias.errors.tables import error_table, profile_table
from circuitbias.estimators.couplings import Couplings
from circuitbias.figures import figure1, figure2, methods, style
from circuitbias.networks import Network, ring_network

STRENGTHS = (0.005, 0.01, 0.02)
N = 12


@pytest.fixture
def network():
    return ring_network(n_neurons=N, sigma1=1.7, sigma2=1.75)


@pytest.fixture
def random_network():
    weights = -np.random.default_rng(1).random((N, N))
    return Network(weights, np.arange(N), np.ones(N), "random", False, {})


def couplings_of(network, name, r, seed):
    noise = np.random.default_rng([seed, int(1e4 * r), len(name)]).normal(size=(N, N))
    spikes = {"seed": seed, "n_spikes": 2_000_000, "model": {"r": r, "theta": 1e-3}}
    parameters = {"name": name, "method": name, "options": {}, "spikes": {"parameters": spikes}}
    return Couplings(
        3 * network.weights + 0.3 * np.abs(network.weights).max() * noise,
        provenance={"parameters": parameters},
    )


def runs_of(network):
    return [
        couplings_of(network, name, r, seed)
        for name in ("mean_field", "glm", "mine")
        for r in STRENGTHS
        for seed in (1, 2)
    ]


def comparison_of(errors):
    rows = errors[(errors.estimator == "glm") & (errors.seed == 1)]
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "quantity": quantity,
                    "estimator": "glm",
                    "r": rows.r,
                    "n_spikes_published": 1e8,
                    "published": 0.1 * rows[quantity],
                    "n_spikes": rows.n_spikes,
                    "expected": 1.1 * rows[quantity],
                    "standard_error": 0.01,
                    "verdict": "agrees",
                }
            )
            for quantity in ("total", "bias", "variance")
        ]
    )


def inputs_of(network):
    runs = runs_of(network)
    errors = error_table(network, runs)
    return {
        "weights": network.weights,
        "errors": errors,
        "profiles": profile_table(network, runs),
        "couplings": {
            r: {name: couplings_of(network, name, r, 1).values for name in errors.estimator.unique()}
            for r in (0.005, 0.02)
        },
    }


def activity(r, n_neurons=N):
    random = np.random.default_rng(int(1e4 * r))
    return figure1.Activity(
        r,
        random.uniform(0, 499.9, 300),
        random.integers(0, n_neurons, 300),
        random.uniform(50, 70, n_neurons),
    )


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def series(numbers, panel, name):
    return numbers[(numbers.panel == panel) & (numbers.series == name)]


def test_pattern_strengths_are_averaged_over_windows_and_published_ones_drawn_over(network):
    patterns = pd.DataFrame({"r": [0.02, 0.01, 0.01], "n_spikes": 10**6, "pattern_strength": [0.9, 0.1, 0.3]})
    paper = pd.DataFrame({"r": [0.01, 0.02, 0.5], "n_spikes": 10**6, "pattern_strength": [0.25, 0.8, 1.0]})
    runs = [activity(r) for r in STRENGTHS]
    figure, numbers = figure1.draw(network.weights, True, runs, [0.005, 0.02], patterns, paper)
    ours = series(numbers, "c", "ours, 1000000 spikes")
    np.testing.assert_allclose(
        ours[["x", "y", "low", "high"]], [[0.01, 0.2, 0.1, 0.3], [0.02, 0.9, 0.9, 0.9]]
    )
    published = series(numbers, "c", "published, 1000000 spikes")
    np.testing.assert_allclose(published.y, [0.25, 0.8])  # 0.5 lies beyond our strengths
    axes = next(axes for axes in figure.axes if "pattern strength" in axes.get_title(loc="left"))
    assert any(np.array_equal(line.get_ydata(), published.y) for line in axes.lines)
    assert [text.get_text() for text in axes.get_legend().texts] == ["$10^{6}$ spikes", "published"]
    assert sum("r = " in title for title in titles(figure)) == 2


def test_rates_are_those_of_the_piece_shown(network):
    run = figure1.Activity(0.01, np.array([10.0, 20.0, 499.0]), np.array([2, 2, 5]), np.full(N, 60.0))
    _, numbers = figure1.draw(network.weights, True, [run], [0.01], pd.DataFrame())
    rates = series(numbers, "d", "rates (Hz), r = 0.01")
    assert rates.x.tolist() == [0, 0, 4, 0, 0, 2, *[0] * 6]  # 2 spikes and 1 in half a second


def test_profile_of_the_weights_puts_the_neuron_itself_in_the_middle(network):
    _, numbers = figure1.draw(network.weights, True, [activity(0.01)], [0.01], pd.DataFrame())
    profile = series(numbers, "a", "weight").set_index("x").y
    assert profile.index.tolist() == list(range(-N // 2 + 1, N // 2 + 1))
    assert profile[0] == network.weights[0, 0]
    assert profile[-3] == pytest.approx(network.weights[3, 0])


def test_errors_are_means_over_seeds_and_published_ones_stand_beside(network):
    inputs = inputs_of(network)
    errors = inputs["errors"]
    comparison = comparison_of(errors)
    figure, numbers = figure2.draw(**inputs, comparison=comparison)
    for letter, quantity in zip("cde", ("total", "bias", "variance"), strict=True):
        ours = series(numbers, letter, "mine")
        expected = errors[errors.estimator == "mine"].groupby("r")[quantity].agg(["mean", "min", "max"])
        np.testing.assert_allclose(ours[["y", "low", "high"]], expected)
        paper = comparison[comparison.quantity == quantity]
        np.testing.assert_allclose(series(numbers, letter, "glm, published").y, paper.published)
        predicted = series(numbers, letter, "glm, expected")
        np.testing.assert_allclose(predicted.high - predicted.low, 0.04)
        axes = next(axes for axes in figure.axes if f"{quantity} error" in axes.get_title(loc="left"))
        assert axes.get_yscale() == "log"
        low, high = axes.get_ylim()
        assert low < paper.published.min() and high > errors[quantity].max()
    legend = figure.subfigs[1].legends[0]
    assert [text.get_text() for text in legend.texts] == [
        "true weights",
        "GLM",
        "mean field",
        "mine",
        "published, $10^{8}$ spikes",
        r"predicted for $2\times 10^{6}$ spikes",
        "without sampling noise",
    ]


def test_bias_and_variance_without_noise_are_dotted_with_their_errors(network):
    inputs = inputs_of(network)
    figure, numbers = figure2.draw(**inputs)
    assert series(numbers, "c", "glm, without noise").empty  # of the total there is none
    for letter, quantity in zip("de", ("bias", "variance"), strict=True):
        shown = series(numbers, letter, "mine, without noise").set_index("x")
        rows = inputs["errors"].query("estimator == 'mine'")
        for r, seeds in rows.groupby("r"):
            square = seeds.bias2_corrected if quantity == "bias" else seeds.variance_corrected**2
            assert shown.y[r] ** 2 == pytest.approx(max(square.mean(), 0))
            assert shown.low[r] < shown.y[r] < shown.high[r]
        axes = next(axes for axes in figure.axes if f"{quantity} error" in axes.get_title(loc="left"))
        assert sum(line.get_linestyle() == ":" for line in axes.lines) == 3
        # a bias of 0 has no place on the axis, but its bar does
        assert np.isfinite(axes.get_ylim()).all()


def test_an_estimate_with_the_signs_the_wrong_way_round_is_marked(network):
    runs = runs_of(network)
    plain, _ = figure2.draw(**inputs_of(network))
    for run in runs:
        if run.provenance["parameters"]["name"] == "mine":
            run.values *= -1
    with pytest.warns(InvertedCouplingsWarning, match="mine"):
        errors = error_table(network, runs)
    total = errors.query("estimator == 'mine'").groupby("r").total.mean()
    for module, inputs in ((figure2, inputs_of(network) | {"errors": errors}), (methods, {"table": errors})):
        figure, _ = module.draw(**inputs)
        marks = [line for axes in figure.axes for line in axes.lines if "ominus" in str(line.get_marker())]
        assert len(marks) == 3  # total, bias, variance
        np.testing.assert_allclose(marks[0].get_xydata(), np.stack([total.index, total], axis=1))
    legends = [legend for part in figure.subfigs for legend in part.legends]
    words = [text.get_text() for legend in legends for text in legend.texts]
    assert "signs the wrong way round" in words
    assert not any("ominus" in str(line.get_marker()) for axes in plain.axes for line in axes.lines)


def test_a_comparison_without_published_errors_changes_nothing(network):
    inputs = inputs_of(network)
    patterns = comparison_of(inputs["errors"]).head(1).assign(quantity="pattern_strength", estimator="")
    _, numbers = figure2.draw(**inputs, comparison=patterns)
    pd.testing.assert_frame_equal(numbers, figure2.draw(**inputs)[1])


def test_couplings_and_profiles_are_drawn_on_the_scale_of_the_weights(network):
    figure, numbers = figure2.draw(**inputs_of(network))
    inferred = series(numbers, "a", "glm, r = 0.02").value.to_numpy().reshape(N, N)
    off_diagonal = ~np.eye(N, dtype=bool)
    assert np.isnan(np.diag(inferred)).all()
    slope = np.polyfit(network.weights[off_diagonal], inferred[off_diagonal], 1)[0]
    assert slope == pytest.approx(1, abs=0.2)  # not 3, the factor in the couplings
    images = [axes.images[0] for axes in figure.axes if axes.images and axes.get_title(loc="left")]
    assert len(images) == 3
    assert len({image.get_clim() for image in images}) == 1
    profile = series(numbers, "b", "true weights")
    assert profile.y.iloc[0] == profile.y.iloc[-1]  # both ends are the neuron across the ring
    assert len(series(numbers, "b", "mean_field, r = 0.005")) == N + 1


def test_other_networks_are_drawn_pair_by_pair_with_the_total_error_only(random_network):
    figure, numbers = figure2.draw(**inputs_of(random_network))
    assert "total error" in titles(figure)[-1]
    assert not any("bias" in title for title in titles(figure))
    assert len(series(numbers, "b", "mine, r = 0.02")) == N * (N - 1)
    figure, _ = figure1.draw(random_network.weights, False, [activity(0.01)], [0.01], pd.DataFrame())
    assert "firing rates" in titles(figure)[2]


def test_floors_are_drawn_under_the_errors_that_they_bound(network, random_network):
    floor = pd.DataFrame(
        {"r": [0.02, 0.005], "total": [0.1, 0.2], "bias": [0.02, 0.04], "variance": [0.1, 0.19]}
    )
    floor = floor.assign(total_symmetric=[0.05, np.nan], bias_symmetric=np.nan, variance_symmetric=np.nan)
    label, known_symmetric = "floor, directed", "floor, W symmetric"
    figure, numbers = figure2.draw(**inputs_of(network), floor=floor)
    for panel, quantity in zip("cde", ("total", "bias", "variance"), strict=True):
        drawn = series(numbers, panel, label)
        np.testing.assert_allclose(drawn[["x", "y"]], floor[["r", quantity]][::-1])
    np.testing.assert_allclose(series(numbers, "c", known_symmetric)[["x", "y"]], [[0.02, 0.05]])
    assert series(numbers, "d", known_symmetric).empty
    texts = [text.get_text() for part in figure.subfigs for legend in part.legends for text in legend.texts]
    assert {label, known_symmetric} <= set(texts)
    _, numbers = figure2.draw(**inputs_of(random_network), floor=floor)
    assert len(series(numbers, "c", label)) == 2
    assert series(numbers, "d", label).empty  # bias over blocks is another thing


def test_estimators_keep_their_colours():
    few, many = (style.estimator_styles(names) for names in (["mine", "glm"], ["glm", "mean_field", "mine"]))
    assert few["glm"]["color"] == many["glm"]["color"]
    assert few["mine"]["color"] == many["mine"]["color"]
    assert len({look["color"] for look in many.values()}) == 3


@pytest.mark.parametrize(
    ("n", "text"),
    [(1e8, "$10^{8}$"), (2e6, r"$2\times 10^{6}$"), (1500, r"$1.5\times 10^{3}$"), (999_999, "$10^{6}$")],
)
def test_counts_are_written_as_powers_of_ten(n, text):
    assert style.count_text(n) == text


@pytest.fixture
def files(tmp_path, network):
    """Inputs of both figures on disk, as arguments of the command line."""
    network.save(tmp_path / "network.npz")
    runs = runs_of(network)
    errors = error_table(network, runs)
    errors.to_csv(tmp_path / "errors.csv", index=False)
    profile_table(network, runs).to_csv(tmp_path / "profiles.csv", index=False)
    comparison_of(errors).to_csv(tmp_path / "comparison.csv", index=False)
    for i, run in enumerate(runs):
        run.save(tmp_path / f"couplings{i}.npz")
    for r in STRENGTHS:
        np.savez(
            tmp_path / f"activity{r}.npz",
            **activity(r)._asdict(),
            seed=1,
            pattern_window_spikes=np.array([10**6]),
            pattern_strength=np.array([40 * r]),
        )
    network_file = ["--network", str(tmp_path / "network.npz")]
    return {
        "figure1": [*network_file, "--activity", *map(str, sorted(tmp_path.glob("activity*")))],
        "figure2": [
            *network_file,
            *(
                word
                for name in ("errors", "profiles", "comparison")
                for word in (f"--{name}", f"{tmp_path}/{name}.csv")
            ),
            "--couplings",
            *map(str, sorted(tmp_path.glob("couplings*"))),
        ],
    }


@pytest.mark.parametrize("name", ["figure1", "figure2"])
def test_step_writes_four_files_the_same_each_time(tmp_path, files, name):
    for folder in ("once", "twice"):
        output = str(tmp_path / folder / name)
        assert main(["figure", name, *files[name], "--examples", "0.005", "0.02", "--output", output]) == 0
    once, twice = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        for folder in ("once", "twice")
    )
    assert set(once) == {f"{name}.{suffix}" for suffix in ("svg", "pdf", "png", "csv")}
    for file, content in once.items():
        assert content == twice[file], file
    numbers = pd.read_csv(tmp_path / "once" / f"{name}.csv")
    assert list(numbers) == ["panel", "series", "x", "y", "low", "high", "value"]


@pytest.mark.parametrize("name", ["figure1", "figure2"])
def test_missing_example_is_an_error_that_names_the_strengths(tmp_path, files, name, capsys):
    assert main(["figure", name, *files[name], "--examples", "0.3", "--output", str(tmp_path / "x")]) == 1
    assert (
        "0.3 is not among the strengths of the data; choose from 0.005, 0.01, 0.02" in capsys.readouterr().err
    )


def test_missing_couplings_of_an_example_are_an_error(tmp_path, files, capsys):
    glm_at_example = str(tmp_path / "couplings6.npz")
    both_seeds = glm_at_example, str(tmp_path / "couplings7.npz")
    arguments = [word for word in files["figure2"] if word not in both_seeds]
    run = json.loads(str(np.load(glm_at_example)["provenance"]))["parameters"]
    assert (run["name"], run["spikes"]["parameters"]["seed"]) == ("glm", 1)
    assert (
        main(["figure", "figure2", *arguments, "--examples", "0.005", "--output", str(tmp_path / "x")]) == 1
    )
    assert "no file of glm at r = 0.005" in capsys.readouterr().err


def test_unknown_figure_is_an_error_that_names_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        main(["figure", "figure9", "--output", "x"])
    message = capsys.readouterr().err
    assert "figure9" in message and "figure1" in message and "figure2" in message


def test_of_many_estimators_figure2_draws_the_principal_ones():
    assert figure2.drawn_estimators(["a", "b", "glm"]) == ["a", "b", "glm"]
    many = [f"method{k}" for k in range(7)]
    assert figure2.drawn_estimators([*many, "mean_field", "glm"]) == ["mean_field", "glm"]
    assert figure2.drawn_estimators(many) == many[:6]
