"""The list of scenarios. Each is a name and a function of the world that raises when something is wrong."""

import contextlib
import itertools
import signal

from .connections import connect
from .credo_flows import credo_scenarios
from .flows import (
    after_strange_messages,
    away,
    both_ways,
    burst,
    connectionless,
    decline,
    free_request,
    message,
    offer_while_connected,
    offer_with_handshake,
    ping,
    proposal_automatic,
    proposal_by_hand,
    reuse,
)
from .issuance import issue_automatically, issue_by_hand
from .kills import CALLS, killed_right_after
from .postgres import Postgres
from .unusual import VARIANTS, unusual
from .wallets import one_wallet_two_programs
from .world import restarter

OTHER = {"ours": "theirs", "theirs": "ours"}
ISSUER_IS = {"ours": "chancery-issues", "theirs": "acapy-issues"}
HANDSHAKES = [("1.0", None), ("1.1", "did:peer:2"), ("1.1", "did:peer:4")]
DID_EXCHANGE = ["https://didcomm.org/didexchange/1.1"]
PROOFS = ["Ed25519Signature2018", "Ed25519Signature2020"]


def pair(world, side, profile):
    """(issuer, holder), the issuer on the given side."""
    return world.agents((side, profile), (OTHER[side], profile))


def matrix(side, version, method, proof, automatic):
    def run(world):
        issuer, holder = pair(world, side, "automatic" if automatic else "manual")
        connection = connect(issuer, holder, version, method, automatic, did_service=automatic and method is not None)
        if automatic:
            route = "send" if version == "1.0" else "send-offer"
            issue_automatically(issuer, holder, connection, proof, route)
        else:
            issue_by_hand(issuer, holder, connection, proof)

    kind = "automatic" if automatic else "manual"
    handshake = version if method is None else f"{version}-{method.replace('did:', '').replace(':', '')}"
    return f"{ISSUER_IS[side]}/didexchange-{handshake}/{proof[-4:]}/{kind}", run


def on_pair(title, side, profile, flow):
    return f"{ISSUER_IS[side]}/{title}", lambda world: flow(*pair(world, side, profile))


def over_websocket(issuer, holder):
    connection = connect(issuer, holder, "1.1", "did:peer:4")
    issue_by_hand(issuer, holder, connection, "Ed25519Signature2020")


def restarted(side, how):
    """Our agent is ended and started again between every two steps, in the handshake too."""

    def run(world):
        issuer, holder = pair(world, side, "manual")
        again = restarter(world.agent("ours", "manual"), how)
        connection = connect(issuer, holder, "1.1", "did:peer:4", between=again)
        issue_by_hand(issuer, holder, connection, "Ed25519Signature2020", between=again)

    return f"{ISSUER_IS[side]}/restart-{how.name.lower()}-between-steps", run


def swapped(first, second, store="sqlite"):
    def run(world):
        with Postgres() if store == "postgres" else contextlib.nullcontext() as server:
            one_wallet_two_programs(world, first, second, server)

    names = {"ours": "chancery", "theirs": "acapy"}
    where = "wallet" if store == "sqlite" else f"wallet-on-{store}"
    return f"{where}/{names[first]}-then-{names[second]}-then-{names[first]}", run


def all_scenarios(self_check=False, kills=3):
    listed = [
        matrix(*cell)
        for cell in (
            (side, version, method, proof, automatic)
            for automatic, side, (version, method), proof in itertools.product(
                (False, True), ("ours", "theirs"), HANDSHAKES, PROOFS
            )
        )
    ]
    for side in ("ours", "theirs"):
        listed += [
            on_pair("proposal/manual", side, "manual", proposal_by_hand),
            on_pair("proposal/automatic", side, "automatic", proposal_automatic),
            on_pair("free-request", side, "manual", free_request),
            on_pair("connectionless-offer/manual", side, "manual", connectionless),
            on_pair("connectionless-offer/automatic", side, "automatic", connectionless),
            on_pair("offer-with-handshake", side, "manual", offer_with_handshake),
            on_pair("use-did-with-an-offer-while-connected", side, "manual", offer_while_connected(DID_EXCHANGE)),
            on_pair("use-did-with-an-offer-and-no-handshake-while-connected", side, "manual", offer_while_connected(None)),
            on_pair("problem-report-from-holder", side, "manual", decline("holder")),
            on_pair("problem-report-from-issuer", side, "manual", decline("issuer")),
            on_pair("ping", side, "manual", both_ways(ping)),
            on_pair("basic-message", side, "manual", both_ways(message)),
            on_pair("reuse-of-a-connection", side, "automatic", reuse),
            *(on_pair(f"unusual-credential/{name}", side, "manual", unusual(name)) for name in VARIANTS),
            on_pair("after-strange-messages", side, "manual", after_strange_messages),
            on_pair("burst", side, "automatic", burst),
            on_pair("websocket", side, "websocket", over_websocket),
            restarted(side, signal.SIGTERM),
        ]
        if not self_check:
            # ACA-Py does not survive being killed while it works; nobody promises that it does.
            listed.append(restarted(side, signal.SIGKILL))
    if not self_check:
        listed += [killed_right_after(call, kills) for call in CALLS]
        # Nor does it go on for long when a peer is down.
        listed.append(on_pair("acapy-away-for-a-while", "ours", "manual", away))
    for store in ("sqlite", "postgres"):
        listed += [swapped("ours", "theirs", store), swapped("theirs", "ours", store)]
    if not self_check:
        listed += credo_scenarios()
    return listed
