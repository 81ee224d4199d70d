"""The threshold model on a network, ready for the kernel of a CPU."""

import numpy as np

from circuitbias.dynamics.engines.cpu import advance
from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, uniforms
from circuitbias.dynamics.engines.rows import SynapticRows
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.networks.network import Network


class ThresholdEngine:
    """The threshold model of Das & Fiete on a network: see `circuitbias.dynamics.generator.Engine`.

    Parameters
    ----------
    network : Network
    parameters : ThresholdParameters
    """

    def __init__(self, network: Network, parameters: ThresholdParameters):
        drive = parameters.b * network.drive_scale
        self.parameters = parameters
        self.rows = SynapticRows.of(network.weights, parameters.r)
        self.margin = parameters.theta - drive
        self.noise_sd = parameters.sigma * np.abs(drive)  # the noise is symmetric
        self.n_neurons, self.dt_ms, self.most_events = network.n_neurons, parameters.dt_ms, network.n_neurons
        self.input_scale = parameters.b * float(np.abs(network.drive_scale).max())

    def start(self, seed, trial):
        """Recurrent input from a random activation, uniform on (0, 1)."""
        return self.rows.summed(uniforms(seed, trial, 0, 1, self.n_neurons, STREAM_INITIAL_STATE)[0])

    def advance(self, state, seed, trial, first_step, n_steps, stop_after, steps, neurons):
        """See `circuitbias.dynamics.generator.Engine.advance`."""
        p = self.parameters
        known = *self.rows, p.decay, self.margin, self.noise_sd, p.rho, np.uint64(seed)
        return advance(state, *known, trial, first_step, n_steps, stop_after, steps, neurons)

    def silence(self, state):
        """See `circuitbias.dynamics.generator.Engine.silence`."""
        p = self.parameters
        return (
            f"theta={p.theta:g} is out of reach of the drive b={p.b:g} with its noise (one sd: "
            f"{p.b * p.sigma:g}, on with probability rho={p.rho:g}) and the recurrent input of r={p.r:g} "
            f"(now {state.min():g} ... {state.max():g}). Lower theta"
        )
