"""The golden recordings: what ACA-Py 1.7.0 answered and announced, in order."""

import gzip
import json

from .agents import INTEROP

FOLDER = INTEROP / "golden"

# Runs of the recorder, each with its agents' options; the files of a run in the order in which they were recorded.
MANUAL = ["03", "04", "05", "06", "07", "08", "10", "11", "13", "14", "15", "16", "17"]
AUTOMATIC = ["31", "30"]
AUTOMATIC_OPTIONS = [
    "--auto-accept-invites",
    "--auto-accept-requests",
    "--auto-respond-messages",
    "--auto-respond-credential-proposal",
    "--auto-respond-credential-offer",
    "--auto-respond-credential-request",
    "--auto-respond-presentation-proposal",
    "--auto-respond-presentation-request",
    "--auto-store-credential",
    "--auto-verify-presentation",
    "--preserve-exchange-records",
]
# What Chancery refuses to start with so far.
NOT_OURS = [
    "--auto-respond-presentation-proposal",
    "--auto-respond-presentation-request",
    "--auto-verify-presentation",
]

SEEDS = [
    ("issuer", "golden-vectors-issuer-seed-00001", "ed25519"),
    ("issuer", "golden-vectors-bbsbls-seed-00001", "bls12381g2"),
    ("holder", "golden-vectors-holder-seed-00001", "ed25519"),
    ("holder", "golden-vectors-hldbbs-seed-00001", "bls12381g2"),
]
# A did:sov that a file which is not replayed has made.
RECORDED_SOV = "PiyrYM5uWrwsbcLyd9oyoB"
# Where the recorder's agents lived: (DIDComm, admin).
RECORDED_PORTS = {"issuer": (8030, 8031), "holder": (8040, 8041)}


class Recording:
    """One file: calls, each with the webhooks that came between it and the next."""

    def __init__(self, prefix):
        (self.path,) = FOLDER.glob(f"{prefix}_*.jsonl.gz")
        self.prefix = prefix
        self.name = self.path.name.removesuffix(".jsonl.gz")
        with gzip.open(self.path, "rt") as lines:
            self.lines = [json.loads(line) for line in lines]
        self.times = [line["t"] for line in self.lines if "t" in line]

    def steps(self):
        """(call, webhooks after it), in order; what came before the first call belongs to None."""
        call, webhooks = None, []
        for line in self.lines:
            if line["kind"] in ("http", "http-list"):
                if call or webhooks:
                    yield call, webhooks
                call, webhooks = line, []
            elif line["kind"] == "webhook":
                webhooks.append(line)
        yield call, webhooks
