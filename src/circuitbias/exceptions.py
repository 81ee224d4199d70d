"""Errors and warnings that several rooms share."""

from collections.abc import Iterator
from contextlib import contextmanager

EXTRAS = {"torch": "torch", "snakemake": "workflow", "bokeh": "explore"}
"""Optional libraries, and the extra of the package that brings each."""


class MissingExtraError(ImportError):
    """A library is missing that only some parts need; the message names the extra that brings it."""


@contextmanager
def naming_extra(what: str) -> Iterator[None]:
    """Say in one sentence which extra brings an optional library that an import inside does not find.

    Parameters
    ----------
    what : str
        What needs it: the first words of the message.

    Raises
    ------
    MissingExtraError
        In place of the ModuleNotFoundError of a library in `EXTRAS`; all other errors pass.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in EXTRAS:
            raise
        raise MissingExtraError(
            f"{what} needs {library}, which is not installed: pip install 'circuitbias[{EXTRAS[library]}]'",
            name=library,
        ) from error


class MissingInputError(ValueError):
    """A step was not given what its experiment or figure needs: the message names the argument."""


class UnusableDataError(ValueError):
    """The data do not allow what was asked for; the message says why, and what would help.

    A result of science, not a fault: sweeps and the workflow note it and go on; any other error stops them.
    """


class ActivityWarning(UserWarning):
    """The activity is not one from which couplings can be learned; the message says why, with numbers."""


class SaturatedActivityWarning(ActivityWarning):
    """Neurons fire nearly all the time: the network runs away, or its drive exceeds the threshold."""


class SilentNeuronsWarning(ActivityWarning):
    """Some neurons never fire: nothing can be inferred to or from them."""
