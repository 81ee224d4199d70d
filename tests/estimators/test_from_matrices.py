"""Couplings from ready matrices are those from the spikes that the matrices were made of."""

import numpy as np
import pandas as pd
import pytest

import circuitbias as cb
from circuitbias.cli import main
from circuitbias.estimators.from_matrices import couplings_of_correlograms, couplings_of_covariance

OFF = ~np.eye(5, dtype=bool)


@pytest.fixture(scope="module")
def spikes():
    """Units of unequal rates; the last one follows the first one by 3 ms."""
    rng = np.random.default_rng(4)
    trains = [np.sort(rng.uniform(0, 300, n)) for n in (3000, 900, 4000, 600, 2000)]
    trains[4] = np.sort(np.append(trains[4], trains[0][::3] + 0.003))
    return cb.recording(dict(enumerate(trains))).select(window_s=(0, 300)).to_spikes()[0]


def counts(spikes, bin_steps):
    """Of each unit in complete bins, by NumPy."""
    (piece,) = spikes.pieces
    edges = np.arange(piece.n_steps // bin_steps + 1) * bin_steps - 0.5
    return np.array([np.histogram(piece.steps[piece.neurons == k], edges)[0] for k in range(5)])


@pytest.mark.parametrize("method", ["mean_field", "partial_correlation"])
def test_from_covariances(spikes, method):
    expected = cb.infer(spikes, method, bin_steps=100).values
    found = couplings_of_covariance(np.cov(counts(spikes, 100), bias=True), method)
    np.testing.assert_allclose(found.values[OFF], expected[OFF], rtol=1e-6)


@pytest.mark.parametrize("measure", ["zero_lag", "peak", "z_score"])
@pytest.mark.parametrize("both_sides", [True, False])
def test_from_correlograms(spikes, measure, both_sides):
    found = cb.infer(spikes, "cross_correlation", measure=measure, bin_steps=10, window_ms=20)
    # The z-score counts all of the window: (n, n, 21), lags 0 ... 20.
    whole = cb.infer(spikes, "cross_correlation", measure="z_score", bin_steps=10, window_ms=20)
    half = np.moveaxis(whole.arrays["correlogram"].astype(float), 0, 2)
    curves = half[:, :, :20]
    if both_sides:
        curves = np.concatenate([half.transpose(1, 0, 2)[:, :, :0:-1], half], axis=2)
    again = couplings_of_correlograms(curves, measure, near=10)
    if measure != "z_score" or both_sides:  # the background is shorter without the last lag
        np.testing.assert_allclose(again.values[OFF], found.values[OFF], rtol=1e-4, atol=1e-6)
    if measure == "peak":
        assert again.arrays["peak_lag_bins"][0, 4] == 3
        assert again.values[0, 4] == np.nanmax(again.values)


@pytest.mark.parametrize("measure", ["zero_lag", "peak"])
def test_a_background_is_of_the_z_score_alone(spikes, measure):
    """Correlograms that end with the last lag that counts are enough for the other measures."""
    found = cb.infer(spikes, "cross_correlation", measure=measure, bin_steps=10, far_ms=9)
    half = np.moveaxis(found.arrays["correlogram"].astype(float), 0, 2)
    assert half.shape[2] == 10
    again = couplings_of_correlograms(half, measure, near=9)
    np.testing.assert_allclose(again.values[OFF], found.values[OFF], rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="near = 10: must be at most the longest lag, 9 bins"):
        couplings_of_correlograms(half, measure, near=10)
    with pytest.raises(ValueError, match="near = 9: must be less than the longest lag, 9 bins"):
        couplings_of_correlograms(half, "z_score", near=9)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((3, 3)), "no inverse .*fewer bins than neurons"),
        (np.eye(3) + np.triu(np.ones((3, 3)), 1), "finite and symmetric"),
        (np.diag([1.0, 0.0, 1.0]), "neuron 1 has variance 0: leave it out"),
        (np.ones((3, 4)), r"shape \(3, 4\)"),
        (np.full((3, 3), np.nan), "finite and symmetric"),
    ],
)
def test_matrices_that_are_none(matrix, message):
    with pytest.raises(ValueError, match=message):
        couplings_of_covariance(matrix)


def test_halves_that_disagree():
    curves = np.random.default_rng(0).random((3, 3, 7))
    with pytest.raises(ValueError, match="from -L to L"):
        couplings_of_correlograms(curves)


def test_the_step(spikes, tmp_path, capsys):
    covariance = np.cov(counts(spikes, 100), bias=True)
    pd.DataFrame(covariance, columns=list("abcde")).to_csv(tmp_path / "c.csv", index=False)
    np.savez(tmp_path / "c.npz", c=covariance, n=[1])
    for name in ("c.csv", "c.npz"):
        assert main(["matrix", str(tmp_path / name), "--output", str(tmp_path / "out.csv")]) == 0
        table = pd.read_csv(tmp_path / "out.csv")
        np.testing.assert_allclose(table.coupling, couplings_of_covariance(covariance).values[OFF], rtol=1e-6)
    assert main(["matrix", str(tmp_path / "c.csv"), "--output", str(tmp_path / "out.npz")]) == 0
    assert cb.Couplings.load(tmp_path / "out.npz").units == list("abcde")
    capsys.readouterr()
    assert main(["matrix", str(tmp_path / "c.csv"), "--method", "peak", "--output", str(tmp_path / "x")]) == 1
    assert "method = 'peak': must be one of mean_field" in capsys.readouterr().err
