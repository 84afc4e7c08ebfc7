"""Where two JSON values differ, as a list of (path, expected, seen)."""


class Absent:
    def __repr__(self):
        return "(absent)"


ABSENT = Absent()


def differences(wanted, seen, path="$"):
    if isinstance(wanted, dict) and isinstance(seen, dict):
        found = []
        for name in list(wanted) + [n for n in seen if n not in wanted]:
            found += differences(wanted.get(name, ABSENT), seen.get(name, ABSENT), f"{path}.{name}")
        return found
    if isinstance(wanted, list) and isinstance(seen, list) and len(wanted) == len(seen):
        return [d for i, (w, s) in enumerate(zip(wanted, seen)) for d in differences(w, s, f"{path}[{i}]")]
    if type(wanted) is type(seen) and wanted == seen:
        return []
    return [(path, wanted, seen)]


def shortened(value, length=160):
    text = repr(value)
    return text if len(text) <= length else text[:length] + "…"


def told(found):
    return "; ".join(f"{path}: expected {shortened(w)}, saw {shortened(s)}" for path, w, s in found[:8])
