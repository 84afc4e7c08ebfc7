"""Chancery is killed within milliseconds of a call's 200: what it has sent may have arrived, and must not harm ACA-Py twice."""

import signal
import threading
import time

from .agents import AUTOMATIC
from .connections import connect
from .errors import Mismatch, expect_equal
from .issuance import BASE, RECORDS, TOPIC, detail

PROOF = "Ed25519Signature2020"
# A pair of agents for each, side by side.
DELAYS_MS = [0, 1, 3, 10]
# What may have arrived waits 15 s for its answer; an answer that met nobody is sent again by ACA-Py after 10 s.
DEADLINE = 60

KEPT = ["--preserve-exchange-records"]
PROFILES = {
    f"killed-{delay}": {"options": [flag for flag in AUTOMATIC if flag != "--auto-respond-credential-offer"] + KEPT}
    for delay in DELAYS_MS
} | {f"facing-{delay}": {"options": AUTOMATIC + KEPT} for delay in DELAYS_MS}


class Killed:
    """One of our agents, its ACA-Py, and the time between an answer and the kill."""

    def __init__(self, ours, theirs, delay_ms):
        self.ours = ours
        self.theirs = theirs
        self.delay_ms = delay_ms
        # What to look at again at the very end: a copy may still come late.
        self.checks = []

    def kill_after(self, path, body=None, **query):
        answer = self.ours.post(path, body, **query)
        time.sleep(self.delay_ms / 1000)
        self.ours.restart(signal.SIGKILL)
        return answer

    def must_become(self, what, states, wanted):
        """Waits until both sides have come there; `states`: of what both sides have of it."""
        self.checks.append((what, states, wanted))
        end = time.monotonic() + DEADLINE
        while (seen := states()) != wanted:
            if time.monotonic() > end:
                raise Mismatch(f"{what}, {self.delay_ms} ms: ours and theirs are {seen}")
            time.sleep(0.1)

    def check_again(self):
        for what, states, wanted in self.checks:
            expect_equal(states(), wanted, f"{what}, {self.delay_ms} ms, in the end: ours and theirs")

    def exchanges(self, thread):
        """The states of the records on both sides; there must be one of each."""
        return lambda: [
            [found["cred_ex_record"]["state"] for found in agent.get(RECORDS, thread_id=thread)["results"]]
            for agent in (self.ours, self.theirs)
        ]

    def connections(self, message_id):
        return lambda: [
            [found["state"] for found in agent.get("/connections", invitation_msg_id=message_id)["results"]]
            for agent in (self.ours, self.theirs)
        ]


def offer(pair, connection):
    body = {
        "connection_id": connection.of(pair.ours),
        "filter": {"ld_proof": detail(pair.ours.did_key(), PROOF, pair.theirs.did_key())},
    }
    thread = pair.kill_after(f"{BASE}/send-offer", body)["thread_id"]
    pair.must_become(f"offer {thread}", pair.exchanges(thread), [["done"], ["done"]])


def request(pair, connection):
    body = {
        "connection_id": connection.of(pair.theirs),
        "filter": {"ld_proof": detail(pair.theirs.did_key(), PROOF, pair.ours.did_key())},
    }
    mark = pair.ours.receiver.mark()
    thread = pair.theirs.post(f"{BASE}/send-offer", body)["thread_id"]
    received = pair.ours.await_event(TOPIC, mark, thread_id=thread, state="offer-received")
    pair.kill_after(f"{RECORDS}/{received['cred_ex_id']}/send-request", {})
    pair.must_become(f"request {thread}", pair.exchanges(thread), [["done"], ["done"]])


def accepted_invitation(pair, _connection):
    asked = {"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]}
    invitation = pair.theirs.post("/out-of-band/create-invitation", asked, auto_accept="true")["invitation"]
    received = pair.ours.post("/out-of-band/receive-invitation", invitation, auto_accept="false")
    pair.kill_after(f"/didexchange/{received['connection_id']}/accept-invitation")
    known_as = invitation["@id"]
    pair.must_become(f"invitation {known_as}", pair.connections(known_as), [["active"], ["active"]])


CALLS = {"offer": offer, "request": request, "accepted-invitation": accepted_invitation}


def killed_right_after(call, kills):
    """`kills` kills after each of the delays, a pair of agents for each delay."""

    def run(world):
        sides = [(side, f"{name}-{delay}") for delay in DELAYS_MS for side, name in (("ours", "killed"), ("theirs", "facing"))]
        agents = world.agents(*sides)
        pairs = [Killed(agents[2 * at], agents[2 * at + 1], delay) for at, delay in enumerate(DELAYS_MS)]
        wrong = []

        def kill_again_and_again(pair):
            connection = connect(pair.theirs, pair.ours, "1.1", "did:peer:4", automatic=True)
            for _ in range(kills):
                try:
                    CALLS[call](pair, connection)
                except Mismatch as mismatch:
                    wrong.append(str(mismatch))
            pair.ours.api.poll("/chancery/outbox", lambda listed: not listed["results"], deadline=DEADLINE)
            pair.check_again()

        def guarded(pair):
            try:
                kill_again_and_again(pair)
            except Exception as failure:  # it belongs to the scenario, not to this thread
                wrong.append(f"{pair.delay_ms} ms: {type(failure).__name__}: {failure}")

        threads = [threading.Thread(target=guarded, args=(pair,)) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if wrong:
            raise Mismatch(f"{len(wrong)} wrong of {kills} kills at each of {DELAYS_MS} ms:\n" + "\n".join(wrong))

    return f"sigkill-right-after/{call}", run
