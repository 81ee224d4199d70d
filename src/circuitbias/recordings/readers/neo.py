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
        kind = neo.io.get_io(str(path)).__class__ if len(kinds) > 1 else kinds[0]
        if kind.__name__ in _UNPICKLES:
            kind = kinds[0]
        reader = kind(str(path))
        lazy = {"lazy": True} if reader.support_lazy else {}
        blocks = reader.read(**lazy) if hasattr(reader, "read") else [reader.read_block(**lazy)]
        blocks = blocks if isinstance(blocks, list) else [blocks]
        segments = [
            [_loaded(train) for train in one.spiketrains] for block in blocks for one in block.segments
        ]
        found = of_neo(segments)
        found.notes.append(f"read by {kind.__name__} of neo")
        return found


def _loaded(train):
    return train.load() if hasattr(train, "load") else train
