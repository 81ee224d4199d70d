"""Drives that change in time: the fast engines against the readable models, step by step, and by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import poisson

import circuitbias as cb
from circuitbias.config import ConfigError, load_config
from circuitbias.dynamics import ThresholdParameters
from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, fill_words, uniforms
from circuitbias.dynamics.models.adaptive_lif import AdaptiveLif
from circuitbias.dynamics.models.chaotic import Chaotic
from circuitbias.dynamics.named import NamedModel
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.threshold_sam import ThresholdSAM
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network

N = 20
THETA = {"threshold": 1.2e-3, "lnp": 6e-4, "glm_relu": 8e-4, "glm_exp": 1.5e-3}


def mixed(n=N):
    """Cells that excite and cells that inhibit, with drives of their own, one of them negative."""
    rng = np.random.default_rng(4)
    sign = np.where(np.arange(n) < n // 2, 0.7, -1.5)[:, None]
    weights = sign * rng.exponential(1e-3, (n, n)) * (rng.random((n, n)) < 0.4)
    return Network(weights, np.arange(n), np.append(np.linspace(0.4, 1.2, n - 1), -0.5), "test", False, {})


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("stimuli"), np.random.default_rng(8)
    by_neuron, by_group = rng.normal(0, 2e-4, (37, N)), rng.normal(0, 2e-4, (5000, 3))
    groups = np.arange(N) % 4 - 1
    np.savez(folder / "neurons.npz", input=by_neuron)
    np.savez_compressed(folder / "groups.npz", input=by_group.astype(np.float32), groups=groups)
    by_group = np.where(groups >= 0, by_group.astype(np.float32)[:, groups], 0)
    return {"neurons": (folder / "neurons.npz", by_neuron), "groups": (folder / "groups.npz", by_group)}


def rules(name, stimuli):
    """A drive as a config has it, and (level, input, held at, reset before) of a step by plain arithmetic."""
    pulsed = np.isin(np.arange(N), [2, 5]) * 4e-4
    free = (1.0, 0.0, None, False)
    cases = {
        "release": (
            {"family": "release", "on_ms": 3.0, "off_ms": 4.5, "level": 0.25},
            lambda t: free if t % 75 < 30 else (0.25, 0.0, None, False),
        ),
        "reset": ({"family": "reset", "every_ms": 1.7}, lambda t: (1.0, 0.0, None, t % 17 == 0)),
        "clamp": (
            {"family": "clamp", "free_ms": 2.0, "held_ms": 0.5},
            lambda t: free if t % 25 < 20 else (1.0, 0.0, 0.0, False),
        ),
        "held high": (
            {"family": "clamp", "free_ms": 5.0, "held_ms": 0.3, "value": 1.35e-3},
            lambda t: free if t % 53 < 50 else (1.0, 0.0, 1.35e-3, False),
        ),
        "pulses": (
            {"family": "pulses", "neurons": [2, 5], "size": 4e-4, "width_ms": 0.4, "rest_ms": 9.0},
            lambda t: (1.0, pulsed * (t % 94 < 4), None, False),
        ),
    }
    if name in cases:
        return cases[name]
    path, rows = stimuli[name]
    steps = 3 if name == "neurons" else 1
    drive = {"family": "stimulus", "path": str(path), "row_ms": 0.1 * steps, "scale": 0.5}
    return drive, lambda t: (1.0, 0.5 * rows[t // steps % len(rows)], None, False)


CASES = ["release", "reset", "clamp", "held high", "pulses", "neurons", "groups"]


def raster_of(generator, drive, n_steps, trial=1, told=None, **options):
    net, told = mixed(), told or {"r": 0.005, "theta": THETA[generator]}
    model = NamedModel.of(told | {"family": generator, "drive": drive})
    counts = np.zeros((n_steps, N), dtype=int)
    for segment in simulate(net, model.engine(net), seed=5, n_steps=n_steps, trials=2, burn_in=0, **options):
        if segment.trial == trial:
            np.add.at(counts, (segment.steps, segment.neurons), 1)
    return counts


def threshold_reference(rule, n_steps):
    """Step by step, with the torch model's own input, spikes and update."""
    net = mixed()
    parameters = ThresholdParameters(0.005, THETA["threshold"])
    model = ThresholdSAM.from_parameters(parameters, torch.Generator(), net.drive_scale)
    weights, b = torch.as_tensor(net.weights), model.b.clone()
    state = model.dt * torch.as_tensor(uniforms(5, 1, 0, 1, N, STREAM_INITIAL_STATE)[0])
    counts = np.zeros((n_steps, N), dtype=int)
    for step, u in enumerate(uniforms(5, 1, 0, n_steps, N)):
        level, extra, held, reset = rule(step)
        state = torch.zeros_like(state) if reset else state
        model.b = b * level
        model.add_stimulus(lambda _, extra=extra: extra)
        g = model.input(weights, state, step, u) if held is None else torch.full_like(state, held)
        spikes = model.emit_spikes(g)
        state = model.update_activation(spikes, state)
        counts[step] = spikes.numpy()
    return counts


