"""The steps of the flow: files in, files out. Each can be run by hand or by the workflow.

A module here has a docstring that says what it does, ``add_arguments(parser)`` and ``run(arguments)``.
"""

STEPS = ("network", "simulate", "activity", "estimate", "errors", "compare", "figure")
