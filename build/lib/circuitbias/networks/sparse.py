"""Random sparse networks: every neuron has the same number of inputs, from neurons that excite or inhibit."""

import numpy as np
from scipy.sparse import csr_array

from circuitbias.component import NetworkFamily, option
from circuitbias.networks.network import Network
from circuitbias.validation import checked


class Sparse(NetworkFamily):
    """A sparse random network: the same number of inputs to every neuron, which excite or inhibit."""

    n_neurons: int = option(1000, "Number of neurons.", least=2)
    n_inputs: int = option(100, "Inputs of every neuron, fewer than there are neurons.", least=1)
    excitatory: float = option(
        0.8, "Fraction of the neurons that excite, with weights 1 / n_inputs.", least=0, most=1
    )
    inhibition: float = option(5.0, "Size of an inhibitory weight, in units of an excitatory one.", least=0)
    seed: int = option(1, "Of the random wiring.", least=0)

    def build(self):
        """Make the network."""
        return sparse_network(**self.options())


def sparse_network(
    n_neurons: int = Sparse.n_neurons,
    n_inputs: int = Sparse.n_inputs,
    excitatory: float = Sparse.excitatory,
    inhibition: float = Sparse.inhibition,
    seed: int = Sparse.seed,
) -> Network:
    """Make a sparse random network with a fixed number of inputs to every neuron.

    The inputs of a neuron come from ``n_inputs`` different others, drawn with equal probability. The first
    ``round(excitatory * n_neurons)`` neurons excite, with weights ``1 / n_inputs``; the others inhibit, with
    weights ``-inhibition / n_inputs`` (Brunel, J. Comput. Neurosci. 8:183, 2000). So the weights of the
    inputs of a neuron add up to about ``excitatory - (1 - excitatory) * inhibition``, whatever their number.

    Parameters
    ----------
    n_neurons : int
        At least 2.
    n_inputs : int
        1 ... n_neurons - 1.
    excitatory : float
        Fraction of the neurons that excite, 0 ... 1.
    inhibition : float
        Size of an inhibitory weight, in units of an excitatory one.
    seed : int
        Of the wiring; at least 0.

    Returns
    -------
    Network
        Named "sparse", its weights a `scipy.sparse.csr_array`: memory grows with n_neurons * n_inputs.

    Raises
    ------
    ConfigError
        If a parameter is not what a config allows.

    Examples
    --------
    >>> sparse_network(n_neurons=10, n_inputs=3).weights.nnz
    30
    """
    options = {"n_neurons": n_neurons, "n_inputs": n_inputs, "excitatory": excitatory}
    options |= {"inhibition": inhibition, "seed": seed}
    options = checked(Sparse.schema(), options, "sparse_network")
    n_neurons, n_inputs, seed = (options[name] for name in ("n_neurons", "n_inputs", "seed"))
    excitatory, inhibition = options["excitatory"], options["inhibition"]
    rng = np.random.default_rng(seed)
    sources = np.empty((n_neurons, n_inputs), dtype=np.int32)
    for neuron in range(n_neurons):
        others = rng.choice(n_neurons - 1, n_inputs, replace=False, shuffle=False)
        sources[neuron] = others + (others >= neuron)  # everybody but the neuron itself
    excites = np.arange(n_neurons) < round(excitatory * n_neurons)
    targets = np.repeat(np.arange(n_neurons, dtype=np.int32), n_inputs)
    values = np.where(excites[sources.ravel()], 1.0, -inhibition) / n_inputs
    return Network(
        weights=csr_array((values, (sources.ravel(), targets)), shape=(n_neurons, n_neurons)),
        positions=np.arange(n_neurons),
        drive_scale=np.ones(n_neurons),
        name="sparse",
        circulant=False,
        provenance={"family": "sparse"} | options,
    )
