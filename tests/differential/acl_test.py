#!/usr/bin/env python3
"""SMTP dialogues (acl/*.txt) with a live Exim and with postern: replies, log lines, headers of what was taken.

Every difference is named in those files with its reason, and there are no others: a part that is said to differ must.
`acl_test.py THEME ...` runs those alone and prints what differs.
"""
# ctest: timeout=420

import difflib
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

from dialogues import PARTS, themes
from runner import run_tests
from servers import EximServer, PosternServer, check, name_server

AT_LEAST = 150


def run_theme(theme):
    """[(dialogue, Exim's outcome, postern's outcome)] of those that postern does not refuse."""
    spoken = [dialogue for dialogue in theme.dialogues if not dialogue.refused]
    skipped = [dialogue for dialogue in theme.dialogues if dialogue.refused]

    def outcomes(kind):
        with kind(theme, skipped, nameserver) as server:
            return server.run(spoken)
    with name_server(theme.zones) as nameserver, ThreadPoolExecutor() as pool:
        return list(zip(spoken, *pool.map(outcomes, (EximServer, PosternServer)), strict=True))


def difference(exim, postern):
    return "\n".join(difflib.unified_diff(exim, postern, "Exim", "postern", lineterm="", n=1))


class Dialogues(unittest.TestCase):
    def test_there_are_enough(self):
        names = [(theme.name, dialogue.name) for theme in themes() for dialogue in theme.dialogues]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(sum(not dialogue.refused for theme in themes() for dialogue in theme.dialogues), AT_LEAST)

    def test_both_do_the_same(self):
        for theme in themes():
            spoken = run_theme(theme)
            differing = sum(bool(dialogue.differs) for dialogue, _, _ in spoken)
            print(f"{theme.name}: {len(spoken)} dialogues, {len(spoken) - differing} the same, {differing} differ on purpose", flush=True)
            for dialogue, exim, postern in spoken:
                for part in PARTS:
                    with self.subTest(f"{theme.name}: {dialogue.name}: {part}"):
                        self.compare(dialogue, part, getattr(exim, part), getattr(postern, part))

    def compare(self, dialogue, part, exim, postern):
        if part in dialogue.differs:
            self.assertNotEqual(exim, postern, "said to differ, and it does not")
        else:
            self.assertEqual(exim, postern, difference(exim, postern))

    def test_what_is_refused_is_refused_for_the_reason_given(self):
        for theme in themes():
            for dialogue in theme.dialogues:
                if not dialogue.refused:
                    continue
                with self.subTest(f"{theme.name}: {dialogue.name}"):
                    status, said = check(theme, [other for other in theme.dialogues if other is not dialogue])
                    self.assertEqual(status, 78, said)
                    self.assertIn(dialogue.refused, said)


def print_differences(names):
    for theme in themes():
        if theme.name not in names:
            continue
        for dialogue, exim, postern in run_theme(theme):
            for part in PARTS:
                one, other = getattr(exim, part), getattr(postern, part)
                if one != other and part not in dialogue.differs:
                    print(f"{theme.name}: {dialogue.name}: {part}\n{difference(one, other)}")
                elif one == other and part in dialogue.differs:
                    print(f"{theme.name}: {dialogue.name}: {part}: said to differ, and it does not")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print_differences(sys.argv[1:])
        sys.exit()
    run_tests()
