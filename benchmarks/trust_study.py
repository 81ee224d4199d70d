"""Make the table of delivered promises, or what is missing of it: all recordings of benchmarks/trust.py.

    .venv/bin/python benchmarks/trust_study.py docs/data/trust_calibration.csv    # 14 minutes of one core
    .venv/bin/python benchmarks/trust_tables.py docs/data/trust_calibration.csv   # the tables of the page

A network that cannot fire at the rate of the study, as it jumps over it, has no recording, and is left out by
name. Rows are kept as they are made; those of other code are made anew.
"""

import argparse
import importlib.util
from pathlib import Path

import pandas as pd

from circuitbias.dynamics.threshold_search import NoThresholdError

KEY = ["case", "family", "seed", "spikes"]


def loaded():
    """The module of this study's recordings and rows."""
    path = Path(__file__).with_name("trust.py")
    spec = importlib.util.spec_from_file_location("benchmarks_trust", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(study, path):
    """Make the rows that are missing; return the recordings that could not be made, with the reason."""
    rows, left_out = study.rows_of_this_code(path), {}
    done = {tuple(one[name] for name in KEY) for one in rows}
    for about, weights, source in study.recordings():
        if about in done:
            continue
        try:
            spikes = source()
        except NoThresholdError as error:
            left_out[about] = str(error)
            print(f"no recording {about}: {error}", flush=True)
            continue
        rows.append(study.row(*about, weights, spikes))
        pd.DataFrame(rows).assign(code=study.code_hash()).to_csv(path, index=False, float_format="%.5g")
        shown = (*KEY, "seconds", "refused", "ece", "false_0.1")
        print({name: rows[-1].get(name) for name in shown}, flush=True)
    return left_out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    make(loaded(), Path(parser.parse_args().output))
