r"""The threshold model of Das & Fiete (2020) in torch: the readable reference of the engines.

.. math::
    g_i(t+1) &= r \sum_j W_0[j, i]\, s_j(t) + b_i (1 + \sigma\, z_i\, m_i) + E_i(t+1) \\
    X_i(t+1) &= [g_i(t+1) > \theta] \\
    s_i(t+1) &= s_i(t) (1 - dt/\tau) + X_i(t)\, dt

with :math:`z` standard normal and :math:`m = 1` with probability :math:`\rho`, both independent
over neurons and steps; ``W0[pre, post]``. The noise is signed, sparse and multiplies the drive.

**Which t?** In the third line X(t) is the spike emitted *from* s(t), the one the first two lines
call X(t+1). Read with one clock throughout, a spike would wait one step more. The authors'
simulations do what is done here: input from s as it stands; spikes; s decays and receives those
very spikes; the next step feels them. Column t of a simulation holds the spikes emitted from s(t),
under the stimulus E(t).

**Units.** A spike raises s by dt, as in the equations published with the package spikeometric. In
the authors' own simulations it raises s by 1. Both are one model: s here is dt times theirs and r
here is theirs divided by dt (`ThresholdSAM.from_parameters` converts). Their initial s, uniform on
(0, 1), is therefore uniform on (0, dt) here.

**Against released spikeometric 1.0.3**, whose `ThresholdSAM` has this interface:

- its noise is squared, b (1 + n (n m)) with n = sigma z: never negative and typically sigma^2 =
  0.09 of b where the paper has +-sigma = 0.3; here it is the paper's signed noise. In both, rho is
  a probability; the authors state the gate as a threshold of 1.5 on a normal, rho = 0.0668.
- its r of 0.025 with dt = 0.1 is the paper's 0.0025, because of the unit of s above; its tests
  pair it with theta = 1.378e-3, the paper's threshold for r = 0.0005.
- its initial s is uniform on (0, 1), ten times the paper's in these units, and comes from torch's
  global generator; here it comes from `rng`, so that one seed decides everything.
- both discard 100 steps by default; the authors record from the first spike of any neuron. While
  these run, its stimulus is asked for step -1 each time; here for -100, ..., -1.
- it stores spikes as integers, by default of four bytes; here they are booleans.
- it takes edge lists of one network; here W0 is a dense or sparse matrix, a batch of them, or an edge
  list as there (`ThresholdSAM.simulate`), and `b` may differ between neurons (0 pins a neuron of the ring).
"""

import numpy as np
import torch

from circuitbias.checks import number, require
from circuitbias.dynamics import sam_arguments as arguments
from circuitbias.progress import Countdown


def no_stimulus(step):
    """Return 0, the external input of a model that was given none."""
    return 0.0


