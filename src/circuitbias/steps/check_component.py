"""Hold an estimator to the contract that our own keep to: named checks, on data with a known answer."""

import json
from contextlib import redirect_stderr
from io import StringIO

from circuitbias.catalogue import path_of
from circuitbias.steps import json_object


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("component", metavar="PATH", help="my_package.my_module:MyEstimator, or a name")
    parser.add_argument("--options", help="JSON: with which to try it; default: each of its examples")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each check")


def run(arguments):
    """Do the step."""
    from circuitbias.estimators.contract import CHECKS, hold  # brings torch and numba

    if not path_of("estimators", arguments.component):
        raise ValueError(f"{arguments.component!r} is no estimator; must be a path my_module:MyEstimator")
    options = json_object("--options", arguments.options) if arguments.options else None
    failed = 0
    with redirect_stderr(StringIO()):  # lines of progress
        for outcome in hold(arguments.component, options):
            failed += not outcome.passed
            if arguments.json:
                print(json.dumps(outcome._asdict()), flush=True)
            else:
                verdict = "passed" if outcome.passed else "FAILED"
                what = outcome.says or CHECKS[outcome.check].__doc__
                print(f"{verdict}  {outcome.check:14} {json.dumps(outcome.options)}  {what}", flush=True)
    if failed:
        raise ValueError(f"{arguments.component} fails {failed} checks")
