#!/usr/bin/env python3
"""Writes an openspf test suite (YAML) as lines of words with tabs between them:

    scenario  DESCRIPTION
    zone      NAME  TYPE  DATA ...    TYPE may be TIMEOUT: what else is asked of the name gets no answer
    test      NAME  HELO  CLIENT  SENDER  RESULT,...  [EXPLANATION]

A zone stands before the tests that use it. Bytes that are not printable, backslashes and a space at a word's end are \\xHH, an
empty word is ""; a suite's characters are bytes. Records of type SPF are written as TXT where the name has no TXT records of its
own, as the suites want it of their drivers.

usage: convert.py SUITE.yml > SUITE.txt
"""

import sys

import yaml


def word(value):
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}"
                   for byte in str(value).encode("latin-1"))
    if not text:
        return '""'
    return text[:-1] + "\\x20" if text.endswith(" ") else text


def data_of(kind, value):
    if kind == "MX":
        return [str(value[0]), value[1]]
    return value if isinstance(value, list) else [value]


def zone_lines(name, entries):
    has_text = any(isinstance(entry, dict) and "TXT" in entry for entry in entries)
    for entry in entries:
        if entry == "TIMEOUT":
            yield ["zone", name, "TIMEOUT"]
            continue
        (kind, value), = entry.items()
        if kind == "SPF" and not has_text:
            kind = "TXT"
        if kind != "SPF" and value != "NONE":
            yield ["zone", name, kind, *data_of(kind, value)]


def test_line(name, test):
    results = test["result"] if isinstance(test["result"], list) else [test["result"]]
    line = ["test", name, test["helo"], test["host"], test["mailfrom"], ",".join(results)]
    return line + [test["explanation"]] if "explanation" in test else line


def convert(text):
    lines = []
    for scenario in yaml.safe_load_all(text):
        lines.append(["scenario", scenario["description"]])
        for name, entries in scenario["zonedata"].items():
            lines.extend(zone_lines(name, entries))
        lines.extend(test_line(name, test) for name, test in scenario["tests"].items())
    return "".join("\t".join(map(word, line)) + "\n" for line in lines)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as suite:
        sys.stdout.write(convert(suite.read()))
