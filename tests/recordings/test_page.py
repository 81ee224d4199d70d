"""docs/recordings.md: its code runs, and its commands are ones that there are."""

import argparse
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from circuitbias.catalogue import READERS, loaded
from circuitbias.cli import main
from circuitbias.steps import infer, pair

PAGE = (Path(__file__).parents[2] / "docs" / "recordings.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.S)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) for line in block.splitlines()]


def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("circuitbias.steps.infer.figure_writer", lambda *_: lambda stem: None)
    for block in PYTHON:
        exec(compile(block, "docs/recordings.md", "exec"), {})
    assert "10 units" in capsys.readouterr().out
    ran = [line for line in COMMANDS if "spikes.csv" in line]
    assert len(ran) == 3
    for line in ran:
        assert main(shlex.split(line)[1:]) == 0
    table = pd.read_csv("answer/couplings.csv").sort_values("coupling")
    assert {tuple(pair) for pair in table[["pre", "post"]].tail(2).to_numpy().tolist()} == {(2, 7), (7, 2)}
    assert len(pd.read_csv("part/units.csv")) == 3


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_page_are_understood(line):
    program, step, *arguments = shlex.split(line)
    assert program == "circuitbias"
    parser = argparse.ArgumentParser()
    {"infer": infer, "pair": pair}[step].add_arguments(parser)
    parser.parse_args(arguments)


def test_the_page_names_every_ending():
    endings = [
        ending for name, place in READERS.items() if name != "neo" for ending in loaded(place).suffixes
    ]
    assert len(endings) > 7
    assert not [ending for ending in endings if f"`{ending}`" not in PAGE and ending]
