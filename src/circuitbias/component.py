"""What a component says of itself: options, traits, cost, look. Schema, checks and messages follow from that.

A component is a class: its annotated fields are its options, its docstring's first line says what it is.

    class Lagged(Estimator):
        "Covariance of counts with those of a later bin."

        bin_steps: int = option(100, "Width of a bin (steps).", least=1)
        lag: int = option(1, "Lag (bins).", least=1)
        directed = True

        def estimate(self, source, **_): ...

``Lagged(lag=2)`` is checked as a config is, in the same words.
"""

from circuitbias.model import Component, Cost, Examples, Look, option
from circuitbias.study import Experiment, Picture

__all__ = [
    "Component",
    "Cost",
    "Estimator",
    "Examples",
    "Experiment",
    "Generator",
    "Look",
    "NetworkFamily",
    "Picture",
    "option",
]


class NetworkFamily(Component):
    """A family of networks: its options, and the network that they make.

    Attributes
    ----------
    alike : bool
        Whether all neurons have the same place in it, so that rows of an estimate are repetitions.
    """

    alike = False

    @property
    def size(self) -> int:
        """Number of neurons: the option ``n_neurons`` if there is one, else counted in the network."""
        return self.options().get("n_neurons") or self.build().n_neurons

    def files(self) -> list[str]:
        """Files that it is read from."""
        return []

    def build(self):
        """Make the network.

        Returns
        -------
        Network
            The same at each call.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method build")


class Generator(Component):
    """What makes spikes on a network: by a compiled `engine`, or else by `spikes`.

    Attributes
    ----------
    dt_ms : float
        Its time step; may be an option.
    repeats : bool
        Whether a neuron may fire more than once in a step; only one with an engine can.
    """

    dt_ms = 0.1
    repeats = False

    def engine(self, network, *, r: float, theta: float, schedule=None):
        """Its compiled engine on a network, if it has one: see `circuitbias.dynamics.generator.Engine`.

        Parameters
        ----------
        network : Network
        r, theta : float
            As in `spikes`.
        schedule : circuitbias.dynamics.schedule.Schedule, optional
            How the drive changes. One that knows none of it may leave out this parameter.
        """
        return None

    def spikes(self, network, *, r: float, theta: float, rng, chunk_steps: int):
        """Go on for ever from a random state, chunk after chunk.

        Parameters
        ----------
        network : Network
        r, theta : float
            Weight strength, and threshold if the run has any, else 0.
        rng : Generator
            Of NumPy: all randomness comes from it.
        chunk_steps : int
            Steps in a chunk.

        Yields
        ------
        steps, neurons : ndarray of int, shape (n_events,)
            Steps are counted from the start of the chunk, 0 ... chunk_steps - 1; at most one spike a step and
            neuron.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method spikes")


class Drive(Component):
    """How the drive of a network changes in time."""

    def schedule(self, n_neurons: int, dt_ms: float):
        """What holds when, of a network of that size: a `circuitbias.dynamics.schedule.Schedule`.

        Raises
        ------
        ValueError
            If a time is no multiple of the step, or an option does not fit the network.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method schedule")

    def files(self) -> list[str]:
        """Files that it is read from."""
        return []

    def told(self) -> dict:
        """Return everything that determines the drive, ready for JSON."""
        return self.options()


class Estimator(Component):
    """A method that makes couplings of spikes.

    Attributes
    ----------
    directed : bool
        Whether the coupling from i to j may differ from that from j to i.
    signed : bool
        Whether excitation is told from inhibition.
    binary : bool
        Whether it sees only if a neuron fires in a bin, not how often.
    across_bins : bool
        Whether it looks across bins, or at single steps: such a method cannot be given bins of one phase of a
        drive.
    reversible : bool
        Whether, if it is not directed, the same spikes backward in time give the same couplings.
    cost : Cost
    look : Look

    A trait that depends on the options is a property.
    """

    directed = False
    signed = True
    binary = False
    across_bins = True
    reversible = True
    cost = Cost()
    look = Look()

    @property
    def n_fits(self) -> int:
        """Fits of the measured size that it makes with these options."""
        return 1

    def traits(self) -> dict[str, bool]:
        """``directed``, ``signed``, ``binary`` with these options."""
        return {name: bool(getattr(self, name)) for name in ("directed", "signed", "binary")}

    def estimate(self, source, *, memory_mb: float, device: str, **_):
        """Estimate couplings.

        Parameters
        ----------
        source : SpikeSource
        memory_mb : float
            Bound of the memory for counts and blocks, in 1e6 bytes.
        device : {"auto", "cpu", "cuda"}
            Where the linear algebra runs.
        **_
            A method that names ``weights``, too, is an oracle: it gets the true ones, (n, n), [pre, post].

        Returns
        -------
        Couplings

        Raises
        ------
        UnusableDataError
            If the data do not allow an estimate.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method estimate")


class Reader(Component):
    """A format of recordings.

    Attributes
    ----------
    suffixes : tuple of str
        Of files that it reads, in small letters; ``""`` stands for a folder.
    """

    suffixes = ()

    @staticmethod
    def files(path) -> list:
        """Files that are read of a folder that is a recording, those that are there."""
        return [path]

    def read(self, path):
        """Read a file or a folder.

        Parameters
        ----------
        path : Path

        Returns
        -------
        circuitbias.recordings.found.Found

        Raises
        ------
        OSError
            If the system cannot read it; names the file.
        Exception
            Of any kind, if it is not what it should be; a ``ValueError`` in words that can be shown.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method read")
