"""A generator as configs and commands give it: by its name, with strength, threshold and options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from circuitbias.checks import number
from circuitbias.component import Generator
from circuitbias.config_schema import component
from circuitbias.dynamics.generator import Engine
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.networks.network import Network


@dataclass(frozen=True)
class NamedModel:
    """A model with all its parameters.

    Attributes
    ----------
    family : str
    parameters : ThresholdParameters or None
        Of the threshold model.
    generator : Generator or None
        Of any other one.
    r, theta : float
    """

    family: str
    parameters: ThresholdParameters | None
    generator: Generator | None
    r: float
    theta: float

    @classmethod
    def of(cls, given: Mapping, family: str | Generator = "threshold") -> "NamedModel":
        """Read a model.

        Parameters
        ----------
        given : mapping
            ``r``, ``theta`` and options; also ``family``, if it is not given by itself.

        Raises
        ------
        ValueError
            If the family, an option or a value is not allowed, or ``r`` or ``theta`` of the threshold model
            is missing.
        """
        given = dict(given)
        family = given.pop("family", family)
        if family == "threshold":
            parameters = ThresholdParameters.from_dict(given)
            return cls(family, parameters, None, parameters.r, parameters.theta)
        r, theta = (number(name, given.pop(name, 0.0)) for name in ("r", "theta"))
        return cls(family, None, component("generators", family, given), r, theta)

    @property
    def dt_ms(self) -> float:
        """Length of a step."""
        return (self.parameters or self.generator).dt_ms

    @property
    def module(self) -> str:
        """Module of the generator, beside that which simulates the threshold model."""
        return type(self.generator).__module__ if self.generator else __name__

    def told(self) -> dict:
        """All parameters, as JSON has them."""
        if self.parameters:
            return self.parameters.to_dict()
        known = {"family": self.family, "r": self.r, "theta": self.theta, "dt_ms": self.dt_ms}
        return known | self.generator.options()

    def at(self, theta: float) -> "NamedModel":
        """The same with another threshold."""
        parameters = self.parameters and replace(self.parameters, theta=theta)
        return replace(self, parameters=parameters, theta=theta)

    @property
    def repeats(self) -> bool:
        """Whether a neuron may fire more than once in a step."""
        return bool(self.generator and self.generator.repeats)

    def engine(self, network: Network) -> ThresholdParameters | Engine | None:
        """What `circuitbias.dynamics.simulate.simulate` takes; None if the generator has no engine."""
        return self.parameters or self.generator.engine(network, r=self.r, theta=self.theta)

    def searched(self, network: Network) -> ThresholdParameters | Callable[[float], Engine]:
        """What `circuitbias.dynamics.threshold_search.threshold_for_rate` takes.

        Raises
        ------
        ValueError
            If the generator has no engine.
        """
        if self.generator and type(self.generator).engine is Generator.engine:
            raise ValueError(
                f"thresholds are found for generators with a compiled engine, not for {self.family}"
            )
        return self.parameters or (lambda theta: self.at(theta).engine(network))
