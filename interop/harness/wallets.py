"""One wallet under both programs in turn: a file, or a database of PostgreSQL."""

from .agents import Agent
from .compare import differences, told
from .connections import connect
from .errors import expect, expect_equal
from .issuance import BASE, RECORDS, Exchange, check_credential, check_verifies, detail, issue_by_hand

PROOF = "Ed25519Signature2018"


def one_wallet_two_programs(world, first, second, server=None):
    """`first` makes the wallet, `second` goes on with it, then `first` again.

    Each must see exactly what the other has left, and finish the exchanges that the other has begun. `server`: where the
    wallet is, if not in a file.
    """
    programs = {side: world.software[side] for side in (first, second)}
    peer = world.agent("theirs", "manual")
    # The only place where the key is derived, as a real wallet's is.
    name = f"swapped-{first}-on-postgres" if server else f"swapped-{first}"
    options = server.options() if server else ()
    subject = world.adopt(
        Agent(programs[first], name, world.out, world.receiver, options, derivation="kdf:argon2i:mod")
    )
    try:
        subject.start()
        expect(subject.wallet_path.exists() == (server is None), f"{first} has not made its wallet where it was told to")
        connections = [connect(subject, peer, "1.1", "did:peer:4"), connect(peer, subject, "1.0")]
        begun = work(subject, peer, connections)
        left = contents(subject)
        for program in (programs[second], programs[first]):
            subject.stop()
            subject.become(program)
            subject.start()
            compare(contents(subject), left, program.kind)
            finish(begun)
            begun = work(subject, peer, connections)
            left = contents(subject)
        finish(begun)
        for credential in left["credentials"].values():
            check_verifies(peer, credential["cred_value"])
    finally:
        world.dismiss(subject)


def work(subject, peer, connections):
    """A finished exchange each way, then one each way that stops at the offer."""
    for connection in connections:
        issue_by_hand(subject, peer, connection, PROOF)
        issue_by_hand(peer, subject, connection, PROOF)
    return [begin(subject, peer, connections[0]), begin(peer, subject, connections[1])]


def begin(issuer, holder, connection):
    exchange = Exchange(issuer, holder, issuer.receiver.mark())
    holder_did = holder.did_key()
    exchange.started_by_issuer(
        issuer.post(
            f"{BASE}/send-offer",
            {
                "connection_id": connection.of(issuer),
                "auto_issue": False,
                "auto_remove": False,
                "filter": {"ld_proof": detail(issuer.did_key(), PROOF, holder_did)},
            },
        )
    )
    exchange.await_holder("offer-received")
    return exchange, holder_did


def finish(begun):
    for exchange, holder_did in begun:
        stored = exchange.finish_by_hand()
        check_credential(exchange, stored, PROOF, holder_did)


def contents(agent):
    """What the admin API shows of the wallet, by id."""
    return {
        "connections": {r["connection_id"]: r for r in agent.get("/connections")["results"]},
        "exchanges": {r["cred_ex_record"]["cred_ex_id"]: r for r in agent.get(RECORDS)["results"]},
        "dids": {r["did"]: r for r in agent.get("/wallet/did")["results"]},
        "credentials": {r["record_id"]: r for r in agent.post("/credentials/w3c", {})["results"]},
        "invitations": {r["oob_id"]: r for r in agent.get("/out-of-band/records")["results"]},
    }


def compare(seen, left, program):
    for what, records in left.items():
        expect_equal(sorted(seen[what]), sorted(records), f"ids of {what} under {program}")
        for record_id, record in records.items():
            found = differences(unordered(record), unordered(seen[what][record_id]))
            expect(not found, f"{what} {record_id} under {program}: {told(found)}")


def unordered(record):
    """ACA-Py keeps some members of a stored credential as sets, and lists them in any order."""
    sets = ("contexts", "expanded_types", "schema_ids", "subject_ids", "proof_types")
    return {name: sorted(value) if name in sets else value for name, value in record.items()}
