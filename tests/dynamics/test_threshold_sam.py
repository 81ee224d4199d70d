import copy

import numpy as np
import pytest
import torch
from scipy.special import ndtri

from circuitbias.dynamics import RHO_PAPER, ThresholdParameters
from circuitbias.dynamics.threshold_sam import ThresholdSAM

PAIR = np.array([[0.0, 2.0], [-3.0, 0.0]])  # 0 excites 1, 1 inhibits 0


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sam(seed=0, **changes):
    """A model without noise and with round numbers: s decays by a half, a spike adds 0.5."""
    values = {"r": 1.0, "b": 1.0, "tau": 1.0, "dt": 0.5, "sigma": 0.0, "rho": 0.0, "theta": 0.9}
    return ThresholdSAM(**(values | changes), rng=generator(seed))


def ring(n=20):
    """Local inhibition of range 3, the strength that makes 20 neurons fire every few steps."""
    offset = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    distance = np.minimum(offset, n - offset)
    return -1e-3 * (distance <= 3) * (distance > 0)


PAPER = ThresholdParameters(r=0.02, theta=1.15e-3)


def paper_sam(seed=0, parameters=PAPER, **options):
    return ThresholdSAM.from_parameters(parameters, generator(seed), **options)


def transcribed(W, p, s, n_steps, noise, b):
    """The model in the authors' units, where a spike raises s by 1: (n_steps, *s.shape)."""
    spikes = np.zeros((n_steps, *s.shape), dtype=bool)
    for step in range(n_steps):
        g = p.r * s @ W + b * (1 + p.sigma * noise(step))
        spikes[step] = g > p.theta
        s = s + spikes[step] - s * p.dt_ms / p.tau_ms
    return spikes


# --- conventions, by hand -------------------------------------------------------------------


def test_weights_point_from_row_to_column():
    s = torch.tensor([1.0, 10.0], dtype=torch.float64)
    model = sam(r=0.5)
    assert model.synaptic_input(torch.tensor(PAIR), s).tolist() == [-30.0, 2.0]
    assert model.input(torch.tensor(PAIR), s, 0).tolist() == [-14.0, 2.0]


def test_a_spike_is_felt_one_step_later():
    # b = (1, 0): 0 fires at step 0; its s = 0.5 gives 1 an input of 1 > 0.9 at step 1, not before;
    # 1 then has s = 0.5 and 0 gets 1 - 1.5 at step 2, 1 - 3 (0.75 and s1 = 0.75) at step 3.
    #  t   s0     s1     g0      g1    fires
    #  0   0      0      1       0     0
    #  1   .5     0      1       1     0, 1
    #  2   .75    .5    -.5      1.5   1
    #  3   .375   .75   -1.25    .75   none
    #  4   .1875  .375  -.125    .375  none
    #  5   .094   .1875  .4375   .1875 none
    #  6   .047   .094   .71875  .094  none
    #  7   .023   .047   .859    .047  none
    #  8   .012   .023   .930    .023  0
    spikes = sam(b=[1.0, 0.0]).simulate(PAIR, 9, equilibration_steps=0, initial_activation=torch.zeros(2))
    assert spikes.dtype is torch.bool
    assert spikes.int().tolist() == [[1, 1, 0, 0, 0, 0, 0, 0, 1], [0, 1, 1, 0, 0, 0, 0, 0, 0]]


def test_activation_decays_and_gains_dt():
    model = sam(tau=10.0, dt=0.1)
    s = model.update_activation(torch.tensor([True, False]), torch.tensor([2.0, 2.0]).double())
    assert s.tolist() == pytest.approx([2 * 0.99 + 0.1, 2 * 0.99])


def test_equilibrate_returns_the_activation():
    # no input reaches the threshold: s only decays, 8 -> 1 in three halvings
    state = sam(theta=1e9).equilibrate(PAIR, torch.tensor([8.0, 16.0]), n_steps=3)
    assert state.tolist() == [1.0, 2.0]
    # always above: s -> s / 2 + 1 / 2 from 0
    assert sam(theta=-1e9).equilibrate(PAIR, torch.zeros(2), 3).tolist() == [0.875, 0.875]


def test_simulation_continues_its_equilibration():
    uniforms = np.random.default_rng(0).random((300, 20))
    zero = np.zeros(20)
    whole = paper_sam().simulate(ring(), 300, 0, initial_activation=zero, uniforms=uniforms)
    late = paper_sam().simulate(ring(), 200, 100, initial_activation=zero, uniforms=uniforms)
    assert late.sum() > 30
    assert torch.equal(whole[:, 100:], late)


