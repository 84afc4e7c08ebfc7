"""A client of the admin API, on the standard library."""

import http.client
import json
import time
import urllib.parse

from .errors import Mismatch

# An out-of-band reuse that nobody answers takes ACA-Py 15 s; nothing else comes near.
CALL_DEADLINE = 40


class Answer:
    """Status, headers and body of one call; `json` is None where the body is text."""

    def __init__(self, status, reason, headers, text):
        self.status = status
        self.reason = reason
        self.headers = headers
        self.text = text
        self.json = None
        if "json" in headers.get("Content-Type", ""):
            self.json = json.loads(text)


class AdminApi:
    """Calls to one agent. A connection per call: agents are restarted under us."""

    def __init__(self, port, who):
        self.port = port
        self.who = who

    def call(self, method, path, query=None, body=None, raw=None, headers=None):
        """One call, whatever its status. `raw` (bytes) goes out as it is, in place of `body`."""
        target = path
        if query:
            target += "?" + urllib.parse.urlencode(query)
        sent = dict(headers or {})
        payload = raw
        if raw is None and body is not None:
            payload = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_DEADLINE)
        try:
            connection.request(method, target, body=payload, headers=sent)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return Answer(answer.status, answer.reason, answer.headers, text)
        finally:
            connection.close()

    def ok(self, method, path, query=None, body=None):
        """One call that must succeed; returns its JSON."""
        answer = self.call(method, path, query, body)
        if answer.status not in (200, 201):
            raise Mismatch(f"{self.who}: {method} {path} answered {answer.status}: {answer.text[:400]}")
        return answer.json

    def get(self, path, **query):
        return self.ok("GET", path, query)

    def post(self, path, body=None, **query):
        return self.ok("POST", path, query, body)

    def is_ready(self):
        try:
            return self.call("GET", "/status/ready").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def poll(self, path, is_reached, deadline=CALL_DEADLINE, **query):
        """Reads `path` until `is_reached(json)`. For the few facts that no webhook announces."""
        end = time.monotonic() + deadline
        while True:
            seen = self.get(path, **query)
            if is_reached(seen):
                return seen
            if time.monotonic() > end:
                raise Mismatch(f"{self.who}: {path} did not become what was awaited: {json.dumps(seen)[:600]}")
            time.sleep(0.02)
