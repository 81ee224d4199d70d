"""Figures: tidy tables and arrays in, a matplotlib figure and the numbers behind it out.

A module here is named after its figure and has a class that says what it is drawn from, and a function
``draw``; none of them reads files.
"""

from circuitbias import catalogue

FIGURES = tuple(catalogue.FIGURES)
