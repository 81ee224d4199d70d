"""Estimates from parts of a recording, beside that of the whole."""

import numpy as np

from circuitbias.estimators import estimate, estimate_with_blocks
from circuitbias.spikes.views import StepWindow


def test_blocks_are_what_the_parts_give_alone(sparse_record):
    """To a hundredth of their sampling errors: fits to parts need not be finer."""
    whole = estimate_with_blocks("glm", sparse_record, n_blocks=3)
    np.testing.assert_array_equal(whole.values, estimate("glm", sparse_record).values)
    length = int(sparse_record.trial_steps.sum()) // 3
    for k, block in enumerate(whole.arrays["blocks"]):
        alone = estimate("glm", StepWindow(sparse_record, k * length, length))
        off = np.abs(block - alone.values) / alone.arrays["standard_errors"]
        assert np.nanmax(off) < 0.01
        np.testing.assert_array_equal(np.isnan(block), np.isnan(alone.values))
