"""Writes docs/benchmarks.md and the plots beside it from the figures of a run."""

import os

import plot
from figures import Figures, bars

PLACES = {"disk": "the machine's file system", "loop": "a fresh ext4 on a loop device"}

HEAD = """\
# Benchmarks

Written by `bench/compare/run`; `bench/compare/run --report FILE` writes it again from the figures of a run. What postern costs beside other
servers, measured in one run, in turn, on one machine. Ratios travel better than figures: compare on your own machine.

## The run

{run}

## How it is measured

- **Servers.** Each starts anew for every round, takes everything, and delivers nothing. Everyone syncs as it does by default, and keeps its
  log. `postern` is `postern ingress` alone; **Postfix** puts messages on hold (which costs it one more line in its log, and spares it the
  queue manager); **Exim** has `queue_only`; **OpenSMTPD** has its transfer agent paused, and **answers 250 without any sync**; **smtp-sink**
  **stores nothing**, and comes from the Postfix package; **limit** is `bench/limit`, a server that does nothing but the input and output
  of taking mail and one synchronous write for all messages that wait: what the hardware and the kernel allow; **policy** is postern with
  the configuration of a provider (`bench/compare/isp.conf`: 33 ACL statements, a list of a million domains). Postfix syncs once for a
  message and Exim three times (data, header, folder); only postern and the limit program share syncs between messages.
- **Clients.** smtp-source of Postfix, which awaits every reply; and postern-load (`bench/load`), which sends MAIL, RCPT and DATA in one write
  where a row says pipelined. *Reused*: message after message over the same connections; *fresh*: a connection for each message.
  The servers have processor 0, the client has processor 1, both at nice −10. Before each measurement the same load runs for a while unmeasured.
- **CPU per message** is the processor time of the whole server, user and system, from before the first connection until the server has come
  to rest. Each server runs in a control group of its own from its first instruction, and its children are born in it, so `cpu.stat` is the
  scheduler's own account of everything that is or ever was part of the server, however short-lived (io_uring's workers are threads of their
  process). What kernel threads do for a file system (its journal, writeback, the loop device) is charged to nobody.
- **Memory** is the sum of the proportional set sizes of the server's processes, the highest of looks every tenth of a second while the load
  runs unmeasured and one after the measurement: what the kernel caches of files and sockets is not in it.
- **Exactness.** A row counts only when every message was answered 250, and when the server's own log or queue has exactly as many (smtp-sink
  and the limit program keep no count: there the client's replies alone say so).
- **Rates of Exim.** At QUIT it waits up to 200 ms for the client to hang up before it answers, and smtp-source waits for the answer. That bounds
  its rate in the rows with fresh connections, not what it costs.
- **OpenSMTPD and many connections at once.** It lets five wait to be accepted; of many that are opened at once most wait until TCP tries again,
  and again: seconds where they are 20, over a minute where they are 500. It is left out where that alone would be measured (smtp-source with
  100 and 500 sessions), and its rates with 20 sessions are to be read with that in mind.
- The two file systems: {places}.
"""


def number(value):
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(found):
    return f"{number(found.median)} ({number(found.least)}–{number(found.most)})" if found else "–"


def table(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(line) + " |" for line in lines)]) + "\n"


def describe_run(figures):
    data = figures.data
    machine, settings = data["machine"], data["settings"]
    lines = [f"- **When, and how:** {machine['date']}, {settings.get('rounds_done', settings['rounds'])} rounds, "
             f"{settings.get('minutes', 0):.0f} minutes: `bench/compare/run`",
             f"- **Machine:** {machine['processors']} processors ({machine['processor']}{', virtual machine' if machine['hypervisor'] else ''}), "
             f"{machine['memory_gib']} GiB, Linux {machine['kernel']}, disk {', '.join(machine['disks'])}"]
    for place in figures.places:
        about = data["places"][place]
        lines.append(f"- **{place}:** {PLACES[place]}, {about['type']} ({about['options']}); making a file takes {about['create_us']:.0f} µs there, "
                     f"syncing an append of 4 KiB {about['sync_us']:.0f} µs (medians)")
    if data["versions"]:
        lines.append("- **Versions** (Debian): " + ", ".join(f"{name} {version}" for name, version in data["versions"].items()))
    if settings.get("loads"):
        lines.append(f"- **Load average** (over 5 minutes) after each part of a round: {min(settings['loads'])} to {max(settings['loads'])}; the run "
                     "itself accounts for about 2. What is above that is other work, which makes figures worse and spreads wider")
    lines += [f"- **Left out:** {what}: {why}" for what, why in data["missing"].items()]
    lines += [f"- **Note:** {note}" for note in settings.get("notes", [])]
    failed = len(figures.failures)
    lines.append(f"- **Failed measurements:** {failed} of {len(data['runs'])}" + (", not in the tables:" if failed else ""))
    lines += [f"  - {run['place']}, {run['row']}, {run['server']}, round {run['round'] + 1}: {run['failure']}" for run in figures.failures]
    return "\n".join(lines)


