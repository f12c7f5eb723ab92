#!/usr/bin/env python3
"""Every C++ file is as clang-format-19 would write it.

usage: format.py [--fix] [ROOT]
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from sources import list_files, report


def differs(tool, root, path):
    with open(os.path.join(root, path), "rb") as file:
        before = file.read()
    after = subprocess.run([tool, "--assume-filename", os.path.join(root, path)], input=before, check=True,
                           capture_output=True).stdout
    return before != after


def check(root, fix=False):
    tool = shutil.which("clang-format-19")
    if tool is None:
        raise SystemExit("clang-format-19 is not installed")
    paths = [path for path in list_files(root) if path.endswith((".h", ".cc"))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        bad = [path for path, is_bad in zip(paths, pool.map(lambda path: differs(tool, root, path), paths)) if is_bad]
    if fix:
        for path in bad:
            subprocess.run([tool, "-i", os.path.join(root, path)], check=True)
            print(f"formatted {path}")
        return []
    return [f"{path}: not formatted (tests/lint/format.py --fix)" for path in bad]


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if argument != "--fix"]
    sys.exit(report(check(names[0] if names else ".", "--fix" in sys.argv[1:]), "format"))
