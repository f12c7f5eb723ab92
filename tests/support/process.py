"""What the kernel says of a process."""

import re


def private_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return 1024 * sum(int(kilobytes) for kilobytes in re.findall(r"(?m)^Private_(?:Clean|Dirty):\s+(\d+) kB", file.read()))