def count_reference(generator, rule, n_steps):
    net, theta, decay = mixed(), THETA[generator], np.exp(-0.01)
    weights, s = net.weights.copy(), uniforms(5, 1, 0, 1, N, STREAM_INITIAL_STATE)[0]
    if generator != "lnp":
        np.fill_diagonal(weights, 0)
        s = np.zeros(N)
    counts, since = np.zeros((n_steps, N), dtype=int), 0
    for step, u in enumerate(uniforms(5, 1, 0, n_steps, N)):
        level, extra, held, reset = rule(step)
        if reset:
            s, since = np.zeros(N), step
        if generator != "lnp":  # spikes of the last 200 steps, none from before a reset
            first = max(since, step - 200)
            s = decay ** np.arange(step - first, 0, -1) @ counts[first:step]
        g = 0.005 * s @ weights + 1e-3 * level * net.drive_scale + extra
        above = (g if held is None else np.full(N, held)) - theta
        rate = np.exp(above / 1e-4) if generator == "glm_exp" else np.maximum(above, 0)
        counts[step] = poisson.isf(u, rate * {"lnp": 32, "glm_relu": 100, "glm_exp": 1}[generator])
        s = s * 0.99 + counts[step]
    return counts


@pytest.mark.parametrize("generator", THETA)
@pytest.mark.parametrize("case", CASES)
def test_spikes_equal_those_of_the_readable_models(case, generator, stimuli):
    drive, rule = rules(case, stimuli)
    n_steps = 1200
    if generator == "threshold":
        expected = threshold_reference(rule, n_steps)
    else:
        expected = count_reference(generator, rule, n_steps)
    assert np.array_equal(raster_of(generator, drive, n_steps), expected)
    assert expected.sum() > 50
    steady = raster_of(generator, None, n_steps)
    assert not np.array_equal(steady, expected)  # the drive makes a difference


@pytest.mark.parametrize("case", CASES)
def test_integrate_and_fire_neurons_under_drives_equal_their_reference(case, stimuli):
    drive, rule = rules(case, stimuli)
    told, n_steps, options = {"r": 0.05, "theta": 6e-4}, 900, {"membrane_ms": 1.0}  # short pulses are felt
    start = told["theta"] * uniforms(5, 1, 0, 1, N, STREAM_INITIAL_STATE)[0]
    known = {"uniforms": uniforms(5, 1, 0, n_steps, N), "potential": start, "drive": rule}
    expected = AdaptiveLif(**options).reference(mixed(), **told, **known)
    assert np.array_equal(raster_of("adaptive_lif", drive, n_steps, told=told | options), expected)
    assert expected.sum() > 30
    assert not np.array_equal(raster_of("adaptive_lif", None, n_steps, told=told | options), expected)


