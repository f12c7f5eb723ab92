#!/usr/bin/env python3
"""Shows that each lint fails on a bad tree and is quiet on a good one."""

import os
import sys
import shutil
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import acceptance
import format as format_lint
import layering
import units
import wording

LAYERS = """
layer engine/base:
layer engine/io: engine/base
layer policy/acl: engine/base engine/io/stream.h
layer tests: engine policy
restrict liburing.h: engine/io
restrict thread except-tests: engine/io
forbid std::chrono except-tests: engine/base
"""


class Tree(unittest.TestCase):
    """A small tree in a temporary folder."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = self.folder.name
        self.addCleanup(self.folder.cleanup)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def assert_problem(self, problems, *words):
        self.assertEqual(len(problems), 1, problems)
        for word in words:
            self.assertIn(word, problems[0])


class Layering(Tree):
    def check(self, path, text, layers=LAYERS):
        self.write("cmake/layers.txt", layers)
        self.write(path, text)
        return layering.check(self.root)

    def test_good_edges(self):
        self.assertEqual(self.check("engine/io/stream.cc", '#include <liburing.h>\n#include "engine/base/result.h"\n'), [])
        self.assertEqual(self.check("policy/acl/acl.cc", '#include "engine/io/stream.h"\n#include "policy/acl/acl.h"\n'), [])

    def test_upward_edge_is_named(self):
        self.assert_problem(self.check("engine/base/bad.h", '#include "engine/io/stream.h"\n'),
                            "engine/base/bad.h", "engine/base -> engine/io")

    def test_header_not_among_the_allowed(self):
        self.assert_problem(self.check("policy/acl/bad.cc", '#  include "engine/io/file.h"\n'), "policy/acl -> engine/io")

    def test_path_must_begin_at_the_root(self):
        self.assert_problem(self.check("engine/base/bad.cc", '#include "result.h"\n'), "root of the tree")

    def test_unknown_folder(self):
        self.assert_problem(self.check("extra/bad.cc", "\n"), "no line in cmake/layers.txt")

    def test_restricted_include(self):
        self.assert_problem(self.check("engine/base/bad.cc", "#include <liburing.h>\n"), "<liburing.h>")

    def test_forbidden_word(self):
        self.assert_problem(self.check("engine/io/bad.cc", "auto now = std::chrono::steady_clock::now();\n"), "std::chrono")

    def test_comments_and_strings_are_not_code(self):
        text = "// std::chrono is not used\nconst char* k = \"std::chrono\";  /* std::chrono */ const int kBig = 1'000;\n"
        self.assertEqual(self.check("engine/io/good.cc", text), [])

    def test_tests_may_use_threads_but_not_the_ring(self):
        self.assertEqual(self.check("engine/base/x_test.cc", '#include <thread>\n#include "tests/fakes/clock.h"\n'), [])
        self.assert_problem(self.check("engine/base/x_test.cc", "#include <liburing.h>\n"), "<liburing.h>")

    def test_cycle_in_the_rules(self):
        self.assert_problem(self.check("engine/base/x.h", "\n", "layer engine/base: engine/io\nlayer engine/io: engine/base\n"),
                            "may include each other")


class Wording(Tree):
    def check(self, text):
        self.write("engine/base/x.h", text)
        return wording.check(self.root)

    def test_good(self):
        self.assertEqual(self.check("// nothing is left to do; see https://example.org/work/page\n"), [])

    def test_unfinished(self):
        self.assert_problem(self.check("// TO" "DO: later\n"), "x.h:1", "unfinished")

    def test_machine_path(self):
        self.assert_problem(self.check('\nconst char* k = "/home/' 'jo/src";\n'), "x.h:2", "one machine")

    def test_tracker_number(self):
        self.assert_problem(self.check("// see issue" " 7\n"), "tracker")

    def test_missing_page(self):
        self.assert_problem(self.check("// docs/nowhere" ".md\n"), "does not exist")


class Format(Tree):
    def check(self, text):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.write("engine/base/x.h", text)
        return format_lint.check(self.root)

    def test_good(self):
        self.assertEqual(self.check("int x = 1;\n"), [])

    def test_bad(self):
        self.assert_problem(self.check("int   x=1;\n"), "x.h", "not formatted")


class Acceptance(Tree):
    def check(self, rows, expected=("S001", "S002")):
        self.write("engine/base/CMakeLists.txt", "postern_library(engine_base)\n")
        self.write("engine/base/x_test.cc", "TEST(Suite, case_name) {}\nTEST_F(Other, case_name) {}\n")
        self.write("engine/base/x_fuzz.cc", "\n")
        self.write("tests/e2e/mail_test.py", "class Mail:\n    def test_one(self):\n        pass\n")
        self.write("tests/acceptance.tsv", "id\tclaim\ttests\n" + rows)
        return acceptance.check(self.root, expected)

    def test_good(self):
        self.assertEqual(self.check("S001\ta\topen\nS002\tb\tengine_base_test:Suite.case_name fuzz.x_fuzz\n"), [])
        self.assertEqual(self.check("S001\ta\ttests/e2e/mail_test.py:Mail.test_one\nS002\tb\te2e.mail engine_base_test\n"), [])

    def test_row_missing(self):
        self.assert_problem(self.check("S001\ta\topen\n"), "S002 has no row")

    def test_unknown_claim(self):
        self.assert_problem(self.check("S001\ta\topen\nS002\tb\topen\nS003\tc\topen\n"), "S003 is not in the acceptance list")

    def test_row_twice(self):
        self.assert_problem(self.check("S001\ta\topen\nS001\ta\topen\nS002\tb\topen\n"), "S001 has a row already")

    def test_no_such_test(self):
        for name in ("engine_base_test:Suite.gone", "gone_test:Suite.case_name", "tests/e2e/gone_test.py:Mail", "fuzz.gone",
                     "tests/e2e/mail_test.py:Mail.test_two"):
            self.assert_problem(self.check(f"S001\ta\topen\nS002\tb\t{name}\n"), "S002", name)

    def test_malformed_row(self):
        self.assert_problem(self.check("S001 a open\nS001\ta\topen\nS002\tb\topen\n"), "three fields")

    def test_the_list_has_its_gaps(self):
        self.assertEqual(len(acceptance.EXPECTED), 155)
        self.assertNotIn("S008", acceptance.EXPECTED)


@unittest.skipIf(shutil.which("systemd-analyze") is None, "no systemd-analyze here")
class Units(Tree):
    UNIT = "[Service]\nExecStart=/usr/sbin/postern run\nNoNewPrivileges=yes\n{}[Install]\nWantedBy=multi-user.target\n"

    def check(self, first, second):
        self.write("systemd/a.service", self.UNIT.format(first))
        self.write("systemd/b.service", self.UNIT.format(second))
        return units.check(self.root, ("a.service", "b.service"))

    def test_good(self):
        self.assertEqual(self.check("PrivateTmp=yes\n", "PrivateTmp=yes\n"), [])

    def test_hardened_differently(self):
        self.assert_problem(self.check("", "PrivateTmp=yes\n"), "b.service", "PrivateTmp=yes")

    def test_unknown_setting(self):
        problems = self.check("PrivateTemp=yes\n", "PrivateTemp=yes\n")
        self.assertTrue(problems and "PrivateTemp" in problems[0], problems)


if __name__ == "__main__":
    unittest.main()
