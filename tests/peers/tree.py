"""Where tests/peers/fetch unpacked a package, and how its programs find their libraries."""

import os
import socket
import time
import unittest


def tree(package):
    """The folder; SkipTest when the package has not been fetched."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folder = os.path.join(os.environ.get("POSTERN_PEERS", os.path.join(root, "build/peers")), package)
    if not os.path.exists(os.path.join(folder, ".complete")):
        raise unittest.SkipTest(f"{package} is not here: run tests/peers/fetch {package}")
    return folder


def environment(package, *folders):
    """For running any program of the package; `folders` hold libraries of its own."""
    places = [os.path.join(tree(package), path) for path in (*folders, "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")]
    return dict(os.environ, LD_LIBRARY_PATH=":".join(places))


def free_port(listen="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((listen, 0))
        return probe.getsockname()[1]


def wait_for_greeting(process, listen, port, seconds=20):
    """Whether a server greets there before its time is up or its process ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection((listen, port), timeout=5) as probe:
                if probe.recv(4) in (b"220 ", b"220-"):
                    return True
        except OSError:
            pass
        time.sleep(0.02)
    return False
