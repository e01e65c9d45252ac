"""`python -m tests.benchmarks.radio N`: an Ethernet of N robots on which each frame is late, in user space, for kernels without netem.

It makes the devices tap0 ... tapN-1 in its network namespace and passes frames between them, wherever the devices are moved. Each frame
takes delay + jitter U(-1, 1), not below zero, so frames overtake one another, as under netem; what that does to a connection is up to the
kernel's own TCP. A line `DELAY JITTER` [s] on the standard input changes both; its end ends the radio.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time
from itertools import count
from pathlib import Path

# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
MOST_WAITING = 10_000
"""Frames; what comes on top is lost, as in any queue."""


def main(robots: int) -> None:
    """Pass frames on until the standard input ends."""
    ports = [_tap(f"tap{number}") for number in range(robots)]
    behind: dict[bytes, int] = {}
    waiting: list[tuple[float, int, int, bytes]] = []
    order, draw = count(), random.Random(0)
    delay = jitter = 0.0
    poller = select.poll()
    for descriptor in (sys.stdin.fileno(), *ports):
        poller.register(descriptor, select.POLLIN)
    print("ready", flush=True)
    while True:
        rest = None if not waiting else max(0.0, waiting[0][0] - time.monotonic())
        for descriptor, _ in poller.poll(None if rest is None else 1000 * rest):
            if descriptor == sys.stdin.fileno():
                line = os.read(descriptor, 4096)
                if not line:
                    return
                delay, jitter = map(float, line.split(b"\n")[-2].split())
                continue
            frame = os.read(descriptor, 65_536)
            port = ports.index(descriptor)
            behind[frame[6:12]] = port
            known = behind.get(frame[:6])
            for receiver in range(robots) if known is None else (known,):
                if receiver != port and len(waiting) < MOST_WAITING:
                    due = time.monotonic() + max(0.0, delay + jitter * draw.uniform(-1.0, 1.0))
                    heapq.heappush(waiting, (due, next(order), receiver, frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, receiver, frame = heapq.heappop(waiting)
            _send(ports[receiver], frame)


def _tap(name: str) -> int:
    """A new device of that name; what is written to the descriptor arrives at it."""
    device = Path("/dev/net/tun")
    descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def _send(port: int, frame: bytes) -> None:
    try:
        os.write(port, frame)
    except OSError:  # the device is down, or its queue is full: the frame is lost
        return


if __name__ == "__main__":
    main(int(sys.argv[1]))
