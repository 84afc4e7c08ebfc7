"""Chancery and Credo-TS: handshakes with every did:peer method that Credo has, and negotiated credentials."""

from .errors import expect, expect_equal
from .issuance import BASE, RECORDS, TOPIC, check_verifies, detail, expect_state, record_of

PROOF = "Ed25519Signature2018"
DID_EXCHANGE = ["https://didcomm.org/didexchange/1.1"]


class Connection:
    """A finished connection: our record's id and Credo's."""

    def __init__(self, ours, credos):
        self.ours = ours
        self.credos = credos


def complete(ours, credo, mark, our_id, credo_id):
    """Waits for both ends, and compares what each says about the other."""
    ours.await_event("connections", mark, connection_id=our_id, state="active")
    credo.await_event("connections", mark, id=credo_id, state="completed")
    # The short form of did:peer:4 comes in a save that no webhook announces.
    ours.api.poll(f"/connections/{our_id}", lambda record: record["rfc23_state"] == "completed")
    record, other = ours.get(f"/connections/{our_id}"), credo.get(f"/connections/{credo_id}")
    for name, seen, meant in (("ours", other["theirDid"], record["my_did"]), ("Credo's", record["their_did"], other["did"])):
        # One side may know the long form of did:peer:4 where the other has the short one.
        expect(seen.startswith(meant) or meant.startswith(seen), f"{name} DID is {meant}, the other side has {seen}")
    return Connection(our_id, credo_id)


def method_of(agent, record_id, member, wanted):
    did = agent.get(f"/connections/{record_id}")[member]
    expect(did.startswith(f"did:peer:{wanted}"), f"{agent.name}: {member} is {did}, not did:peer:{wanted}")


def credo_requests(ours, credo, method):
    """Chancery invites; Credo requests with a DID of the method."""
    mark = ours.receiver.mark()
    asked = {"handshake_protocols": DID_EXCHANGE, "alias": "credo"}
    invitation = ours.post("/out-of-band/create-invitation", asked, auto_accept="false")["invitation"]
    credo_id = credo.post("/invitations/receive", {"invitation": invitation, "method": method})["id"]
    requested = ours.await_event("connections", mark, invitation_msg_id=invitation["@id"], state="request")
    our_id = requested["connection_id"]
    ours.post(f"/didexchange/{our_id}/accept-request")
    connection = complete(ours, credo, mark, our_id, credo_id)
    method_of(credo, credo_id, "did", method)
    method_of(ours, our_id, "their_did", method)
    attached = "did_doc~attach" in credo.message_sent(mark, "/didexchange/1.1/request")
    expect_equal(attached, method == 1, f"{credo.name}: the request has a document attached")
    return connection


def credo_responds(ours, credo, method, **invitation):
    """Credo invites; Chancery requests, and Credo answers with a DID of the method."""
    mark = ours.receiver.mark()
    made = credo.post("/invitations", {**invitation, **({"answer": 1} if method == 1 else {})})
    received = ours.post(
        "/out-of-band/receive-invitation", made["invitation"], auto_accept="false", use_existing_connection="false"
    )
    our_id = received["connection_id"]
    ours.post(f"/didexchange/{our_id}/accept-invitation", use_did_method=f"did:peer:{2 if method == 2 else 4}")
    requested = credo.await_event("connections", mark, outOfBandId=made["id"], state="request-received")
    connection = complete(ours, credo, mark, our_id, requested["id"])
    method_of(credo, connection.credos, "did", method)
    method_of(ours, our_id, "their_did", method)
    response = credo.message_sent(mark, "/didexchange/1.1/response")
    expect_equal("did_doc~attach" in response, method == 1, f"{credo.name}: the response has a document attached")
    expect_equal("did_rotate~attach" in response, method != 1, f"{credo.name}: the response has a signed DID attached")
    return connection


