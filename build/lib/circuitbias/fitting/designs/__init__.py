"""Design matrices that are gone over block by block: counts at lags, and filtered histories of spikes."""
