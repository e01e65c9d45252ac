"""Robots with a network of their own each: Linux network namespaces, joined by a bridge or by the radio, impaired by the kernel.

A namespace lives as long as a process is in it. Each is held by a child that ends when its standard input does, so nothing is left behind
however we end, by SIGKILL too, and nothing is done to the machine's own network. Root is needed, or `unshare --user --map-root-user`.

Packets are lost where they are received (nftables, `numgen random`): a sender whose own packets were dropped would be told. The rate is
limited where they are sent (tbf). They are delayed by netem where the kernel has it, otherwise by `tests.benchmarks.radio`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence

from tests.benchmarks.deployment import Reach
from tests.benchmarks.impairment import Impairment

NETWORK = "192.0.2"
"""Set aside for documentation (RFC 5737): never anybody's real network."""
PORT = 5710
DEVICE = "radio0"
BURST, QUEUE = "2kb", "100ms"
"""Of tbf: what may be sent at once, and the longest that a packet waits before it is dropped."""
NEEDED = {"ip": "iproute2", "tc": "iproute2", "nft": "nftables", "unshare": "util-linux", "nsenter": "util-linux"}


class NotPermitted(Exception):
    """This machine does not let us make network namespaces; says why."""


class Namespaces:
    """Robots that reach each other at 192.0.2.x.

    Args:
        robots: N.
        delays: whether packets will be delayed; without netem, the radio takes the place of the bridge then.

    Raises:
        NotPermitted: the machine lacks a tool or a right.
    """

    def __init__(self, robots: int, delays: bool) -> None:
        missing = sorted({package for tool, package in NEEDED.items() if shutil.which(tool) is None})
        if missing:
            raise NotPermitted(f"not installed: {', '.join(missing)}")
        self._holders: list[subprocess.Popen] = []
        self._radio: subprocess.Popen | None = None
        self._shaped = (0.0, 0.0, 0.0)
        try:
            self._hosts = [self._hold() for _ in range(robots)]
            self._air = self._hold()
            self.netem = self._has_netem()
            self._join_by_radio() if delays and not self.netem else self._join_by_bridge()
            for host in range(robots):
                _run(self.prefix(host), "ip", "address", "add", f"{NETWORK}.{host + 1}/24", "dev", DEVICE)
                for device in (DEVICE, "lo"):
                    _run(self.prefix(host), "ip", "link", "set", device, "up")
            self.impair(Impairment())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Namespaces:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def holders(self) -> list[int]:
        """The processes that hold the namespaces: of each robot, and of what is between them."""
        return [holder.pid for holder in self._holders]

    @property
    def means(self) -> str:
        """What delays packets here."""
        return "netem" if self.netem else "bridge" if self._radio is None else "radio"

    def prefix(self, host: int) -> tuple[str, ...]:
        """Words before a command that make it run in a robot's namespace, under the same process number."""
        return _within(self._hosts[host])

    def reach(self) -> Reach:
        """Of the robots, encrypted: these endpoints are not on loopback."""
        places = [f"tcp://{NETWORK}.{host + 1}:{PORT}" for host in range(len(self._hosts))]
        return Reach(places, lambda listener, speaker: places[speaker], self.prefix, encrypted=True)

    def impair(self, impairment: Impairment) -> None:
        """From now on."""
        shape = (impairment.rate, impairment.delay, impairment.jitter)
        for host in range(len(self._hosts)):
            self._filter(host, impairment)
            if shape != self._shaped:
                self._shape(host, impairment)
        self._shaped = shape
        if self._radio is not None:
            self._radio.stdin.write(f"{impairment.delay} {impairment.jitter}\n".encode())
            self._radio.stdin.flush()

    def close(self) -> None:
        """All gone. May be called twice."""
        for process in (self._radio, *self._holders):
            if process is not None:
                process.stdin.close()
                process.wait()
        self._holders, self._radio = [], None

    def _hold(self) -> int:
        """A new namespace: the process that holds it."""
        # It says a word when it is inside; until then its process is still in ours.
        holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._holders.append(holder)
        if not holder.stdout.readline():
            raise NotPermitted(holder.stderr.read().decode().strip() or "unshare failed")
        return holder.pid

    def _has_netem(self) -> bool:
        word = [*_within(self._air), "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
        return subprocess.run(word, capture_output=True, check=False).returncode == 0

    def _join_by_bridge(self) -> None:
        inside = _within(self._air)
        _run(inside, "ip", "link", "add", "bridge0", "type", "bridge")
        _run(inside, "ip", "link", "set", "bridge0", "up")
        for host, pid in enumerate(self._hosts):
            _run(inside, "ip", "link", "add", f"port{host}", "type", "veth", "peer", "name", DEVICE, "netns", str(pid))
            _run(inside, "ip", "link", "set", f"port{host}", "master", "bridge0", "up")

    def _join_by_radio(self) -> None:
        """The radio makes a device for each robot, which is then moved into the robot's namespace; the radio keeps the other end."""
        command = [*_within(self._air), sys.executable, "-m", "tests.benchmarks.radio", str(len(self._hosts))]
        self._radio = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if not self._radio.stdout.readline():
            raise NotPermitted(self._radio.stderr.read().decode().strip().rpartition("\n")[2])
        for host, pid in enumerate(self._hosts):
            _run(_within(self._air), "ip", "link", "set", f"tap{host}", "netns", str(pid), "name", DEVICE)

    def _filter(self, host: int, impairment: Impairment) -> None:
        """What a robot does not receive: all of those that it is cut from, and a share of the rest."""
        rules = [f"ip saddr {NETWORK}.{speaker + 1} drop" for speaker, listener in sorted(impairment.cut) if listener == host]
        if impairment.loss:
            rules.append(f"iifname {DEVICE} numgen random mod 10000 < {round(10_000 * impairment.loss)} drop")
        chain = "\n".join(["type filter hook input priority 0;", *rules])
        # As one transaction: there is no moment without rules, or with half of them.
        script = f"add table inet air\ndelete table inet air\ntable inet air {{\nchain input {{\n{chain}\n}}\n}}\n"
        _run(self.prefix(host), "nft", "-f", "-", text=script)

    def _shape(self, host: int, impairment: Impairment) -> None:
        """What a robot's packets wait for. With both, netem hands to tbf."""
        discipline = ("tc", "qdisc", "replace", "dev", DEVICE)
        subprocess.run([*self.prefix(host), "tc", "qdisc", "del", "dev", DEVICE, "root"], capture_output=True, check=False)
        parent = ("root", "handle", "1:")
        if self.netem and (impairment.delay or impairment.jitter):
            milliseconds = (f"{1e3 * impairment.delay}ms", f"{1e3 * impairment.jitter}ms")
            _run(self.prefix(host), *discipline, *parent, "netem", "limit", "10000", "delay", *milliseconds)
            parent = ("parent", "1:", "handle", "2:")
        if impairment.rate:
            _run(self.prefix(host), *discipline, *parent, "tbf", "rate", f"{round(impairment.rate)}bit", "burst", BURST, "latency", QUEUE)


def _within(pid: int) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/{pid}/ns/net", "--")


def _run(prefix: Sequence[str], *words: str, text: str = "") -> None:
    done = subprocess.run([*prefix, *words], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPermitted(f"{' '.join(words)}: {done.stderr.strip()}")
