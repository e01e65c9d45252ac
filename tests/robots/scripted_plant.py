"""A plant that does exactly what a test tells it to, message by message."""

from __future__ import annotations

import time
from typing import Any

import zmq

from robots.plant_protocol import PROTOCOL, FromDriver, FromPlant, Hello, State, Welcome, decode_from_driver, encode


class ScriptedPlant:
    """One ROUTER that answers nothing by itself."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.bind(endpoint)
        self._driver = b""

    def receive(self, timeout: float = 2.0) -> FromDriver:
        """The next message of any driver; further messages go to the one it came from."""
        assert self._socket.poll(timeout * 1000), "the driver is silent"
        self._driver, frame = self._socket.recv_multipart()
        return decode_from_driver(frame)

    def receive_after_hello(self) -> FromDriver:
        """The next message that is no Hello."""
        while isinstance(message := self.receive(), Hello):
            pass
        return message

    def send(self, message: FromPlant | bytes) -> None:
        self._socket.send_multipart((self._driver, message if isinstance(message, bytes) else encode(message)))

    def close(self) -> None:
        self._socket.close(linger=100)
        self._context.term()


def welcome(**changes: Any) -> Welcome:
    values = {"protocol": PROTOCOL, "robot": "r0", "kind": "omni", "action": "velocity_setpoint", "loop_period": 0.02}
    return Welcome(**{**values, "clock": "realtime", "watchdog": 0.5, **changes})


def state(tick: int, **changes: Any) -> State:
    values = {"tick": tick, "episode": 0, "elapsed": tick, "stamp": time.monotonic_ns()}
    return State(**{**values, "position": (1.0, 2.0), "velocity": (3.0, 4.0), "heading": 0.5, **changes})
