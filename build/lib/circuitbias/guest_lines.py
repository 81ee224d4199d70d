"""The line of a user's own code in which an error arose: of a long traceback it is what they look for."""

import linecache
import os
import traceback
from collections.abc import Iterable, Iterator
from importlib.util import find_spec


def line_of_guest(error: BaseException, modules: Iterable[str]) -> str:
    """Name the last line of guests' code that an error came through.

    Parameters
    ----------
    error : BaseException
        As it was caught; the errors that it was made from count, too.
    modules : iterable of str
        Full names of the modules of the guests. Their code is what lies in their packages or, of a module
        without a package, in its folder.

    Returns
    -------
    str
        File, line, function and text of the line, in brackets and after a space; empty if there is none.
    """
    folders = [folder for name in modules for folder in _folders(name)]
    while error is not None and folders:
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if any(_lies_in(frame.filename, *folder) for folder in folders):
                text = linecache.getline(frame.filename, frame.lineno).strip()
                return f" ({_short(frame.filename)}, line {frame.lineno}, in {frame.name}: {text:.100})"
        error = error.__cause__ or error.__context__
    return ""


def _folders(module: str) -> Iterator[tuple[str, bool]]:
    """Folders of a guest's code, and whether those inside belong to it."""
    top = module.partition(".")[0]
    if top == __name__.partition(".")[0]:  # a built-in component
        return
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):  # a module made by hand, without a file
        return
    if spec and spec.submodule_search_locations:
        yield from ((os.path.realpath(folder), True) for folder in spec.submodule_search_locations)
    elif spec and spec.has_location:
        yield os.path.dirname(os.path.realpath(spec.origin)), False


def _lies_in(file: str, folder: str, deep: bool) -> bool:
    if file.startswith("<"):  # no file: code that was made up, such as the constructors of dataclasses
        return False
    place = os.path.dirname(os.path.realpath(file))
    return place == folder or (deep and place.startswith(folder + os.sep))


def _short(file: str) -> str:
    """The path from the working directory, if it lies there."""
    here = os.getcwd() + os.sep
    return file.removeprefix(here)
