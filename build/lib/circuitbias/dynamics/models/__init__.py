"""Models that make spikes: each one file with its options, its engine and a readable reference."""
