"""The matched likelihood's passes over spikes and over the lattice, compiled."""

import numpy as np
from numba import njit

from circuitbias.likelihood.link import look_up

_EMPTY = 1e-12  # sums below it are zero: no product of them gets so small that it slows the processor down
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(nogil=True, cache=True, fastmath=_FAST)
def advance(
    steps, columns, event, end, stride, first, decay, powers, left, sums, clock, rows, n_rows, active,
    target_of, coefficients, before, bound, log_odds, value, gradient, left_out,
):  # fmt: skip
    """Take the sums up to step ``end``; write lattice rows, and add up what spikes contribute.

    A column -2, -3 ... is a spike that leaves the sums, of column 0, 1 ...; ``left`` is what it was worth.
    ``sums`` are s at step ``clock[0]`` and later, but for the common factor ``powers[t - clock[0]]``; the
    next lattice point is ``clock[1]``. Returns the next event, and the number of rows.
    """
    n = sums.shape[0]
    reach = powers.shape[0] - 2
    while True:
        inside = event < steps.shape[0] and steps[event] < end
        t = steps[event] if inside else end
        while clock[1] < end and clock[1] <= t:
            if active:
                if clock[1] - clock[0] > reach:
                    _renew(sums, clock, clock[1], decay)
                factor = powers[clock[1] - clock[0]]
                for i in range(n):
                    s = factor * sums[i]
                    rows[n_rows, i] = s if s > _EMPTY else 0.0
                n_rows += 1
            clock[1] += stride
        if not inside:
            return event, n_rows
        if t - clock[0] > reach:
            _renew(sums, clock, t, decay)
        factor = powers[t - clock[0]]
        last = event
        while last < steps.shape[0] and steps[last] == t:
            j = target_of[columns[last]] if columns[last] >= 0 else -1
            last += 1
            if j < 0 or not active or t < first:
                continue
            left_out[2, j] += 1
            if before.shape[0]:
                earlier = 0.0
                for i in range(n):
                    earlier += before[j, i] * sums[i]
                if before[j, n] + factor * earlier > bound:
                    left_out[0, j] += 1
                    continue
            eta = 0.0
            for i in range(n):
                eta += coefficients[j, i] * sums[i]
            log_odd, slope = look_up(log_odds, coefficients[j, n] + factor * eta)
            value[j] += log_odd
            gradient[j, n] += slope
            slope *= factor
            for i in range(n):
                gradient[j, i] += slope * sums[i]
        for k in range(event, last):
            if columns[k] >= 0:
                sums[columns[k]] += 1 / powers[t + 1 - clock[0]]
            elif columns[k] < -1:
                sums[-2 - columns[k]] -= left / powers[t + 1 - clock[0]]
        event = last


@njit(nogil=True, cache=True)
def _renew(sums, clock, step, decay):
    factor = decay ** (step - clock[0])
    for i in range(sums.shape[0]):
        sums[i] = sums[i] * factor
        if sums[i] < 1e-100:
            sums[i] = 0.0
    clock[0] = step


@njit(nogil=True, cache=True, fastmath=_FAST)
def silence(eta, before, bound, log_silence, weights, value):
    """Add up log(1 - p) over rows, by target and its weight, and put its derivatives in the place of eta."""
    for row in range(eta.shape[0]):
        for j in range(eta.shape[1]):
            if before.shape[0] and before[row, j] > bound:
                eta[row, j] = 0.0
            else:
                log_p, slope = look_up(log_silence, np.float64(eta[row, j]))
                value[j] += weights[j] * log_p
                slope *= weights[j]
                eta[row, j] = slope if slope < -1e-30 else 0.0
