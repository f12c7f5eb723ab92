#!/usr/bin/env python3
"""The systemd units read without complaint, and the three of them are hardened alike. Exit status 77 without systemd-analyze.

usage: units.py [ROOT]
"""

import os
import shutil
import subprocess
import sys
import tempfile

from sources import read_text, report

UNITS = ["postern.service", "postern-ingress.service", "postern-deliver.service"]


def hardening(text):
    """The settings from NoNewPrivileges to the end of [Service], without comments."""
    lines = text[text.index("NoNewPrivileges="):text.index("[Install]")].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def check(root, units=tuple(UNITS)):
    problems = []
    texts = {unit: read_text(root, f"systemd/{unit}") for unit in units}
    for unit in units[1:]:
        for line in set(hardening(texts[unit])) ^ set(hardening(texts[units[0]])):
            problems.append(f"systemd/{unit}: differs from {units[0]} in '{line}'")
    with tempfile.TemporaryDirectory() as folder:
        for unit, text in texts.items():
            with open(os.path.join(folder, unit), "w", encoding="utf-8") as file:
                file.write(text.replace("/usr/sbin/postern", "/bin/true"))  # which need not be installed here
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(os.path.join(folder, unit) for unit in units)],
                              capture_output=True, text=True, env=dict(os.environ, SYSTEMD_LOG_LEVEL="warning"))
        problems += [line.replace(folder, "systemd") for line in done.stderr.splitlines() if any(unit in line for unit in units)]
    return problems


if __name__ == "__main__":
    if shutil.which("systemd-analyze") is None:
        print("no systemd-analyze here")
        sys.exit(77)
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else "."), "units"))
