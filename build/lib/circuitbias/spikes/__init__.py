"""Spikes: sorted events in memory and on disk, and their counts in bins."""