def refused(**invitation):
    """Credo answers with a did:peer:1 that the invitation's key has not signed: nothing says that the inviter sent it."""

    def flow(ours, credo):
        mark = ours.receiver.mark()
        made = credo.post("/invitations", {**invitation, "answer": 1})
        received = ours.post(
            "/out-of-band/receive-invitation", made["invitation"], auto_accept="true", use_existing_connection="false"
        )
        our_id = received["connection_id"]
        requested = credo.await_event("connections", mark, outOfBandId=made["id"], state="request-received")
        # Credo tells of it once it has our answer to the POST, and we answer when the message has had its effect.
        credo.await_event("sent", mark, connectionId=requested["id"], status="SentToTransport")
        expect("did_doc~attach" in credo.message_sent(mark, "/didexchange/1.1/response"), f"{credo.name}: no document was attached")
        expect_equal(ours.states_of("connections", mark, connection_id=our_id, state="active"), [], f"{ours.name}: webhooks")
        record = ours.get(f"/connections/{our_id}")
        expect(record["rfc23_state"] not in ("response-received", "completed"), f"{ours.name}: the response was taken: {record}")
        expect("their_did" not in record, f"{ours.name}: a DID of the response is kept: {record}")

    return flow


def talk(ours, credo, connection):
    """A ping and its answer, and a basic message, each way."""
    mark = ours.receiver.mark()
    thread = ours.post(f"/connections/{connection.ours}/send-ping", {"comment": "there?"})["thread_id"]
    credo.await_event("ping", mark, threadId=thread, connectionId=connection.credos, state="received")
    ours.await_event("ping", mark, thread_id=thread, state="response_received")
    thread = credo.post(f"/connections/{connection.credos}/ping")["@id"]
    ours.await_event("ping", mark, thread_id=thread, state="received")
    credo.await_event("ping", mark, threadId=thread, connectionId=connection.credos, state="response_received")
    ours.post(f"/connections/{connection.ours}/send-message", {"content": "Grüße"})
    credo.await_event("basicmessages", mark, connectionId=connection.credos, role="receiver", content="Grüße")
    credo.post(f"/connections/{connection.credos}/message", {"content": "zurück"})
    ours.await_event("basicmessages", mark, connection_id=connection.ours, content="zurück")


def handshake(connect, method, **how):
    def flow(ours, credo):
        talk(ours, credo, connect(ours, credo, method, **how))

    return flow


def round_of(issuer_did, holder_did, name):
    """What is proposed or offered in one round; Credo wants the proof's purpose to be named."""
    wanted = detail(issuer_did, PROOF, holder_did)
    wanted["credential"]["credentialSubject"]["familyName"] = name
    wanted["options"]["proofPurpose"] = "assertionMethod"
    return wanted


def counter_offer(wanted):
    """The body of an offer that differs from the proposal; the format has no use for the preview, the call asks for one."""
    return {"filter": {"ld_proof": wanted}, "counter_preview": {"attributes": [{"name": "familyName", "value": "?"}]}}


def check_result(ours, credo, credential, holder_did, name):
    subject = credential["credentialSubject"]
    expect_equal(subject["id"], holder_did, "subject of the credential")
    expect_equal(subject["familyName"], name, "name that was agreed on last")
    expect_equal(credential["proof"]["type"], PROOF, "type of the proof")
    check_verifies(ours, credential)
    verdict = credo.post("/verify", {"credential": credential})
    expect(verdict["verified"], f"{credo.name}: does not verify: {verdict}")
    forged = {**credential, "credentialSubject": {**subject, "familyName": "Mallory"}}
    expect(not credo.post("/verify", {"credential": forged})["verified"], f"{credo.name}: verifies a forged credential")


