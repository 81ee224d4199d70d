"""What figures say of themselves is what their step, their rule and the report go by."""

import importlib
import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from jinja2 import Environment
from matplotlib.figure import Figure

from circuitbias.catalogue import EXPERIMENTS, pictures
from circuitbias.declaration import told
from circuitbias.figures import style
from circuitbias.figures.captions import captions

PICTURES = pictures()
CAPTIONS = Path(__file__).parents[2] / "workflow" / "report" / "figure.rst"


def test_the_report_has_their_captions():
    """If this fails: `python -m circuitbias.figures.captions` prints what belongs there."""
    assert CAPTIONS.read_text(encoding="utf-8") == captions()


@pytest.mark.parametrize("name", PICTURES)
def test_a_caption_says_what_to_conclude(name):
    assert "**What to conclude**: " in " ".join(PICTURES[name].caption().split())


@pytest.mark.parametrize("name", PICTURES)
def test_the_report_fills_in_the_caption(name):
    """With what is published beside ours, if the figure shows any."""
    asked = []
    beside = SimpleNamespace(in_words=lambda figure: asked.append(figure) or "All is well.")
    run = SimpleNamespace(wildcards=SimpleNamespace(figure=name), params=SimpleNamespace(beside=beside))
    text = " ".join(
        Environment().from_string(CAPTIONS.read_text(encoding="utf-8")).render(snakemake=run).split()
    )
    assert text.startswith(" ".join(PICTURES[name].caption().split()))
    assert ("All is well." in text) == bool(PICTURES[name].compared) and asked == [name] * bool(asked)


@pytest.mark.parametrize("name", PICTURES)
def test_a_figure_is_drawn_from_what_it_says(name):
    picture = PICTURES[name]
    assert picture.title and len(picture.caption()) > 200
    draw = importlib.import_module(f"circuitbias.figures.{name}").draw
    taken = inspect.signature(draw).parameters.keys()
    files = {"network", "activity"}  # they are read into weights, runs and patterns
    assert set(picture.inputs) - files <= taken
    assert picture.in_full or "examples" not in taken
    assert bool(picture.table) == ("table" in picture.inputs)


def test_every_experiment_has_a_figure_of_what_it_gives():
    assert EXPERIMENTS.keys() <= PICTURES.keys()
    for name, path in EXPERIMENTS.items():
        experiment, inputs = told(path), PICTURES[name].inputs
        assert experiment.summarised == ("summary" in inputs)
        assert experiment.with_arrays == ("arrays" in inputs)
        assert PICTURES[name].table == f"experiments/{name}"


def test_the_last_bits_of_a_layout_change_no_byte(tmp_path):
    """Matplotlib names clips by a hash of where they are; every name that is used is still there, once."""
    drawn = []
    for shift in (0.0, 1e-13):
        figure = Figure(figsize=(3, 2))
        for left in (0.1, 0.6):
            figure.add_axes((left + shift, 0.1, 0.3, 0.8)).plot([0, 1], [0, 2])
        style.save(figure, pd.DataFrame(), tmp_path / f"at_{shift}", formats=["svg"])
        drawn.append((tmp_path / f"at_{shift}.svg").read_text())
    assert drawn[0] == drawn[1]
    used = set(re.findall(r"url\(#(\w+)\)", drawn[0]))
    assert len(used) == 2 and all(drawn[0].count(f'id="{name}"') == 1 for name in used)
