"""Figures: tidy tables and arrays in, a matplotlib figure and the numbers behind it out.

A module here is named after its figure and has one function ``draw``; none of them reads files.
"""

FIGURES = (
    "figure1",
    "figure2",
    "methods",
    "profiles",
    "data_volume",
    "partial_observation",
    "bin_width",
    "patterns",
    "synchrony",
    "circuits",
)
