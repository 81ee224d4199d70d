"""A generator of a user's own."""

import numpy as np

from circuitbias import Generator, option


class RateModel(Generator):
    """Neurons that fire at random, at a rate which falls or rises with their filtered input."""

    base_hz: float = option(40.0, "Rate without input (Hz).", above=0, below=1000)
    tau_ms: float = option(10.0, "Decay time of the input (ms).", above=0)

    def spikes(self, network, *, r, rng, chunk_steps, **_):
        """Go on for ever, step by step."""
        weights, h = network.dense_weights(), np.zeros(network.n_neurons)
        while True:
            raster = np.zeros((chunk_steps, network.n_neurons), dtype=bool)
            for step in range(chunk_steps):
                chance = self.base_hz * self.dt_ms / 1000 * np.exp(np.minimum(r * h, 5))
                raster[step] = rng.random(network.n_neurons) < chance
                h += raster[step] @ weights - h * self.dt_ms / self.tau_ms
            yield np.nonzero(raster)
