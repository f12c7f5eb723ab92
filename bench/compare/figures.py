"""Medians and spreads of what a run has measured, and the bars that they are held against."""

import math
import statistics
from dataclasses import dataclass

DURABLE = ("Postfix", "Exim")
PEERS = ("Postfix", "Exim", "OpenSMTPD")


@dataclass(frozen=True)
class Spread:
    median: float
    least: float
    most: float
    count: int


def spread(values):
    return Spread(statistics.median(values), min(values), max(values), len(values)) if values else None


def merge(parts):
    """The figures of several runs on one machine as those of one run with all their rounds."""
    whole = parts[0]
    for part in parts[1:]:
        part["machine"]["date"] = whole["machine"]["date"]
        for what in ("rows", "machine", "versions"):
            if part[what] != whole[what]:
                raise SystemExit(f"compare: these are not rounds of one run: their {what} differ")
        done = whole["settings"]["rounds_done"]
        whole["runs"] += [{**run, "round": run["round"] + done} for run in part["runs"]]
        whole["settings"]["rounds_done"] += part["settings"]["rounds_done"]
        whole["settings"]["minutes"] += part["settings"]["minutes"]
        whole["settings"]["loads"] = whole["settings"].get("loads", []) + part["settings"].get("loads", [])
    return whole


class Figures:
    """Of one run, as measure.run() returned it."""

    MEASURES = {
        "cpu": lambda run: run["cpu_us"] / run["messages"],  # microseconds per message
        "rate": lambda run: run["messages"] / run["seconds"],  # messages per second
        "memory": lambda run: run["memory_kib"] / 1024,  # MiB
    }

    def __init__(self, data):
        self.data = data
        self.rows = data["rows"]
        self.places = list(data["places"])
        self.values = {}
        self.failures = [run for run in data["runs"] if "failure" in run]
        for run in data["runs"]:
            if "failure" not in run:
                for name, of in self.MEASURES.items():
                    self.values.setdefault((name, run["place"], run["row"], run["server"]), []).append(of(run))

    def spread(self, measure, place, row, server):
        """None where nothing was measured."""
        return spread(self.values.get((measure, place, row["name"], server), []))

    def median(self, measure, place, row, server):
        found = self.spread(measure, place, row, server)
        return found.median if found else None

    def servers(self):
        names = []
        for row in self.rows:
            names += [name for name in row["servers"] if name not in names]
        return [name for name in names if any(key[3] == name for key in self.values)]

    def ratio(self, measure, place, row, above, below):
        """median(above) / median(below), or None."""
        over, under = self.median(measure, place, row, above), self.median(measure, place, row, below)
        return over / under if over is not None and under else None


@dataclass(frozen=True)
class Check:
    """One bar in one row. `value` and `wanted` are ratios, or microseconds; `at_least` says on which side of `wanted` the value should be."""

    place: str
    row: str
    value: float
    wanted: float
    at_least: bool
    strictly: bool = False

    @property
    def met(self):
        if self.strictly:
            return self.value > self.wanted
        return self.value >= self.wanted if self.at_least else self.value <= self.wanted

    @property
    def margin(self):
        """Above 1 when met."""
        return self.value / self.wanted if self.at_least else self.wanted / max(self.value, 1e-3)


@dataclass(frozen=True)
class Bar:
    text: str
    checks: list


def best_durable(figures, place, row):
    """How many times the processor time of postern the cheaper of the durable peers needs, or None."""
    ratios = [figures.ratio("cpu", place, row, peer, "postern") for peer in DURABLE]
    ratios = [ratio for ratio in ratios if ratio is not None]
    return min(ratios) if len(ratios) == len(DURABLE) else None


def checks(figures, chosen, value, wanted, at_least, strictly=False):
    found = []
    for place in figures.places:
        for row in filter(chosen, figures.rows):
            ratio = value(place, row)
            if ratio is not None:
                found.append(Check(place, row["name"], ratio, wanted, at_least, strictly))
    return found


def postfix_mean(figures, wanted):
    found = []
    for place in figures.places:
        ratios = [figures.ratio("cpu", place, row, "Postfix", "postern") for row in figures.rows]
        ratios = [ratio for ratio in ratios if ratio is not None]
        if ratios:
            mean = math.exp(statistics.fmean(map(math.log, ratios)))
            found.append(Check(place, f"all {len(ratios)} rows", mean, wanted, True))
    return found


def policy_cost(figures, place, row):
    """Microseconds per message: the median of the differences within each round, or None."""
    pairs = zip(*(figures.values.get(("cpu", place, row["name"], server), []) for server in ("policy", "postern")))
    differences = [above - below for above, below in pairs]
    return statistics.median(differences) if differences else None


def bars(figures):
    """What postern is held to. Those without a single check are left out."""
    def source(row):
        return row["client"] == "smtp-source"

    def durable(place, row):
        return best_durable(figures, place, row)

    def against_sink(place, row):
        return figures.ratio("cpu", place, row, "postern", "smtp-sink")

    found = [Bar(f"CPU per message: the best durable peer (Postfix, Exim) needs at least {wanted:g} times as much, {sessions} "
                 f"session{'s' * (sessions > 1)}",
                 checks(figures, lambda row, sessions=sessions: source(row) and row["sessions"] == sessions, durable, wanted, True))
             for sessions, wanted in ((1, 3.5), (20, 6), (100, 8), (500, 8))]
    found.append(Bar("CPU per message: Postfix needs at least 12 times as much in the geometric mean", postfix_mean(figures, 12)))
    found.append(Bar("CPU per message: at most half of smtp-sink's, 50 KiB",
                     checks(figures, lambda row: source(row) and row["size"] == 50 * 1024, against_sink, 0.5, False)))
    found.append(Bar("CPU per message: at most 1.3 times smtp-sink's, 2 KiB, from 20 sessions up",
                     checks(figures, lambda row: source(row) and row["size"] == 2048 and row["sessions"] >= 20, against_sink, 1.3,
                            False)))
    found.append(Bar("CPU per message, pipelined by postern-load, 100 sessions: the best durable peer needs at least 20 times as much",
                     checks(figures, lambda row: not source(row) and row["sessions"] == 100, durable, 20, True)))
    for peer in PEERS:
        found.append(Bar(f"rate: higher than {peer}'s in every row",
                         checks(figures, lambda row: True,
                                lambda place, row, peer=peer: figures.ratio("rate", place, row, "postern", peer), 1, True, True)))
    found += limit_bars(figures)
    found.append(Bar("CPU per message: what the policy of a provider adds (isp.conf) is at most 15 µs",
                     checks(figures, lambda row: "policy" in row["servers"], lambda place, row: policy_cost(figures, place, row), 15, False)))
    return [bar for bar in found if bar.checks]


def limit_bars(figures):
    def of(size, reused, pipelined):
        return lambda row: (row["client"] == "postern-load" and row["sessions"] == 100 and row["size"] == size and
                            row["reused"] == reused and row["pipelined"] == pipelined)

    return [Bar(f"CPU per message: at most {wanted:g} times the limit program's, {what}, 100 connections",
                checks(figures, of(*which), lambda place, row: figures.ratio("cpu", place, row, "postern", "limit"), wanted, False))
            for what, which, wanted in (("2 KiB pipelined", (2048, True, True), 2.0),
                                        ("2 KiB not pipelined", (2048, True, False), 1.6),
                                        ("50 KiB pipelined", (50 * 1024, True, True), 1.6),
                                        ("2 KiB, one message per connection", (2048, False, True), 1.5))]
