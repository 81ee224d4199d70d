"""Simulate the network of 300 cells that the wheel of NEST carries: spikes as SONATA, and the true weights.

    python nest_network.py SECONDS FOLDER

NEST's own reader of SONATA takes a build with HDF5, which the wheel is not: its tables are read here. Inputs
are Poisson with the mean rate of the file's (1.5 s long), so that it can run for longer.
"""

import json
import sys
from pathlib import Path

import h5py
import nest
import numpy as np
import pandas as pd

RATE_FROM_S = 1.5


def edges(path):
    with h5py.File(path) as file:
        (group,) = file["edges"].values()
        ends = (group[name][:].astype(int) for name in ("source_node_id", "target_node_id"))
        return *ends, group["0/syn_weight"][:]


def main(seconds: float, folder: Path):
    model = Path(nest.__file__).parent / "doc/examples/pynest/sonata_example/300_pointneurons"
    types = pd.read_csv(model / "network/internal_node_types.csv", sep=" ").set_index("node_type_id")
    with h5py.File(model / "network/internal_nodes.h5") as file:
        kinds = file["nodes/internal/node_type_id"][:]
    with h5py.File(model / "inputs/external_spike_trains.h5") as file:
        inputs = np.bincount(file["spikes/gids"][:].astype(int))
    nest.ResetKernel()
    nest.set(rng_seed=1, resolution=0.1, local_num_threads=1)
    cells, sources = nest.Create("iaf_psc_alpha", len(kinds)), nest.Create("spike_generator", len(inputs))
    for kind, row in types.iterrows():
        parameters = json.loads((model / "components/cell_models" / row.dynamics_params).read_text())
        cells[np.flatnonzero(kinds == kind).tolist()].set(parameters)
    rng = np.random.default_rng(0)
    for source, n in zip(sources, inputs, strict=True):
        times = rng.uniform(1, 1000 * seconds - 1, rng.poisson(n / RATE_FROM_S * seconds))
        source.set(spike_times=np.unique(times.round(1)))
    cell_ids, source_ids = np.array(cells.tolist()), np.array(sources.tolist())
    pre, post, weights = edges(model / "network/internal_internal_edges.h5")
    delays = {"delay": np.full(len(weights), 2.0)}
    nest.Connect(cell_ids[pre], cell_ids[post], "one_to_one", {"weight": weights} | delays)
    true = np.zeros((len(kinds),) * 2)
    np.add.at(true, (pre, post), weights)
    pre, post, weights = edges(model / "network/external_internal_edges.h5")
    delays = {"delay": np.full(len(weights), 2.0)}
    nest.Connect(source_ids[pre], cell_ids[post], "one_to_one", {"weight": weights} | delays)
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    nest.Simulate(1000 * seconds)
    found = recorder.get("events")
    with h5py.File(folder / "spikes.h5", "w") as file:
        group = file.create_group("spikes/internal")
        group["node_ids"] = (found["senders"] - cell_ids[0]).astype(np.uint64)
        group["timestamps"] = found["times"]
        group["timestamps"].attrs["units"] = "milliseconds"
    np.save(folder / "weights.npy", true)


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]))
