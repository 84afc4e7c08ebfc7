"""Replays recorded calls and compares answers and webhooks."""

import json
import re
import time

from .compare import shortened
from .intended import Difference
from .tokens import TIMES, TOKEN, Correspondence, split

# How long a webhook, or the state that a GET shows, may take.
DEADLINE = 6
# How long a step waits for a difference to go away that the list knows.
PATIENCE = 0.4
HEADERS = re.compile(r"content-type|allow$|access-control-", re.I)
IDENTIFIERS = ("cred_ex_id", "connection_id", "oob_id", "pres_ex_id", "message_id")


class Replay:
    """The state of a run: agents, tokens, webhooks not yet accounted for, differences found."""

    def __init__(self, receiver, intended, recordings):
        self.receiver = receiver
        self.intended = intended
        times = [at for recording in recordings for at in recording.times]
        self.tokens = Correspondence(min(times), max(times))
        self.apis = {}
        self.taken = set()
        self.recorded_outputs = set()
        self.differences = []
        self.steps = 0

    def run(self, recording, since):
        """Replays one file; webhooks count from `since`. Returns the place up to which they are accounted for."""
        for call, webhooks in recording.steps():
            if call:
                self.steps += 1
                self.replay_call(recording, call)
            self.match_webhooks(recording, call, webhooks, since)
        self.receiver.wait_until(lambda _: False, deadline=PATIENCE)
        for event in self.receiver.events[since:]:
            if event.number not in self.taken:
                self.taken.add(event.number)
                self.note(recording, None, f"webhook {event} extra: {shortened(event.body, 300)}")
        return self.receiver.mark()

    def note(self, recording, call, what):
        difference = Difference(recording.prefix, call, what)
        for line in self.intended:
            if line.covers(difference):
                line.uses += 1
                return
        self.differences.append(difference)
        print(f"DIFFERENT {difference}", flush=True)

    def is_listed(self, recording, call, what):
        difference = Difference(recording.prefix, call, what)
        return any(line.covers(difference) for line in self.intended)

    # Calls

    def replay_call(self, recording, call):
        missing = self.unknown_tokens(call)
        if missing:
            self.note(recording, call, f"skipped: nothing stands for {sorted(missing)}")
            self.remember(call)
            return
        end = time.monotonic() + (DEADLINE if call["method"] == "GET" else 0)
        known_end = time.monotonic() + PATIENCE
        while True:
            mark = self.tokens.mark()
            found = self.compare_answer(call, self.send(call))
            unlisted = [what for what in found if not self.is_listed(recording, call, what)]
            now = time.monotonic()
            if not found or now > end or (not unlisted and now > known_end):
                break
            self.tokens.undo(mark)
            time.sleep(0.03)
        for what in found:
            self.note(recording, call, what)
        self.remember(call)

    def unknown_tokens(self, call):
        """Recorded ids that this call needs and that an earlier, failed step should have brought."""
        needed = {
            token
            for kind, token in split(json.dumps([call["path"], call.get("query"), call.get("request")]))[1]
            if kind not in TIMES and kind in ("uuid", "did:peer:4 long", "did:peer:4", "did:peer:2")
        }
        return {token for token in needed if token in self.recorded_outputs and not self.tokens.knows(token)}

    def remember(self, call):
        sent = json.dumps([call["path"], call.get("query"), call.get("request")])
        said = json.dumps([call.get("response"), call.get("response_summary")])
        self.recorded_outputs |= tokens_in(said) - tokens_in(sent)

    def send(self, call):
        api = self.apis[call["agent"]]
        path = self.tokens.translate(call["path"])
        query = self.tokens.translate(call.get("query"))
        request = self.tokens.translate(call.get("request"))
        headers = call.get("request_headers")
        if isinstance(request, dict) and "raw" in request:
            return api.call(call["method"], path, query, raw=request["raw"].encode(), headers=request["headers"])
        return api.call(call["method"], path, query, request, headers=headers)

    def compare_answer(self, call, answer):
        if call["status"] != answer.status:
            return [f"call status {call['status']} -> {answer.status}: {shortened(answer.text, 300)}"]
        found = []
        if call.get("reason") and call["reason"] != answer.reason:
            wrong = self.tokens.compare_text(call["reason"], answer.reason)
            found += [f"call reason {shortened(call['reason'])} -> {shortened(answer.reason)}"] if wrong else []
        for name, value in (call.get("headers") or {}).items():
            if HEADERS.match(name) and members(answer.headers.get(name)) != members(value):
                found.append(f"call header {name}: {value} -> {answer.headers.get(name)}")
        if call["kind"] == "http-list":
            return found + self.compare_list(call, answer)
        recorded = call.get("response")
        live = answer.json if isinstance(recorded, (dict, list)) else answer.text
        if call["path"] == "/wallet/did" and live and "results" in live:
            live = {**live, "results": self.in_recorded_order(recorded["results"], live["results"])}
        return found + told("call body", self.tokens.compare(recorded, live if live is not None else answer.text))

    def in_recorded_order(self, recorded, live):
        """DIDs come sorted by name, and live names are others than the recorded."""
        places = {self.tokens.translate(entry["did"]): place for place, entry in enumerate(recorded)}
        return sorted(live, key=lambda entry: places.get(entry["did"], len(places)))

    def compare_list(self, call, answer):
        """A list that was recorded as [id, state, created_at]; some of its records are of files not replayed."""
        recorded = call["response_summary"]
        live = [
            [r["cred_ex_record"][name] for name in ("cred_ex_id", "state", "created_at")]
            for r in (answer.json or {}).get("results", [])
        ]
        if all(self.tokens.knows(row[0]) for row in recorded):
            return told("call list", self.tokens.compare(recorded, live))
        if {"limit", "offset"} & set(call.get("query") or {}):
            return []
        shared = [row for row in recorded if self.tokens.knows(row[0])]
        here = [row for row in live if row[0] in self.tokens.recorded]
        return told("call list", self.tokens.compare(shared, here))

    # Webhooks

    def match_webhooks(self, recording, call, webhooks, since):
        for recorded in webhooks:
            title = f"webhook {recorded['agent']}/{recorded['topic']}:{recorded['body'].get('state')}"
            missing = f"{title} missing"
            listed = self.is_listed(recording, call, missing)
            limit = PATIENCE if listed else DEADLINE
            if listed and not self.is_known_record(recorded["body"]):
                # Slim events look alike: that of a record that never began must not be taken for another record's.
                event, found = None, []
            else:
                event, found = self.await_webhook(recorded, since, limit)
            if event is None:
                self.note(recording, call, missing)
            else:
                self.taken.add(event.number)
                for what in told(title, found):
                    self.note(recording, call, what)
            said = json.dumps(recorded["body"])
            self.recorded_outputs |= tokens_in(said)

    def await_webhook(self, recorded, since, limit):
        begun = time.monotonic()
        while True:
            count = self.receiver.mark()
            second_best = None
            for event in self.receiver.events[since:count]:
                if event.number in self.taken or not is_alike(event, recorded):
                    continue
                mark = self.tokens.mark()
                found = self.tokens.compare(recorded["body"], event.body)
                if not found:
                    return event, found
                self.tokens.undo(mark)
                if second_best is None and self.is_same_record(recorded["body"], event.body):
                    second_best = event
            waited = time.monotonic() - begun
            if second_best is not None and waited > PATIENCE:
                return second_best, self.tokens.compare(recorded["body"], second_best.body)
            if waited > limit:
                return None, []
            self.receiver.wait_until(lambda events: len(events) > count, deadline=0.1)

    def is_known_record(self, recorded):
        return next((self.tokens.knows(recorded[name]) for name in IDENTIFIERS if name in recorded), False)

    def is_same_record(self, recorded, live):
        for name in IDENTIFIERS:
            if name in recorded:
                known = self.tokens.knows(recorded[name])
                if known:
                    return self.tokens.live[recorded[name]] == live.get(name)
                return live.get(name) not in self.tokens.recorded
        return True


def tokens_in(text):
    return {match.group() for match in TOKEN.finditer(text)}


def is_alike(event, recorded):
    return (
        event.agent == recorded["agent"]
        and event.topic == recorded["topic"]
        and event.state == recorded["body"].get("state")
    )


def members(header):
    """A header's value without regard to the order and spacing of a list in it."""
    return sorted(part.strip().lower() for part in (header or "").split(","))


def told(title, found):
    return [f"{title} {path} {why}: {shortened(r)} -> {shortened(s)}" for path, r, s, why in found]
