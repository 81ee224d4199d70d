"""Drives that change in time and repeat themselves: suppression, resets, clamps, pulses.

A recording begins with a cycle, so that step t of it has the phase t modulo the cycle's length.
"""

import numpy as np

from circuitbias.checks import require
from circuitbias.component import Drive, option
from circuitbias.dynamics.schedule import Schedule


class Steady(Drive):
    """The same drive all the time."""

    def schedule(self, n_neurons, dt_ms):
        """None: there is nothing to change."""
        return None


class Release(Drive):
    """The drive is on, and then lowered or off: networks that are suppressed and released again and again."""

    on_ms: float = option(20.0, "Time with the full drive; a cycle begins with it (ms).", above=0)
    off_ms: float = option(20.0, "Time of suppression (ms).", above=0)
    level: float = option(0.0, "Factor of the drive and its noise while it is suppressed.", least=0)

    def schedule(self, n_neurons, dt_ms):
        """Two parts: on and off."""
        return Schedule(steps_of(self, dt_ms, "on_ms", "off_ms"), levels=[1.0, self.level])


class Reset(Drive):
    """All synaptic variables are set to 0 at regular times."""

    every_ms: float = option(20.0, "Time between resets (ms).", above=0)

    def schedule(self, n_neurons, dt_ms):
        """One part, which begins with a reset."""
        return Schedule(steps_of(self, dt_ms, "every_ms"), resets=[True])


class Clamp(Drive):
    """The input of all neurons is free, and then held at one value, without noise."""

    free_ms: float = option(20.0, "Time of free input; a cycle begins with it (ms).", above=0)
    held_ms: float = option(20.0, "Time of held input (ms).", above=0)
    value: float = option(0.0, "What the whole input is held at, in the units of the drive.")

    def schedule(self, n_neurons, dt_ms):
        """Two parts: free and held."""
        return Schedule(steps_of(self, dt_ms, "free_ms", "held_ms"), clamps=[np.nan, self.value])


class Pulses(Drive):
    """Some neurons get a pulse of input at regular times."""

    neurons: tuple[int, ...] = option(
        (0,), "Neurons that get the pulses, from 0.", least=0, fewest=1, different=True
    )
    size: float = option(0.001, "Input that a pulse adds, in the units of the drive.")
    width_ms: float = option(10.0, "Length of a pulse; a cycle begins with it (ms).", above=0)
    rest_ms: float = option(90.0, "Time from the end of a pulse to the next one (ms).", above=0)

    def schedule(self, n_neurons, dt_ms):
        """Two parts: pulse and rest."""
        most = max(self.neurons)
        require(most < n_neurons, "drive.neurons", list(self.neurons), f"at most {n_neurons - 1}")
        inputs = np.zeros((2, n_neurons))
        inputs[0, list(self.neurons)] = self.size
        return Schedule(steps_of(self, dt_ms, "width_ms", "rest_ms"), inputs=inputs)


def steps_of(drive: Drive, dt_ms: float, *names: str) -> list[int]:
    """Times of a drive in whole steps.

    Raises
    ------
    ValueError
        If one is no multiple of the step.
    """
    lengths = []
    for name in names:
        value = getattr(drive, name)
        steps = round(value / dt_ms)
        whole = steps >= 1 and abs(value / dt_ms - steps) < 1e-6 * steps
        require(whole, f"drive.{name}", value, f"a multiple of the time step, {dt_ms:g} ms")
        lengths.append(steps)
    return lengths
