"""What every estimator returns, and the warnings it may give."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from circuitbias.files import DamagedFileError, atomic_path, damaged, read_arrays


class EstimationWarning(UserWarning):
    """A part of the couplings could not be estimated and is NaN; the message says which and why."""


class ConstantNeuronWarning(EstimationWarning):
    """A neuron has the same count in every bin: nothing can be inferred to or from it."""


class CollinearNeuronsWarning(EstimationWarning):
    """Counts of some neurons are an exact linear function of others': their couplings are not unique."""


class SeparableCountsWarning(EstimationWarning):
    """A neuron never fires in the bins of another one, or in those alone: that coupling is infinite."""


class NoSolutionWarning(EstimationWarning):
    """The equations of an approximation have no real solution for a pair of neurons."""


class FlatBackgroundWarning(EstimationWarning):
    """The background of a pair's correlogram does not vary: there is no scale for a z-score."""


class SaturatedNeuronWarning(EstimationWarning):
    """The inputs of a neuron are above its threshold most of the time that it fires."""


class NotConvergedWarning(EstimationWarning):
    """The fit of a neuron did not reach its tolerance."""


class NoCouplingsWarning(EstimationWarning):
    """No pair at all has a coupling; the message says what may help."""


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

    def save(self, path: str | Path) -> None:
        """Write a .npz file, aside and then renamed."""
        texts = {"diagnostics": self.diagnostics, "provenance": self.provenance}
        with atomic_path(path) as aside, open(aside, "wb") as file:
            np.savez_compressed(
                file,
                values=self.values,
                **{f"array_{name}": array for name, array in self.arrays.items()},
                **{name: json.dumps(text, sort_keys=True) for name, text in texts.items()},
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