@pytest.mark.parametrize("case", [*(case for case in CASES if case not in ("clamp", "held high")), "looks"])
def test_a_network_of_rates_under_drives_equals_its_reference(case, stimuli):
    """The last case looks at every fifth step of the integration."""
    drive, rule = rules("release" if case == "looks" else case, stimuli)
    inner = 5 if case == "looks" else 1
    options = {"dt_ms": 0.1 * inner, "decay_ms": 2.0, "b": 1e-3, "noise": 1e-3}
    told, n_looks = {"r": 20.0, "theta": 3e-4}, 600
    words = np.zeros((n_looks * inner // 2, 4, N), dtype=np.uint32)
    for block, of_block in enumerate(words):
        fill_words(of_block, np.uint64(5), 1, block, 0)
    u = (words.reshape(-1, 2, N) + 0.5) / 2**32
    known = {"normals": np.sqrt(-2 * np.log(u[:, 0])) * np.cos(2 * np.pi * u[:, 1])}
    known["h"] = uniforms(5, 1, 0, 1, N, STREAM_INITIAL_STATE)[0] - 0.5
    expected = Chaotic(**options).reference(mixed(), **told, **known, drive=lambda t: rule(inner * t))
    assert np.array_equal(raster_of("chaotic", drive, n_looks, told=told | options), expected)
    assert 0.1 < expected.mean() < 0.9
    assert not np.array_equal(raster_of("chaotic", None, n_looks, told=told | options), expected)


@pytest.mark.parametrize("generator", THETA)
@pytest.mark.parametrize("case", CASES)
def test_how_the_run_is_cut_makes_no_difference(case, generator, stimuli):
    drive, _ = rules(case, stimuli)
    whole = raster_of(generator, drive, 9000)
    for chunk_steps in (11, 4097):
        assert np.array_equal(whole, raster_of(generator, drive, 9000, threads=2, chunk_steps=chunk_steps))


@pytest.mark.parametrize("burn_in", ["first_spike", 130])
def test_a_recording_begins_with_a_cycle(burn_in):
    """Off for 20 ms, so that all spikes of a recording are in the first half of its cycles."""
    ring = ring_network()
    named = NamedModel.of({"r": 0.01, "theta": 1.033e-3, "drive": {"family": "release", "level": 0.0}})
    for trials in (1, 3):
        segments = simulate(ring, named.engine(ring), seed=2, n_spikes=6000, trials=trials, burn_in=burn_in)
        steps = np.concatenate([segment.steps for segment in segments])
        assert len(steps) >= 6000 and (steps % 400 < 200).all()
    assert named.told(100)["drive"] == {
        "family": "release", "cycle_steps": 400, "on_ms": 20.0, "off_ms": 20.0, "level": 0.0
    }  # fmt: skip


def test_a_threshold_is_found_under_a_drive():
    ring, drive = ring_network(), {"family": "release", "on_ms": 10.0, "off_ms": 10.0}
    spikes = cb.simulate(ring, r=0.01, rate_hz=20.0, n_spikes=100_000, drive=drive)
    assert spikes.n_spikes / (100 * spikes.trial_steps.sum() * 1e-4) == pytest.approx(20.0, rel=0.03)


def test_what_cannot_be_is_refused(stimuli, tmp_path):
    def refused(message, generator="threshold", **drive):
        net = mixed()
        with pytest.raises(ValueError, match=message):
            cb.simulate(net, r=0.01, theta=1e-3, n_spikes=100, generator=generator, drive=drive)

    refused(
        r"drive\.on_ms = 0\.25: must be a multiple of the time step, 0\.1 ms", family="release", on_ms=0.25
    )
    for drive in ("release", 20, ["family", "release"]):
        with pytest.raises(ValueError, match=r"drive = .*: must be a mapping such as {'family': 'release'}"):
            cb.simulate(mixed(), r=0.01, theta=1e-3, n_spikes=100, drive=drive)
    refused(r"drive\.neurons = \[20\]: must be at most 19", family="pulses", neurons=[20])
    refused("drive = reset: ising has none that changes in time", generator="ising", family="reset")
    refused(r"level = -1.*>= 0", family="release", level=-1)
    np.savez(tmp_path / "few.npz", input=np.zeros((5, 3)))
    refused(
        "has 3 columns; must have one for each of 20 neurons",
        family="stimulus",
        path=str(tmp_path / "few.npz"),
    )
    np.savez(tmp_path / "groups.npz", input=np.zeros((5, 3)), groups=np.full(N, 3))
    refused(
        "`groups` must be 20 whole numbers, -1 ... 2", family="stimulus", path=str(tmp_path / "groups.npz")
    )
    np.savez(tmp_path / "nan.npz", input=np.full((5, N), np.nan))
    refused("`input` must be finite", family="stimulus", path=str(tmp_path / "nan.npz"))
    np.savez(tmp_path / "other.npz", inputs=np.zeros((5, N)))
    refused("an array `input` of numbers", family="stimulus", path=str(tmp_path / "other.npz"))
    np.savez(tmp_path / "columns.npz", input=np.asfortranarray(np.zeros((5, N))))
    refused(
        "column by column: numpy.ascontiguousarray", family="stimulus", path=str(tmp_path / "columns.npz")
    )
    for nothing in (tmp_path, tmp_path / "none.npz"):
        refused(r"drive\.path = '.*': must be a file that is there", family="stimulus", path=str(nothing))
    (tmp_path / "text.npz").write_text("no archive")
    refused("must be an .npz file", family="stimulus", path=str(tmp_path / "text.npz"))
    with pytest.raises(ValueError, match="device = 'cuda': must be auto or cpu"):
        cb.simulate(mixed(), r=0.01, theta=1e-3, n_spikes=100, drive={"family": "reset"}, device="cuda")
    with pytest.raises(ConfigError, match=r"drive\.every_ms = 0\.0: must be a finite number > 0"):
        load_config({"drive": {"family": "reset", "every_ms": 0}})
    assert load_config({})["drive"] == {"family": "steady"}
