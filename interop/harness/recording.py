"""The golden recordings: what ACA-Py 1.7.0 answered and announced, in order."""

import gzip
import json

from .agents import INTEROP

FOLDER = INTEROP / "golden"

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


class Run:
    """Files that the recorder made with one pair of agents, in their order, and those agents' options."""

    def __init__(self, files, options=(), is_new_wallet=False, api_key=None):
        self.files = files
        self.options = list(options)
        self.is_new_wallet = is_new_wallet
        self.api_key = api_key


RUNS = [
    Run("01 03 04 05 06 07 08 10 11 13 14 15 16 17".split(), is_new_wallet=True),
    Run(["31", "30"], AUTOMATIC_OPTIONS),
    Run(["29"], ["--debug-webhooks"]),
    Run(["40"], is_new_wallet=True, api_key="golden-api-key"),
    Run(["41"], is_new_wallet=True),
]

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
