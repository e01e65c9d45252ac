"""Signals of a robot's process: they end it while it starts, and reach the node once that runs."""

from __future__ import annotations

import signal

from runtime.node import Node


class Signals:
    """SIGTERM, SIGINT and SIGHUP (a terminal that is gone) are controlled stops, SIGUSR2 is an emergency stop, SIGUSR1 arms again.

    Attributes:
        interrupted: SIGINT came.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._node: Node | None = None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
                signal.signal(number, self._stop)
        signal.signal(signal.SIGUSR1, self._rearm)
        signal.signal(signal.SIGUSR2, self._emergency)

    def hand_over(self, node: Node) -> None:
        """From now on the node stops itself."""
        self._node = node

    def _stop(self, number: int, frame: object) -> None:
        self.interrupted |= number == signal.SIGINT
        if self._node is not None:
            self._node.request_stop()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(0)

    def _emergency(self, number: int, frame: object) -> None:
        if self._node is not None:
            self._node.request_emergency_stop()

    def _rearm(self, number: int, frame: object) -> None:
        if self._node is not None:
            self._node.request_rearm()
