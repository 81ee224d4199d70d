"""Which couplings of a recording may be believed: twins of it, whose wiring is known."""
