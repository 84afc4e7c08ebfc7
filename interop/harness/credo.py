"""Credo-TS as a peer: interop/credo/peer.js as a child process, steered over its control API."""

import os
import shutil

from .agents import INTEROP, Agent, Software
from .errors import Mismatch

HOME = INTEROP / "credo"
# Written by interop/credo/install when it is done.
INSTALLED = HOME / "node_modules" / ".made-of"


def find_credo():
    """(the program, None), or (None, why Credo can't run here). Under CI=true it has to be there."""
    lacking = None
    if not shutil.which("node"):
        lacking = "there is no node"
    elif not INSTALLED.exists():
        lacking = "it is not installed: run interop/credo/install"
    if lacking and os.environ.get("CI") == "true":
        raise SystemExit(f"Credo-TS has to be part of a run with CI=true, but {lacking}")
    return (None, lacking) if lacking else (Software("credo", HOME / "peer.js"), None)


class CredoPeer(Agent):
    """Looks like an agent of the other programs as far as its process, log and webhooks go; its calls are those of peer.js."""

    def command(self):
        return ["node", str(self.software.program)]

    def arguments(self):
        given = ["--label", self.name, "--port", str(self.port), "--admin-port", str(self.admin_port)]
        return given + ["--webhook-url", self.receiver.url(self.name)]

    def message_sent(self, since, kind):
        """The last message of the type's end that Credo has sent; fails when there was none."""
        events = [e.body["message"] for e in self.receiver.matching(self.name, "sent", since)]
        fitting = [message for message in events if message["@type"].endswith(kind)]
        if not fitting:
            raise Mismatch(f"{self.name}: has sent no {kind}")
        return fitting[-1]

    def did_key(self):
        return self.post("/dids/key")["did"]
