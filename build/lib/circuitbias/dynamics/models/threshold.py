"""The threshold model as a component; `circuitbias.dynamics.threshold_sam` is its readable reference."""

from circuitbias.component import Generator, option
from circuitbias.dynamics.engines.threshold import ThresholdEngine
from circuitbias.dynamics.parameters import ThresholdParameters


class Threshold(Generator):
    """The threshold model of Das & Fiete (2020): noise that is on now and then, exponential synapses."""

    b: float = option(0.001, "Constant drive of every neuron.", above=0)
    sigma: float = option(0.3, "Standard deviation of the noise, in units of b.", above=0)
    rho: float = option(0.0668072, "Probability that the noise is on in a step.", least=0, most=1)
    tau_ms: float = option(10.0, "Decay time of the synaptic variable (ms).", above=0)
    dt_ms: float = option(0.1, "Time step (ms), shorter than `generator.tau_ms`.", above=0)

    def engine(self, network, *, r, theta, schedule=None):
        """Its kernel, of `circuitbias.dynamics.engines.cpu`."""
        return ThresholdEngine(network, ThresholdParameters(r, theta, **self.options()), schedule)
