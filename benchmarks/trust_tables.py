"""Print the tables of docs/trust.md from that of benchmarks/trust.py: ``trust_tables.py TABLE``."""

import sys

import numpy as np
import pandas as pd
from scipy.stats import binom

PROMISES = (0.05, 0.1, 0.2)
WITHIN = 0.03
ABLE = 0.3  # share of phantoms below which a list of all pairs would keep 20 %, or nearly


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
        _print_pooled(good[good["phantoms"] > ABLE])


def _print_pooled(able):
    """Print what was delivered where a list could break its promise, pooled, and what chance explains."""
    if not len(able):
        return
    names = [f"{promise:.0%}" for promise in PROMISES]
    print(f"\nPooled, where more than {ABLE:.0%} of the couplings are phantoms:\n")
    head = ["network", "lists"] + [
        f"{name} {what}" for name in names for what in ("promised", "within 3 points", "by chance")
    ]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    groups = [*able.groupby("family", sort=False), ("all", able)]
    for family, some in groups if len(groups) > 2 else groups[:1]:
        cells = [family, str(len(some))]
        for promise in PROMISES:
            listed = some[f"listed_{promise:g}"].to_numpy().astype(int)
            false = np.nan_to_num(some[f"false_{promise:g}"].to_numpy()) * listed
            share, error = pooled(false, listed)
            inside = np.abs(false / np.maximum(listed, 1) - promise) <= WITHIN
            cells += [
                f"{share:.1%} ± {error:.1%}" if len(some) > 1 else f"{share:.1%}",
                f"{inside.mean():.0%}",
            ]
            cells += [f"{np.mean([by_chance(promise, n) for n in listed]):.0%}"]
        print("| " + " | ".join(cells) + " |")


def pooled(false, listed):
    """Share of false ones over all lists, and its standard error by the scatter of the lists."""
    share, k = false.sum() / max(listed.sum(), 1), len(listed)
    rest = np.square(false - share * listed).sum() * k / max(k - 1, 1)
    return share, np.sqrt(rest) / max(listed.sum(), 1) if k > 1 else np.nan


def by_chance(promise, listed):
    """Probability that a list of so many is within 3 points of a promise that is kept exactly."""
    low, high = np.ceil((promise - WITHIN) * listed - 1e-9), np.floor((promise + WITHIN) * listed + 1e-9)
    return binom.cdf(high, listed, promise) - binom.cdf(low - 1, listed, promise)


def _spread(values):
    """Mean, and the range of several."""
    values = values.dropna()
    if len(values) < 2:
        return f"{values.mean():.1%}" if len(values) else "none listed"
    return f"{values.mean():.1%} ({values.min():.1%} to {values.max():.1%})"


if __name__ == "__main__":
    print_tables(pd.read_csv(sys.argv[1]))
