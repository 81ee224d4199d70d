"""A recording to try everything on: ``circuitbias demo`` writes it. A test makes it anew, and compares."""
