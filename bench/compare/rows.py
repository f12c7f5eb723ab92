"""What is measured: each row is one kind of load, put on every server that it names."""

from dataclasses import dataclass

EVERYBODY = ("postern", "limit", "Postfix", "Exim", "OpenSMTPD", "smtp-sink")
TO_THE_LIMIT = ("postern", "limit")
WITH_POLICY = ("postern", "policy", "limit")
# OpenSMTPD lets five connections wait to be accepted. Of many that are opened at once most wait until TCP tries again, and again: over
# a minute where they are 500. That would be what is measured.
FOR_A_CROWD = tuple(name for name in EVERYBODY if name != "OpenSMTPD")

KIB = 1024


@dataclass(frozen=True)
class Row:
    client: str  # smtp-source, which awaits each reply; or postern-load
    sessions: int
    size: int  # bytes of a message
    reused: bool  # one message after another over the same connection; else a connection for each
    pipelined: bool = False
    servers: tuple = EVERYBODY

    @property
    def name(self):
        how = ["pipelined"] * self.pipelined + ["reused" if self.reused else "fresh"]
        return f"{self.client} {self.sessions} × {self.size // KIB} KiB {' '.join(how)}"


def plan(quick=False, only=None):
    """In the order of their sessions, so that a server's memory in a row is not that of a larger row before it."""
    sizes = (2 * KIB, 50 * KIB)
    every = []
    for sessions in (1, 20) if quick else (1, 20, 100, 500):
        servers = EVERYBODY if sessions <= 20 else FOR_A_CROWD
        every += [Row("smtp-source", sessions, size, reused, servers=servers) for size in sizes for reused in (True, False)]
        if sessions == 1:
            every.append(Row("postern-load", 1, 2 * KIB, True, True, TO_THE_LIMIT))
        if sessions == (20 if quick else 100):
            every += [Row("postern-load", sessions, size, True, True, (*EVERYBODY, *(["policy"] if size == 2 * KIB else []))) for size in sizes]
            every += [Row("postern-load", sessions, 2 * KIB, True, False, (*TO_THE_LIMIT, "OpenSMTPD")),
                      Row("postern-load", sessions, 2 * KIB, False, True, WITH_POLICY)]
    return [row for row in every if only is None or only in row.name]
