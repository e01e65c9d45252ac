"""What can be known of a robot before its first mission: each check gives a finding, green, amber or red, and what to do about it."""

from __future__ import annotations

import os
import platform
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from robots.endpoint import host_and_port, is_local, own_side
from robots.errors import InputError
from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.team import Member

JITTER_PROBE = 1.0
"""Time over which the timer is watched [s]."""
LATE = 1e-3
"""A timer that is later than this in one of a hundred ticks is not one for a control loop [s]; ROS 2 real-time work aims at it, too."""
CONNECT_TIMEOUT = 1.0
KNOCKS = 5
SLOW_ROUND_TRIP = 0.05
"""A fifth of the age at which a peer is no longer fresh, at 50 Hz, twice over [s]."""
RUNS = 200
PYTHONS = ((3, 10), (3, 11))


class Level(str, Enum):
    """How bad it is."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True)
class Finding:
    """The outcome of one check: what was found, and what to do unless it is green."""

    level: Level
    check: str
    found: str
    remedy: str = ""


def examine(check: str, work: Callable[[], str], remedy: str) -> Finding:
    """Green with what `work` says, or red with the InputError that it raises."""
    try:
        return Finding(Level.GREEN, check, work())
    except InputError as error:
        return Finding(Level.RED, check, str(error), remedy)


def check_python() -> Finding:
    """The interpreter is one that fieldswarm is tested with."""
    found = f"{platform.python_implementation()} {platform.python_version()} on {platform.machine()}"
    if sys.version_info[:2] in PYTHONS:
        return Finding(Level.GREEN, "python", found)
    return Finding(Level.AMBER, "python", found, "use CPython 3.10 or 3.11, which fieldswarm is tested with")


def check_governor(folder: Path = Path("/sys/devices/system/cpu")) -> Finding:
    """The CPU does not change its clock while a robot drives."""
    governors = sorted({path.read_text().strip() for path in folder.glob("cpu[0-9]*/cpufreq/scaling_governor")})
    if not governors:
        return Finding(Level.GREEN, "cpu governor", "none: the clock is not scaled, or not by this system")
    if governors == ["performance"]:
        return Finding(Level.GREEN, "cpu governor", "performance")
    return Finding(Level.AMBER, "cpu governor", ", ".join(governors), "sudo cpupower frequency-set -g performance")


def check_timer(period: float, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic) -> Finding:
    """A loop of `period` [s] is woken when it asked for, by the machine's real timer, as busy as the machine is now."""
    late = []
    deadline = clock()
    for _ in range(max(10, round(JITTER_PROBE / period))):
        deadline += period
        sleep(max(0.0, deadline - clock()))
        late.append(max(0.0, clock() - deadline))
    ordered = sorted(late)
    p99, worst = ordered[int(0.99 * (len(ordered) - 1))], ordered[-1]
    found = f"wakes {1e3 * p99:.2f} ms late in 1 of 100 ticks of {1e3 * period:g} ms, {1e3 * worst:.2f} ms at worst"
    if p99 <= LATE and worst < period:
        return Finding(Level.GREEN, "timer", found)
    level = Level.AMBER if worst < period else Level.RED
    return Finding(level, "timer", found, "stop what else runs here, set the CPU governor to performance, or run with --realtime")


def check_privileges() -> Finding:
    """Whether `run --realtime` would get what it asks for."""
    priority, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    memory, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    unlimited = memory == resource.RLIM_INFINITY
    if os.geteuid() == 0 or (priority > 0 and unlimited):
        return Finding(Level.GREEN, "real-time rights", "real-time priority and locked memory are allowed")
    found = f"rtprio {priority}, memlock {'unlimited' if unlimited else f'{memory // 1024} kB'}"
    return Finding(Level.AMBER, "real-time rights", found, "allow rtprio and memlock in /etc/security/limits.d, or in the service's unit")


def check_clock(now: float, newest_file: float) -> Finding:
    """The wall clock, which names the logs (no decision needs it), is not before the software that reads it [s since 1970]."""
    found = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now >= newest_file:
        return Finding(Level.GREEN, "wall clock", found)
    return Finding(Level.AMBER, "wall clock", f"{found}, before this software was installed", "set the clock, or run an NTP client")


