"""A generator as configs and commands give it: by its name, with strength, threshold and options."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from circuitbias.catalogue import name_of
from circuitbias.checks import number, require
from circuitbias.component import Drive, Generator
from circuitbias.config_schema import component
from circuitbias.dynamics.engines.threshold import ThresholdEngine
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
    drive: Drive | None = None

    @classmethod
    def of(cls, given: Mapping, family: str | Generator = "threshold") -> "NamedModel":
        """Read a model.

        Parameters
        ----------
        given : mapping
            ``r``, ``theta`` and options; also ``family``, if it is not given by itself, and ``drive``: its
            family and options.

        Raises
        ------
        ValueError
            If the family, an option or a value is not allowed, or ``r`` or ``theta`` of the threshold model
            is missing.
        """
        given = dict(given)
        family, drive = given.pop("family", family), _drive(given.pop("drive", None))
        if family == "threshold":
            parameters = ThresholdParameters.from_dict(given)
            return cls(family, parameters, None, parameters.r, parameters.theta, drive)
        r, theta = (number(name, given.pop(name, 0.0)) for name in ("r", "theta"))
        generator = component("generators", family, given)
        if drive and "schedule" not in inspect.signature(generator.engine).parameters:
            raise ValueError(
                f"drive = {name_of('drives', type(drive))}: {family} has none that changes in time"
            )
        return cls(family, None, generator, r, theta, drive)

    @property
    def dt_ms(self) -> float:
        """Length of a step."""
        return (self.parameters or self.generator).dt_ms

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules of the generator and the drive, beside those that simulate the threshold model."""
        return tuple(type(part).__module__ for part in (self.generator, self.drive) if part)

    def told(self, n_neurons: int) -> dict:
        """Return all parameters, ready for JSON; a drive adds the length of its cycle."""
        drive = {}
        if self.drive:
            cycle_steps = self.drive.schedule(n_neurons, self.dt_ms).cycle_steps
            family = name_of("drives", type(self.drive))
            drive = {"drive": {"family": family, "cycle_steps": cycle_steps} | self.drive.told()}
        if self.parameters:
            return self.parameters.to_dict() | drive
        known = {"family": self.family, "r": self.r, "theta": self.theta, "dt_ms": self.dt_ms}
        return known | self.generator.options() | drive

    def at(self, theta: float) -> "NamedModel":
        """Return the same model with another threshold."""
        parameters = self.parameters and replace(self.parameters, theta=theta)
        return replace(self, parameters=parameters, theta=theta)

    @property
    def repeats(self) -> bool:
        """Whether a neuron may fire more than once in a step."""
        return bool(self.generator and self.generator.repeats)

    def engine(self, network: Network) -> ThresholdParameters | Engine | None:
        """Return what `circuitbias.dynamics.simulate.simulate` takes; None without an engine."""
        schedule = self.drive and self.drive.schedule(network.n_neurons, self.dt_ms)
        if self.parameters:
            return ThresholdEngine(network, self.parameters, schedule) if schedule else self.parameters
        under = {"schedule": schedule} if schedule else {}
        return self.generator.engine(network, r=self.r, theta=self.theta, **under)

    def searched(self, network: Network) -> ThresholdParameters | Callable[[float], Engine]:
        """Return what `circuitbias.dynamics.threshold_search.threshold_for_rate` takes.

        Raises
        ------
        ValueError
            If the generator has no engine.
        """
        if self.generator and type(self.generator).engine is Generator.engine:
            raise ValueError(
                f"thresholds are found for generators with a compiled engine, not for {self.family}"
            )
        if self.parameters and not self.drive:
            return self.parameters
        return lambda theta: self.at(theta).engine(network)


def _drive(given: Mapping | Drive | None) -> Drive | None:
    """A drive as it is given; None if it is steady."""
    if given is None or isinstance(given, Drive):
        return given
    require(isinstance(given, Mapping), "drive", given, "a mapping such as {'family': 'release'}")
    options = dict(given)
    family = options.pop("family", "steady")
    return None if family == "steady" else component("drives", family, options)
