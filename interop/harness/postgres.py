"""A PostgreSQL cluster of its own, made by tests/postgres from the machine's PostgreSQL and gone with this process."""

import json
import os
import pathlib
import subprocess

from .agents import INTEROP, free_port

ACCOUNT = {"account": "postgres", "password": "postgres", "admin_account": "postgres", "admin_password": "postgres"}


class Postgres:
    """One server on 127.0.0.1; `with Postgres() as server`."""

    def __init__(self, **settings):
        """`settings`: environment of tests/postgres, for example FSYNC="on"."""
        self.port = free_port()
        self.process = subprocess.Popen(
            [INTEROP.parent / "tests" / "postgres", str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **settings},
            # Ctrl-C is for this process; the end of its input ends that one.
            start_new_session=True,
        )
        answer = self.process.stdout.readline().strip()
        if answer == "missing":
            raise SystemExit("no PostgreSQL under /usr/lib/postgresql: install the package postgresql")
        if answer != "ready":
            raise SystemExit(f"tests/postgres said {answer!r} instead of ready")
        self.postmaster = int(self.ask("pid"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, order):
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def options(self):
        """What puts an agent's wallet here: a database named like the wallet, which the agent makes."""
        config = {"url": f"127.0.0.1:{self.port}", "max_connections": 10, "wallet_scheme": "DatabasePerWallet"}
        return [
            "--wallet-storage-type",
            "postgres_storage",
            "--wallet-storage-config",
            json.dumps(config),
            "--wallet-storage-creds",
            json.dumps(ACCOUNT),
        ]

    def cpu_seconds(self):
        """Processor time of the server's processes so far, those that have ended included."""
        ticks = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            pid, parent = int(stat.parent.name), int(fields[1])
            if pid == self.postmaster:
                ticks += sum(int(field) for field in fields[11:15])
            elif parent == self.postmaster:
                ticks += sum(int(field) for field in fields[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")
