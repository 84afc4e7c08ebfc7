"""Real agents as child processes: ACA-Py 1.7.0 and Chancery, started with the same options."""

import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import time

from .admin import AdminApi
from .errors import Mismatch

INTEROP = pathlib.Path(__file__).resolve().parent.parent
START_DEADLINE = 60
STOP_DEADLINE = 20
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

# Everything that an agent can do by itself, but keeping finished exchanges.
AUTOMATIC = [
    "--auto-accept-invites",
    "--auto-accept-requests",
    "--auto-respond-credential-proposal",
    "--auto-respond-credential-offer",
    "--auto-respond-credential-request",
    "--auto-store-credential",
]

# In ACA-Py's log: `<time> <logger> <LEVEL> <text>`; in ours the level is a word of its own too.
TROUBLE = re.compile(r"\b(ERROR|CRITICAL)\b|Traceback \(most recent|panicked at|Unclosed ")
# ACA-Py calls an ordinary close frame an error, between two ACA-Pys too.
HARMLESS = re.compile(r"Unexpected Websocket message type received: 8: 1000")


def find_acapy():
    """Path of `aca-py`: that of the virtual environment in $ACAPY, else of `interop/.venv`, which interop/acapy makes where
    there is none (it says what it does)."""
    named = os.environ.get("ACAPY")
    program = pathlib.Path(named or INTEROP / ".venv") / "bin" / "aca-py"
    if not program.exists() and not named:
        subprocess.run([str(INTEROP / "acapy")], check=True)
    if not program.exists():
        raise SystemExit(f"no ACA-Py at {program}: set ACAPY to a virtual environment that has it, or unset it")
    return program


def find_chancery(given):
    """Path of the `chancery` binary: as given, $CHANCERY, or the newer one under the cargo target folder."""
    named = given or os.environ.get("CHANCERY")
    if named:
        path = pathlib.Path(named)
        if not path.exists():
            raise SystemExit(f"no chancery binary at {path}")
        return path.resolve()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or INTEROP.parent / "target")
    built = [p for p in (target / "release" / "chancery", target / "debug" / "chancery") if p.exists()]
    if not built:
        raise SystemExit(f"no chancery binary under {target}: run `cargo build --release`, or give --chancery PATH")
    return max(built, key=lambda p: p.stat().st_mtime)


GIVEN_PORTS = set()


def free_port():
    """A port that nobody listens on and that was not given out before.

    Below the range from which the system takes ports for outgoing connections: one of those could take it first.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        if port in GIVEN_PORTS:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        GIVEN_PORTS.add(port)
        return port


def base58(data):
    number = int.from_bytes(data, "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def raw_key(name):
    """A base58 key of 32 bytes, as `--wallet-key-derivation-method raw` wants it."""
    return base58(hashlib.sha256(name.encode()).digest())


class Software:
    """A program that takes ACA-Py's start options."""

    def __init__(self, kind, program):
        self.kind = kind
        self.program = program

    def command(self):
        return [str(self.program), "start"]


class Agent:
    """One agent: fixed ports, its own wallet home; can be stopped, killed and started again."""

    def __init__(self, software, name, out, receiver, options=(), transport="http", derivation="raw", wallet=None):
        self.software = software
        self.name = name
        self.receiver = receiver
        self.options = list(options)
        self.admin_protection = ["--admin-insecure-mode"]
        self.transport = transport
        self.derivation = derivation
        self.wallet = wallet or name
        self.home = pathlib.Path(out) / name
        self.log_path = pathlib.Path(out) / f"{name}.log"
        self.admin_port = free_port()
        self.port = free_port()
        self.api = AdminApi(self.admin_port, name)
        self.process = None
        self.endings = []
        if self.home.exists():
            shutil.rmtree(self.home)
        self.home.mkdir(parents=True)
        self.log_path.write_text("")

    @property
    def endpoint(self):
        return f"{self.transport}://127.0.0.1:{self.port}"

    @property
    def wallet_path(self):
        return self.home / "wallet" / self.wallet / "sqlite.db"

    def command(self):
        return self.software.command()

    def arguments(self):
        given = ["--label", self.name, "--endpoint", self.endpoint]
        given += ["--inbound-transport", self.transport, "127.0.0.1", str(self.port)]
        given += ["--outbound-transport", "http", "--outbound-transport", "ws"]
        given += ["--admin", "127.0.0.1", str(self.admin_port), *self.admin_protection]
        given += ["--no-ledger", "--auto-provision", "--wallet-type", "askar"]
        given += ["--wallet-name", self.wallet, "--wallet-key", raw_key("interop")]
        given += ["--wallet-key-derivation-method", self.derivation, "--wallet-allow-insecure-seed"]
        given += ["--webhook-url", self.receiver.url(self.name)]
        return given + self.options

    def launch(self):
        """Starts the process without waiting for it to be ready."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ACAPY_")}
        environment["ACAPY_HOME"] = str(self.home)
        # Contexts and DID documents must come from what is bundled: a fetch has to fail, and at once.
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
            environment.pop(variable, None)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command() + self.arguments(),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                cwd=self.home,
            )

    def wait_ready(self):
        end = time.monotonic() + START_DEADLINE
        while not self.api.is_ready():
            if self.process.poll() is not None:
                raise Mismatch(f"{self.name} ended with {self.process.returncode}: {self.tail()}")
            if time.monotonic() > end:
                raise Mismatch(f"{self.name} was not ready after {START_DEADLINE} s: {self.tail()}")
            time.sleep(0.02)

        # ACA-Py says that it is ready without its DIDComm port, too.
        if "address already in use" in self.tail(200):
            raise Mismatch(f"{self.name}: somebody else has taken port {self.port}; run again")

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return
        said_before = self.log_size()
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.process = None
            raise Mismatch(f"{self.name} did not stop within {STOP_DEADLINE} s of {how.name}")
        self.process = None
        if self.software.kind == "acapy":
            # Its own tasks complain about being cancelled.
            self.endings.append((said_before, self.log_size()))

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        self.start()

    def become(self, software):
        """The same wallet, ports and options under another program; the agent must be stopped."""
        self.software = software

    def log_size(self):
        return self.log_path.stat().st_size

    def trouble_since(self, offset):
        """Error lines and tracebacks that the agent has logged after `offset`."""
        log = bytearray(self.log_path.read_bytes())
        for begun, ended in self.endings:
            log[begun:ended] = b"\n" * (ended - begun)
        lines = log[offset:].decode("utf-8", "replace").splitlines()
        return [line for line in lines if TROUBLE.search(line) and not HARMLESS.search(line)]

    def tail(self, lines=12):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    # What scenarios do with an agent all the time.

    def get(self, path, **query):
        return self.api.get(path, **query)

    def post(self, path, body=None, **query):
        return self.api.post(path, body, **query)

    def await_event(self, topic, since=0, **members):
        return self.receiver.wait(self.name, topic, since, **members).body

    def states_of(self, topic, since=0, **members):
        return [e.state for e in self.receiver.matching(self.name, topic, since, **members)]

    def did_key(self):
        """A new did:key with an Ed25519 key."""
        created = self.post("/wallet/did/create", {"method": "key", "options": {"key_type": "ed25519"}})
        return created["result"]["did"]


def stop_all(agents):
    """Ends every agent that still runs; complaints about slow ends are not worth losing the others for."""
    for agent in agents:
        try:
            agent.stop()
        except Mismatch as slow:
            print(f"note: {slow}")
