"""Hold a component to the contract that our own keep to: named checks, on data with a known answer."""

import json
from contextlib import redirect_stderr
from io import StringIO

from circuitbias.catalogue import find_any
from circuitbias.steps import json_object


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument(
        "component",
        metavar="PATH",
        help="my_package.my_module:MyEstimator, or a name: of an estimator, a network or a generator",
    )
    parser.add_argument("--options", help="JSON: with which to try it; default: each of its examples")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each check")


def run(arguments):
    """Do the step."""
    from circuitbias.contract import OF_ALL, hold
    from circuitbias.dynamics.contract import OF_GENERATORS, OF_NETWORKS
    from circuitbias.estimators.contract import CHECKS  # brings numba

    kind, component = find_any(arguments.component)
    checks = {"networks": OF_NETWORKS, "generators": OF_GENERATORS, "estimators": CHECKS}
    checks = checks.get(kind, OF_ALL)
    options = json_object("--options", arguments.options) if arguments.options else None
    failed, told = 0, {}  # what went wrong, and the check that said it first
    with redirect_stderr(StringIO()):  # lines of progress
        for outcome in hold(component, checks, options):
            failed += not outcome.passed
            if arguments.json:
                print(json.dumps(outcome._asdict()), flush=True)
            else:
                verdict = "passed" if outcome.passed else "FAILED"
                what = outcome.says or checks[outcome.check].__doc__
                if outcome.says and (first := told.setdefault(outcome.says, outcome.check)) != outcome.check:
                    what = f"as {first} does"
                print(f"{verdict}  {outcome.check:14} {json.dumps(outcome.options)}  {what}", flush=True)
    if failed:
        raise ValueError(f"{arguments.component} fails {failed} checks")
