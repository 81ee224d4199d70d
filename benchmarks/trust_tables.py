"""Print the tables of docs/trust.md from that of benchmarks/trust.py: ``trust_tables.py TABLE``."""

import sys

import numpy as np
import pandas as pd

PROMISES = (0.05, 0.1, 0.2)


def print_tables(table):
    """Print a table for each case, and how well errors were predicted."""
    for case, part in table.groupby("case", sort=False):
        good = part[part.refused.isna()]
        print(f"\n{case}: {len(part)} recordings, {len(part) - len(good)} refused\n")
        names = ["network", "spikes", "made", "refused", "not connected", "ECE", "5 %", "10 %", "20 %"]
        names += ["found at 10 %", "z-test 10 %: glm", "z-test 10 %: history"]
        print("| " + " | ".join(names) + " |")
        print("|" + "---|" * len(names))
        for (family, spikes), some in part.groupby(["family", "spikes"], sort=False):
            kept = some[some.refused.isna()]
            told = [_spread(kept[f"false_{promise:g}"]) for promise in PROMISES]
            naive = [f"{some[f'{name}_naive_0.1'].mean():.0%}" for name in ("glm", "glm_history")]
            cells = [family, f"{spikes:.0e}", str(len(some)), str(len(some) - len(kept))]
            cells += [f"{kept.phantoms.mean():.0%}", f"{kept.ece.mean():.3f}", *told]
            print("| " + " | ".join([*cells, f"{kept['recall_0.1'].mean():.0%}", *naive]) + " |")
        for name in ("glm", "glm_history"):
            known = good.dropna(subset=[f"{name}_expected"])
            if len(known) > 2:
                rest = np.square(known[f"{name}_expected"] - known[f"{name}_total"]).sum()
                whole = np.square(known[f"{name}_total"] - known[f"{name}_total"].mean()).sum()
                off = np.abs(known[f"{name}_expected"] / known[f"{name}_total"] - 1)
                print(
                    f"\n{name}: total error predicted within {off.median():.1%} (median; worst "
                    f"{off.max():.0%}), r^2 {1 - rest / whole:.3f} over {len(known)} recordings"
                )
        able = good[good["phantoms"] > 1.5 * PROMISES[-1]]  # a list of all pairs would not keep the promise
        for promise in PROMISES:
            false = able[f"false_{promise:g}"]
            inside = (np.abs(false - promise) <= 0.03).mean()
            print(
                f"\n{promise:.0%} promised, where more than 30 % of the pairs are not connected "
                f"({len(able)} recordings): {false.mean():.1%} delivered on the mean, within 3 points in "
                f"{inside:.0%} of them, worst {false.max():.1%}"
            )


def _spread(values):
    """Mean, and the range of several."""
    values = values.dropna()
    if len(values) < 2:
        return f"{values.mean():.1%}" if len(values) else "none listed"
    return f"{values.mean():.1%} ({values.min():.1%} to {values.max():.1%})"


if __name__ == "__main__":
    print_tables(pd.read_csv(sys.argv[1]))
