"""What every estimator keeps to, as named checks: the built-in ones in our tests, a user's own by hand."""

import json
import warnings
from copy import deepcopy
from functools import cache, lru_cache

import numpy as np

from circuitbias.catalogue import name_of
from circuitbias.contract import OF_ALL, require
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators.couplings import EstimationWarning
from circuitbias.estimators.registry import estimate
from circuitbias.exceptions import UnusableDataError
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

N = 12
N_STEPS = 1_200_000
CHECKS = dict(OF_ALL)
"""The checks by name."""


def _check(function):
    CHECKS[function.__name__] = function
    return function


# --- data with a known answer -------------------------------------------------------------------


@cache
def sparse_weights() -> np.ndarray:
    """14 inhibitory connections among 12 neurons, hardly any of them mutual."""
    pairs = np.argwhere(~np.eye(N, dtype=bool))
    weights = np.zeros((N, N))
    weights[tuple(np.random.default_rng(5).permutation(pairs)[:14].T)] = -1
    return weights


def sparse_record(r: float = 2e-4) -> SpikeRecord:
    """About 100 s of that network in several segments; by default its connections are plain to see."""
    return deepcopy(_sparse_record(r))  # an estimator might change it


@cache
def _sparse_record(r):
    network = Network(sparse_weights(), np.arange(N), np.ones(N), "sparse", False, {})
    parameters = ThresholdParameters(r=r, theta=1.36e-3)
    segments = simulate(network, parameters, seed=1, n_spikes=60_000, chunk_steps=20_011)
    return SpikeRecord(N, parameters.dt_ms, list(segments))


def pair_record(*trains) -> SpikeRecord:
    """One trial of `N_STEPS` steps with these spikes."""
    neurons = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    return SpikeRecord.from_events(np.concatenate(trains), neurons, len(trains), N_STEPS)