def check_endpoint(name: str, endpoint: str) -> Finding:
    """The robot can bind an endpoint of its own, where others will look for it."""
    if endpoint.startswith("ipc://"):
        return Finding(Level.GREEN, name, endpoint)
    host, port = host_and_port(own_side(endpoint))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo("0.0.0.0" if host == "*" else host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        remedy = "give this robot's own address in the team file, and stop whoever else uses the port"
        return Finding(Level.RED, name, f"cannot bind {endpoint}: {error.strerror or error}", remedy)
    return Finding(Level.GREEN, name, f"{endpoint} is free")


def check_stop(me: Member) -> Finding:
    """The robot can be stopped by someone who is not at its side."""
    if me.stop:
        return check_endpoint("stop endpoint", me.stop)
    if is_local(me.endpoint):
        return Finding(Level.GREEN, "stop endpoint", "none, and none is needed: SIGUSR2 on this machine stops the robot")
    remedy = "give the robot `stop: tcp://HOST:PORT` in the team file, and the operator operator.key"
    return Finding(Level.AMBER, "stop endpoint", "none: nobody can stop this robot from afar", remedy)


def check_reach(name: str, endpoint: str) -> Finding:
    """Someone's machine answers, and how fast: the time that a TCP connection takes, accepted or refused."""
    if endpoint.startswith("ipc://"):
        there = Path(endpoint.removeprefix("ipc://")).exists()
        return Finding(Level.GREEN if there else Level.AMBER, name, f"{endpoint} {'is there' if there else 'is not there yet'}", "start it")
    times, listening = [], False
    for _ in range(KNOCKS):
        began = time.monotonic()
        try:
            socket.create_connection(host_and_port(endpoint), CONNECT_TIMEOUT).close()
            listening = True
        except ConnectionRefusedError:
            listening = False
        except OSError as error:
            remedy = "check cable or radio, address and firewall"
            return Finding(Level.RED, name, f"cannot reach {endpoint}: {error.strerror or error}", remedy)
        times.append(time.monotonic() - began)
    trip = sorted(times)[KNOCKS // 2]
    found = f"{endpoint}: round trip {1e3 * trip:.1f} ms, {'someone listens' if listening else 'nobody listens yet'}"
    if trip > SLOW_ROUND_TRIP:
        return Finding(Level.AMBER, name, found, "a slow link: expect HOLD; move the access point, or use a cable")
    if not listening:
        return Finding(Level.AMBER, name, found, "start it; a robot waits for its peers and for its plant")
    return Finding(Level.GREEN, name, found)


def check_secrecy(team: Sequence[Member], has_keys: bool) -> Finding:
    """What leaves this machine is encrypted."""
    if has_keys:
        return Finding(Level.GREEN, "encryption", "messages are encrypted and authenticated")
    if all(is_local(endpoint) for member in team for endpoint in (member.endpoint, member.stop) if endpoint):
        return Finding(Level.GREEN, "encryption", "none, and none is needed: the team is on one machine")
    return Finding(Level.RED, "encryption", "none, and endpoints are not on loopback", "make keys with `fieldswarm keys`, and give --keys")


def check_plant(me: Member) -> Iterator[Finding]:
    """Reach of the plant of a simulated robot, over a link that has no keys."""
    if me.plant and not is_local(me.plant):
        remedy = "give --allow-plaintext to `run` and to `plant`, on a network that is yours alone"
        yield Finding(Level.AMBER, "plant link", f"{me.plant} is on a network, and the link has no keys", remedy)
    if me.plant:
        yield check_reach("plant", me.plant)


def check_speed(actor: OnnxActor, spec: RobotSpec) -> Finding:
    """The actor is done long before the loop's period is over."""
    observation, state = np.zeros(actor.contract.observation_size), actor.initial_state()
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        actor.act(observation, state)
        times.append(time.perf_counter() - began)
    p99, share = sorted(times)[int(0.99 * RUNS)], sorted(times)[int(0.99 * RUNS)] / spec.loop_period
    found = f"runs in {1e6 * p99:.0f} us (p99), {100 * share:.2g} % of a tick"
    if share <= 0.1:
        return Finding(Level.GREEN, "actor", found)
    return Finding(Level.AMBER if share <= 0.5 else Level.RED, "actor", found, "export a smaller network, or use a faster machine")


def check_peers(peers: Sequence[Member]) -> Iterator[Finding]:
    """Reach of each peer."""
    for peer in peers:
        yield check_reach(f"peer {peer.id}", peer.endpoint)
