"""What reading takes: spike times once, whatever the format; more than that is refused before it is taken."""

import tracemalloc

import h5py
import numpy as np
import pytest

import circuitbias as cb
from circuitbias.catalogue import READERS, find
from circuitbias.cli import main
from circuitbias.memory import MemoryLimitError
from circuitbias.recordings.steps import to_spikes
from circuitbias.spikes.writing import write_spikes

N, UNITS, SECONDS = 1_600_000, 400, 1000.0


@pytest.fixture(scope="module")
def spikes():
    """Times and units of all spikes, in order of time."""
    rng = np.random.default_rng(0)
    return np.sort(rng.uniform(0, SECONDS, N)), rng.integers(0, UNITS, N)


def by_unit(times, units):
    order = np.argsort(units, kind="stable")
    return times[order], np.cumsum(np.bincount(units))


def write_npz(folder, times, units):
    np.savez(folder / "a.npz", times_s=times, units=units)
    return folder / "a.npz"


def write_packed_npz(folder, times, units):
    np.savez_compressed(folder / "packed.npz", times_s=times, units=units)
    return folder / "packed.npz"


def write_index(folder, times, units):
    trains, ends = by_unit(times, units)
    np.savez(folder / "index.npz", spike_times_s=trains, spike_times_s_index=ends)
    return folder / "index.npz"


def write_nwb(folder, times, units):
    trains, ends = by_unit(times, units)
    with h5py.File(folder / "a.nwb", "w") as file:
        table = file.create_group("units")
        table["id"], table["spike_times_index"] = np.arange(UNITS), ends
        table.create_dataset("spike_times", data=trains, chunks=True, compression="gzip", compression_opts=1)
    return folder / "a.nwb"


def write_phy(folder, times, units):
    np.save(folder / "spike_times.npy", np.rint(times * 1e6).astype(np.uint64))
    np.save(folder / "spike_clusters.npy", units.astype(np.int32))
    (folder / "params.py").write_text("sample_rate = 1e6\n")
    return folder


def write_sonata(folder, times, units):
    with h5py.File(folder / "a.h5", "w") as file:
        group = file.create_group("spikes/cells")
        group["timestamps"], group["node_ids"] = times * 1000, units.astype(np.uint64)
        group["timestamps"].attrs["units"] = "milliseconds"
    return folder / "a.h5"


def write_hdf5(folder, times, units):
    with h5py.File(folder / "own.h5", "w") as file:
        file["times_s"], file["units"] = times, units
    return folder / "own.h5"


def write_cells(folder, times, units):
    trains, ends = by_unit(times, units)
    with h5py.File(folder / "a.mat", "w", userblock_size=512) as file:
        group = file.create_group("#refs#")
        cells = file.create_dataset("spikes", (UNITS, 1), dtype=h5py.ref_dtype)
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        for k, train in enumerate(np.split(trains, ends[:-1])):
            one = group.create_dataset(f"c{k}", data=train[None])
            one.attrs["MATLAB_class"] = np.bytes_("double")
            cells[k, 0] = one.ref
    return folder / "a.mat"


def write_csv(folder, times, units):
    text = "".join(f"{time:.6f},{unit}\n" for time, unit in zip(times.tolist(), units.tolist(), strict=True))
    (folder / "a.csv").write_text("time_s,unit\n" + text)
    return folder / "a.csv"


def peak_bytes(action):
    tracemalloc.start()
    try:
        kept = action()
        return kept, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


FORMATS = [write_npz, write_packed_npz, write_index, write_nwb, write_phy, write_sonata, write_hdf5]
FORMATS += [write_cells, write_csv]
BESIDE = {write_csv: 60e6}  # what pandas makes of a piece, and a block of times, however long the text is


@pytest.fixture(scope="module", autouse=True)
def imported():
    for name in READERS:
        find("readers", name)


@pytest.mark.parametrize("write", FORMATS, ids=[write.__name__[6:] for write in FORMATS])
def test_times_are_in_memory_once(tmp_path, spikes, write):
    """Eight bytes a spike, and next to nothing beside them; what is read is what was written."""
    times, units = spikes
    path = write(tmp_path, times, units)
    read, peak = peak_bytes(lambda: cb.recording(path))
    assert peak < 11 * N + BESIDE.get(write, 8e6)
    assert [len(one) for one in read.times_s] == np.bincount(units).tolist()
    for unit in (0, 7, UNITS - 1):
        np.testing.assert_allclose(read.times_s[unit], times[units == unit], rtol=0, atol=6e-7)

    def refused():
        with pytest.raises(
            MemoryLimitError, match=r"memory_mb is 9\. Raise it \(--memory-mb\) to \d+ or more"
        ):
            cb.recording(path, memory_mb=9)

    assert peak_bytes(refused)[1] < BESIDE.get(write, 12e6)