def test_threshold_is_strict():
    assert sam(theta=1.0).emit_spikes(torch.tensor([1.0, 1.0 + 1e-6])).tolist() == [False, True]
    assert not sam(theta=1.0, b=1.0).simulate(np.zeros((2, 2)), 5).any()


def test_initial_activation_is_uniform_up_to_dt():
    model = paper_sam(parameters=ThresholdParameters(r=0, theta=1))  # silent
    seen = []
    model.equilibrate = lambda W0, state, *rest: seen.append(state) or state
    model.simulate(np.zeros((1000, 1000)), 0)
    assert 0 <= seen[0].min() < 0.002 and 0.098 < seen[0].max() < 0.1
    assert seen[0].mean().item() == pytest.approx(0.05, abs=0.004)


# --- noise ----------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [False, True], ids=["from rng", "from uniforms"])
def test_noise_is_signed_sparse_and_relative_to_the_drive(given):
    n = 400_000
    model = paper_sam(drive_scale=np.tile([1.0, 2.0], n // 2))
    uniforms = np.random.default_rng(1).random(n) if given else None
    noise = model.background_input((n,), uniforms).numpy() / model.b.numpy() - 1
    on = noise[noise != 0]
    assert len(on) / n == pytest.approx(RHO_PAPER, abs=4 * np.sqrt(RHO_PAPER / n))
    assert on.mean() == pytest.approx(0, abs=4 * 0.3 / np.sqrt(len(on)))
    assert on.std() == pytest.approx(0.3, rel=4 / np.sqrt(2 * len(on)))
    assert (on > 0.3).mean() == pytest.approx(0.1587, abs=0.01)


def test_one_uniform_decides_the_noise():
    # off at rho and above; below, z is the normal with U/rho above it
    model = sam(sigma=0.5, rho=0.2, b=2.0)
    values = model.background_input((4,), [0.2, 0.1, 0.2 * 0.15865525393145707, 0.999])
    assert values.tolist() == pytest.approx([2.0, 2.0, 3.0, 2.0])


def test_extreme_uniforms_stay_finite():
    model = sam(sigma=0.5, rho=1.0, b=[0.0, 1.0])
    for dtype in (torch.float64, torch.float32):
        for u in (0.0, 1 - 1e-16):
            values = model.to(dtype).background_input((2,), u)
            assert values.isfinite().all() and values[0] == 0


def test_no_noise_without_rho_or_sigma_or_drive():
    for changes in ({"rho": 0.0, "sigma": 1.0}, {"rho": 1.0, "sigma": 0.0}):
        for uniforms in (None, torch.rand(50)):
            values = sam(**changes).background_input((50,), uniforms)
            assert (values == 1).all()


# --- against the paper's equations, written out in numpy -----------------------------------------


def test_equals_the_paper_spike_by_spike():
    # Units differ (r / dt, s dt), and the noise comes from the same uniform numbers.
    rng = np.random.default_rng(2)
    W = ring() + np.triu(ring())
    uniforms, s = rng.random((1500, 20)), rng.random(20)
    scale = np.ones(20)
    scale[0] = 0  # a pinned neuron

    def noise(step):
        tail = uniforms[step] / PAPER.rho
        return np.where(tail < 1, ndtri(1 - np.minimum(tail, 1)), 0)

    with np.errstate(invalid="ignore"):
        expected = transcribed(W, PAPER, s, 1500, noise, PAPER.b * scale).T
    spikes = paper_sam(drive_scale=scale).simulate(
        W, 1500, 0, initial_activation=PAPER.dt_ms * s, uniforms=uniforms
    )
    assert expected.sum() > 200 and not expected[0].any()
    np.testing.assert_array_equal(spikes.numpy(), expected)


def test_statistics_equal_the_papers():
    # 60 networks each: rates, variances and neighbours' products within 4 standard errors
    n_networks, n_steps = 60, 1500
    rng = np.random.default_rng(3)

    def noise(step):
        gate = rng.standard_normal((n_networks, 20)) > 1.5
        return rng.standard_normal((n_networks, 20)) * gate

    s = rng.random((n_networks, 20))
    numpy_spikes = transcribed(ring(), PAPER, s, n_steps, noise, PAPER.b).transpose(1, 2, 0)
    W0 = torch.tensor(ring()).expand(n_networks, 20, 20)
    torch_spikes = paper_sam(seed=4).simulate(W0, n_steps, equilibration_steps=0).numpy()

    def statistics(spikes):
        bins = spikes.reshape(n_networks, 20, -1, 100).sum(-1).astype(float)
        products = (bins * np.roll(bins, 1, axis=1)).mean((1, 2))
        return np.stack([spikes.mean((1, 2)), bins.var((1, 2)), products])

    ours, theirs = statistics(torch_spikes), statistics(numpy_spikes)
    assert ours[0].mean() > 0.004
    error = np.sqrt((ours.var(1) + theirs.var(1)) / (n_networks - 1))
    assert (np.abs(ours.mean(1) - theirs.mean(1)) < 4 * error).all()
    # and the comparison is fine enough to mean something
    assert (error < 0.05 * ours.mean(1)).all()


# --- batches, layouts, precision ------------------------------------------------------------


def test_batch_equals_separate_networks():
    W = np.stack([ring(), 2 * ring(), np.triu(ring())])
    uniforms = np.random.default_rng(5).random((400, 3, 20))
    s = np.random.default_rng(6).random((3, 20)) / 10
    run = {"equilibration_steps": 50, "n_steps": 350}
    batch = paper_sam().simulate(W, initial_activation=s, uniforms=uniforms, **run)
    assert batch.shape == (3, 20, 350)
    for k in range(3):
        single = paper_sam().simulate(W[k], initial_activation=s[k], uniforms=uniforms[:, k], **run)
        assert single.any() and torch.equal(batch[k], single)
    assert not torch.equal(batch[0], batch[1])


def test_row_of_uniforms_may_be_shared_or_computed():
    uniforms = np.random.default_rng(7).random((150, 20))
    W = np.stack([ring(), ring()])
    run = {"n_steps": 100, "equilibration_steps": 50, "initial_activation": np.zeros(20)}
    rows = paper_sam().simulate(W, uniforms=uniforms, **run)
    computed = paper_sam().simulate(W, uniforms=lambda row: uniforms[row], **run)
    assert rows.any() and torch.equal(rows[0], rows[1]) and torch.equal(rows, computed)


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sparse_equals_dense(dtype):
    dense = torch.tensor(np.triu(ring()))
    s = torch.rand(20, generator=generator(), dtype=dtype)
    model = paper_sam().to(dtype)
    expected = model.synaptic_input(dense.to(dtype), s)
    for sparse in (dense.to_sparse_coo(), dense.to_sparse_csr()):
        ours = model.synaptic_input(sparse.to(dtype), s)
        assert ours.tolist() == pytest.approx(expected.tolist(), rel=1e-5)
        ours = paper_sam().to(dtype).simulate(sparse, 300)
        assert ours.any() and torch.equal(ours, paper_sam().to(dtype).simulate(dense, 300))


def test_single_precision_gives_the_same_spikes():
    uniforms = np.random.default_rng(8).random((300, 20))
    run = {"n_steps": 300, "equilibration_steps": 0, "initial_activation": np.zeros(20)}
    double = paper_sam()
    single = paper_sam().float()
    assert (double.dtype, single.dtype) == (torch.float64, torch.float32)
    assert single.background_input((20,)).dtype is torch.float32
    assert single.double().dtype is torch.float64
    spikes = double.simulate(ring(), uniforms=uniforms, **run)
    assert spikes.any()
    assert torch.equal(paper_sam().float().simulate(ring(), uniforms=uniforms, **run), spikes)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_cuda_equals_cpu():
    uniforms = np.random.default_rng(9).random((300, 20))
    run = {"n_steps": 300, "equilibration_steps": 0, "initial_activation": np.zeros(20)}
    expected = paper_sam().simulate(ring(), uniforms=uniforms, **run)
    dense = torch.tensor(ring())
    for W0 in (dense, dense.to_sparse_coo(), dense.to_sparse_csr()):
        spikes = paper_sam().to("cuda").simulate(W0, uniforms=uniforms, **run)
        assert spikes.is_cuda and torch.equal(spikes.cpu(), expected)
    assert paper_sam().to("cuda").simulate(ring(), 300).any()  # draws on the device


# --- stimulus -------------------------------------------------------------------------------


def test_stimulus_of_a_step():
    # the drive alone is silent; the stimulus of step t decides column t
    silent = {"equilibration_steps": 0, "initial_activation": np.zeros(2)}
    no_weights = np.zeros((2, 2))
    model = sam(b=0.0)
    model.add_stimulus(lambda t: 1.0 if t == 2 else 0)
    assert model.simulate(no_weights, 4, **silent).int().tolist() == [[0, 0, 1, 0]] * 2
    model.add_stimulus(lambda t: torch.tensor([t == 1, t == 3]))
    assert model.simulate(no_weights, 4, **silent).int().tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
    batch = model.simulate(np.zeros((3, 2, 2)), 4, **silent)
    assert batch[2].int().tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]


def test_stimulus_steps_count_up_to_the_first_recorded():
    seen = []
    model = sam()
    model.add_stimulus(lambda t: seen.append(t) or 0.0)
    model.simulate(PAIR, 2, equilibration_steps=3)
    assert seen == [-3, -2, -1, 0, 1]


# --- randomness, state ----------------------------------------------------------------------


def test_one_seed_decides_everything():
    torch.manual_seed(1)
    first = paper_sam(seed=11).simulate(ring(), 300)
    torch.manual_seed(2)
    assert torch.equal(first, paper_sam(seed=11).simulate(ring(), 300))
    assert not torch.equal(first, paper_sam(seed=12).simulate(ring(), 300))
    model = paper_sam(seed=11)
    model.simulate(ring(), 300)
    assert not torch.equal(first, model.simulate(ring(), 300))  # the stream goes on


def test_nothing_is_tunable_and_state_dict_round_trips():
    model = paper_sam(drive_scale=np.arange(20.0))
    assert list(model.parameters()) == []
    assert isinstance(copy.deepcopy(model), ThresholdSAM)
    assert set(model.state_dict()) == {"r", "b", "tau", "dt", "sigma", "rho", "theta"}
    other = ThresholdSAM(1, np.zeros(20), 2, 1, 0, 0, 0, generator())
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.simulate(ring(), 200), model.simulate(ring(), 200))


