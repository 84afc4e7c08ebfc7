"""Credentials that are hard to canonicalise, or unusual in their members."""

from .compare import differences, told
from .connections import connect
from .errors import expect, expect_equal
from .issuance import BASE, Exchange, check_verifies, detail

PROOF = "Ed25519Signature2020"

# Terms of their own, so that any member of a credential is defined without a document from the network.
ANY_TERM = {"@vocab": "https://vocabulary.example/", "tags": {"@container": "@list"}, "told": {"@container": "@language"}}

VARIANTS = {
    "numbers": {
        "@context": [ANY_TERM],
        "subject": {
            "zero": 0,
            "minus": -7,
            "large": 123456789012,
            "edge": 9007199254740993,
            "half": 0.5,
            "tenth": 0.1,
            "whole": 2.0,
            "exact": 1e15,
            "tiny": 1.5e-7,
        },
    },
    "texts": {
        "@context": [ANY_TERM],
        "subject": {
            "quoted": 'a "b" \\ c',
            "lines": "one\ntwo\r\tthree",
            "joined": "a\u200db\u00a0c\u2028d",
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
        body = {"connection_id": connection.of(issuer), "filter": {"ld_proof": wanted}}
        body.update(auto_issue=False, auto_remove=False)
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
