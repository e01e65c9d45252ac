"""Bad links between robots where no network namespaces can be made: a process that passes their TCP connections on, late.

A proxy cannot lose what TCP has already promised to deliver. What loss is to those who use TCP is a wait, and that is what it makes of it:
each piece of a stream is tried at once and again after 0.2, 0.6, 1.4 ... s (retransmission, doubled each time, from Linux' least timeout; a
new connection begins with 1 s) until an attempt is not lost and the link is there, and pieces that have come wait for those before them.
The oldest that waits is tried at once when three later ones have come (fast retransmit, once for each), and when one has come that had
waited itself: on a link that is good again all that waits comes, one after the other. That is milder than the kernel where a fifth or more
is lost, since no window shrinks here. Since TCP needs acknowledgements, a link that is cut in one direction passes nothing in either.

`python -m tests.benchmarks.impairing_proxy` reads JSON lines: first the connections, `[[listener, speaker, port, port behind it], ...]`,
then an impairment after the other (`tests.benchmarks.impairment`).
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import random
import subprocess
import sys
from dataclasses import asdict

from sim3d.simulate import free_endpoints
from tests.benchmarks.deployment import Reach
from tests.benchmarks.impairment import CLEAN, Impairment

LEAST_TIMEOUT, CONNECT_TIMEOUT = 0.2, 1.0
"""Of the first retransmission on Linux (TCP_RTO_MIN), and that of a new connection (RFC 6298) [s]."""
LONGEST_TIMEOUT = 120.0
PIECE = 1024
DUPLICATES = 3
"""Acknowledgements of later pieces that have the oldest sent again (RFC 5681)."""
UNDER_WAY = 64
"""Pieces that wait in one direction before no more are taken, as a socket's buffers would [kB]."""
HEADERS = 66
"""Of TCP, IP and Ethernet [bytes]."""
QUEUE = 0.1
"""Longest that a piece waits for the rate; what would wait longer is lost, as by tbf [s]."""


class Air:
    """What is between the robots now.

    Args:
        seed: of what is lost.
    """

    def __init__(self, seed: int) -> None:
        self.impairment = CLEAN
        self._free: dict[int, float] = {}
        self._draw = random.Random(seed)

    def attempt(self, speaker: int, listener: int, size: int, now: float) -> float | None:
        """How long a piece of `size` bytes takes from one to the other [s]; None when it is lost."""
        bad = self.impairment
        if {(speaker, listener), (listener, speaker)} & bad.cut or self._draw.random() < bad.loss:
            return None
        queued = 0.0
        if bad.rate:
            free = max(now, self._free.get(speaker, now))
            if free - now > QUEUE:
                return None
            self._free[speaker] = free + 8 * (size + HEADERS) / bad.rate
            queued = self._free[speaker] - now
        return queued + max(0.0, bad.delay + bad.jitter * self._draw.uniform(-1.0, 1.0))


class Stream:
    """One direction of one connection.

    Args:
        air: that it goes through.
        speaker, listener: agents.
    """

    def __init__(self, air: Air, speaker: int, listener: int) -> None:
        self._air, self._ends = air, (speaker, listener)
        self._sent = 0
        self._waiting: dict[int, asyncio.Event] = {}
        self._later: collections.Counter[int] = collections.Counter()

    async def carry(self, size: int, timeout: float) -> None:
        """Return when a piece of `size` bytes has come, having been sent now; its first retransmission is after `timeout` [s]."""
        loop = asyncio.get_running_loop()
        number, self._sent = self._sent, self._sent + 1
        waited = False
        while (delay := self._air.attempt(*self._ends, size, loop.time())) is None:
            waited = True
            again = self._waiting[number] = asyncio.Event()
            due = loop.time() + timeout
            timer = loop.call_at(due, again.set)
            try:
                await again.wait()
            finally:
                timer.cancel()
                del self._waiting[number]
            if loop.time() >= due:
                timeout = min(2 * timeout, LONGEST_TIMEOUT)
        await asyncio.sleep(delay)
        self._later.pop(number, None)
        if not self._waiting:
            return
        oldest = min(self._waiting)
        self._later[oldest] += oldest < number
        if waited or self._later[oldest] == DUPLICATES:
            self._waiting[oldest].set()


async def _pass_on(air: Air, speaker: int, listener: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """One direction of one connection, to its end."""
    stream, under_way = Stream(air, speaker, listener), asyncio.Queue(UNDER_WAY)

    async def deliver() -> None:
        while (entry := await under_way.get()) is not None:
            piece, arrival = entry
            await arrival
            sink.write(piece)
            await sink.drain()

    delivery = asyncio.create_task(deliver())
    arrivals = []
    try:
        while piece := await source.read(PIECE):
            arrivals = [arrival for arrival in arrivals if not arrival.done()]
            arrivals.append(asyncio.create_task(stream.carry(len(piece), LEAST_TIMEOUT)))
            await under_way.put((piece, arrivals[-1]))
    finally:
        for task in (delivery, *arrivals):
            task.cancel()


async def _serve(air: Air, listener: int, speaker: int, port: int, behind: int) -> asyncio.Server:
    """Take a listener's connections to a speaker."""

    async def connected(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        # What comes from the listener may end at any time, and then nothing more is to be passed on; and so may the proxy.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await Stream(air, listener, speaker).carry(0, CONNECT_TIMEOUT)
            far_source, far_sink = await asyncio.open_connection("127.0.0.1", behind)
            ways = [
                asyncio.create_task(_pass_on(air, listener, speaker, source, far_sink)),
                asyncio.create_task(_pass_on(air, speaker, listener, far_source, sink)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                far_sink.close()
        sink.close()

    return await asyncio.start_server(connected, "127.0.0.1", port)


async def _main() -> None:
    air = Air(seed=0)
    source = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(source), sys.stdin)
    servers = [await _serve(air, *row) for row in json.loads(await source.readline())]
    print("ready", flush=True)
    while line := await source.readline():
        values = json.loads(line)
        air.impairment = Impairment(**values | {"cut": frozenset(map(tuple, values["cut"]))})
    for server in servers:
        server.close()


class Proxy:
    """Robots on loopback whose connections all pass through the proxy, in a process of its own.

    Args:
        robots: N.
    """

    means = "proxy"

    def __init__(self, robots: int) -> None:
        pairs = [(listener, speaker) for listener in range(robots) for speaker in range(robots) if listener != speaker]
        places = free_endpoints(robots + len(pairs))
        self._own, ways = places[:robots], dict(zip(pairs, places[robots:], strict=True))
        rows = [[*pair, _port(place), _port(self._own[pair[1]])] for pair, place in ways.items()]
        self._reach = Reach(self._own, lambda listener, speaker: ways[listener, speaker], encrypted=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.impairing_proxy"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._tell(rows)
        self._process.stdout.readline()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reach(self) -> Reach:
        """Of the robots; encrypted, as over a network."""
        return self._reach

    def impair(self, impairment: Impairment) -> None:
        """From now on."""
        self._tell({**asdict(impairment), "cut": sorted(impairment.cut)})

    def close(self) -> None:
        """All gone. May be called twice."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _tell(self, value: object) -> None:
        self._process.stdin.write(json.dumps(value).encode() + b"\n")
        self._process.stdin.flush()


def _port(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


if __name__ == "__main__":
    asyncio.run(_main())
