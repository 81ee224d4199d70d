"""Many regressions on one design, solved together. This room knows neither neurons nor couplings."""
