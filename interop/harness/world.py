"""The agents of a run: started when first needed, kept for the scenarios that follow."""

import signal
import threading

from . import kills
from .agents import AUTOMATIC, Agent, Software, stop_all
from .credo import CredoPeer

PROFILES = {
    "manual": {"options": ["--monitor-ping"]},
    "automatic": {"options": AUTOMATIC},
    "websocket": {"transport": "ws"},
    **kills.PROFILES,
    "peer": {},
}


class World:
    """Two sides, `ours` and `theirs`; in a self-check both are ACA-Py. Where it can run, `credo` is a third."""

    def __init__(self, ours, theirs, credo, out, receiver):
        self.software = {"ours": ours, "theirs": theirs, "credo": credo}
        self.out = out
        self.receiver = receiver
        self.running = {}

    def agent(self, side, profile):
        return self.agents((side, profile))[0]

    def agents(self, *wanted):
        """Agents by (side, profile); those not yet there start together, since starting takes ACA-Py seconds."""
        fresh = [key for key in wanted if key not in self.running]
        for key in fresh:
            side, profile = key
            self.running[key] = self.make(side, f"{side}-{profile}", **PROFILES[profile])
            self.running[key].launch()
        for key in fresh:
            self.running[key].wait_ready()
        return [self.running[key] for key in wanted]

    def make(self, side, name, **how):
        kind = CredoPeer if side == "credo" else Agent
        return kind(self.software[side], name, self.out, self.receiver, **how)

    def adopt(self, agent):
        """Takes an agent of a scenario's own along, so that its log is watched and its process ended."""
        self.running[("own", agent.name)] = agent
        return agent

    def dismiss(self, agent):
        self.running = {key: known for key, known in self.running.items() if known is not agent}
        agent.stop()

    def revive(self):
        """Starts again what a failed scenario has left dead."""
        for agent in self.running.values():
            if agent.process is None or agent.process.poll() is not None:
                agent.start()

    def stop(self):
        threads = [threading.Thread(target=stop_all, args=([a],)) for a in self.running.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def restarter(agent, how=signal.SIGTERM):
    """What a flow calls between its steps to have the agent started anew there.

    ACA-Py keeps what it has to send in memory: it is only restarted where nothing is on the way.
    """

    def again(arrived):
        if agent.software.kind == "acapy" and not arrived:
            return
        agent.restart(how)

    return again


def software_of(chancery, acapy, self_check):
    """(ours, theirs) as programs."""
    theirs = Software("acapy", acapy)
    return (theirs if self_check else Software("chancery", chancery)), theirs
