import numpy as np
import pytest
import torch


@pytest.fixture(params=["numpy", "torch"])
def array(request):
    """Make an array of either library: fits are one code for both."""
    return np.asarray if request.param == "numpy" else lambda values: torch.from_numpy(np.array(values))
