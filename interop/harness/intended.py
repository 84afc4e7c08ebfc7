"""Reads `differences.md`: the differences from ACA-Py that are meant."""

import fnmatch
import re


class Difference:
    """One way in which a replayed step was unlike the recorded one."""

    def __init__(self, recording, call, what):
        self.recording = recording
        self.number = call["n"] if call else -1
        self.step = call["step"] if call else "(before the first call)"
        self.what = what

    def __str__(self):
        return f"{self.recording}:{self.number} {self.step} | {self.what}"


class Intended:
    """A line of the table: which steps, which differences there, why."""

    def __init__(self, name, who, where, what, why):
        self.name = name
        self.who = who
        self.places = [place.strip().strip("`") for place in where.split(",")]
        self.what = re.compile(what.strip("`").replace("\\|", "|"))
        self.why = why
        self.uses = 0

    @property
    def is_stale(self):
        """A race does not always go the same way; every other listed difference has to occur."""
        return not self.uses and "racy" not in self.who

    def covers(self, difference):
        """A place is `file:step` or `file:number`; both may have wildcards."""
        by_step = f"{difference.recording}:{difference.step}"
        by_number = f"{difference.recording}:{difference.number}"
        here = any(fnmatch.fnmatchcase(by_step, p) or fnmatch.fnmatchcase(by_number, p) for p in self.places)
        return here and self.what.search(difference.what) is not None


def read(path, kind):
    """The lines that hold for the program under replay (`acapy` or `chancery`)."""
    listed = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.startswith("| R"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        words = set(cells[1].split()) if len(cells) == 5 else set()
        if not words or not words <= {"any", "chancery", "acapy", "racy"}:
            raise SystemExit(f"{path}:{number}: a line has five cells, the second of which is any, chancery or acapy, perhaps racy")
        if words & {"any", kind}:
            listed.append(Intended(*cells))
    return listed
