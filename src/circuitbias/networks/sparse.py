"""Random sparse networks: every neuron has the same number of inputs, from neurons that excite or inhibit."""

import numpy as np
from scipy.sparse import csr_array

from circuitbias.networks.network import Network


def sparse_network(
    n_neurons: int = 1000,
    n_inputs: int = 100,
    excitatory: float = 0.8,
    inhibition: float = 5.0,
    seed: int = 1,
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
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> sparse_network(n_neurons=10, n_inputs=3).weights.nnz
    30
    """
    for key, value, low, high in (
        ("n_neurons", n_neurons, 2, np.inf),
        ("n_inputs", n_inputs, 1, n_neurons - 1),
        ("seed", seed, 0, np.inf),
    ):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not (whole and low <= value <= high):
            limit = f"{low} ... {high}" if np.isfinite(high) else f"at least {low}"
            raise ValueError(f"{key}: {value!r} is not allowed; give an integer, {limit}")
    if not 0 <= excitatory <= 1:
        raise ValueError(f"excitatory: {excitatory!r} is not allowed; give a fraction, 0 ... 1")
    if not 0 <= inhibition < np.inf:
        raise ValueError(f"inhibition: {inhibition!r} is not allowed; give a finite number of at least 0")
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
        provenance={
            "family": "sparse",
            "n_neurons": n_neurons,
            "n_inputs": n_inputs,
            "excitatory": excitatory,
            "inhibition": inhibition,
            "seed": seed,
        },
    )