@cache
def pair_trains(kind: str, delay: str) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of two neurons: those of the second, soon after one of the first, are added or removed.

    Parameters
    ----------
    kind : {"excitation", "inhibition"}
    delay : {"later", "at once"}
        By 3 to 9 ms, or by up to 2.4 ms: what methods see differs.
    """
    delays = range(30, 90) if delay == "later" else range(1, 25)
    rng = np.random.default_rng(1 if kind == "excitation" else 2)
    driver = np.flatnonzero(rng.random(N_STEPS) < 1 / 300)
    follower = np.flatnonzero(rng.random(N_STEPS) < (1 / 400 if kind == "excitation" else 1 / 120))
    if kind == "excitation":
        echoes = driver[rng.random(driver.size) < 0.5]
        echoes = echoes + rng.choice(delays, echoes.size)
        return driver, np.unique(np.concatenate([follower, echoes[echoes < N_STEPS]]))
    near = np.zeros(N_STEPS + 100, dtype=bool)
    for delay in delays:
        near[driver + delay] = True
    return driver, follower[~near[follower] | (rng.random(follower.size) < 0.1)]


PAIRS = [(kind, delay) for delay in ("later", "at once") for kind in ("excitation", "inhibition")]


def doubled(train: np.ndarray, width: int) -> np.ndarray:
    """The same bins, with a second spike in every third of those that have one and room for it."""
    bins, first = np.unique(train // width, return_index=True)
    more = train[first] // width * width + (train[first] % width + 1) % width
    return np.unique(np.concatenate([train, more[bins % 3 == 0]]))


def _values(component, record, **resources) -> np.ndarray:
    weights = sparse_weights() if record.n_neurons == N else np.eye(record.n_neurons)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", EstimationWarning)
        return estimate(component, record, **{"device": "cpu", "weights": weights} | resources).values


# --- the checks ---------------------------------------------------------------------------------


@_check
def form(component):
    """It returns a square matrix of floats, with NaN on the diagonal alone, and says JSON of itself."""
    found = estimate(component, sparse_record(), device="cpu", weights=sparse_weights())
    missing = np.argwhere(np.isnan(found.values) & ~np.eye(N, dtype=bool)).tolist()
    shown = ", ".join(map(str, missing[:3])) + (", ..." if len(missing) > 3 else "")
    require(not missing, f"{len(missing)} pairs have no coupling though all is known of them: {shown}")
    try:
        json.dumps(found.diagnostics)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"its diagnostics cannot be written as JSON: {error}") from error
    require(found.diagnostics["method"] == name_of("estimators", type(component)), "it has another name")
    require(found.diagnostics["options"] == component.options(), "it was run with other options")


@_check
def repeatable(component):
    """The same spikes give the same couplings, and are left as they were."""
    record = sparse_record()
    before = [(piece.steps.tobytes(), piece.neurons.tobytes()) for piece in record.pieces]
    first, second = (_values(component, record) for _ in range(2))
    require(first.tobytes() == second.tobytes(), "a second estimate from the same spikes differs")
    after = [(piece.steps.tobytes(), piece.neurons.tobytes()) for piece in record.pieces]
    require(after == before, "it changes the spikes that it was given")


@_check
def relabelling(component):
    """Neurons under other numbers have the same couplings."""
    record, new = sparse_record(), np.random.default_rng(0).permutation(N)
    steps = np.concatenate([piece.steps for piece in record.pieces])
    neurons = new[np.concatenate([piece.neurons for piece in record.pieces])]
    relabelled = SpikeRecord.from_events(steps, neurons, N, int(record.trial_steps[0]))
    weights = np.zeros((N, N))
    weights[np.ix_(new, new)] = sparse_weights()
    found = _values(component, relabelled, weights=weights)[np.ix_(new, new)]
    _require_close(
        found, _values(component, record), 1e-7, "neurons under other numbers have other couplings"
    )


@_check
def memory(component):
    """With little memory it gives the same couplings."""
    small, large = (_values(component, sparse_record(), memory_mb=memory_mb) for memory_mb in (0.3, 1000))
    _require_close(small, large, 1e-8, "with memory_mb=0.3 it gives other couplings")


@_check
def silent_neuron(component):
    """A neuron that never fires has no finite coupling but 0, and costs others none."""
    record = sparse_record()
    steps = np.concatenate([piece.steps for piece in record.pieces])
    neurons = np.concatenate([piece.neurons for piece in record.pieces])
    wider = SpikeRecord.from_events(steps, neurons, N + 1, int(record.trial_steps[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        values = estimate(component, wider, device="cpu", weights=np.eye(N + 1)).values
    invented = np.nan_to_num(np.concatenate([values[N], values[:, N]]))
    require(not invented.any(), f"a neuron that never fires gets couplings: {invented[invented != 0][:3]}")
    lost = int(np.isnan(values[:N, :N]).sum()) - N
    require(not lost, f"{lost} pairs of other neurons lose their coupling by it")


@_check
def no_data(component):
    """Where nobody fires it says so: by UnusableDataError, or by NaN."""
    record = SpikeRecord.from_events(np.empty(0, dtype=int), np.empty(0, dtype=int), 3, 100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values = estimate(component, record, device="cpu", weights=np.eye(3)).values
        except UnusableDataError:
            return
    require(not np.nan_to_num(values).any(), "without any spike there are couplings")


@_check
def connections(component):
    """It finds the connections of a sparse network and, if it is signed, that they inhibit."""
    values, weights = _values(component, sparse_record()), sparse_weights()
    truth = weights if component.directed else weights + weights.T
    size, connected = abs(values), truth != 0
    score = _roc_area(size, connected)
    says = (
        f"its couplings tell connected from unconnected pairs with a ROC area of {score:.3f}; .95 is wanted"
    )
    if _roc_area(size.T, connected) > 0.95:
        says += "; transposed they do: values are [from, to]"
    require(score > 0.95, says)
    if component.signed:
        require((values[truth < 0] < 0).all(), "signed, but not all inhibitory connections are negative")
    if component.directed:
        one_way = (weights < 0) & (weights.T == 0)
        size = abs(values)
        require(
            (size[one_way] > size.T[one_way]).all(), "directed, but a connection is taken for its reverse"
        )


def _roc_area(size, connected):
    others = size[~connected & ~np.eye(N, dtype=bool)]
    return np.mean([(size[connected] > other).mean() for other in others])


@_check
def directed(component):
    """It tells who acts on whom if, and only if, it says so."""
    told = turned = False
    for pair in PAIRS:
        # The same spikes backward in time have it the other way round.
        forward, backward = _of_pair(component, *pair), _of_pair(component, *pair, "backward")
        if not component.directed and component.reversible:
            says = (
                "it says that it is undirected, but the same spikes backward in time give other couplings "
                f"({' '.join(pair)}): if it tells who acts on whom, set directed = True"
            )
            _require_close(backward, forward, 1e-9, says, 1e-5)
        size, reverse = abs(forward), abs(backward)
        told |= size[0, 1] > 2 * size[1, 0] and reverse[1, 0] > 2 * reverse[0, 1]
        turned |= size[1, 0] > 2 * size[0, 1] and reverse[0, 1] > 2 * reverse[1, 0]
    says = "directed, but it never tells who acts on whom"
    if turned:
        says = "directed, but it has it the other way round: values are [from, to]"
    require(told or not component.directed, says)


@_check
def signed(component):
    """It tells excitation from inhibition if, and only if, it says so."""
    found = {pair: _of_pair(component, *pair)[[0, 1], [1, 0]] for pair in PAIRS}
    if component.signed:
        both = ((found["excitation", delay], found["inhibition", delay]) for delay in ("later", "at once"))
        told = any(max(excites) > 0 > min(inhibits) for excites, inhibits in both)
        require(told, "signed, but excitation is never positive where inhibition is negative")
    else:
        signs = set(np.sign(np.concatenate(list(found.values())))) - {0}
        require(len(signs) == 1, f"not signed, but its couplings have both signs: {found}")


@_check
def binary(component):
    """A second spike in a bin makes a difference unless it says that it sees none."""
    same = [
        np.array_equal(_of_pair(component, *pair, "doubled"), _of_pair(component, *pair), equal_nan=True)
        for pair in PAIRS
    ]
    require(all(same) or not component.binary, "binary, but a second spike in a bin makes a difference")
    require(not all(same) or component.binary, "not binary, but second spikes in bins make no difference")


@lru_cache(16)
def _of_pair(component, kind, delay, how="forward") -> np.ndarray:
    """Couplings of a pair of neurons, or of the same spikes backward in time or with second ones in bins."""
    trains = pair_trains(kind, delay)
    if how == "backward":
        trains = [N_STEPS - 1 - train for train in trains]
    if how == "doubled":
        trains = [doubled(train, component.options().get("bin_steps", 10)) for train in trains]
    return _values(component, pair_record(*trains))


def _require_close(found, wanted, absolute, says, relative=1e-6):
    if not np.allclose(found, wanted, rtol=relative, atol=absolute, equal_nan=True):
        raise AssertionError(f"{says}: they differ by up to {np.nanmax(abs(found - wanted)):.2g}")
