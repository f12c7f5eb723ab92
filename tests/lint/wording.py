#!/usr/bin/env python3
"""Words that may not stand in the tree: unfinished work, paths of somebody's machine, references that lead nowhere.

usage: wording.py [ROOT]
"""

import os
import re
import sys

from sources import list_files, read_text, report

# Written in pieces, so that this file does not find itself.
BANNED = [
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|TB" r"D)\b"), "unfinished work: finish it, or leave it out"),
    (re.compile(r"(?<![\w.])/(wo" r"rk|fa" r"rm|home/\w+|Users/\w+|tmp/te" r"am)/"), "a path of one machine"),
    (re.compile(r"\b(issue|ticket|PR) ?" r"#?\d+\b", re.I), "a number only a tracker understands: say what it was about"),
]
# Kinds of file whose bytes are data, not prose.
DATA = re.compile(r"^tests/fuzz-corpus/|\.(eml|mbox|bin|pem|der)$")
REFERENCE = re.compile(r"\bdocs/[A-Za-z0-9_./-]+?\.md\b")


def check(root):
    problems = []
    for path in list_files(root):
        if DATA.search(path):
            continue
        text = read_text(root, path)
        if text is None:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, reason in BANNED:
                found = pattern.search(line)
                if found:
                    problems.append(f"{path}:{number}: '{found.group(0)}': {reason}")
            for reference in REFERENCE.findall(line):
                if not os.path.exists(os.path.join(root, reference)):
                    problems.append(f"{path}:{number}: {reference} does not exist")
    return problems


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else "."), "wording"))
