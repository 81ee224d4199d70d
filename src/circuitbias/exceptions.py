"""Errors and warnings that several rooms share."""


class UnusableDataError(ValueError):
    """The data do not allow what was asked for; the message says why, and what would help.

    A result of science, not a fault: sweeps and the workflow note it and go on; any other error stops them.
    """


class ActivityWarning(UserWarning):
    """The activity is not one from which couplings can be learned; the message says why, with numbers."""


class SaturatedActivityWarning(ActivityWarning):
    """Neurons fire nearly all the time: the network runs away, or its drive exceeds the threshold."""


class SilentNeuronsWarning(ActivityWarning):
    """Some neurons never fire: nothing can be inferred to or from them."""
