"""What every estimator returns, and the warnings it may give."""

import json
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from circuitbias.files import DamagedFileError, atomic_path, damaged, read_arrays


class EstimationWarning(UserWarning):
    """A part of the couplings could not be estimated and is NaN; the message says which and why.

    Parameters
    ----------
    *words
        The message.
    neurons : array_like of int, optional
        Couplings from them and to them are NaN.
    targets : array_like of int, optional
        Couplings to them are NaN.
    pairs : array_like of int, shape (n_pairs, 2), optional
        Couplings of these pairs (pre, post) are NaN.

    Attributes
    ----------
    why : str
        The reason in a few words, for a table of pairs.
    """

    why = "could not be estimated"

    def __init__(self, *words, neurons=(), targets=(), pairs=()):
        super().__init__(*words)
        self.neurons, self.targets, self.pairs = neurons, targets, pairs

    def concerns(self, n: int) -> np.ndarray | None:
        """Which [pre, post] of n neurons it is about, shape (n, n); None if it does not say."""
        about = np.zeros((n, n), dtype=bool)
        about[list(self.neurons), :] = about[:, list(self.neurons)] = about[:, list(self.targets)] = True
        about[tuple(np.reshape(self.pairs, (-1, 2)).astype(int).T)] = True
        return about if about.any() else None


class ConstantNeuronWarning(EstimationWarning):
    """A neuron has the same count in every bin: nothing can be inferred to or from it."""

    why = "one of the two has the same count in every bin"


class CollinearNeuronsWarning(EstimationWarning):
    """Counts of some neurons are an exact linear function of others': their couplings are not unique."""

    why = "counts are a linear function of those of others"


class SeparableCountsWarning(EstimationWarning):
    """A neuron never fires in the bins of another one, or in those alone: that coupling is infinite."""

    why = "infinite: they never fire together, or one never without the other"


class NoSolutionWarning(EstimationWarning):
    """The equations of an approximation have no real solution for a pair of neurons."""

    why = "the equations of the method have no solution"


class FlatBackgroundWarning(EstimationWarning):
    """The background of a pair's correlogram does not vary: there is no scale for a z-score."""

    why = "the background of the correlogram does not vary"


class SaturatedNeuronWarning(EstimationWarning):
    """The inputs of a neuron are above its threshold most of the time that it fires."""


class NotConvergedWarning(EstimationWarning):
    """The fit of a neuron did not reach its tolerance."""

    why = "the fit did not converge"


class NoCouplingsWarning(EstimationWarning):
    """No pair at all has a coupling; the message says what may help."""


def warn(warning: EstimationWarning) -> None:
    """Give a warning in the name of the line that called the package."""
    frame, level = sys._getframe(1), 2
    # What is counted when it is first asked for is called by functools.
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ("circuitbias", "functools"):
        frame, level = frame.f_back, level + 1
    warnings.warn(warning, stacklevel=level)


def warn_constant(constant: np.ndarray) -> None:
    """Warn of neurons with a constant count, if any: (n,) bool."""
    if constant.any():
        neurons = np.flatnonzero(constant)
        says = f"neurons {neurons.tolist()} have the same count in every bin: their couplings are NaN"
        warn(ConstantNeuronWarning(says, neurons=neurons))


@dataclass(frozen=True)
class Certificate:
    """How far a fit is from its optimum.

    Attributes
    ----------
    passes : int
        Over the data.
    largest_scaled_gradient : float or None
        Over all neurons that have a fit, in the units of the method's tolerance; None if none has.
    n_not_converged : int
        Neurons without a fit, as it did not reach the tolerance.
    """

    passes: int
    largest_scaled_gradient: float | None
    n_not_converged: int = 0

    def reaches(self, tolerance: float) -> bool:
        """Whether all neurons have a fit that reaches a tolerance."""
        return not self.n_not_converged and not (self.largest_scaled_gradient or 0.0) > tolerance

    def __str__(self):
        if self.largest_scaled_gradient is None:
            return "nothing was fitted"
        return f"largest scaled gradient {self.largest_scaled_gradient:.1e}"


