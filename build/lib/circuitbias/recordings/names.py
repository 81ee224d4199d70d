"""Names by which files call spike times and units, and what their endings say of the unit of time."""

import re
import unicodedata
from collections.abc import Iterable

TIMES = (
    *("time", "times", "t", "spike_time", "spike_times", "spiketime", "spiketimes", "timestamp"),
    *("timestamps", "ts", "spk_t", "spikes_t", "spk_times", "peak_time"),
    *("sample", "samples", "sample_index", "spike_sample", "spike_samples", "st"),
)
"""Plainest first: of two that are there, the first counts."""
_OWNERS = ("unit", "cluster", "clu", "neuron", "cell", "node", "sorted_unit", "spike_unit", "spike_cluster")
UNITS = (
    *("unit", "units", "unit_id", "unit_ids", "unitid", "id", "ids", "uid", "cluster", "clusters"),
    *("cluster_id", "cluster_ids", "spike_clusters", "spike_units", "clu", "neuron", "neurons"),
    *("cell", "cells", "node", "nodes", "gid", "gids", "sender", "senders"),
    *(f"{one}_{end}" for end in ("id", "ids", "index", "idx", "name", "names", "label") for one in _OWNERS),
    *("channel", "electrode", "label", "labels", "index", "i"),
)
SUFFIXES = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), "ms"),
    # Both signs for micro: the Greek letter, and what a keyboard writes.
    **dict.fromkeys(("us", "usec", "usecs", "μs", "µs", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("samples", "sample", "frames"), "samples"),
}
NOT_READ = {
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hours"),
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), "nanoseconds"),
}
"""Words for units of time that no recording is read in."""
_FILLING = {"in", "of", "the", "no", "nr", "number"}


def plain(name: str) -> tuple[str, str | None]:
    """Return a name without its unit of time, and that: ``Spike time [ms]`` is spike_time and ms.

    Parameters
    ----------
    name : str
        In any case: ``timeSeconds`` is time and s. Of a path such as ``spikes.times`` the last part counts.
    """
    text = unicodedata.normalize("NFKC", str(name)).rpartition(".")[2]  # makes the sign for micro the letter
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()
    words = [word for word in re.split(r"[^a-z0-9μ]+", text) if word]
    unit = SUFFIXES.get(words[-1]) if len(words) > 1 else None
    words = [word for word in words[: -1 if unit else None] if word not in _FILLING] or words
    sampled = "_".join(words).startswith(("sample", "spike_sample"))
    return "_".join(words), unit or ("samples" if sampled else None)


def called(known: tuple[str, ...], names: Iterable[str]) -> list[str]:
    """Names that are among those known, the plainest first."""
    found = [name for name in names if plain(name)[0] in known]
    return sorted(found, key=lambda name: known.index(plain(name)[0]))


def unit_of_time(text: str) -> str:
    """Return the unit of time that a word means: ``milliseconds`` is ms.

    Raises
    ------
    ValueError
        If it means none.
    """
    word = unicodedata.normalize("NFKC", str(text)).strip().lower()
    if word not in SUFFIXES:
        raise ValueError(f"its unit of time is {text!r}; known are {', '.join(SUFFIXES)}. Say time_unit")
    return SUFFIXES[word]


def say(option: str, value) -> str:
    """Tell how an option of a format is given, in Python and on the command line."""
    quoted = f'"{value}"' if isinstance(value, str) else value
    return f"say {option} ({option}={value!r}, or --format-options '{{\"{option}\": {quoted}}}')"
