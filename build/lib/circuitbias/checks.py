"""Checks of single arguments, for the functions that a user calls: the rules and words of a config.

A whole number may be a float without a fraction, as ``1e7`` is, or a NumPy scalar, and becomes an ``int``;
any other number becomes a ``float``. A truth value is no number, a number no truth value, a text neither.
Arrays of steps or neurons must be of whole numbers: there, floats are most likely seconds or milliseconds.
"""

import math
from numbers import Real

import numpy as np

MOST_WHOLE = 2**62
"""Largest whole number where nothing else bounds it."""


def require(condition, name, value, allowed):
    """Raise a ``ValueError`` naming the parameter, its value and what is allowed."""
    if not condition:
        text = " ".join(repr(value).split())  # of arrays on one line
        text = text if len(text) <= 200 else f"{text[:200]}..."
        raise ValueError(f"{name} = {text}: must be {allowed}")


def number(name: str, value, *, least: float = -math.inf, above: float = -math.inf, most: float = math.inf):
    """Check a finite number within limits, and return it as a float.

    Raises
    ------
    ValueError
        Naming the argument, its value and what is allowed.
    """
    limits = [f"{sign} {limit:g}" for sign, limit in ((">=", least), (">", above), ("<=", most))]
    allowed = " and ".join(limit for limit in limits if "inf" not in limit)
    converted = _as_float(value)
    sound = math.isfinite(converted) and least <= converted <= most and converted > above
    require(sound, name, value, f"a finite number {allowed}".strip())
    return converted


def whole(name: str, value, *, least: int = 0, most: int = MOST_WHOLE) -> int:
    """Check a whole number within limits, and return it as an int.

    Raises
    ------
    ValueError
        Naming the argument, its value and what is allowed.
    """
    exact = _as_float(value).is_integer()  # of an int always
    limit = f">= {least}" if most == MOST_WHOLE else f">= {least} and <= {most}"
    require(exact and least <= int(value) <= most, name, value, f"a whole number {limit}")
    return int(value)


def flag(name: str, value) -> bool:
    """Check a truth value, and return it as a bool.

    Raises
    ------
    ValueError
        Naming the argument and its value.
    """
    require(isinstance(value, bool | np.bool_), name, value, "True or False")
    return bool(value)


def whole_numbers(name: str, values, remedy: str = "") -> np.ndarray:
    """Check a vector of whole numbers, and return it as an array of int64; an empty one may be of any type.

    Parameters
    ----------
    name : str
    values : array_like, shape (n,)
    remedy : str, optional
        What to do if they are of another type, such as float.

    Raises
    ------
    ValueError
        Naming the argument and its type.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: its shape is {array.shape}; must be a vector of whole numbers")
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind not in "iu":
        shown = ", ".join(map(repr, array[:3].tolist()))
        raise ValueError(
            f"{name} = [{shown}{', ...' * (array.size > 3)}] of dtype {array.dtype}: must be whole "
            f"numbers, of an integer dtype{remedy}"
        )
    if array.dtype.kind == "u" and array.max() > MOST_WHOLE:
        raise ValueError(f"{name}: {array.max()} is too large; must be <= {MOST_WHOLE}")
    return array.astype(np.int64, copy=False)


def _as_float(value) -> float:
    """The nearest float; NaN of what is no number, or none that a float can be near to."""
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
