"""An estimator of a user's own: all that it takes."""

from circuitbias import BinnedCounts, Couplings, Estimator, option


class LaggedCovariance(Estimator):
    """Covariance of a neuron's counts with those of another one some bins later."""

    bin_steps: int = option(100, "Width of a bin (steps).", least=1)
    lag: int = option(1, "Lag (bins).", least=1, most=1000)
    directed = True

    def estimate(self, source, *, memory_mb, **_):
        """Read couplings off the covariance of the counts."""
        counts = BinnedCounts(source, self.bin_steps, memory_mb=memory_mb).all()
        counts = counts - counts.mean(axis=0)
        return Couplings(counts[: -self.lag].T @ counts[self.lag :] / len(counts))
