"""Issuing an `ld_proof` credential from one agent to another, every step checked on both sides."""

from .connections import check_sequence, nothing
from .errors import expect, expect_equal

BASE = "/issue-credential-2.0"
RECORDS = f"{BASE}/records"
TOPIC = "issue_credential_v2_0"
STORED_TOPIC = "issue_credential_v2_0_ld_proof"

ISSUER_STATES = ["offer-sent", "request-received", "credential-issued", "done"]
HOLDER_STATES = ["offer-received", "request-sent", "credential-received", "done"]

SUITE_CONTEXT = "https://w3id.org/security/suites/ed25519-2020/v1"


def detail(issuer_did, proof_type, subject_id=None):
    """A permanent resident card; its contexts are among those that both programs bring along."""
    subject = {
        "type": ["PermanentResident"],
        "givenName": "Zoë",
        "familyName": "Smith",
        "birthCountry": "Bahamas",
        "birthDate": "1958-07-17",
    }
    if subject_id:
        subject["id"] = subject_id
    return {
        "credential": {
            "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/citizenship/v1"],
            "type": ["VerifiableCredential", "PermanentResidentCard"],
            "issuer": issuer_did,
            "issuanceDate": "2024-01-01T00:00:00Z",
            "credentialSubject": subject,
        },
        "options": {"proofType": proof_type},
    }


def record_of(agent, record_id):
    return agent.get(f"{RECORDS}/{record_id}")["cred_ex_record"]


def expect_state(agent, record_id, wanted):
    expect_equal(record_of(agent, record_id)["state"], wanted, f"{agent.name}: state of the exchange")


class Exchange:
    """One exchange seen from both ends; the steps may be called from anywhere, in protocol order."""

    def __init__(self, issuer, holder, mark):
        self.issuer = issuer
        self.holder = holder
        self.mark = mark
        self.issuer_id = None
        self.holder_id = None
        self.thread = None

    def started_by_issuer(self, record):
        """Takes the issuer's new record in `offer-sent` and waits for the holder's."""
        expect_equal(record["state"], "offer-sent", f"{self.issuer.name}: state after the offer")
        self.issuer_id = record["cred_ex_id"]
        self.thread = record["thread_id"]
        return self

    def await_holder(self, state):
        seen = self.holder.await_event(TOPIC, self.mark, thread_id=self.thread, role="holder", state=state)
        self.holder_id = self.holder_id or seen["cred_ex_id"]
        expect_equal(seen["cred_ex_id"], self.holder_id, f"{self.holder.name}: record of the thread")

    def await_issuer(self, state):
        seen = self.issuer.await_event(TOPIC, self.mark, thread_id=self.thread, role="issuer", state=state)
        self.issuer_id = self.issuer_id or seen["cred_ex_id"]
        expect_equal(seen["cred_ex_id"], self.issuer_id, f"{self.issuer.name}: record of the thread")

    def both(self, issuer_state, holder_state):
        expect_state(self.issuer, self.issuer_id, issuer_state)
        expect_state(self.holder, self.holder_id, holder_state)

    def request(self, holder_did=None, between=nothing):
        body = {"auto_remove": False}
        if holder_did:
            body["holder_did"] = holder_did
        sent = self.holder.post(f"{RECORDS}/{self.holder_id}/send-request", body)
        expect_equal(sent["state"], "request-sent", f"{self.holder.name}: state after send-request")
        between(False)
        self.await_issuer("request-received")

    def issue(self, between=nothing):
        made = self.issuer.post(f"{RECORDS}/{self.issuer_id}/issue", {"comment": "here you are"})
        expect_equal(made["cred_ex_record"]["state"], "credential-issued", f"{self.issuer.name}: state after issue")
        between(False)
        self.await_holder("credential-received")

    def store(self, between=nothing):
        kept = self.holder.post(f"{RECORDS}/{self.holder_id}/store", {})
        expect_equal(kept["cred_ex_record"]["state"], "done", f"{self.holder.name}: state after store")
        between(False)
        self.await_issuer("done")
        return kept["ld_proof"]["cred_id_stored"]

    def finish_by_hand(self, holder_did=None, between=nothing):
        """From `offer-received` to `done`; returns the id of the stored credential."""
        self.both("offer-sent", "offer-received")
        self.request(holder_did, between)
        between(True)
        self.both("request-received", "request-sent")
        self.issue(between)
        between(True)
        self.both("credential-issued", "credential-received")
        stored = self.store(between)
        between(True)
        self.both("done", "done")
        return stored

    def check_webhooks(self, issuer_states, holder_states):
        check_sequence(self.issuer, TOPIC, issuer_states, self.mark, cred_ex_id=self.issuer_id)
        check_sequence(self.holder, TOPIC, holder_states, self.mark, cred_ex_id=self.holder_id)
        check_sequence(self.issuer, STORED_TOPIC, [], self.mark, cred_ex_id=self.issuer_id)
        check_sequence(self.holder, STORED_TOPIC, [None], self.mark, cred_ex_id=self.holder_id)

    def stored_id(self):
        event = self.holder.await_event(STORED_TOPIC, self.mark, cred_ex_id=self.holder_id)
        return event["cred_id_stored"]


