"""The threshold model on a network, ready for the kernel of a CPU."""

import numpy as np
from numba import njit

from circuitbias.dynamics.engines.cpu import advance
from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, uniforms
from circuitbias.dynamics.engines.rows import SynapticRows
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.schedule import Schedule, run_pieces
from circuitbias.networks.network import Network

_ALWAYS = 1e300
"""A margin that no input crosses."""


class ThresholdEngine:
    """The threshold model of Das & Fiete on a network: see `circuitbias.dynamics.generator.Engine`.

    Parameters
    ----------
    network : Network
    parameters : ThresholdParameters
    schedule : Schedule, optional
        How the drive changes.
    """

    def __init__(self, network: Network, parameters: ThresholdParameters, schedule: Schedule | None = None):
        drive = parameters.b * network.drive_scale
        self.parameters, self.schedule, self._drive = parameters, schedule, drive
        self.cycle_steps = schedule.cycle_steps if schedule else 0
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
        p, key = self.parameters, (np.uint64(seed), trial)
        if not self.schedule:
            known = *self.rows, p.decay, self.margin, self.noise_sd, p.rho, *key
            return advance(state, *known, first_step, n_steps, stop_after, steps, neurons)

        def run(pieces, first_step, stop_after, steps, neurons):
            drive = pieces.levels[:, None] * self._drive
            held = ~np.isnan(pieces.clamps)
            margin, noise_sd = p.theta - drive - pieces.inputs, p.sigma * np.abs(drive)
            margin[held] = np.where(pieces.clamps[held] > p.theta, -_ALWAYS, _ALWAYS)[:, None]
            noise_sd[held] = 0.0
            known = *self.rows, p.decay, margin, noise_sd, p.rho, *key, first_step
            return _advance_pieces(state, *known, *pieces[:3], stop_after, steps, neurons)

        return run_pieces(self, run, first_step, n_steps, stop_after, steps, neurons)

    def silence(self, state):
        """See `circuitbias.dynamics.generator.Engine.silence`."""
        p = self.parameters
        return (
            f"theta={p.theta:g} is out of reach of the drive b={p.b:g} with its noise (one sd: "
            f"{p.b * p.sigma:g}, on with probability rho={p.rho:g}) and the recurrent input of r={p.r:g} "
            f"(now {state.min():g} ... {state.max():g}). Lower theta"
        )


@njit(nogil=True, cache=True)
def _advance_pieces(
    h,
    row_weights,
    excites,
    decay,
    margin,
    noise_sd,
    rho,
    seed,
    trial,
    first_step,
    ends,
    which,
    resets,
    stop_after,
    event_steps,
    event_neurons,
):
    """Run `circuitbias.dynamics.engines.cpu.advance` over pieces, each with its margins and noise."""
    step, n_events = first_step, 0
    for piece in range(ends.shape[0]):
        if resets[piece]:
            h[:] = 0.0
        row = which[piece]
        done, found = advance(
            h,
            row_weights,
            excites,
            decay,
            margin[row],
            noise_sd[row],
            rho,
            seed,
            trial,
            step,
            ends[piece] - step,
            stop_after - n_events,
            event_steps[n_events:],
            event_neurons[n_events:],
        )
        step += done
        n_events += found
        if step < ends[piece] or n_events >= stop_after or event_steps.shape[0] - n_events < h.shape[0]:
            break
    return step - first_step, n_events
