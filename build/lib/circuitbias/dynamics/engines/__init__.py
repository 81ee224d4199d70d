"""Engines: compiled kernels of the models, held to the readable reference by tests."""