def test_from_parameters_converts_units():
    model = paper_sam(drive_scale=[0.0, 1.0])
    assert model.r.item() == pytest.approx(0.2)
    assert model.b.tolist() == [0.0, 1e-3]
    assert (model.tau.item(), model.dt.item()) == (10.0, 0.1)
    assert (1 - model.dt / model.tau).item() == PAPER.decay


def test_store_as_dtype():
    spikes = sam().simulate(PAIR, 3, store_as_dtype=torch.int8)
    assert spikes.dtype is torch.int8 and spikes.max() == 1


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("r", float("nan")),
        ("r", [1.0, 2.0]),
        ("b", [[1.0]]),
        ("dt", 0.0),
        ("dt", 1.0),
        ("sigma", -1.0),
        ("rho", 1.1),
        ("theta", float("inf")),
    ],
)
def test_bad_parameter_is_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name} = "):
        sam(**{name: value})


def test_rng_must_be_a_generator():
    with pytest.raises(ValueError, match="rng"):
        ThresholdSAM(1, 1, 1, 0.5, 0, 0, 1, rng=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"W0": np.zeros(3)}, "W0 has shape"),
        ({"W0": np.zeros((2, 3))}, "W0 has shape"),
        ({"W0": np.zeros((1, 1, 2, 2))}, "W0 has shape"),
        ({"W0": torch.zeros(2, 2, 2).to_sparse_coo()}, "W0 has shape"),
        ({"W0": np.full((2, 2), np.nan)}, "NaN or infinite"),
        ({"W0": np.zeros((3, 3))}, "b has shape"),
        ({"n_steps": -1}, "n_steps = -1"),
        ({"equilibration_steps": -1}, "equilibration_steps = -1"),
        ({"initial_activation": np.zeros(3)}, "initial_activation has shape"),
        ({"initial_activation": np.zeros((5, 2))}, "initial_activation has shape"),
        ({"uniforms": np.zeros((9, 2))}, "one row for each of the 10 steps"),
        ({"uniforms": np.zeros((10, 3))}, "uniforms has shape"),
        ({"uniforms": np.ones((10, 2))}, r"outside \[0, 1\)"),
    ],
)
def test_bad_call_is_explained(arguments, message):
    good = {"W0": PAIR, "n_steps": 6, "equilibration_steps": 4}
    with pytest.raises(ValueError, match=message):
        sam(b=[1.0, 1.0]).simulate(**(good | arguments))


def test_bad_stimulus_is_explained():
    model = sam()
    with pytest.raises(TypeError, match="callable"):
        model.add_stimulus(1.0)
    model.add_stimulus(lambda t: torch.ones(3))
    with pytest.raises(ValueError, match="stimulus has shape"):
        model.simulate(PAIR, 1)
