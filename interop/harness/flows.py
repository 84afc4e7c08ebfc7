"""Flows beside the plain one: proposals, free requests, offers in invitations, reports, small protocols."""

import concurrent.futures

from .compare import differences, told
from .connections import connect
from .errors import expect, expect_equal
from .issuance import (
    BASE,
    HOLDER_STATES,
    ISSUER_STATES,
    RECORDS,
    Exchange,
    check_credential,
    check_verifies,
    detail,
    expect_state,
    finish_automatically,
    record_of,
)

PROOF = "Ed25519Signature2020"


def propose(exchange, connection, holder_did):
    issuer, holder = exchange.issuer, exchange.holder
    sent = holder.post(
        f"{BASE}/send-proposal",
        {
            "connection_id": connection.of(holder),
            "comment": "please",
            "filter": {"ld_proof": detail(issuer.did_key(), PROOF, holder_did)},
        },
    )
    expect_equal(sent["state"], "proposal-sent", f"{holder.name}: state after send-proposal")
    exchange.holder_id = sent["cred_ex_id"]
    exchange.thread = sent["thread_id"]
    exchange.await_issuer("proposal-received")


def proposal_by_hand(issuer, holder):
    connection = connect(holder, issuer, "1.1", "did:peer:4")
    exchange = Exchange(issuer, holder, issuer.receiver.mark())
    holder_did = holder.did_key()
    propose(exchange, connection, holder_did)
    exchange.both("proposal-received", "proposal-sent")
    offered = issuer.post(f"{RECORDS}/{exchange.issuer_id}/send-offer")
    expect_equal(offered["state"], "offer-sent", f"{issuer.name}: state after the bound send-offer")
    exchange.await_holder("offer-received")
    exchange.both("offer-sent", "offer-received")
    exchange.request()
    # The issuer's record of a proposal removes itself at `done`: nobody has told it not to.
    exchange.issue()
    stored = exchange.store()
    exchange.await_issuer("deleted")
    expect_state(holder, exchange.holder_id, "done")
    exchange.check_webhooks(
        ["proposal-received"] + ISSUER_STATES + ["deleted"], ["proposal-sent"] + HOLDER_STATES
    )
    check_credential(exchange, stored, PROOF, holder_did)


def proposal_automatic(issuer, holder):
    connection = connect(holder, issuer, "1.1", "did:peer:4", automatic=True)
    exchange = Exchange(issuer, holder, issuer.receiver.mark())
    holder_did = holder.did_key()
    propose(exchange, connection, holder_did)
    finish_automatically(exchange, PROOF, holder_did, ["proposal-received"], ["proposal-sent"])


def free_request(issuer, holder):
    """The holder starts with a request; no offer went before."""
    connection = connect(issuer, holder, "1.1", "did:peer:4")
    exchange = Exchange(issuer, holder, issuer.receiver.mark())
    holder_did = holder.did_key()
    sent = holder.post(
        f"{BASE}/send-request",
        {
            "connection_id": connection.of(holder),
            "auto_remove": False,
            "holder_did": holder_did,
            "filter": {"ld_proof": detail(issuer.did_key(), PROOF)},
        },
    )
    expect_equal(sent["state"], "request-sent", f"{holder.name}: state after the free request")
    exchange.holder_id = sent["cred_ex_id"]
    exchange.thread = sent["thread_id"]
    exchange.await_issuer("request-received")
    exchange.both("request-received", "request-sent")
    exchange.issue()
    exchange.both("credential-issued", "credential-received")
    stored = exchange.store()
    exchange.await_issuer("deleted")
    expect_state(holder, exchange.holder_id, "done")
    exchange.check_webhooks(ISSUER_STATES[1:] + ["deleted"], HOLDER_STATES[1:])
    check_credential(exchange, stored, PROOF, holder_did)


def free_offer(exchange, subject_id=None):
    made = exchange.issuer.post(
        f"{BASE}/create-offer",
        {
            "auto_issue": False,
            "auto_remove": False,
            "filter": {"ld_proof": detail(exchange.issuer.did_key(), PROOF, subject_id)},
        },
    )
    exchange.started_by_issuer(made)
    expect("connection_id" not in made, "a free offer names a connection")


