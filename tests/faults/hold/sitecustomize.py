"""Makes a step of the workflow wait to be killed: Python imports this as it starts, from PYTHONPATH.

Which step, when, and the file that says that it waits are in the environment (`start_and_hold`).
"""

import os
import sys
import time
from pathlib import Path


def wait():
    mark = Path(os.environ["HOLD_MARK"])
    mark.touch()
    while mark.exists():  # a test that lets it go on takes the mark away
        time.sleep(0.1)


def wait_before_the_rename(event, arguments):
    if event == "os.rename" and os.fspath(arguments[1]).endswith(output):
        wait()


output = os.environ["HOLD_OUTPUT"]
program, *words = [Path(word) for word in sys.orig_argv[1:]] or [Path()]
if program.name == "circuitbias" and {Path(output), Path(output).with_suffix("")} & set(words):
    if os.environ["HOLD_WHEN"] == "begun":
        wait()
    sys.addaudithook(wait_before_the_rename)