def issue_by_hand(issuer, holder, connection, proof_type, between=nothing):
    """Offer, request, issue, store, each by a call. The holder binds the credential to a DID of its own."""
    exchange = Exchange(issuer, holder, issuer.receiver.mark())
    wanted = detail(issuer.did_key(), proof_type)
    holder_did = holder.did_key()
    exchange.started_by_issuer(
        issuer.post(
            f"{BASE}/send-offer",
            {
                "connection_id": connection.of(issuer),
                "comment": "by hand",
                "auto_issue": False,
                "auto_remove": False,
                "filter": {"ld_proof": wanted},
            },
        )
    )
    between(False)
    exchange.await_holder("offer-received")
    between(True)
    stored = exchange.finish_by_hand(holder_did, between)
    exchange.check_webhooks(ISSUER_STATES, HOLDER_STATES)
    check_credential(exchange, stored, proof_type, holder_did)
    return exchange


def issue_automatically(issuer, holder, connection, proof_type, route="send-offer"):
    """One call; the two agents do the rest and forget their records (they do not preserve them)."""
    exchange = Exchange(issuer, holder, issuer.receiver.mark())
    holder_did = holder.did_key()
    exchange.started_by_issuer(
        issuer.post(
            f"{BASE}/{route}",
            {
                "connection_id": connection.of(issuer),
                "filter": {"ld_proof": detail(issuer.did_key(), proof_type, holder_did)},
            },
        )
    )
    finish_automatically(exchange, proof_type, holder_did)
    return exchange


def finish_automatically(exchange, proof_type, holder_did, issuer_before=(), holder_before=()):
    """Waits for the end of an exchange that runs by itself, and checks both sides."""
    exchange.await_issuer("deleted")
    exchange.await_holder("deleted")
    issuer_states = list(issuer_before) + ISSUER_STATES + ["deleted"]
    exchange.check_webhooks(issuer_states, list(holder_before) + HOLDER_STATES + ["deleted"])
    for agent, record_id in ((exchange.issuer, exchange.issuer_id), (exchange.holder, exchange.holder_id)):
        await_gone(agent, record_id)
    check_credential(exchange, exchange.stored_id(), proof_type, holder_did)


def await_gone(agent, record_id):
    """The `deleted` webhook is sent before the record goes; the list shows when it has gone."""
    agent.api.poll(
        RECORDS, lambda listed: all(r["cred_ex_record"]["cred_ex_id"] != record_id for r in listed["results"])
    )
    status = agent.api.call("GET", f"{RECORDS}/{record_id}").status
    expect_equal(status, 404, f"{agent.name}: status of a removed exchange")


def check_credential(exchange, stored_id, proof_type, holder_did):
    """What the holder keeps is what was asked for, signed by the issuer, and both programs find it valid."""
    kept = exchange.holder.get(f"/credential/w3c/{stored_id}")
    credential = kept["cred_value"]
    proof = credential["proof"]
    expect_equal(proof["type"], proof_type, "type of the proof")
    expect_equal(proof["verificationMethod"].split("#")[0], credential["issuer"], "DID of the proof")
    expect_equal(credential["credentialSubject"].get("id"), holder_did, "subject of the credential")
    expect_equal(credential["credentialSubject"]["givenName"], "Zoë", "text of the credential")
    expect_equal(SUITE_CONTEXT in credential["@context"], proof_type == "Ed25519Signature2020", "has the suite's context")
    for agent in (exchange.issuer, exchange.holder):
        check_verifies(agent, credential)


def check_verifies(agent, credential):
    verdict = agent.post("/vc/credentials/verify", {"verifiableCredential": credential})
    expect(verdict["verified"] is True, f"{agent.name}: does not verify: {str(verdict)[:600]}")
    member = next(name for name in ("givenName", "name") if name in credential["credentialSubject"])
    forged = {**credential, "credentialSubject": {**credential["credentialSubject"], member: "Mallory"}}
    verdict = agent.post("/vc/credentials/verify", {"verifiableCredential": forged})
    expect(verdict["verified"] is False, f"{agent.name}: verifies a forged credential")
