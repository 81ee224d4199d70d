"""Order of events that share a step."""

from numba import njit


@njit(nogil=True, cache=True)
def sort_within_steps(steps, neurons):
    """Sort the neurons of each step, in place; steps are sorted, and few spikes share one."""
    for event in range(1, len(steps)):
        neuron, place = neurons[event], event
        while place and steps[place - 1] == steps[event] and neurons[place - 1] > neuron:
            neurons[place] = neurons[place - 1]
            place -= 1
        neurons[place] = neuron