def describe_bars(figures):
    lines = []
    for bar in bars(figures):
        met = sum(check.met for check in bar.checks)
        worst = min(bar.checks, key=lambda check: check.margin)
        verdict = "met" if met == len(bar.checks) else f"**missed** in {len(bar.checks) - met} of {len(bar.checks)}"
        lines.append([bar.text, f"{verdict}", f"{worst.value:.2f} ({worst.place}, {worst.row})"])
    return table(["bar", "in this run", "closest or worst ratio, or µs"], lines)


def describe_misses(figures):
    lines = [[check.place, check.row, bar.text, f"{check.wanted:g}", f"{check.value:.2f}"]
             for bar in bars(figures) for check in bar.checks if not check.met]
    if not lines:
        return "None.\n"
    return table(["file system", "row", "bar", "wanted", "measured"], lines)


def describe_measure(figures, place, measure):
    servers = figures.servers()
    return table(["row", *servers],
                 [[row["name"], *(cell(figures.spread(measure, place, row, server)) for server in servers)] for row in figures.rows])


def describe_ratios(figures, place):
    others = [server for server in figures.servers() if server != "postern"]
    lines = []
    for row in figures.rows:
        ratios = [figures.ratio("cpu", place, row, server, "postern") for server in others]
        lines.append([row["name"], *(f"{ratio:.2f}" if ratio is not None else "–" for ratio in ratios)])
    return table(["row", *others], lines)


def describe_limit(figures):
    lines = []
    for place in figures.places:
        for row in figures.rows:
            ratio = figures.ratio("cpu", place, row, "postern", "limit")
            if row["client"] == "postern-load" and ratio is not None:
                lines.append([place, row["name"], *(cell(figures.spread("cpu", place, row, server)) for server in ("postern", "limit")),
                              f"{ratio:.2f}", f"{figures.ratio('rate', place, row, 'postern', 'limit'):.2f}"])
    return table(["file system", "row", "postern, µs", "limit, µs", "CPU ratio", "rate ratio"], lines)


def write(data, path):
    figures = Figures(data)
    text = HEAD.format(run=describe_run(figures), places=", ".join(f"*{place}* is {PLACES[place]}" for place in figures.places))
    text += "\n## The bars\n\nBy medians within this run.\n\n" + describe_bars(figures)
    text += "\n### Where a bar was missed\n\n" + describe_misses(figures)
    text += ("\n## Against the limit\n\nCPU per message of postern over that of the limit program; and the rates' ratio, which the client's "
             "processor bounds.\n\n" + describe_limit(figures))
    for place in figures.places:
        text += f"\n## On {PLACES[place]}\n"
        drawn = plot.svg(figures, place, f"CPU per message on {PLACES[place]}")
        if drawn:
            name = f"{os.path.splitext(os.path.basename(path))[0]}-{place}.svg"
            with open(os.path.join(os.path.dirname(path), name), "w", encoding="utf-8") as file:
                file.write(drawn)
            text += f"\n![CPU per message]({name})\n"
        text += "\n### CPU per message, in microseconds: median (least–most)\n\n" + describe_measure(figures, place, "cpu")
        text += "\n### How many times the CPU of postern\n\n" + describe_ratios(figures, place)
        text += "\n### Messages per second: median (least–most)\n\n" + describe_measure(figures, place, "rate")
        text += "\n### Memory in MiB: median (least–most)\n\n" + describe_measure(figures, place, "memory")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
