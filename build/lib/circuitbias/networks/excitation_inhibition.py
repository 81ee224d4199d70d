"""Sparse networks of excitatory and inhibitory neurons: Dale's law."""

import numpy as np
from scipy.sparse import csr_array

from circuitbias.component import Examples, NetworkFamily, option
from circuitbias.networks.network import from_family
from circuitbias.options import STRONGEST


class ExcitationInhibition(NetworkFamily):
    """A sparse random network that keeps Dale's law: a neuron either excites or inhibits all its targets.

    The first ``round(excitatory * n_neurons)`` neurons excite, with weights uniform in (0, ``strongest``);
    the others inhibit, with weights uniform in (-``inhibition`` * ``strongest``, 0). No neuron is its own
    target. Excitation and inhibition of a neuron balance on average if ``inhibition`` is
    ``excitatory / (1 - excitatory)``.
    """

    n_neurons: int = option(100, "Number of neurons.", least=2, most=100_000)
    excitatory: float = option(0.8, "Fraction of the neurons that excite.", least=0, most=1)
    connected: float = option(0.1, "Probability that a neuron has a synapse on another one.", least=0, most=1)
    strongest: float = option(STRONGEST, "Largest weight of a neuron that excites.", above=0)
    inhibition: float = option(4.0, "Largest inhibition, in units of the largest excitation.", least=0)
    seed: int = option(1, "Of the random wiring.", least=0)

    examples = Examples({}, {"n_neurons": 2, "excitatory": 0.5, "connected": 1.0}, {"excitatory": 0.0})

    def build(self):
        """Make the network."""
        n, rng = self.n_neurons, np.random.default_rng(self.seed)
        targets = [np.flatnonzero(rng.random(n - 1) < self.connected) for _ in range(n)]
        targets = [found + (found >= neuron) for neuron, found in enumerate(targets)]  # never itself
        starts = np.cumsum([0, *map(len, targets)])
        sizes = self.strongest * (1 - rng.random(starts[-1]))  # in (0, strongest]: none is 0
        excites = np.arange(n) < round(self.excitatory * n)
        signs = np.repeat(np.where(excites, 1.0, -self.inhibition), np.diff(starts))
        weights = csr_array((signs * sizes, np.concatenate(targets), starts), shape=(n, n))
        return from_family("excitation_inhibition", self.options(), weights)
