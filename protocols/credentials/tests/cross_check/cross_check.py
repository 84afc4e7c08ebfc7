#!/usr/bin/env python3
"""Verifies ours.json with other people's code and signs the same credentials into theirs.json.

Needs PyLD 3 and cryptography (pip install PyLD cryptography). Run from anywhere; see tests/cross_check.rs.
"""
import base64
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from pyld import jsonld

HERE = pathlib.Path(__file__).parent
CONTEXTS = HERE / "../../../jsonld/contexts"
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def b58encode(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def b58decode(text):
    number = 0
    for char in text:
        number = number * 58 + ALPHABET.index(char)
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return b"\0" * (len(text) - len(text.lstrip("1"))) + data


def load_contexts():
    manifest = json.loads((CONTEXTS / "manifest.json").read_text())
    entries = manifest["contexts"] if isinstance(manifest, dict) and "contexts" in manifest else manifest
    if isinstance(entries, dict):
        entries = [{"url": url, **entry} for url, entry in entries.items()]
    return {entry["url"]: json.loads((CONTEXTS / entry["file"]).read_text()) for entry in entries}


DOCUMENTS = load_contexts()


def loader(url, options=None):
    return {"contextUrl": None, "documentUrl": url, "document": DOCUMENTS[url]}


def canonical(document):
    options = {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": loader}
    return hashlib.sha256(jsonld.normalize(document, options).encode()).digest()


def verify_data(document, proof):
    options = {k: v for k, v in proof.items() if k not in ("jws", "proofValue", "signatureValue")}
    options["@context"] = document["@context"]
    return canonical(options) + canonical(document)


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def public_key(method):
    multikey = b58decode(method.split("#")[1][1:])
    codec, raw = multikey[:2], multikey[2:]
    if codec == b"\xed\x01":
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    assert codec == b"\x80\x24", codec
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def check(credential):
    document = {k: v for k, v in credential.items() if k != "proof"}
    proof = credential["proof"]
    data, key = verify_data(document, proof), public_key(proof["verificationMethod"])
    if proof["type"] == "Ed25519Signature2018":
        header, payload, signature = proof["jws"].split(".")
        assert payload == "" and json.loads(unb64url(header)) == {"alg": "EdDSA", "b64": False, "crit": ["b64"]}
        key.verify(unb64url(signature), header.encode() + b"." + data)
    elif proof["type"] == "Ed25519Signature2020":
        key.verify(b58decode(proof["proofValue"][1:]), data)
    else:
        assert proof["type"] == "EcdsaSecp256r1Signature2019"
        raw = b58decode(proof["proofValue"][1:])
        der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(der, data, ec.ECDSA(hashes.SHA256()))


def sign(credential):
    """The same credential by a key of this script, with the proof in another order."""
    document = {k: v for k, v in reversed(credential.items()) if k != "proof"}
    kind = credential["proof"]["type"]
    if kind == "EcdsaSecp256r1Signature2019":
        key = ec.derive_private_key(0x1234567, ec.SECP256R1())
        point = key.public_key().public_numbers()
        raw = bytes([2 + point.y % 2]) + point.x.to_bytes(32, "big")
        multikey = "z" + b58encode(b"\x80\x24" + raw)
    else:
        key = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
        multikey = "z" + b58encode(b"\xed\x01" + key.public_key().public_bytes_raw())
    did = "did:key:" + multikey
    document["issuer"] = {**document["issuer"], "id": did} if isinstance(document["issuer"], dict) else did
    proof = {
        "created": "2024-05-06T07:08:09.123Z",
        "proofPurpose": "assertionMethod",
        "type": kind,
        "verificationMethod": f"{did}#{multikey}",
    }
    data = verify_data(document, proof)
    if kind == "Ed25519Signature2018":
        header = b64url(b'{"alg":"EdDSA","crit":["b64"],"b64":false}')
        proof["jws"] = f"{header}..{b64url(key.sign(header.encode() + b'.' + data))}"
    elif kind == "Ed25519Signature2020":
        proof["proofValue"] = "z" + b58encode(key.sign(data))
    else:
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        proof["proofValue"] = "z" + b58encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return {**document, "proof": proof}


def main():
    ours = json.loads((HERE / "ours.json").read_text())
    for credential in ours:
        check(credential)
        tampered = {**credential, "credentialSubject": {"id": "did:example:mallory"}}
        try:
            check(tampered)
        except Exception:
            continue
        raise SystemExit("a tampered credential verified")
    theirs = [sign(credential) for credential in ours]
    for credential in theirs:
        check(credential)
    lines = ",\n".join(json.dumps(c, ensure_ascii=False) for c in theirs)
    (HERE / "theirs.json").write_text(f"[\n{lines}\n]\n")
    print(f"{len(ours)} of ours verified, {len(theirs)} of theirs written")


if __name__ == "__main__":
    main()
