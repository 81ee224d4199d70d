"""Published numbers beside ours: what was to be expected of our data, and does it agree?"""

from circuitbias.comparison.errors import published_network
from circuitbias.comparison.verdicts import COLUMNS, summary, with_verdicts

__all__ = ["COLUMNS", "published_network", "summary", "with_verdicts"]
