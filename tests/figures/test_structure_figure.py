"""Figure 1 of networks that are not the paper's: equal weights, and one strength that freezes."""

import numpy as np
import pandas as pd
import pytest
from figure_helpers import series

from circuitbias.figures import figure1

N = 12


def test_weights_that_are_all_the_same_are_a_bar_at_their_value():
    slow = figure1.Activity(0.01, np.array([10.0, 49.0]), np.array([2, 3]), np.full(N, 60.0))
    weights = -0.002 * (np.eye(N, k=1) + np.eye(N, k=-1))
    figure, numbers = figure1.draw(weights, False, [slow], [0.01], pd.DataFrame())
    bars = series(numbers, "a", "pairs")
    (place,) = bars.x[bars.y > 0]
    assert place == pytest.approx(-0.002, rel=0.02) and bars.y.sum() == 2 * (N - 1)
    left, right = figure.axes[0].get_xlim()
    assert -4 < left < -2 < right < 0  # in 1e-3


@pytest.mark.parametrize(("n_fast", "ends"), [(9, (180, 180)), (40, (20, 800))])
def test_rates_share_an_axis_unless_one_network_hides_the_others(n_fast, ends):
    """A neuron with spikes in a piece of 50 ms, of 20 Hz each; a frozen network has one with many."""
    slow = figure1.Activity(0.01, np.array([10.0, 49.0]), np.array([2, 3]), np.full(N, 60.0))
    fast = figure1.Activity(0.02, np.linspace(1, 49, n_fast), np.full(n_fast, 4), np.full(N, 60.0))
    figure, _ = figure1.draw(np.zeros((N, N)), False, [slow, fast], [0.01, 0.02], pd.DataFrame())
    rates = [axes for axes in figure.axes if axes.get_xlabel() == "Hz"]
    np.testing.assert_allclose([axes.get_xlim()[1] for axes in rates], 1.05 * np.array(ends))
