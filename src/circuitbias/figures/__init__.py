"""Figures: tidy tables and arrays in, a matplotlib figure and the numbers behind it out.

A module here is named after its figure and has one function ``draw``; none of them reads files.
"""

from circuitbias import catalogue

FIGURES = (*catalogue.FIGURES, *catalogue.EXPERIMENTS)
