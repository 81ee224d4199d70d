"""Importing a class by its path; where a guest's cannot be, the words that say why."""

import importlib
import os
import sys

from circuitbias.guest_lines import line_of_guest


class GuestError(ValueError):
    """Raised when a user's component cannot be loaded; says why, and what is needed."""


def loaded(path: str) -> type:
    """Import the class at a path such as ``package.module:Class``."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def imported(path: str, base: type) -> type:
    """Import the class of a guest.

    Parameters
    ----------
    path : str
        Such as ``my_package.my_module:MyClass``. Modules are looked for where Python looks, and then in the
        working directory.
    base : type
        What it has to be a class of.

    Raises
    ------
    GuestError
        If there is no such module or class, its module fails, or it is no class of that base.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    module = path.partition(":")[0]
    wanted = f"must be the path of a class of {base.__name__}, such as my_package.my_module:MyClass"
    try:
        found = loaded(path)
    except ModuleNotFoundError as error:
        raise GuestError(f"{error}, here or in {os.getcwd()}; {wanted}") from error
    except AttributeError as error:
        has = [
            name
            for name, one in vars(sys.modules.get(module, object)).items()
            if isinstance(one, type) and issubclass(one, base) and one is not base
        ]
        here = f" (it has {', '.join(has)})" if has else ""
        raise GuestError(f"{error}{here}; {wanted}") from error
    except Exception as error:  # whatever a stranger's code does
        what = f"{type(error).__name__}: {error}{line_of_guest(error, [module])}"
        raise GuestError(f"importing {module} failed: {what}") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise GuestError(f"it is no class of circuitbias.{base.__name__}; {wanted}")
    return found
