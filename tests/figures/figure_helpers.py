"""What tests of several figures share."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from circuitbias.figures import (
    bin_width,
    data_volume,
    methods,
    partial_observation,
    patterns,
    profiles,
)
from circuitbias.networks import ring_network

STRENGTHS = (0.005, 0.01, 0.02)
COLUMNS = ["panel", "series", "x", "y", "low", "high", "value"]


def grid(**columns):
    """A row for every combination of the values."""
    return pd.MultiIndex.from_product(columns.values(), names=columns.keys()).to_frame(index=False)


def with_errors(table, seed=1):
    random = np.random.default_rng(seed)
    errors = pd.DataFrame(random.uniform(0.05, 0.6, (len(table), 3)), columns=["total", "bias", "variance"])
    table = pd.concat([table, errors], axis=1)
    table["bias_proportion"] = np.arctan(table.bias / table.variance) / (np.pi / 2)
    return table.assign(total_l1=1.1 * table.total)


def series(numbers, panel, name):
    return numbers[(numbers.panel == panel) & (numbers.series == name)]


def panel(figure, letter):
    wanted = rf"$\mathbf{{{letter}}}$"
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(wanted))


def open_markers(axes):
    """Points (x, y) of the open markers of a panel, a list a line."""
    lines = [
        line for line in axes.lines if line.get_marker() != "None" and line.get_markerfacecolor() == "none"
    ]
    return [np.column_stack(line.get_data()) for line in lines]


def words(figure):
    """Everything that is written in the legends and panels."""
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    return texts + [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def comparison(table, **columns):
    published = 0.1 * np.linspace(1, 2, len(table))
    told = {"published": published, "expected": 0.2, "standard_error": 0.01, "n_spikes_published": 1e8}
    return table.assign(**told | columns)


@pytest.fixture(autouse=True)
def every_figure_can_be_laid_out(monkeypatch, tmp_path):
    """Save what a test draws: the layout of constrained axes fails only then."""
    drawn = []
    for module in (methods, profiles, data_volume, partial_observation, bin_width, patterns):
        draw = module.draw

        def recorded(*args, draw=draw, **keywords):
            drawn.append(draw(*args, **keywords))
            return drawn[-1]

        monkeypatch.setattr(module, "draw", recorded)
    yield
    for figure, numbers in drawn:
        figure.draw_without_rendering()
        assert list(numbers) == COLUMNS


def profile_rows(couplings, r=0.02, estimator="glm", seed=1):
    """Profile of the ring of 20 neurons whose bumps are 5 apart, with couplings at some offsets replaced."""
    weight = ring_network(n_neurons=20, sigma1=1.4, sigma2=1.45).weights[0]
    table = pd.DataFrame(
        {"estimator": estimator, "r": r, "seed": seed, "offset": np.arange(20), "weight": weight}
    )
    table["coupling"] = table.weight
    for offset, coupling in couplings.items():
        table.loc[offset % 20, "coupling"] = coupling
    return table[1:]
