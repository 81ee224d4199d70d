"""``python -m circuitbias`` is ``circuitbias``."""

import sys

from circuitbias.cli import main

sys.exit(main())
