"""Flows beside the plain one: proposals, free requests, offers in invitations, reports, small protocols."""

import concurrent.futures

from .connections import connect
from .errors import expect, expect_equal
from .issuance import (
    BASE,
    HOLDER_STATES,
    ISSUER_STATES,
    RECORDS,
    Exchange,
    check_credential,
    detail,
    expect_state,
    finish_automatically,
    issue_by_hand,
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


def offer_while_connected(handshake_protocols):
    """An invitation by the DID of an earlier one, with an offer attached: it is answered over the connection that came of the earlier one."""

    def flow(issuer, holder):
        mark = issuer.receiver.mark()
        query = {"use_did_method": "did:peer:4", "handshake_protocols": ["https://didcomm.org/didexchange/1.1"]}
        first = issuer.post(
            "/out-of-band/create-invitation", query, auto_accept="true", multi_use="true", create_unique_did="true"
        )["invitation"]
        received = holder.post("/out-of-band/receive-invitation", first, auto_accept="true", use_existing_connection="false")
        connection_id = received["connection_id"]
        holder.await_event("connections", mark, connection_id=connection_id, state="active")
        active = issuer.await_event("connections", mark, invitation_msg_id=first["@id"], state="active")
        before = [len(agent.get("/connections")["results"]) for agent in (issuer, holder)]

        exchange = Exchange(issuer, holder, issuer.receiver.mark())
        holder_did = holder.did_key()
        free_offer(exchange)
        asked = {"use_did": first["services"][0], "attachments": [{"id": exchange.issuer_id, "type": "credential-offer"}]}
        if handshake_protocols:
            asked["handshake_protocols"] = handshake_protocols
        second = issuer.post("/out-of-band/create-invitation", asked, auto_accept="true")["invitation"]
        expect_equal(second["services"], first["services"], f"{issuer.name}: DID of the second invitation")
        again = holder.post("/out-of-band/receive-invitation", second, auto_accept="true")
        expect_equal(again["connection_id"], connection_id, f"{holder.name}: connection that was reused")
        exchange.await_holder("offer-received")
        stored = exchange.finish_by_hand(holder_did)
        exchange.check_webhooks(ISSUER_STATES, HOLDER_STATES)
        for agent, record_id, wanted in (
            (issuer, exchange.issuer_id, active["connection_id"]),
            (holder, exchange.holder_id, connection_id),
        ):
            expect_equal(record_of(agent, record_id).get("connection_id"), wanted, f"{agent.name}: connection of the exchange")
        after = [len(agent.get("/connections")["results"]) for agent in (issuer, holder)]
        expect_equal(after, before, "number of connections on both sides")
        check_credential(exchange, stored, PROOF, holder_did)

    return flow


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



def strange_messages(sender, receiver, connection):
    """Messages of protocols that the receiver may not know. They must harm neither the connection nor the sender."""
    record = connection.of(sender)
    sender.api.call("GET", "/discover-features-2.0/queries", {"query_protocol": "*", "connection_id": record})
    request = {
        "connection_id": record,
        "presentation_request": {
            "dif": {
                "options": {"challenge": "3fa85f64-5717-4562-b3fc-2c963f66afa7", "domain": "example.com"},
                "presentation_definition": {
                    "id": "32f54163-7166-48f1-93d8-ff217bdb0654",
                    "input_descriptors": [
                        {
                            "id": "any",
                            "schema": [{"uri": "https://www.w3.org/2018/credentials#VerifiableCredential"}],
                            "constraints": {"fields": [{"path": ["$.issuer"]}]},
                        }
                    ],
                },
            }
        },
    }
    sender.api.call("POST", "/present-proof-2.0/send-request", body=request)
    sender.api.call("POST", f"/connections/{record}/start-introduction", {"target_connection_id": record})


def after_strange_messages(issuer, holder):
    connection = connect(issuer, holder, "1.1", "did:peer:4")
    for sender, receiver in ((issuer, holder), (holder, issuer)):
        if sender.software.kind == "acapy":
            strange_messages(sender, receiver, connection)
    issue_by_hand(issuer, holder, connection, PROOF)
