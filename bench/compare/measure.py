"""Rounds of measurements: every row on every server in turn, so that what disturbs the machine disturbs all alike."""

import json
import os
import shutil
import sys
import time

import clients
import places
import servers

# Enough messages that what a connection costs does not hide what a message costs, or that each session has its share.
PER_SESSION = {True: 4, False: 2}
LEAST = 10
LONGEST_S = 4  # for which more messages than one a session are worth it
MOST_BYTES = 400 << 20  # of one measurement: this much is written, and kept for a while
MOST_FRESH = 15_000  # connections of one measurement: their ports rest for a while
LOOK_S = 0.1


class Contender:
    """A server that runs, with all its processes in a control group."""

    def __init__(self, name, folder, options):
        self.name = name
        self.cgroup = places.ControlGroup(name)
        self.sent = 0
        try:
            self.server = servers.make(name, folder, self.cgroup, options.build, options.quick)
            self.server.start()
            places.prefer(self.cgroup.processes())
        except BaseException:
            self.cgroup.close()
            raise

    def close(self):
        self.cgroup.close()


def message_count(row, rate, seconds):
    most = MOST_BYTES // row.size if row.reused else min(MOST_BYTES // row.size, MOST_FRESH)
    share = max(row.sessions, min(row.sessions * PER_SESSION[row.reused], rate * LONGEST_S))
    return int(min(max(rate * seconds, LEAST, share), most))


def warm_up(contender, row, options):
    """(messages a second, highest memory seen in KiB). More and more messages, until the client's own start no longer matters."""
    count, memory = max(LEAST, row.sessions), 0
    while True:
        seconds, more = send(contender, row, count, options, watch=True)
        memory = max(memory, more)
        most = message_count(row, count / seconds, options.seconds)
        if seconds >= options.seconds / 3 or count >= most / 2:
            return count / seconds, memory
        count = min(most, count * 6)


def send(contender, row, count, options, watch=False):
    """(seconds, highest memory seen in KiB). Memory is looked at only when asked: the look costs time on the client's processor."""
    client = clients.start(row, contender.server.port, count, options.load)
    memory = 0
    while watch and client.is_running(LOOK_S):
        memory = max(memory, contender.cgroup.memory_kib())
    seconds = client.seconds()
    contender.sent += count
    return seconds, memory


def wait_until_counted(contender):
    """The server's own count of what it has accepted; logs and queues may be a moment behind."""
    deadline = time.monotonic() + 5
    while True:
        accepted = contender.server.accepted()
        if accepted is None or accepted >= contender.sent or time.monotonic() > deadline:
            return accepted
        time.sleep(0.02)


def measure(contender, row, options):
    rate, memory = warm_up(contender, row, options)
    contender.cgroup.settled_cpu_us()
    count = message_count(row, rate, options.seconds)
    before = contender.cgroup.cpu_us()
    seconds, _ = send(contender, row, count, options)
    cpu_us = contender.cgroup.settled_cpu_us() - before
    memory = max(memory, contender.cgroup.memory_kib())
    accepted = wait_until_counted(contender)
    if accepted is not None and accepted != contender.sent:
        raise clients.Failed(f"{contender.name} has {accepted} messages of {contender.sent} that it answered 250")
    contender.server.tidy()
    return {"messages": count, "seconds": seconds, "cpu_us": cpu_us, "memory_kib": memory, "counted": accepted is not None}


def start_all(names, folder, options, missing):
    contenders = []
    try:
        for name in names:
            try:
                contenders.append(Contender(name, folder, options))
            except servers.Missing as why:
                missing[name] = str(why)
    except BaseException:
        for contender in contenders:
            contender.close()
        raise
    return contenders


def run_round(plan, place, number, folder, options, figures):
    names = [name for name in servers_of(plan) if options.servers is None or name in options.servers.split(",")]
    contenders = start_all(names, folder, options, figures["missing"])
    try:
        for row in plan:
            here = [contender for contender in contenders if contender.name in row.servers]
            turn = number % len(here) if here else 0
            for contender in here[turn:] + here[:turn]:
                run = {"place": place, "row": row.name, "server": contender.name, "round": number}
                try:
                    run.update(measure(contender, row, options))
                except clients.Failed as failure:
                    run["failure"] = str(failure)
                    contender.sent = contender.server.accepted() or 0
                figures["runs"].append(run)
                tell(run)
                if contender.name == "OpenSMTPD":
                    places.sync(folder)
    finally:
        for contender in contenders:
            contender.close()


def servers_of(plan):
    names = []
    for row in plan:
        names += [name for name in row.servers if name not in names]
    return names


def tell(run):
    if "failure" in run:
        told = "FAILED: " + run["failure"]
    else:
        told = (f"{run['cpu_us'] / run['messages']:9.1f} us  {run['messages'] / run['seconds']:8.0f}/s  "
                f"{run['memory_kib'] / 1024:7.1f} MiB  {run['messages']} messages")
    print(f"{run['place']:5} {run['round'] + 1}  {run['row']:44} {run['server']:10} {told}", flush=True)


def run(plan, options):
    """Measures, keeps the figures in the output folder, and returns them."""
    work = os.environ[places.WORK]
    figures = {"machine": places.describe_machine(), "places": {}, "versions": {}, "missing": {},
               "settings": {"rounds": options.rounds, "seconds": options.seconds, "notes": options.note, "loads": []},
               "rows": [], "runs": []}
    for row in plan:
        reason = clients.missing(row, options.load)
        if reason is not None:
            figures["missing"][row.name] = reason
    plan = [row for row in plan if row.name not in figures["missing"]]
    figures["rows"] = [{**vars(row), "name": row.name} for row in plan]
    path = os.path.join(options.output, "figures.json")
    began = time.monotonic()
    for number in range(options.rounds):
        for place in options.places.split(","):
            folder = os.path.join(work, place)
            os.makedirs(folder)
            if place == "loop":
                places.mount_loop(folder)
            figures["places"].setdefault(place, places.describe_place(folder))
            run_round(plan, place, number, folder, options, figures)
            figures["settings"]["loads"].append(round(os.getloadavg()[1], 1))
            figures["versions"] = {name: servers.version(name) for name in servers.PACKAGES if name not in figures["missing"]}
            if place == "loop":
                places.unmount(folder)
            shutil.rmtree(folder)
            figures["settings"]["minutes"] = (time.monotonic() - began) / 60
            figures["settings"]["rounds_done"] = number + (place == options.places.split(",")[-1])
            with open(path + ".new", "w", encoding="utf-8") as file:
                json.dump(figures, file, indent=1)
            os.replace(path + ".new", path)
        if options.minutes and figures["settings"]["minutes"] > options.minutes:
            break
    for what, why in figures["missing"].items():
        print(f"left out: {what}: {why}", file=sys.stderr)
    return figures