class ThresholdSAM(torch.nn.Module):
    """Threshold neurons with synaptic activation; a spike raises the activation by dt.

    Everything is a buffer in double precision and nothing can be tuned: the threshold has no
    gradient. ``.float()`` and ``.to(device)`` work as usual; W0 and all other arrays follow the
    model's dtype and device.

    Parameters
    ----------
    r : float
        Weight strength: the paper's r divided by `dt`.
    b : float or array of shape (n_neurons,)
        Constant drive.
    tau, dt : float
        Synaptic time constant and time step, in one unit of time, 0 < dt < tau.
    sigma : float
        Amplitude of the noise relative to `b`, >= 0.
    rho : float
        Probability that a neuron's noise is on in a step.
    theta : float
        Threshold; an input equal to it does not fire.
    rng : torch.Generator
        Source of the initial activation and the noise. If it lives on another kind of device than
        the model when numbers are needed, a new one with its initial seed takes its place.

    Raises
    ------
    ValueError
        If a parameter is not finite, out of range or of a wrong shape.
    """

    def __init__(self, r, b, tau, dt, sigma, rho, theta, rng):
        super().__init__()
        values = {"r": r, "b": b, "tau": tau, "dt": dt, "sigma": sigma, "rho": rho, "theta": theta}
        for name, value in values.items():
            if name != "b" and not isinstance(value, torch.Tensor):
                value = number(name, value)
            value = torch.as_tensor(value, dtype=torch.float64).clone()
            require(value.isfinite().all(), name, value.tolist(), "finite")
            allowed = "a number or one per neuron" if name == "b" else "a number"
            require(value.ndim <= (name == "b"), name, value.tolist(), allowed)
            self.register_buffer(name, value)
        require(0 < self.dt < self.tau, "dt", dt, f"in (0, tau={tau})")
        require(self.sigma >= 0, "sigma", sigma, ">= 0")
        require(0 <= self.rho <= 1, "rho", rho, "a probability in [0, 1]")
        require(isinstance(rng, torch.Generator), "rng", rng, "a torch.Generator")
        self._rng = rng
        self.stimulus = no_stimulus

    @classmethod
    def from_parameters(cls, parameters, rng, drive_scale=None):
        """Build from the paper's units.

        Parameters
        ----------
        parameters : ThresholdParameters
        rng : torch.Generator
        drive_scale : array of shape (n_neurons,), optional
            Drive of each neuron relative to ``parameters.b`` (0 for the pinned neuron).
        """
        p = parameters
        b = p.b if drive_scale is None else p.b * np.asarray(drive_scale, dtype=float)
        return cls(p.sam_strength(), b, p.tau_ms, p.dt_ms, p.sigma, p.rho, p.theta, rng)

    @property
    def dtype(self):
        """Floating-point type of the buffers, in which everything is computed."""
        return self.theta.dtype

    @property
    def device(self):
        """Device of the buffers, on which everything is computed."""
        return self.theta.device

    @property
    def _kind(self):
        return {"dtype": self.dtype, "device": self.device}

    @property
    def rng(self):
        """Generator on the model's kind of device."""
        if self._rng.device.type != self.device.type:
            self._rng = torch.Generator(self.device).manual_seed(self._rng.initial_seed())
        return self._rng

    def add_stimulus(self, stimulus):
        """Add an external input E.

        Parameters
        ----------
        stimulus : callable
            ``stimulus(step)`` returns a number or one value per neuron (or network and neuron).
            Step 0 is the first recorded one; equilibration counts up to it, from
            ``-equilibration_steps``.
        """
        if not callable(stimulus):
            raise TypeError(f"stimulus must be a callable of the step, not {stimulus!r}")
        self.stimulus = stimulus

    def synaptic_input(self, W0, state):
        """Return sum_j W0[j, i] s_j, in the shape of `state`: (..., n_neurons)."""
        if W0.layout is not torch.strided:
            return W0.t() @ state
        return (state.unsqueeze(-2) @ W0).squeeze(-2)

    def background_input(self, shape, uniforms=None):
        """Return the noisy drive b (1 + sigma z m), of the given shape (..., n_neurons).

        Parameters
        ----------
        shape : tuple of int
        uniforms : array, optional
            One number U in [0, 1) per neuron (broadcast to `shape`) that decides the noise in place
            of `rng`: it is on if U < rho, and z is then the normal whose upper tail is U/rho. So a
            noisy neuron with input h and drive b > 0 fires if and only if Q(u) > U/rho, where Q is
            the upper tail of the normal and u = (theta - b - h) / (b sigma).
        """
        b = self._expand("b", self.b, shape)
        if uniforms is None:
            z = torch.randn(shape, generator=self.rng, **self._kind)
            on = torch.rand(shape, generator=self.rng, **self._kind) < self.rho
        else:
            uniforms = self._expand("uniforms", uniforms, shape)
            on = uniforms < self.rho
            # By symmetry ndtri(1 - q) = -ndtri(q), which keeps its digits for small q. The ends of
            # [0, 1] would give infinities, and NaN times a drive of 0.
            limits = torch.finfo(self.dtype)
            tail = (uniforms / self.rho).clamp(limits.tiny, 1 - limits.eps)
            z = -torch.special.ndtri(tail)
        return b * (1 + self.sigma * torch.where(on, z, 0.0))

    def input(self, W0, state, t, uniforms=None):
        """Return the summed input g of step `t` from the activation `state` as it stands."""
        recurrent = self.r * self.synaptic_input(W0, state)
        stimulus = self._expand("stimulus", self.stimulus(t), state.shape)
        return recurrent + self.background_input(state.shape, uniforms) + stimulus

    def emit_spikes(self, input):
        """Return where the input exceeds the threshold, strictly."""
        return input > self.theta

    def update_activation(self, spikes, activation):
        """Return the activation after a step: the old one decayed, plus dt where it spiked."""
        return activation * (1 - self.dt / self.tau) + spikes * self.dt

    def forward(self, W0, state, t, uniforms=None):
        """Return the spikes of step `t`, emitted from the activation `state`."""
        return self.emit_spikes(self.input(W0, state, t, uniforms))

    @torch.no_grad()
    def equilibrate(self, W0, initial_state, n_steps=100, uniforms=None):
        """Run unrecorded steps, numbered -n_steps to -1 for the stimulus; return the activation.

        Parameters are as in `simulate`; `uniforms` has `n_steps` rows.
        """
        require(n_steps >= 0, "n_steps", n_steps, ">= 0")
        W0 = self._weights(W0)
        state = self._expand("initial_state", initial_state, W0.shape[:-1])
        uniforms_of = arguments.rows_of(uniforms, n_steps)
        for step in range(n_steps):
            spikes = self(W0, state, step - n_steps, uniforms_of(step))
            state = self.update_activation(spikes, state)
        return state

    @torch.no_grad()
    def simulate(
        self,
        W0,
        n_steps,
        equilibration_steps=100,
        store_as_dtype=torch.bool,
        initial_activation=None,
        uniforms=None,
        verbose=False,
        edge_index=None,
        n_neurons=None,
    ):
        """Simulate a network, or a batch of independent ones.

        Parameters
        ----------
        W0 : array or tensor of shape (n_neurons, n_neurons) or (n_networks, n_neurons, n_neurons)
            Weights [pre, post]; a single matrix may be sparse (COO or CSR). With `edge_index`: one weight
            per edge, shape (n_edges,).
        n_steps : int
            Steps recorded.
        equilibration_steps : int
            Steps run before, unrecorded.
        store_as_dtype : torch.dtype
        initial_activation : array, optional
            s before the first step, shape (n_neurons,) or (n_networks, n_neurons). By default
            uniform on (0, dt), which is the paper's uniform (0, 1) in the units of this class.
        uniforms : array or callable, optional
            Numbers in [0, 1) that decide the noise (see `background_input`): one row for each step
            run, those of equilibration first, so shape (equilibration_steps + n_steps, n_neurons),
            or with n_networks in between; or a callable of the row number that returns a row. Rows
            of (n_neurons,) are shared by all networks of a batch.
        verbose : bool
            Report progress.
        edge_index : array or tensor of int, shape (2, n_edges), optional
            Presynaptic and postsynaptic neuron of each edge. Weights of an edge that is there twice add up.
        n_neurons : int, optional
            With `edge_index`; by default one more than the largest number in it.

        Returns
        -------
        torch.Tensor of shape (n_neurons, n_steps) or (n_networks, n_neurons, n_steps)
            1 where a neuron spikes.

        Raises
        ------
        ValueError
            If a shape does not fit, or a weight is not finite.
        """
        require(n_steps >= 0, "n_steps", n_steps, ">= 0")
        require(equilibration_steps >= 0, "equilibration_steps", equilibration_steps, ">= 0")
        if edge_index is not None:
            W0 = arguments.weights_of_edges(edge_index, W0, n_neurons, self._kind)
        W0 = self._weights(W0)
        shape = W0.shape[:-1]
        uniforms_of = arguments.rows_of(uniforms, equilibration_steps + n_steps)
        if initial_activation is None:
            unit = torch.rand(shape, generator=self.rng, **self._kind)
            initial_activation = self.dt * unit
        state = self._expand("initial_activation", initial_activation, shape)
        state = self.equilibrate(W0, state, equilibration_steps, uniforms_of)
        record = torch.zeros(*shape, n_steps, dtype=store_as_dtype, device=self.device)
        progress = Countdown(n_steps, "steps")
        for step in range(n_steps):
            spikes = self(W0, state, step, uniforms_of(equilibration_steps + step))
            state = self.update_activation(spikes, state)
            record[..., step] = spikes
            if verbose:
                progress.add(1)
        return record

    def _weights(self, W0):
        """Return W0 checked, in the model's dtype and device; if sparse, as COO."""
        return arguments.weights(W0, self._kind)

    def _expand(self, name, value, shape):
        """Return a value broadcast to a shape, in the model's dtype and device."""
        return arguments.expanded(name, value, shape, self._kind)
