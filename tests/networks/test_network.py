import dataclasses
import pickle

import numpy as np
import pytest

from circuitbias.networks import Network, ring_network


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
        with pytest.raises(ValueError, match="no complete network file"):
            Network.load(path)
    np.savez(path, weights=np.eye(2))
    with pytest.raises(ValueError, match=r"no complete network file .*positions"):
        Network.load(path)
    np.save(tmp_path / "array.npy", np.eye(2))
    with pytest.raises(ValueError, match="no complete network file"):
        Network.load(tmp_path / "array.npy")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        Network.load(tmp_path / "nowhere.npz")


def test_load_never_unpickles(tmp_path):
    path = tmp_path / "network.npz"
    parts = dataclasses.asdict(make())
    np.savez(path, **parts | {"provenance": np.array({"a": 1}, dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle"):
        Network.load(path)
