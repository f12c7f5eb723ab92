#!/usr/bin/env python3
"""Compiles a case as it stands (must succeed) and with its misuse (must fail with the expected message).

usage: check.py CASE COMPILER [FLAGS...]
"""

import re
import subprocess
import sys

EXPECT = re.compile(r"^// expect: (.+)$", re.M)


def check(case, compiler):
    """What is wrong with the case; None when it behaves."""
    with open(case, encoding="utf-8") as file:
        expected = EXPECT.search(file.read())
    if expected is None:
        return "the case does not say what it expects"
    plain = subprocess.run([*compiler, "-fsyntax-only", case], capture_output=True, text=True)
    if plain.returncode != 0:
        return "does not compile even without the misuse:\n" + plain.stderr
    misuse = subprocess.run([*compiler, "-fsyntax-only", "-DPOSTERN_MISUSE", case], capture_output=True, text=True)
    if misuse.returncode == 0:
        return "the misuse compiles"
    if re.search(expected.group(1), misuse.stderr) is None:
        return f"fails for another reason than '{expected.group(1)}':\n{misuse.stderr}"
    return None


if __name__ == "__main__":
    problem = check(sys.argv[1], sys.argv[2:])
    if problem:
        sys.exit(f"{sys.argv[1]}: {problem}")
