#!/usr/bin/env python3
"""Reads every #include against cmake/layers.txt and names each edge that points the wrong way.

usage: layering.py [ROOT]
"""

import os
import re
import sys

from sources import list_files, read_text, report

QUOTED = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
ANGLED = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>]+)>", re.M)
# Comments, string and character literals, and raw strings; a digit separator (1'000) does not open a character literal.
NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])*\'', re.S)
TEST_FILE = re.compile(r"(^tests/|^bench/|_(test|fuzz|bench)\.cc$|_testing\.(h|cc)$|_for_test\.h$)")


class Rules:
    def __init__(self, text):
        self.layers = {}
        self.restricted = []  # (patterns, folders, binds tests)
        self.forbidden = []
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            head, colon, tail = line.partition(":")
            if head.startswith("forbid "):  # its words may hold colons themselves
                head, colon, tail = line.rpartition(":")
            kind, *words = head.split()
            if not colon or kind not in ("layer", "restrict", "forbid") or not words:
                raise SystemExit(f"cmake/layers.txt:{number}: cannot read this line")
            if kind == "layer":
                self.layers[words[0]] = tail.split()
            else:
                binds_tests = "except-tests" not in words
                words = [word for word in words if word != "except-tests"]
                target = self.restricted if kind == "restrict" else self.forbidden
                target.append((words, tail.split(), binds_tests))

    def layer_of(self, path):
        holders = [folder for folder in self.layers if path.startswith(folder + "/")]
        return max(holders, key=len, default=None)


def inside(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def matches(include, pattern):
    return include.startswith(pattern[:-1]) if pattern.endswith("*") else include == pattern


def cycles(rules):
    """Folders of layers.txt that may include each other."""
    problems = []
    for folder in rules.layers:
        for entry in rules.layers[folder]:
            other = rules.layer_of(entry + "/x")
            if other and other != folder and not other.startswith(folder + "/") and inside(folder, rules.layers[other]):
                if folder < other:
                    problems.append(f"cmake/layers.txt: {folder} and {other} may include each other")
    return problems


def check_file(rules, path, text):
    problems = []
    is_test = bool(TEST_FILE.search(path))
    layer = rules.layer_of(path)
    if layer is None:
        return [f"{path}: its folder has no line in cmake/layers.txt"]
    for include in QUOTED.findall(text):
        if "/" not in include:
            problems.append(f'{path}: "{include}": include paths begin at the root of the tree')
            continue
        target = rules.layer_of(include)
        if target is None:
            problems.append(f'{path}: "{include}": no such layer')
        elif target != layer and not inside(include, rules.layers[layer]) and not inside(include, [layer]):
            if is_test and include.startswith("tests/fakes/"):
                continue
            problems.append(f'{path}: {layer} -> {target}: "{include}" may not be included from here')
    for include in ANGLED.findall(text):
        for patterns, folders, binds_tests in rules.restricted:
            if any(matches(include, pattern) for pattern in patterns) and not inside(path, folders):
                if binds_tests or not is_test:
                    problems.append(f"{path}: <{include}> belongs to {' '.join(folders)} alone")
    code = NOT_CODE.sub(" ", text)
    for words, folders, binds_tests in rules.forbidden:
        if inside(path, folders) or (is_test and not binds_tests):
            continue
        for word in words:
            if re.search(r"(?<![\w:])(::)?" + re.escape(word) + r"\b", code):
                problems.append(f"{path}: {word} belongs to {' '.join(folders)} alone")
    return problems


def check(root):
    with open(os.path.join(root, "cmake/layers.txt"), encoding="utf-8") as file:
        rules = Rules(file.read())
    problems = cycles(rules)
    for path in list_files(root):
        if path.endswith((".h", ".cc")) and path.count("/") >= 1 and not path.startswith("cmake/"):
            problems += check_file(rules, path, read_text(root, path) or "")
    return problems


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else "."), "layering"))
