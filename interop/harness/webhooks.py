"""Receives the webhooks of all agents on one port and lets scenarios wait for them."""

import http.server
import json
import threading
import time

from .errors import Mismatch

# After a kill Chancery may hold a message back for 15 s; an answer that met nobody is sent again by ACA-Py after 10 s.
DEADLINE = 40


class Event:
    """One webhook: who sent it, on which topic, its payload, its place in the order of arrival."""

    def __init__(self, number, agent, topic, body):
        self.number = number
        self.agent = agent
        self.topic = topic
        self.body = body

    @property
    def state(self):
        return self.body.get("state")

    def __repr__(self):
        return f"{self.agent}/{self.topic}:{self.state}"


class Receiver:
    """HTTP server for `POST /<agent>/topic/<topic>/`; everything is kept, in order of arrival."""

    def __init__(self):
        self.events = []
        self.event_ids = set()
        self.arrived = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                receiver.record(self.path, body, self.headers.get("X-Event-Id"))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request, client_address):
                """An agent that is killed leaves its connections open; that is no news."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, agent):
        return f"http://127.0.0.1:{self.port}/{agent}"

    def record(self, path, body, event_id):
        """Keeps a webhook. One that comes again, after a kill, has the event id of the first time."""
        agent, _, topic = path.strip("/").partition("/topic/")
        with self.arrived:
            if event_id is not None:
                if (agent, event_id) in self.event_ids:
                    return
                self.event_ids.add((agent, event_id))
            self.events.append(Event(len(self.events), agent, topic.rstrip("/"), json.loads(body)))
            self.arrived.notify_all()

    def mark(self):
        """A place in the order of arrival, for `since`."""
        with self.arrived:
            return len(self.events)

    def matching(self, agent, topic, since=0, **members):
        """Events of an agent and topic whose payload has these members."""
        with self.arrived:
            return [e for e in self.events[since:] if is_match(e, agent, topic, members)]

    def wait(self, agent, topic, since=0, deadline=DEADLINE, **members):
        """The first such event, arrived already or within the deadline (seconds)."""
        end = time.monotonic() + deadline
        with self.arrived:
            seen = since
            while True:
                for event in self.events[seen:]:
                    if is_match(event, agent, topic, members):
                        return event
                seen = len(self.events)
                left = end - time.monotonic()
                if left <= 0 or not self.arrived.wait(left):
                    if time.monotonic() < end:
                        continue
                    came = [e for e in self.events[since:] if e.agent == agent]
                    raise Mismatch(
                        f"{agent}: no webhook {topic} {members} within {deadline} s; it sent {came[-12:]}"
                    )

    def wait_until(self, is_reached, deadline=DEADLINE):
        """Waits until `is_reached(events)`, woken at each arrival; False when it did not happen."""
        with self.arrived:
            return self.arrived.wait_for(lambda: is_reached(self.events), timeout=deadline)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def is_match(event, agent, topic, members):
    if event.agent != agent or event.topic != topic:
        return False
    return all(event.body.get(name) == value for name, value in members.items())
