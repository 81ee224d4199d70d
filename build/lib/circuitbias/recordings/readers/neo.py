"""All that neo reads: Plexon, Blackrock, Neuralynx, Spike2, NeuroExplorer and others."""

from pathlib import Path

from circuitbias.component import Reader
from circuitbias.reading import opened
from circuitbias.recordings.found import Found
from circuitbias.recordings.objects import of_neo

_UNPICKLES = ("PickleIO",)


class Neo(Reader):
    """What neo reads (.plx, .nev, .nex, .smr and more); needs the extra `neo`. Only spikes are loaded."""

    suffixes = (".plx", ".pl2", ".nex", ".nev", ".smr", ".smrx", ".nse", ".ntt", ".nix", ".kwik", ".tbk")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        if path.is_file():
            with opened(path):  # for the errors of the system, in our words
                pass
        try:
            import neo
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "reading this takes neo: pip install 'circuitbias[neo]'; or write the spikes as .csv, time "
                "and unit"
            ) from error
        kinds = [kind for kind in neo.list_candidate_ios(str(path)) if kind.__name__ not in _UNPICKLES]
        if not kinds:
            raise ValueError("neo has no reader for it that does not unpickle")
        reader = _opened_by(kinds, path)
        kind = type(reader)
        lazy = {"lazy": True} if reader.support_lazy else {}
        blocks = reader.read(**lazy) if hasattr(reader, "read") else [reader.read_block(**lazy)]
        blocks = blocks if isinstance(blocks, list) else [blocks]
        segments = [
            [_loaded(train) for train in one.spiketrains] for block in blocks for one in block.segments
        ]
        found = of_neo(segments)
        found.notes.append(f"read by {kind.__name__} of neo")
        return found


def _opened_by(kinds: list, path: Path):
    """The first reader of neo that can open a file; some need libraries of their own."""
    failed = []
    for kind in kinds:
        try:
            return kind(str(path))
        except Exception as error:  # of any kind, as it is another library's
            failed.append(f"{kind.__name__}: {str(error).strip()[:200] or repr(error)}")
    raise ValueError(
        f"neo cannot open it ({'; '.join(dict.fromkeys(failed))}). If it names a library, install that"
    )


def _loaded(train):
    return train.load() if hasattr(train, "load") else train
