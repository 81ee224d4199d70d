"""Published numbers beside ours in a sentence or two, for the caption of a figure."""

from pathlib import Path

import pandas as pd

from circuitbias.catalogue import pictures

_WORDS = {"total": "total error", "bias": "bias", "variance": "variance error"}
_VERDICTS = {  # of one number, and of several
    "agrees": ("agrees", "agree"),
    "differs": ("differs", "differ"),
    "no error known": ("has no error known", "have no error known"),
    "too few spikes": ("takes more spikes to compare", "take more spikes to compare"),
    "no value": ("has no value of ours", "have no value of ours"),
}
_OLDER = " on the older scale"  # of quantities that end in _l1
_MOST_EXAMPLES = 3


class Beside(str):
    """Places of tables of the comparison with the paper, a line each; they are read when words are asked for.

    A text, so that a rule can have it for a parameter: the tables are made after the rule is planned, and
    what stands in them is no reason to draw a figure again.
    """

    def in_words(self, figure: str) -> str:
        """Say how the published numbers that a figure shows lie beside ours; nothing if there are none."""
        files = [Path(line) for line in self.splitlines() if Path(line).is_file()]
        tables = [pd.read_csv(file) for file in files]
        return sentences(pd.concat(tables), pictures()[figure].compared) if tables else ""


def sentences(comparison: pd.DataFrame, compared: tuple[tuple[str, str], ...]) -> str:
    """Say how many published numbers agree with ours, and give those of the largest strength.

    Parameters
    ----------
    comparison : DataFrame
        Columns `circuitbias.comparison.verdicts.COLUMNS`.
    compared : tuple of (str, str)
        Quantities, and a pattern that their condition has.

    Returns
    -------
    str
        In reStructuredText; empty if there is no such number.
    """
    conditions = comparison.condition.astype(object).fillna("").astype(str)
    parts = [
        comparison[(comparison.quantity == quantity) & conditions.str.fullmatch(pattern)]
        for quantity, pattern in compared
    ]
    shown = pd.concat(parts) if parts else comparison.iloc[:0]
    if shown.empty:
        return ""
    counts = shown.verdict.value_counts()
    verdicts = ", ".join(f"{n} {_VERDICTS[verdict][n > 1]}" for verdict, n in counts.items())
    examples = [text for part in parts if (text := _example(part))][:_MOST_EXAMPLES]
    words = f"**Published beside ours**: of {len(shown)} numbers {verdicts}."
    return " ".join([words, *([f"For example {'; '.join(examples)}."] if examples else [])])


def _example(rows: pd.DataFrame) -> str:
    """Give both numbers of the first estimator at the largest strength at which there are both."""
    known = rows[rows.ours.notna() & rows.published.notna() & rows.verdict.isin(["agrees", "differs"])]
    if known.empty:
        return ""
    row = (
        known.loc[known.estimator.fillna("") == known.estimator.fillna("").iloc[0]].sort_values("r").iloc[-1]
    )
    name = row.quantity.removesuffix("_l1")
    name = _WORDS.get(name, name.replace("_", " ")) + _OLDER * row.quantity.endswith("_l1")
    where = [f"``{row.estimator}``"] if isinstance(row.estimator, str) and row.estimator else []
    where += [f"r = {row.r:g}"] if pd.notna(row.r) else []
    where += [str(row.condition)] if isinstance(row.condition, str) and row.condition else []
    now = (
        f" ({row.expected:.3g} to be expected here)"
        if f"{row.expected:.3g}" != f"{row.published:.3g}"
        else ""
    )
    return f"{name} ({', '.join(where)}): published {row.published:.3g}{now}, ours {row.ours:.3g}"
