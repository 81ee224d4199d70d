"""Options that several methods have, in the same words."""

from typing import Literal

from circuitbias.component import Component, option

STRONGEST = 0.002289
"""Strongest inhibition of the paper's ring, at distance 9: the bound of its random weights."""

ErrorKind = Literal["model", "sandwich", "jackknife"]


def bin_width(default: int = 100):
    """Steps in a bin."""
    return option(default, "Width of a bin of spike counts (steps).", least=1, most=100_000)


def response_width():
    """Steps in a bin of the response of methods that look at the past step by step."""
    says = "Width of the bins of the response (steps); the past is filtered step by step."
    return option(10, says, least=1, most=100_000)


def correlogram_width():
    """Steps in a bin of a correlogram whose peaks are sought."""
    return option(3, "Width of a bin of the correlograms (steps).", least=1, most=100_000)


def binarised():
    """Whether a neuron fires in a bin, and not how often."""
    return option(False, "Reduce counts to 0 or 1.")


def quadratic_penalty():
    """Strength of the penalty that keeps all couplings finite."""
    return option(
        0.0,
        "Strength of the quadratic penalty: ridge / 2 times the sum of squared couplings is added to the "
        "mean log-loss of a bin (nats). Above 0 every fit is finite.",
        least=0,
    )


def with_own_past():
    """Whether a neuron's own past is a covariate."""
    return option(True, "Whether a neuron's own past is among the covariates of its regression.")


def convergence():
    """When a fit is finished."""
    return option(1e-8, "Relative size of the gradient at which the fit has converged.", above=0, below=0.01)


def kind_of_errors(default: str = "model"):
    """What standard errors are made of."""
    return option(
        default,
        "Standard errors: what the `model` itself predicts, what residuals of independent bins show "
        "(`sandwich`), or what blocks of the recording left out in turn do (`jackknife`).",
    )


def most_passes():
    """When a fit is given up."""
    return option(200, "Largest number of passes over the data.", least=1)


def longest_lag(default: float = 20.0):
    """Half the width of a correlogram."""
    return option(default, "Largest lag of the correlogram (ms).", above=0)


def connecting_lag():
    """Lag below which a pair counts as connected."""
    says = "A pair is connected if the lag it is decided by is shorter (ms); null takes `generator.tau_ms`."
    return option(None, says, above=0)


def slip_of_the_paper():
    """Whether to repeat the slip in a published formula."""
    return option(False, "Repeat the slip in the published formula, which makes the published curve.")


def which_estimators():
    """Estimators that an experiment uses."""
    says = "Names out of `estimators`; null takes all."
    return option(None, says, fewest=1, different=True)


def which_strengths():
    """Strengths that an experiment looks at."""
    return option(None, "Strengths out of `strengths`; null takes all.", above=0, fewest=1, different=True)


def beginning():
    """Part of a recording that an experiment uses."""
    says = "Use the beginning of each recording with so many spikes; null takes all of it."
    return option(None, says, least=1000)


def fractions():
    """How small the parts of a recording become."""
    return option(
        2.0,
        "The smallest fraction of a recording is 10 to the minus this; four fractions a decade.",
        least=0,
        most=8,
    )


class Phases(Component):
    """What every entry of estimators may say of the phases of a drive."""

    phase_ms: tuple[float, ...] = option(
        (),
        "Use only the bins of one phase of the drive: from where to where in its cycle (ms), a bin or more. "
        "For methods that look at each bin by itself.",
        least=0,
        fewest=2,
        longest=2,
        different=True,
    )
    phase_offsets: bool = option(
        False,
        "Give every neuron an offset of its own in each bin of the drive's cycle, instead of one. For the "
        "same methods; a cycle must be a whole number of bins.",
    )


def of_phases() -> dict:
    """JSON schemas of these two, which have no default: most estimates know of no phases."""
    parts = Phases.schema()["properties"]
    return {name: {key: part[key] for key in part if key != "default"} for name, part in parts.items()}