def test_the_least_bound_that_is_named_will_do(tmp_path, spikes):
    path = write_sonata(tmp_path, *spikes)
    with pytest.raises(MemoryLimitError) as refusal:
        cb.recording(path, memory_mb=5)
    least = int(str(refusal.value).split("(--memory-mb) to ")[1].split(" ")[0])
    assert peak_bytes(lambda: cb.recording(path, memory_mb=least))[1] < 1e6 * least


def test_spikes_in_steps_take_four_bytes_more(spikes):
    times, units = spikes
    read = cb.recording({unit: times[units == unit] for unit in range(UNITS)}, time_unit="s")
    to_spikes(cb.recording({0: times[::1000], 1: times[1::1000]}, time_unit="s"))  # compiles
    (made, report), peak = peak_bytes(lambda: to_spikes(read))
    assert peak < 5 * N + 4e6
    assert made.n_spikes + report.merged.sum() == N
    # The same as an array of steps and units, sorted and each event once.
    steps = np.floor((times - times[0]) / 1e-4 + 1e-6).astype(int)
    expected = np.unique(steps * UNITS + units)
    found = np.concatenate([one.steps * UNITS + one.neurons for one in made.segments()])
    assert np.array_equal(found, expected)
    assert len(list(made.segments())) > 100  # in pieces
    inside = np.concatenate([one.steps * UNITS + one.neurons for one in made.segments(0, 65_000, 140_001)])
    assert np.array_equal(inside, expected[(expected >= 65_000 * UNITS) & (expected < 140_001 * UNITS)])


def test_pieces_do_not_show(spikes, monkeypatch):
    """Twins and gaps lie across the borders of pieces, too: as if all were one."""
    times, units = (one[:300_000] for one in spikes)
    units = units % 12
    near = np.sort(np.concatenate([times[units == 3] + 0.002, times[units == 3][::3] + 0.0029]))
    trains = {unit: times[units == unit] for unit in range(12)} | {12: near}
    trains = {unit: train[(train < 100) | (train > 131)] for unit, train in trains.items()}

    def told(worth):
        monkeypatch.setattr("circuitbias.spikes.packed._WORTH_IT", worth)
        made, report = to_spikes(cb.recording(trains, time_unit="s"))
        return len(list(made.segments())), report.twins, report.gap_s

    (whole, *of_whole), (many, *of_pieces) = told(2**30), told(1)
    assert whole == 1 and many > 20
    assert of_whole == of_pieces
    assert of_whole[0][0][:2] == ("3", "12") or of_whole[0][0][:2] == ("12", "3")
    assert 30.9 < of_whole[1][1] - of_whole[1][0] < 31.1


def test_a_long_spike_file_is_read_piece_by_piece(tmp_path, spikes):
    times, units = spikes
    read = cb.recording({unit: times[units == unit] for unit in range(UNITS)}, time_unit="s")
    made, _ = to_spikes(read)
    write_spikes(tmp_path / "a.h5", made.segments(), UNITS, 0.1, {})
    again, peak = peak_bytes(lambda: cb.recording(tmp_path / "a.h5"))
    assert peak < 25 * N
    assert again.n_spikes == made.n_spikes


def test_refusals_say_what_else_would_do(tmp_path, spikes, capsys):
    path = write_index(tmp_path, *spikes)
    command = ["infer", str(path), "--method", "mean_field", "--output", str(tmp_path / "out")]
    for bound in ("5", "15", "40"):  # for the times, the steps, the couplings
        assert main([*command, "--memory-mb", bound]) == 1
        said = capsys.readouterr().err
        assert "Raise it (--memory-mb) to " in said
        if bound != "5":
            assert "take fewer units (--units, --where, --least-rate-hz) or less time (--window-s)" in said
    assert not (tmp_path / "out").exists()
    least = said.split("(--memory-mb) to ")[1].split(",")[0]
    assert main([*command, "--memory-mb", least]) == 0
    assert main([*command, "--memory-mb", "40", "--units", *map(str, range(1, 9))]) == 0
