"""Starts SOKE on one machine: environment, embedded engines, processes. Standard library only.

It imports nothing of the project, because it must run before the project's requirements are installed.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 -- the sentence is for those who start it with an older one
    raise SystemExit(
        "SOKE needs Python 3.11 or newer, this is {}.{}: install one and name it, for example "
        "`make run PYTHON=python3.12`.".format(*sys.version_info)
    )


class Problem(Exception):
    """What the person at the terminal can mend; its message is a sentence that says how."""
