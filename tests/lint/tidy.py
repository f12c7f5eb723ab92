#!/usr/bin/env python3
"""clang-tidy over every source file, by the settings in .clang-tidy. Minutes long: part of the full run only.

usage: tidy.py ROOT BUILD_TREE
"""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from sources import report


def main(root, build):
    tool = shutil.which("clang-tidy-19")
    if tool is None:
        raise SystemExit("clang-tidy-19 is not installed")
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        names = {os.path.normpath(os.path.join(entry["directory"], entry["file"])) for entry in json.load(file)}
    names = sorted(name for name in names if not name.startswith(os.path.abspath(build) + os.sep))

    def run(name):
        done = subprocess.run([tool, "-p", build, "--quiet", name], capture_output=True, text=True, cwd=root)
        return done.stdout.strip() if done.returncode != 0 else ""

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return report([output for output in pool.map(run, names) if output], "clang-tidy")


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])))