def connectionless(issuer, holder):
    """An offer in an invitation without handshake: every answer goes to the keys of `~service`."""
    by_itself = "--auto-store-credential" in holder.options
    exchange = Exchange(issuer, holder, issuer.receiver.mark())
    holder_did = holder.did_key()
    free_offer(exchange, holder_did)
    invitation = issuer.post(
        "/out-of-band/create-invitation",
        {"attachments": [{"id": exchange.issuer_id, "type": "credential-offer"}]},
    )["invitation"]
    expect("handshake_protocols" not in invitation or not invitation["handshake_protocols"], "the invitation has a handshake")
    received = holder.post("/out-of-band/receive-invitation", invitation, auto_accept="true")
    expect_equal(received["state"], "prepare-response", f"{holder.name}: state of the out-of-band record")
    if by_itself:
        # The offer's own `auto_issue: false` stands above the agent's option.
        exchange.await_issuer("request-received")
        issuer.post(f"{RECORDS}/{exchange.issuer_id}/issue", {})
        exchange.await_issuer("done")
        exchange.await_holder("deleted")
        exchange.check_webhooks(ISSUER_STATES, HOLDER_STATES + ["deleted"])
        stored = exchange.stored_id()
        expect_state(issuer, exchange.issuer_id, "done")
    else:
        exchange.await_holder("offer-received")
        stored = exchange.finish_by_hand()
        exchange.check_webhooks(ISSUER_STATES, HOLDER_STATES)
        for agent, record_id in ((issuer, exchange.issuer_id), (holder, exchange.holder_id)):
            expect("connection_id" not in record_of(agent, record_id), f"{agent.name}: a connection in a connectionless exchange")
    check_credential(exchange, stored, PROOF, holder_did)


def offer_with_handshake(issuer, holder):
    """The same invitation with a handshake: the offer is answered over the new connection."""
    exchange = Exchange(issuer, holder, issuer.receiver.mark())
    holder_did = holder.did_key()
    free_offer(exchange)
    invitation = issuer.post(
        "/out-of-band/create-invitation",
        {
            "attachments": [{"id": exchange.issuer_id, "type": "credential-offer"}],
            "handshake_protocols": ["https://didcomm.org/didexchange/1.1"],
        },
        auto_accept="true",
    )["invitation"]
    received = holder.post("/out-of-band/receive-invitation", invitation, auto_accept="true")
    exchange.await_holder("offer-received")
    stored = exchange.finish_by_hand(holder_did)
    exchange.check_webhooks(ISSUER_STATES, HOLDER_STATES)
    expect_equal(
        record_of(holder, exchange.holder_id)["connection_id"], received["connection_id"], f"{holder.name}: connection"
    )
    expect("connection_id" in record_of(issuer, exchange.issuer_id), f"{issuer.name}: the exchange has no connection")
    check_credential(exchange, stored, PROOF, holder_did)


def decline(who):
    """One side gives the exchange up; both end in `abandoned` with the reason."""

    def flow(issuer, holder):
        connection = connect(issuer, holder, "1.1", "did:peer:4")
        exchange = Exchange(issuer, holder, issuer.receiver.mark())
        exchange.started_by_issuer(
            issuer.post(
                f"{BASE}/send-offer",
                {
                    "connection_id": connection.of(issuer),
                    "filter": {"ld_proof": detail(issuer.did_key(), PROOF, holder.did_key())},
                },
            )
        )
        exchange.await_holder("offer-received")
        agent, record_id = (holder, exchange.holder_id) if who == "holder" else (issuer, exchange.issuer_id)
        agent.post(f"{RECORDS}/{record_id}/problem-report", {"description": "not today"})
        exchange.await_issuer("abandoned")
        exchange.await_holder("abandoned")
        exchange.both("abandoned", "abandoned")
        texts = {"created problem report: not today", "issuance-abandoned: not today"}
        seen = {record_of(issuer, exchange.issuer_id)["error_msg"], record_of(holder, exchange.holder_id)["error_msg"]}
        expect_equal(seen, texts, "error_msg of both sides")

    return flow


def both_ways(flow):
    """The flow from the issuer to the holder, then back, over one connection."""

    def run(issuer, holder):
        connection = connect(issuer, holder, "1.1", "did:peer:4")
        flow(issuer, holder, connection)
        flow(holder, issuer, connection)

    return run


