"""Connecting two agents by out-of-band and DID exchange, every step checked on both sides."""

from .errors import expect, expect_equal

def nothing(arrived):
    """Between two steps nothing happens."""


HANDSHAKE = ["invitation", "request", "response", "active"]


class Connected:
    """A finished connection: each side's record id."""

    def __init__(self, inviter, invitee, inviter_id, invitee_id):
        self.ids = {inviter.name: inviter_id, invitee.name: invitee_id}

    def of(self, agent):
        return self.ids[agent.name]


def connect(inviter, invitee, version="1.1", method=None, automatic=False, did_service=False, between=nothing):
    """Connects two agents and checks records and webhooks of both.

    `version`: of DID exchange. `method`: did:peer:2 or did:peer:4 (1.1 only). `automatic`: the inviter answers the request by
    itself, and the invitee the invitation, as far as the method leaves it that. `did_service`: the invitation names
    a peer DID instead of an inline key. `between` is called between every two steps, with whether what
    the step has sent is known to have arrived.
    """
    mark = inviter.receiver.mark()
    asked = {"handshake_protocols": [f"https://didcomm.org/didexchange/{version}"], "alias": "interop"}
    query = {"auto_accept": str(automatic).lower()}
    if did_service:
        asked["use_did_method"] = method
        query["create_unique_did"] = "true"
    made = inviter.post("/out-of-band/create-invitation", asked, **query)
    invitation = made["invitation"]
    between(True)

    # An agent that answers by itself picks did:peer:4; another method needs the call.
    invitee_by_itself = automatic and method != "did:peer:2"
    received = invitee.post(
        "/out-of-band/receive-invitation",
        invitation,
        auto_accept=str(invitee_by_itself).lower(),
        use_existing_connection="false",
    )
    invitee_id = received["connection_id"]
    expect_equal(received["state"], "deleted", f"{invitee.name}: state in the answer of receive-invitation")
    between(True)
    if not invitee_by_itself:
        chosen = {"use_did_method": method} if method == "did:peer:2" else {}
        sent = invitee.post(f"/didexchange/{invitee_id}/accept-invitation", **chosen)
        expect_equal(sent["state"], "request", f"{invitee.name}: state after accept-invitation")
        expect_equal(sent["rfc23_state"], "request-sent", f"{invitee.name}: rfc23_state after accept-invitation")
        between(False)

    requested = inviter.await_event(
        "connections", mark, invitation_msg_id=invitation["@id"], state="request"
    )
    inviter_id = requested["connection_id"]
    if not automatic:
        between(True)
        inviter.post(f"/didexchange/{inviter_id}/accept-request")
        between(False)
    invitee.await_event("connections", mark, connection_id=invitee_id, state="active")
    inviter.await_event("connections", mark, connection_id=inviter_id, state="active")
    between(False)
    check_connection(inviter, invitee, inviter_id, invitee_id, version, method, mark)
    between(True)
    return Connected(inviter, invitee, inviter_id, invitee_id)


def check_connection(inviter, invitee, inviter_id, invitee_id, version, method, mark):
    theirs = invitee.get(f"/connections/{invitee_id}")
    # The inviter turns to the short forms of did:peer:4 in a save that no webhook announces.
    ours = inviter.api.poll(
        f"/connections/{inviter_id}",
        lambda r: r.get("my_did") == theirs["their_did"] and r.get("their_did") == theirs["my_did"],
    )
    for agent, record, role in ((inviter, ours, "invitee"), (invitee, theirs, "inviter")):
        expect_equal(record["state"], "active", f"{agent.name}: connection state")
        expect_equal(record["rfc23_state"], "completed", f"{agent.name}: rfc23_state")
        expect_equal(record["their_role"], role, f"{agent.name}: their_role")
        expect_equal(record["connection_protocol"], f"didexchange/{version}", f"{agent.name}: connection_protocol")
        is_kind = (lambda did: ":" not in did) if version == "1.0" else (lambda did: did.startswith(method + "zQm" if method == "did:peer:4" else method))
        for member in ("my_did", "their_did"):
            expect(is_kind(record[member]), f"{agent.name}: {member} is {record[member][:60]}, expected {method or 'a nym'}")
    for agent, record_id in ((inviter, inviter_id), (invitee, invitee_id)):
        check_sequence(agent, "connections", HANDSHAKE, mark, connection_id=record_id)
    ends = invitee.get(f"/connections/{invitee_id}/endpoints")
    expect_equal(ends["their_endpoint"], inviter.endpoint, f"{invitee.name}: their_endpoint")


def check_sequence(agent, topic, wanted, mark, **members):
    """The states that webhooks of one record have shown, each once.

    ACA-Py sends webhooks from independent tasks, so their order says nothing; ours must come in order.
    """
    agent.receiver.wait_until(
        lambda _: len(agent.states_of(topic, mark, **members)) >= len(wanted)
    )
    seen = agent.states_of(topic, mark, **members)
    if agent.software.kind == "acapy":
        expect_equal(sorted(map(str, seen)), sorted(map(str, wanted)), f"{agent.name}: webhooks {topic}")
    else:
        expect_equal(seen, wanted, f"{agent.name}: webhooks {topic}")
