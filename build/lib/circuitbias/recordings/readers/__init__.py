"""Formats of recordings, one a module; `circuitbias.catalogue.READERS` lists them."""
