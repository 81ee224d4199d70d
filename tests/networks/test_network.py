import dataclasses
import pickle

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array

from circuitbias.networks import Network, is_circulant, ring_network


def make(**changes):
    parts = {
        "weights": [[0, 1], [2, 0]],
        "positions": [0, 1],
        "drive_scale": [1, 0],
        "name": "pair",
        "circulant": False,
        "provenance": {"made": "by hand", "values": [1, 0.1, None]},
    }
    return Network(**parts | changes)


def test_parts_become_float_arrays_of_their_own():
    given = np.array([[0.0, 1.0], [2.0, 0.0]])
    network = make(weights=given)
    given[0, 1] = 5
    assert network.weights.tolist() == [[0, 1], [2, 0]]
    assert {network.weights.dtype, network.positions.dtype, network.drive_scale.dtype} == {np.dtype(float)}
    assert network.n_neurons == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.name = "other"


@pytest.mark.parametrize("network", [make(), make(name="Ω ring"), ring_network(7, pinned=True)])
def test_round_trip(network, tmp_path):
    path = tmp_path / "network.npz"
    network.save(path)
    assert list(tmp_path.iterdir()) == [path]
    again = Network.load(path)
    for field in dataclasses.fields(Network):
        old, new = getattr(network, field.name), getattr(again, field.name)
        assert type(old) is type(new)
        assert np.array_equal(old, new)


def test_sparse_weights_stay_sparse(tmp_path):
    entries = [0.5, -1.0, 2.0], ([2, 0, 0], [1, 1, 2])
    network = make(weights=coo_array(entries, shape=(3, 3)), positions=[0, 1, 2], drive_scale=[1, 1, 1])
    network.save(tmp_path / "network.npz")
    for each in (network, Network.load(tmp_path / "network.npz")):
        assert isinstance(each.weights, csr_array) and each.n_neurons == 3
        assert each.dense_weights().tolist() == [[0, -1, 2], [0, 0, 0], [0, 0.5, 0]]
    many = make(weights=csr_array((30_000, 30_000)), positions=np.zeros(30_000), drive_scale=np.ones(30_000))
    with pytest.raises(ValueError, match=r"30000 neurons takes 7200 MB; allowed are 3200 MB, 20000 neurons"):
        many.dense_weights()


@pytest.mark.parametrize("change", [(0, 1, 0.0), (2, 3, -0.5), (4, 0, np.nextafter(0.5, 1))])
def test_sparse_weights_are_circulant_where_dense_ones_are(change):
    weights = np.roll(np.diag([0.5] * 5), 1, axis=1)
    np.fill_diagonal(weights, np.arange(5))
    assert is_circulant(weights) and is_circulant(csr_array(weights))
    i, j, value = change
    weights[i, j] = value
    assert is_circulant(weights) == is_circulant(csr_array(weights)) == (abs(value - 0.5) < 1e-9)


@pytest.mark.parametrize("indices", [[0, 3], [0, -1]])
def test_indices_out_of_range_are_refused(indices):
    weights = csr_array((3, 3))
    weights.data, weights.indices, weights.indptr = np.ones(2), np.array(indices), np.array([0, 1, 2, 2])
    with pytest.raises(ValueError, match="indices"):
        make(weights=weights, positions=[0, 1, 2], drive_scale=[1, 1, 1])


def test_saving_twice_gives_the_same_bytes(tmp_path):
    for name in "ab":
        make().save(tmp_path / name)  # the suffix is the caller's choice
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": np.zeros((2, 3))}, r"weights: shape is \(2, 3\)"),
        ({"weights": [[1.0]]}, r"weights: shape is \(1, 1\)"),
        ({"weights": [[0, np.nan], [1, 0]]}, r"weights: 1 entries .* \[0, 1\] = nan"),
        ({"weights": [[0, 1j], [1, 0]]}, "weights: dtype is complex128"),
        ({"positions": [0, 1, 2]}, r"positions: shape is \(3,\)"),
        ({"drive_scale": [1, np.inf]}, "drive_scale: inf"),
        ({"name": ""}, "name: ''"),
        ({"circulant": True}, "circulant: True"),
        ({"provenance": {"array": np.zeros(2)}}, "provenance: .* JSON"),
        ({"provenance": {"value": np.nan}}, "provenance: .* JSON"),
    ],
)
def test_bad_parts_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_save_refuses_arrays_that_were_changed_into_no_network(tmp_path):
    network = make()
    network.weights[0, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        network.save(tmp_path / "network.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("tolerance", "circulant"), [(0.39, False), (0.41, True)])
def test_the_spread_within_an_offset_is_relative_to_the_largest_weight(tolerance, circulant):
    weights = np.array([[0, -1.0], [-0.6, 0]])  # of one offset, apart by 0.4 of the larger
    assert is_circulant(weights, tolerance) == circulant


def test_load_refuses_what_save_did_not_write(tmp_path):
    path = tmp_path / "network.npz"
    make().save(path)
    whole = path.read_bytes()
    foreign = {
        "truncated": whole[: len(whole) // 2],
        "damaged": whole.replace(b"weights", b"weighty"),
        "empty": b"",
        "text": b"not a network",
        "pickle": pickle.dumps({"weights": 1}),
    }
    for content in foreign.values():
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a whole network file"):
            Network.load(path)
    np.savez(path, weights=np.eye(2))
    with pytest.raises(
        ValueError,
        match=r"but a file of another kind: there is no positions, .*; it holds weights$",
    ):
        Network.load(path)
    np.save(tmp_path / "array.npy", np.eye(2))
    with pytest.raises(ValueError, match="not a whole network file"):
        Network.load(tmp_path / "array.npy")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        Network.load(tmp_path / "nowhere.npz")


def test_load_never_unpickles(tmp_path):
    path = tmp_path / "network.npz"
    parts = dataclasses.asdict(make())
    np.savez(path, **parts | {"provenance": np.array({"a": 1}, dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle"):
        Network.load(path)
