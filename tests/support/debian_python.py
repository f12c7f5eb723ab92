"""Modules that come from Debian, for a test that another Python was asked to run (one from pyenv, say)."""

import importlib.util
import os
import sys

DEBIAN = "/usr/bin/python3"


def is_there(name):
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None  # a folder of that name is no module


def want(*modules):
    """Goes on when they are there; else starts anew under Debian's Python, or ends as skipped."""
    missing = [name for name in modules if not is_there(name)]
    if not missing:
        return
    if os.path.realpath(sys.executable) != os.path.realpath(DEBIAN) and os.access(DEBIAN, os.X_OK):
        os.execv(DEBIAN, [DEBIAN, "-B", *sys.argv])
    print(f"skipped: no module {', '.join(missing)}")
    sys.exit(77)