@dataclass
class Couplings:
    """Estimated couplings between all pairs of neurons.

    Attributes
    ----------
    values : ndarray of float64, shape (n, n)
        ``values[i, j]`` is the coupling from neuron i (pre) to neuron j (post), as in W0, up to one
        scale factor. The diagonal is NaN, and so is what could not be estimated.
    diagnostics : dict
        What the method says of its own run: convergence, sizes; no times. Anything JSON can hold.
    arrays : dict of str to ndarray
        Further results of the method, each described where the method is.
    provenance : dict
        What made it.
    """

    values: np.ndarray
    diagnostics: dict = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    provenance: dict = field(default_factory=dict)

    def __post_init__(self):
        values = np.asarray(self.values)
        if values.dtype.kind not in "iuf":
            raise ValueError(f"couplings must be real numbers, got dtype {values.dtype}")
        self.values = np.array(values, dtype=np.float64)
        if self.values.ndim != 2 or self.values.shape[0] != self.values.shape[1]:
            raise ValueError(f"couplings must be a square matrix, got shape {self.values.shape}")
        np.fill_diagonal(self.values, np.nan)

    def __repr__(self):
        n = len(self.values)
        known = self.values[np.isfinite(self.values)]
        span = f", from {known.min():.3g} to {known.max():.3g}" if known.size else ""
        by = f" by {self.diagnostics['method']}" if "method" in self.diagnostics else ""
        return (
            f"Couplings{by}: {n} neurons, {known.size} of {n * (n - 1)} pairs{span}\n"
            f"  values, diagnostics ({len(self.diagnostics)}), arrays ({', '.join(self.arrays) or 'none'})"
        )

    @property
    def certificate(self) -> Certificate | None:
        """How far the fit is from its optimum; None of a method with a closed form."""
        told = self.diagnostics
        if "largest_scaled_gradient" not in told:
            return None
        return Certificate(**{name: told[name] for name in Certificate.__dataclass_fields__ if name in told})

    @property
    def n_counts(self) -> float | None:
        """Sum of the binned values behind the estimate, if the method says it."""
        return self.diagnostics.get("n_counts")

    @property
    def units(self) -> list[str]:
        """Ids of the neurons: those of a recording (array ``units``), else their numbers."""
        return self.arrays.get("units", np.arange(len(self.values))).astype(str).tolist()

    @property
    def standard_errors(self) -> np.ndarray:
        """Standard error of each coupling, shape (n, n); NaN where the method gives none, or one a lag."""
        errors = self.arrays.get("standard_errors", np.empty(0))
        errors = errors.reshape(errors.shape[-2:]) if errors.size == self.values.size else np.nan
        return np.where(np.isfinite(self.values), errors, np.nan)

    def to_pandas(self):
        """Return a table with a row for each pair.

        Returns
        -------
        DataFrame
            Columns ``pre`` and ``post`` (ids of units), ``coupling``, ``standard_error`` and ``reason``: why
            there is none, where it is known (of a recording: `circuitbias.estimators.of_recording`).
        """
        import pandas as pd

        n, units = len(self.values), np.array(self.units, dtype=object)
        pre, post = np.nonzero(~np.eye(n, dtype=bool))
        words = np.array(self.diagnostics.get("reasons", [""]), dtype=object)
        return pd.DataFrame(
            {
                "pre": units[pre],
                "post": units[post],
                "coupling": self.values[pre, post],
                "standard_error": self.standard_errors[pre, post],
                "reason": words[self.arrays.get("reasons", np.zeros((n, n), dtype=int))[pre, post]],
            }
        )

    def to_networkx(self):
        """Return a directed graph of the pairs that have a coupling; needs networkx.

        Returns
        -------
        networkx.DiGraph
            Nodes are ids of units, edges have ``coupling`` and, if the method gives it, ``standard_error``.
        """
        import networkx

        graph = networkx.DiGraph()
        graph.add_nodes_from(self.units)
        for row in self.to_pandas().dropna(subset="coupling").itertuples():
            error = {} if np.isnan(row.standard_error) else {"standard_error": row.standard_error}
            graph.add_edge(row.pre, row.post, coupling=row.coupling, **error)
        return graph

    def save(self, path: str | Path) -> None:
        """Write a .npz file, aside and then renamed.

        Raises
        ------
        ValueError
            If JSON cannot hold what `diagnostics` or `provenance` say.
        """
        texts = {"diagnostics": self.diagnostics, "provenance": self.provenance}
        try:
            texts = {name: json.dumps(text, sort_keys=True) for name, text in texts.items()}
        except (TypeError, ValueError) as error:
            raise ValueError(f"diagnostics or provenance cannot be written as JSON ({error})") from error
        with atomic_path(path) as aside, open(aside, "wb") as file:
            np.savez_compressed(
                file,
                values=self.values,
                **{f"array_{name}": array for name, array in self.arrays.items()},
                **texts,
            )

    @classmethod
    def load(cls, path: str | Path) -> "Couplings":
        """Read what `save` has written.

        Raises
        ------
        OSError
            If it is missing, or the system cannot read it.
        DamagedFileError
            If the file is damaged or of another kind.
        """
        try:
            parts = read_arrays(path, "file of couplings", ("values", "diagnostics", "provenance"))
            return cls(
                values=parts["values"],
                diagnostics=json.loads(str(parts["diagnostics"])),
                arrays={
                    name.removeprefix("array_"): array
                    for name, array in parts.items()
                    if name.startswith("array_")
                },
                provenance=json.loads(str(parts["provenance"])),
            )
        except (OSError, MemoryError, DamagedFileError):
            raise
        except Exception as error:  # the arrays of another kind of file: json and numpy fail in many ways
            raise damaged(path, "file of couplings", error) from error