def ping(sender, receiver, connection):
    mark = sender.receiver.mark()
    pinged = sender.post(f"/connections/{connection.of(sender)}/send-ping", {"comment": "there?"})
    # ACA-Py leaves the connection's id empty in these.
    receiver.await_event("ping", mark, thread_id=pinged["thread_id"], state="received")
    sender.await_event("ping", mark, thread_id=pinged["thread_id"], state="response_received")


def message(sender, receiver, connection):
    mark = sender.receiver.mark()
    text = f"Grüße from {sender.name}"
    sender.post(f"/connections/{connection.of(sender)}/send-message", {"content": text})
    got = receiver.await_event("basicmessages", mark, connection_id=connection.of(receiver))
    expect_equal(got["content"], text, f"{receiver.name}: content of the message")


def reuse(issuer, holder):
    """A second invitation by the same DID is answered with a reuse of the first connection."""
    mark = issuer.receiver.mark()
    query = {"use_did_method": "did:peer:4", "handshake_protocols": ["https://didcomm.org/didexchange/1.1"]}
    first = issuer.post("/out-of-band/create-invitation", query, auto_accept="true", multi_use="true")["invitation"]
    received = holder.post("/out-of-band/receive-invitation", first, auto_accept="true", use_existing_connection="false")
    connection_id = received["connection_id"]
    holder.await_event("connections", mark, connection_id=connection_id, state="active")
    issuer.await_event("connections", mark, state="active")
    second = issuer.post("/out-of-band/create-invitation", query, auto_accept="true", multi_use="true")["invitation"]
    expect_equal(second["services"], first["services"], f"{issuer.name}: DID of the second invitation")
    again = holder.post("/out-of-band/receive-invitation", second, auto_accept="true")
    expect_equal(again["state"], "reuse-accepted", f"{holder.name}: state after the second invitation")
    expect_equal(again["connection_id"], connection_id, f"{holder.name}: connection that was reused")
    issuer.await_event("connection_reuse", mark)
    holder.await_event("connection_reuse_accepted", mark, connection_id=connection_id)


BURST = 12


def burst(issuer, holder):
    """Many exchanges at once over one connection: every one ends, none mixes with another."""
    connection = connect(issuer, holder, "1.1", "did:peer:4", automatic=True)
    mark = issuer.receiver.mark()
    issuer_did, holder_did = issuer.did_key(), holder.did_key()

    def offer(number):
        wanted = detail(issuer_did, PROOF, holder_did)
        wanted["credential"]["credentialSubject"]["familyName"] = f"Smith {number}"
        exchange = Exchange(issuer, holder, mark)
        body = {"connection_id": connection.of(issuer), "filter": {"ld_proof": wanted}}
        return exchange.started_by_issuer(issuer.post(f"{BASE}/send-offer", body))

    with concurrent.futures.ThreadPoolExecutor(BURST) as pool:
        exchanges = list(pool.map(offer, range(BURST)))
    names = set()
    for exchange in exchanges:
        exchange.await_issuer("deleted")
        exchange.await_holder("deleted")
        exchange.check_webhooks(ISSUER_STATES + ["deleted"], HOLDER_STATES + ["deleted"])
        kept = holder.get(f"/credential/w3c/{exchange.stored_id()}")
        names.add(kept["cred_value"]["credentialSubject"]["familyName"])
    expect_equal(names, {f"Smith {number}" for number in range(BURST)}, f"{holder.name}: credentials of the burst")


def away(issuer, holder):
    """The holder's agent is down while the issuer offers; the offer reaches it when it is back."""
    connection = connect(issuer, holder, "1.1", "did:peer:4")
    exchange = Exchange(issuer, holder, issuer.receiver.mark())
    holder_did = holder.did_key()
    holder.stop()
    body = {
        "connection_id": connection.of(issuer),
        "auto_remove": False,
        "auto_issue": False,
        "filter": {"ld_proof": detail(issuer.did_key(), PROOF, holder_did)},
    }
    exchange.started_by_issuer(issuer.post(f"{BASE}/send-offer", body))
    holder.start()
    exchange.await_holder("offer-received")
    stored = exchange.finish_by_hand()
    exchange.check_webhooks(ISSUER_STATES, HOLDER_STATES)
    check_credential(exchange, stored, PROOF, holder_did)


