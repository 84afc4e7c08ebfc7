"""Which recorded id, key, DID, time or signature stands for which live one.

A recorded text and a live text agree when they are equal but for tokens of the same kind, and each recorded token
always stands for the same live one and no other.
"""

import base64
import datetime
import json
import re

BASE58 = "[1-9A-HJ-NP-Za-km-z]"
# What is variable is recognised by shape; the order matters, the first that fits is taken.
SHAPES = [
    ("did:peer:4 long", rf"did:peer:4zQm{BASE58}{{44}}:z{BASE58}+"),
    ("did:peer:4", rf"did:peer:4zQm{BASE58}{{44}}"),
    ("did:peer:3", rf"did:peer:3zQm{BASE58}{{44}}"),
    ("did:peer:2", r"did:peer:2(?:\.[AEVID]z[A-Za-z0-9]+|\.S[A-Za-z0-9_-]+)+"),
    ("jws", r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{80,}"),
    ("BLS multikey", rf"\bzUC7{BASE58}{{120,}}"),
    ("proof", rf"\bz{BASE58}{{80,90}}\b"),
    ("multikey", rf"\bz6(?:Mk|LS){BASE58}{{44}}"),
    ("P-256 multikey", rf"\bzDna{BASE58}{{45}}\b"),
    ("uuid", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    ("hex", r"\b[0-9a-f]{32}\b"),
    ("microseconds", r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"),
    ("milliseconds", r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    ("seconds with offset", r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"),
    ("seconds", r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    ("endpoint", r"\b127\.0\.0\.1:\d+\b"),
    ("key", rf"\b{BASE58}{{43,45}}\b"),
    ("BLS key", rf"\b{BASE58}{{120,140}}\b"),
    ("nym", rf"\b{BASE58}{{21,22}}\b"),
]
TOKEN = re.compile("|".join(f"(?P<s{i}>{shape})" for i, (_, shape) in enumerate(SHAPES)))
TIMES = {"microseconds", "milliseconds", "seconds with offset", "seconds"}
# Ed25519 is deterministic: two credentials issued within a second may carry the same signature, or not.
SIGNATURES = {"jws", "proof"}


def split(text):
    """The text with its tokens cut out, and the tokens as (kind, token)."""
    tokens = [(SHAPES[int(m.lastgroup[1:])][0], m.group()) for m in TOKEN.finditer(text)]
    return TOKEN.sub("\0", text), tokens


def decoded(text):
    """The JSON that a base64 text carries, or None."""
    try:
        raw = base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


def from_base58(text):
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for character in text:
        number = number * 58 + alphabet.index(character)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def peer_document(kind, did):
    """What a self-contained peer DID says about itself, as JSON."""
    if kind == "did:peer:4 long":
        # Multicodec `json` (0x0200) as a varint of two bytes, then the document.
        return json.loads(from_base58(did.split(":z", 1)[1])[2:])
    return [decoded(part[1:]) if part[0] == "S" else part[:2] for part in did.split(".")[1:]]


class Correspondence:
    """The tokens seen so far. `trial` undoes what a failed comparison has bound."""

    def __init__(self, recorded_from, recorded_to):
        self.live = {}
        self.recorded = {}
        self.journal = []
        self.recorded_from = recorded_from
        self.recorded_to = recorded_to

    def bind(self, recorded, live):
        """Whether the pair agrees with what is known; remembers it when it is new."""
        if recorded in self.live or live in self.recorded:
            return self.live.get(recorded) == live and self.recorded.get(live) == recorded
        self.live[recorded] = live
        self.recorded[live] = recorded
        self.journal.append((recorded, live))
        return True

    def mark(self):
        return len(self.journal)

    def undo(self, mark):
        while len(self.journal) > mark:
            recorded, live = self.journal.pop()
            del self.live[recorded]
            self.recorded.pop(live, None)

    def knows(self, recorded):
        return recorded in self.live

    def translate(self, value):
        """A recorded JSON value with every known token replaced by the live one."""
        if isinstance(value, dict):
            return {name: self.translate(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self.translate(member) for member in value]
        if isinstance(value, str):
            return TOKEN.sub(lambda m: self.live.get(m.group(), m.group()), value)
        return value

    def is_time_of_recording(self, text):
        try:
            at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
        except ValueError:
            return False
        return self.recorded_from - 3600 <= at <= self.recorded_to + 60

    def compare_text(self, recorded, live):
        """None when the two agree, else what is wrong."""
        if recorded == live and all(self.is_same(token, token) for _, token in split(recorded)[1]):
            return None
        wanted, wanted_tokens = split(recorded)
        seen, seen_tokens = split(live)
        kinds, seen_kinds = [k for k, _ in wanted_tokens], [k for k, _ in seen_tokens]
        if wanted != seen or kinds != seen_kinds:
            return "differs"
        for (kind, token), (_, other) in zip(wanted_tokens, seen_tokens):
            wrong = self.compare_token(kind, token, other)
            if wrong:
                return wrong
        return None

    def is_same(self, recorded, live):
        return self.live.get(recorded, live) == live and self.recorded.get(live, recorded) == recorded

    def compare_token(self, kind, recorded, live):
        if kind in SIGNATURES:
            return None
        if kind in TIMES:
            return self.compare_time(kind, recorded, live)
        if kind in ("did:peer:4 long", "did:peer:2") and recorded not in self.live:
            wrong = self.compare(peer_document(kind, recorded), peer_document(kind, live), "(document)")
            if wrong:
                return f"the document of the DID: {wrong[0]}"
        if self.bind(recorded, live):
            return None
        return f"{recorded} stood for {self.live.get(recorded)}, {live} for {self.recorded.get(live)}"

    def compare_time(self, kind, recorded, live):
        if not self.is_time_of_recording(recorded):
            return None if recorded == live else f"{recorded} was no time of the recording"
        if kind != "microseconds":
            return None
        # The time of one save shows in several places; two saves may well have the same time.
        if recorded not in self.live:
            self.live[recorded] = live
            self.journal.append((recorded, live))
        known = self.live[recorded]
        return None if known == live else f"{recorded} stood for {known}"

    def compare(self, recorded, live, path="$"):
        """Where the two differ, as (path, recorded, live, why)."""
        if isinstance(recorded, dict) and isinstance(live, dict):
            found = []
            for name in recorded:
                if name not in live:
                    found.append((f"{path}.{name}", recorded[name], None, "is missing"))
                else:
                    found += self.compare(recorded[name], live[name], f"{path}.{name}")
            return found + [(f"{path}.{n}", None, live[n], "is extra") for n in live if n not in recorded]
        if isinstance(recorded, list) and isinstance(live, list):
            if len(recorded) != len(live):
                return [(path, recorded, live, f"has {len(live)} members, not {len(recorded)}")]
            pairs = enumerate(zip(recorded, live))
            return [d for i, (r, s) in pairs for d in self.compare(r, s, f"{path}[{i}]")]
        if isinstance(recorded, str) and isinstance(live, str):
            return self.compare_strings(recorded, live, path)
        same = type(recorded) is type(live) and recorded == live
        return [] if same else [(path, recorded, live, "differs")]

    def compare_strings(self, recorded, live, path):
        if recorded == live and not TOKEN.search(recorded):
            return []
        if path.endswith(".base64"):
            wanted, seen = decoded(recorded), decoded(live)
            if wanted is not None and seen is not None:
                return self.compare(wanted, seen, path + "(decoded)")
            # A DID, base64 for the signature that rotates to it.
            recorded, live = plain(recorded), plain(live)
        if "?oob=" in recorded and "?oob=" in live:
            base, _, wanted = recorded.partition("?oob=")
            seen_base, _, seen = live.partition("?oob=")
            return self.compare_strings(base, seen_base, path) + self.compare(
                decoded(wanted), decoded(seen), path + "(decoded)"
            )
        wrong = self.compare_text(recorded, live)
        return [(path, recorded, live, wrong)] if wrong else []


def plain(text):
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return text
