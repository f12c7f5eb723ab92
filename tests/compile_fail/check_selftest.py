#!/usr/bin/env python3
"""Shows that the harness tells a good case from the three kinds of bad ones.

usage: check_selftest.py COMPILER [FLAGS...]
"""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check import check

CASES = [
    ("// expect: unknown type name 'nothing'\n#ifdef POSTERN_MISUSE\nnothing x;\n#endif\n", None),
    ("// expect: unknown type name\nint x;\n", "the misuse compiles"),
    ("// expect: division by zero\n#ifdef POSTERN_MISUSE\nnothing x;\n#endif\n", "another reason"),
    ("// expect: unknown type name\nnothing x;\n", "even without the misuse"),
    ("int x;\n", "does not say"),
]

for source, wanted in CASES:
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as file:
        file.write(source)
        file.flush()
        problem = check(file.name, sys.argv[1:])
    if (wanted is None) != (problem is None) or (wanted and wanted not in problem):
        sys.exit(f"expected {wanted!r}, got {problem!r} for:\n{source}")