# Terms of their own, so that any member of a credential is defined without a document from the network.
ANY_TERM = {"@vocab": "https://vocabulary.example/", "tags": {"@container": "@list"}, "told": {"@container": "@language"}}

VARIANTS = {
    "numbers": {
        "@context": [ANY_TERM],
        "subject": {"one": 1, "minus": -7, "half": 0.5, "tenth": 0.1, "whole": 2.0, "large": 123456789012, "tiny": 1.5e-7, "huge": 1e21, "zero": 0},
    },
    "texts": {
        "@context": [ANY_TERM],
        "subject": {
            "quoted": 'a "b" \\ c',
            "lines": "one\ntwo\r\tthree",
            "control": "\u0001\u001f\u007f",
            "wide": "日本 \U0001f600 ﬁ é e\u0301",
            "empty": "",
        },
    },
    "nesting": {
        "@context": [ANY_TERM],
        "subject": {
            "tags": ["b", "a", "b"],
            "many": ["z", "y", "z", True, False],
            "inner": {"deep": {"deeper": [{"n": 1}, {"n": 2}, {"n": 1}]}},
            "twins": [{"a": {"same": "x"}}, {"a": {"same": "x"}}],
            "told": {"de": "Hallo", "en": "hello"},
        },
    },
    "members": {
        "@context": [],
        "id": "urn:uuid:3978344f-8596-4c3a-a978-8fcaba3903c5",
        "issuer_name": "Government of Exämple",
        "expirationDate": "2099-12-31T23:59:59Z",
        "name": "Permanent Resident Card",
        "options": {"domain": "example.com", "challenge": "a challenge", "created": "2024-02-02T00:00:00Z"},
    },
    "data-model-2": {"@context": [], "data_model": 2},
}


def variant_detail(variant, issuer_did):
    """A credential of the variant, and the options it is asked for with."""
    wanted = detail(issuer_did, PROOF)
    credential, options = wanted["credential"], wanted["options"]
    credential["@context"] += variant["@context"]
    credential["credentialSubject"].update(variant.get("subject", {}))
    for name in ("id", "expirationDate", "name"):
        if name in variant:
            credential[name] = variant[name]
    if "issuer_name" in variant:
        credential["issuer"] = {"id": issuer_did, "name": variant["issuer_name"]}
        credential["@context"].append({"@vocab": "https://vocabulary.example/"})
    if variant.get("data_model") == 2:
        credential["@context"] = ["https://www.w3.org/ns/credentials/v2"]
        credential["type"] = ["VerifiableCredential"]
        credential["credentialSubject"] = {"name": "Zoë", "description": "as the second data model has it"}
        credential["validFrom"] = credential.pop("issuanceDate")
    options.update(variant.get("options", {}))
    return wanted


def unusual(name):
    """A credential that is hard to canonicalise, or unusual in its members: both must sign the same bytes."""

    def flow(issuer, holder):
        connection = connect(issuer, holder, "1.1", "did:peer:4")
        exchange = Exchange(issuer, holder, issuer.receiver.mark())
        holder_did = holder.did_key()
        wanted = variant_detail(VARIANTS[name], issuer.did_key())
        body = {"connection_id": connection.of(issuer), "auto_issue": False, "auto_remove": False, "filter": {"ld_proof": wanted}}
        exchange.started_by_issuer(issuer.post(f"{BASE}/send-offer", body))
        exchange.await_holder("offer-received")
        stored = exchange.finish_by_hand(holder_did)
        credential = holder.get(f"/credential/w3c/{stored}")["cred_value"]
        kept = {key: value for key, value in credential.items() if key not in ("proof", "@context")}
        asked = {key: value for key, value in wanted["credential"].items() if key != "@context"}
        asked["credentialSubject"] = {**asked["credentialSubject"], "id": holder_did}
        expect(not differences(asked, kept), f"{holder.name}: {told(differences(asked, kept))}")
        for option, value in wanted["options"].items():
            member = {"proofType": "type"}.get(option, option)
            expect_equal(credential["proof"].get(member), value, f"{member} of the proof")
        for agent in (issuer, holder):
            check_verifies(agent, credential)

    return flow