def credo_negotiates(ours, credo):
    """Three rounds of Credo's proposal and our offer, each with another content; the last offer is what is issued."""
    connection = credo_requests(ours, credo, 1)
    mark = ours.receiver.mark()
    issuer_did, holder_did = ours.did_key(), credo.did_key()
    proposed = {"connectionId": connection.credos, "detail": round_of(issuer_did, holder_did, "proposed 1")}
    begun = credo.post("/credentials/propose", proposed)
    credo_id, thread = begun["id"], begun["threadId"]
    seen = ours.await_event(TOPIC, mark, thread_id=thread, role="issuer", state="proposal-received")
    our_id = seen["cred_ex_id"]
    for number in (1, 2, 3):
        record = record_of(ours, our_id)
        expect_equal(record["state"], "proposal-received", f"{ours.name}: state in round {number}")
        name = record["by_format"]["cred_proposal"]["ld_proof"]["credential"]["credentialSubject"]["familyName"]
        expect_equal(name, f"proposed {number}", f"{ours.name}: proposal of round {number}")
        here = ours.receiver.mark()
        offer = round_of(issuer_did, holder_did, f"offered {number}")
        ours.post(f"{RECORDS}/{our_id}/send-offer", counter_offer(offer))
        credo.await_event("credentials", here, id=credo_id, state="offer-received")
        if number < 3:
            again = {"detail": round_of(issuer_did, holder_did, f"proposed {number + 1}")}
            credo.post(f"/credentials/{credo_id}/negotiate-offer", again)
            ours.await_event(TOPIC, here, cred_ex_id=our_id, state="proposal-received")
    credo.post(f"/credentials/{credo_id}/accept-offer")
    ours.await_event(TOPIC, mark, cred_ex_id=our_id, state="request-received")
    ours.post(f"{RECORDS}/{our_id}/issue", {})
    credo.await_event("credentials", mark, id=credo_id, state="credential-received")
    credo.post(f"/credentials/{credo_id}/accept-credential")
    # Nobody has told the record of a proposal to stay.
    ours.await_event(TOPIC, mark, cred_ex_id=our_id, state="deleted")
    expect_equal(credo.get(f"/credentials/{credo_id}")["state"], "done", f"{credo.name}: state at the end")
    rounds = ["proposal-received", "offer-sent"] * 3
    states = ours.states_of(TOPIC, mark, cred_ex_id=our_id)
    expect_equal(states, rounds + ["request-received", "credential-issued", "done", "deleted"], f"{ours.name}: webhooks")
    check_result(ours, credo, credo.get(f"/credentials/{credo_id}/w3c"), holder_did, "offered 3")


def credo_counters(ours, credo):
    """Chancery proposes; Credo as issuer offers something else, which is what is issued."""
    connection = credo_responds(ours, credo, 1)
    mark = ours.receiver.mark()
    issuer_did, holder_did = credo.did_key(), ours.did_key()
    proposal = {
        "connection_id": connection.ours,
        "auto_remove": False,
        "filter": {"ld_proof": round_of(issuer_did, holder_did, "proposed")},
    }
    begun = ours.post(f"{BASE}/send-proposal", proposal)
    our_id, thread = begun["cred_ex_id"], begun["thread_id"]
    seen = credo.await_event("credentials", mark, threadId=thread, state="proposal-received")
    credo_id = seen["id"]
    offer = {"detail": round_of(issuer_did, holder_did, "offered")}
    credo.post(f"/credentials/{credo_id}/negotiate-proposal", offer)
    ours.await_event(TOPIC, mark, cred_ex_id=our_id, state="offer-received")
    ours.post(f"{RECORDS}/{our_id}/send-request", {"auto_remove": False})
    credo.await_event("credentials", mark, id=credo_id, state="request-received")
    credo.post(f"/credentials/{credo_id}/accept-request")
    ours.await_event(TOPIC, mark, cred_ex_id=our_id, state="credential-received")
    stored = ours.post(f"{RECORDS}/{our_id}/store", {})["ld_proof"]["cred_id_stored"]
    credo.await_event("credentials", mark, id=credo_id, state="done")
    expect_state(ours, our_id, "done")
    states = ours.states_of(TOPIC, mark, cred_ex_id=our_id)
    expect_equal(
        states, ["proposal-sent", "offer-received", "request-sent", "credential-received", "done"], f"{ours.name}: webhooks"
    )
    check_result(ours, credo, ours.get(f"/credential/w3c/{stored}")["cred_value"], holder_did, "offered")


FLOWS = {
    **{f"credo-requests/did-peer-{method}": handshake(credo_requests, method) for method in (1, 2, 4)},
    **{f"credo-responds/did-peer-{method}": handshake(credo_responds, method) for method in (1, 2, 4)},
    **{f"credo-responds/did-peer-{method}/multi-use": handshake(credo_responds, method, multiUse=True) for method in (2, 4)},
    **{f"credo-responds/did-peer-{method}/invitation-by-did": handshake(credo_responds, method, byDid=2) for method in (2, 4)},
    "credo-responds/did-peer-1/multi-use-is-refused": refused(multiUse=True),
    "credo-responds/did-peer-1/invitation-by-did-is-refused": refused(byDid=2),
    "chancery-issues/negotiated-in-three-rounds": credo_negotiates,
    "credo-issues/negotiated": credo_counters,
}


def credo_scenarios():
    def on_pair(flow):
        return lambda world: flow(world.agent("ours", "manual"), world.agent("credo", "peer"))

    return [(f"credo/{name}", on_pair(flow)) for name, flow in FLOWS.items()]
