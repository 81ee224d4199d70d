"""Cross-correlograms of all pairs beside other libraries': independent Poisson spikes at 5 Hz, one hour.

Lags of up to 50 bins of 1 ms, in both directions. Libraries disagree about the edges of bins, so all get
the same times, cut down to whole milliseconds: lags are whole numbers then, and the counts must be identical.
Ours is given the times in steps of 0.1 ms and cuts them itself; what others make of the spikes before they
count (objects, binned trains) is not timed, nor is their compilation.
"""

from itertools import combinations

import numpy as np
import pytest
from beside import need, note

from circuitbias.estimators import estimate
from circuitbias.spikes.correlograms import count_pairs
from circuitbias.spikes.segments import SpikeRecord

RATE_HZ, DURATION_S, DT_MS = 5, 3600, 0.1
BIN_STEPS, LONGEST = 10, 50
N_BINS = DURATION_S * 1000
LAGS = np.arange(-LONGEST, LONGEST + 1)
PAIRS_OF_ELEPHANT = 40  # of 4950
SIZES = [100, 1000]


@pytest.fixture(scope="module")
def spikes():
    made = {}

    def get(n):
        if n not in made:
            rng = np.random.default_rng(1)
            steps = [rng.integers(0, N_BINS * BIN_STEPS, rng.poisson(RATE_HZ * DURATION_S)) for _ in range(n)]
            steps = [np.unique(of_one) for of_one in steps]  # at most one spike a step
            neurons = np.repeat(np.arange(n), [len(of_one) for of_one in steps])
            source = SpikeRecord.from_events(np.concatenate(steps), neurons, n, N_BINS * BIN_STEPS, DT_MS)
            made.clear()  # one at a time: these are large
            made[n] = source, [of_one // BIN_STEPS for of_one in steps]
        return made[n]

    return get


def both_directions(pairs):
    """Counts at all lags, ``[i, j, l]``: j fires ``LAGS[l]`` bins after i; the diagonal is not compared."""
    forward = pairs.transpose(1, 0, 2)
    return np.concatenate([pairs[:, :, :0:-1], forward], axis=2)


def elephant(trains):
    neo, pq = need("neo"), need("quantities")
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import cross_correlation_histogram

    binned = [
        BinnedSpikeTrain(
            neo.SpikeTrain((train + 0.5) * pq.ms, t_stop=N_BINS * pq.ms), bin_size=1 * pq.ms, n_bins=N_BINS
        )
        for train in trains
    ]
    pairs = list(combinations(range(len(trains)), 2))
    pairs = pairs[:: len(pairs) // PAIRS_OF_ELEPHANT][:PAIRS_OF_ELEPHANT]

    def run():
        # "memory" goes from spike to spike; "speed" multiplies whole trains of bins, nearly all empty.
        options = {"window": [-LONGEST, LONGEST], "method": "memory"}
        return [cross_correlation_histogram(binned[i], binned[j], **options)[0] for i, j in pairs]

    return run, pairs, lambda result: [np.asarray(curve).ravel() for curve in result]


def pynapple(trains):
    nap = need("pynapple")
    support = nap.IntervalSet(0, N_BINS / 1000)
    # Away from the millisecond, where rounding could take a lag to either side of an edge: bins are centred.
    group = nap.TsGroup(
        {i: nap.Ts((train + 0.5) / 1000) for i, train in enumerate(trains)}, time_support=support
    )
    pairs = list(combinations(range(len(trains)), 2))

    def run():
        return nap.compute_crosscorrelogram(group, binsize=0.001, windowsize=LONGEST / 1000, norm=False)

    def counts(table):
        return [table[pair].to_numpy() * 0.001 * len(trains[pair[0]]) for pair in pairs]

    return run, pairs, counts


def spikeinterface(trains):
    core, post = need("spikeinterface.core"), need("spikeinterface.postprocessing")
    labels = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    samples = np.concatenate(trains)
    order = np.argsort(samples, kind="stable")
    # A sample is a millisecond: so a bin from l to l + 1 holds the lag l alone.
    sorting = core.NumpySorting.from_samples_and_labels([samples[order]], [labels[order]], 1000)
    sorting.to_spike_vector()
    width = 2 * (LONGEST + 1)

    def run():
        return post.compute_correlograms(sorting, window_ms=width, bin_ms=1, method="numba")[0]

    def counts(table):  # [i, j, l]: i after j
        return [table[j, i, 1:] for i, j in combinations(range(len(trains)), 2)]

    return run, list(combinations(range(len(trains)), 2)), counts


PEERS = {
    "elephant, method memory": (elephant, [100]),
    "pynapple": (pynapple, [100]),
    "spikeinterface, method numba": (spikeinterface, SIZES),
}


def say(benchmark, program, n, n_spikes, done=None, **more):
    pairs = n * (n - 1) // 2
    note(
        benchmark,
        "cross-correlograms",
        program,
        case=f"{n} neurons",
        done=done or pairs,
        whole=pairs,
        unit="pairs",
        dtype="int64",
        n_neurons=n,
        n_spikes=n_spikes,
        **more,
    )


@pytest.mark.parametrize("n", SIZES)
def test_counting(benchmark, spikes, n):
    benchmark.group = f"cross-correlograms, {n} neurons"
    source, _ = spikes(n)
    benchmark.pedantic(lambda: count_pairs(source, BIN_STEPS, LONGEST), rounds=3, warmup_rounds=1)
    say(benchmark, "circuitbias", n, source.n_spikes)


@pytest.mark.parametrize("n", SIZES)
def test_whole_estimate(benchmark, spikes, n):
    benchmark.group = f"cross-correlograms, {n} neurons"
    source, _ = spikes(n)
    options = {"bin_steps": BIN_STEPS, "window_ms": float(LONGEST), "memory_mb": 8000}
    benchmark.pedantic(lambda: estimate("cross_correlation", source, **options), rounds=3, warmup_rounds=1)
    say(benchmark, "circuitbias, normalised and with couplings", n, source.n_spikes)


@pytest.mark.parametrize(("program", "n"), [(name, n) for name, (_, sizes) in PEERS.items() for n in sizes])
def test_peer(benchmark, spikes, program, n):
    benchmark.group = f"cross-correlograms, {n} neurons"
    source, trains = spikes(n)
    run, pairs, counts_of = PEERS[program][0](trains)
    rounds = 3 if n == 100 else 1
    result = benchmark.pedantic(run, rounds=rounds, warmup_rounds=rounds > 1)
    ours = both_directions(count_pairs(source, BIN_STEPS, LONGEST)[0])
    for (i, j), curve in zip(pairs, counts_of(result), strict=True):
        np.testing.assert_array_equal(np.rint(curve), ours[i, j])
    say(benchmark, program, n, source.n_spikes, done=len(pairs), counts="identical")
