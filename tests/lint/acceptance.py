#!/usr/bin/env python3
"""Every claim of the acceptance list has a row in tests/acceptance.tsv, and every test a row names exists.

A row is: id, claim, tests; separated by tabs. Tests are separated by spaces and written as
    engine_smtp_test:Suite.Case        a GoogleTest case in the folder of that test program
    tests/e2e/name_test.py:Class.case  a Python test (a class, a function, or a method)
    fuzz.command_fuzz                  the name of a ctest entry
or the one word `open`: no test proves the claim yet.

usage: acceptance.py [ROOT]
"""

import ast
import os
import re
import sys

from sources import list_files, read_text, report

# The numbering has gaps between the families.
FAMILIES = [(1, 7), (10, 26), (30, 41), (50, 55), (60, 69), (80, 93), (100, 114), (120, 122), (130, 139), (150, 161),
            (170, 174), (180, 193), (200, 202), (210, 221), (230, 236), (240, 245), (250, 251)]
EXPECTED = [f"S{number:03}" for first, last in FAMILIES for number in range(first, last + 1)]

LIBRARY = re.compile(r"^\s*postern_library\(\s*(\w+)", re.M)
GTEST_CASE = re.compile(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
CTEST_NAME = re.compile(r"add_test\(\s*NAME\s+([\w.-]+)")


class Tests:
    """What tests the tree has, read from its sources, so that the lint needs no build."""

    def __init__(self, root):
        self.root = root
        self.files = list_files(root)
        self.folders = {}  # test program -> folder
        self.ctest_names = set()
        for path in self.files:
            if os.path.basename(path) == "CMakeLists.txt":
                text = read_text(root, path)
                self.ctest_names.update(CTEST_NAME.findall(text))
                for library in LIBRARY.findall(text):
                    self.folders[library + "_test"] = os.path.dirname(path)
            elif path.endswith("_fuzz.cc"):
                self.ctest_names.add("fuzz." + os.path.basename(path)[:-3])
            elif path.startswith("tests/") and path.endswith("_test.py"):
                folder, name = path.split("/")[-2:]
                self.ctest_names.add(f"{folder}.{name[:-len('_test.py')]}")
        self.cases = {}

    def gtest_cases(self, program):
        if program not in self.cases:
            folder = self.folders[program]
            nested = [other for other in self.folders.values() if other.startswith(folder + "/")]
            found = set()
            for path in self.files:
                if path.startswith(folder + "/") and path.endswith("_test.cc") and \
                        not any(path.startswith(other + "/") for other in nested):
                    found.update(f"{suite}.{case}" for suite, case in GTEST_CASE.findall(read_text(self.root, path)))
            self.cases[program] = found
        return self.cases[program]

    def python_cases(self, path):
        names = set()
        for node in ast.parse(read_text(self.root, path)).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            if isinstance(node, ast.ClassDef):
                names.update(f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef))
        return names

    def problem_with(self, name):
        """Why this is not the name of a test; None if it is one."""
        target, colon, case = name.partition(":")
        if not colon:
            known = name in self.ctest_names or (name in self.folders and self.gtest_cases(name))
            return None if known else "no ctest entry of that name"
        if target.endswith(".py"):
            if target not in self.files:
                return "no such file"
            return None if case in self.python_cases(target) else "no such case in that file"
        if target not in self.folders:
            return "no such test program"
        return None if case in self.gtest_cases(target) else "no such case in that test program"


def check(root, expected=tuple(EXPECTED)):
    problems = []
    tests = Tests(root)
    seen = []
    for number, line in enumerate(read_text(root, "tests/acceptance.tsv").splitlines(), 1):
        if line.startswith("#") or line == "id\tclaim\ttests":
            continue
        fields = line.split("\t")
        where = f"tests/acceptance.tsv:{number}"
        if len(fields) != 3 or not all(field.strip() == field and field for field in fields):
            problems.append(f"{where}: three fields, separated by tabs, are wanted")
            continue
        claim, _, names = fields
        if claim not in expected:
            problems.append(f"{where}: {claim} is not in the acceptance list")
        if claim in seen:
            problems.append(f"{where}: {claim} has a row already")
        elif seen and claim < seen[-1]:
            problems.append(f"{where}: {claim} stands after {seen[-1]}")
        seen.append(claim)
        if names != "open":
            for name in names.split():
                problem = tests.problem_with(name)
                if problem:
                    problems.append(f"{where}: {claim}: {name}: {problem}")
    problems += [f"tests/acceptance.tsv: {claim} has no row" for claim in expected if claim not in seen]
    return problems


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else "."), "acceptance"))
