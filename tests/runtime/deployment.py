"""The files and the peers of one real `fieldswarm run`, with the plant in the test's hands."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import zmq

from robots.plant_protocol import PROTOCOL, Command, End, Hello, State, Welcome, decode_from_driver, encode
from robots.yaml_input import dump_yaml
from runtime.bundle import MANIFEST
from runtime.doorkeeper import Doorkeeper, guard
from runtime.keys import RobotKeys
from runtime.message import encode_message
from runtime.team import Member, Mission, Missions, Team
from tests.runtime.factory import make_bundle
from tests.runtime.stand_ins import message

MISSION = Mission(landmarks=((0.5, 0.0), (-0.5, 0.5), (0.0, -0.5)))


class Deployment:
    """Robot r0 of a team of three, kind `point`, on loopback."""

    def __init__(self, folder: Path, endpoints: list[str]) -> None:
        self.folder = folder
        self.endpoints = endpoints
        self.bundle = make_bundle(folder / "bundle", kind="point")
        self.team, self.missions = folder / "team.yaml", folder / "missions.yaml"
        self.log, self.summary = folder / "r0.jsonl", folder / "r0.json"
        self.missions.write_text(dump_yaml(Missions(missions=(MISSION,))))
        self.write_team()

    def write_team(self, robots: int = 3, plant: bool = True, stop: str = "", **settings: Any) -> None:
        """`stop` is where r0 listens for one."""
        members = [
            Member(id=f"r{n}", kind="point", agent=n, endpoint=self.endpoints[n], plant=self.endpoints[3 + n] if plant else "")
            for n in range(robots)
        ]
        members[0] = msgspec.structs.replace(members[0], stop=stop)
        self.team.write_text(dump_yaml(Team(robots=tuple(members), **settings)))

    def replace_actor(self, agent: int, data: bytes) -> None:
        """Put another file in the place of an actor and make the manifest agree, as its author could."""
        (self.bundle / f"actor_{agent}.onnx").write_bytes(data)
        manifest = json.loads((self.bundle / MANIFEST).read_text())
        manifest["actors"][agent].update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        (self.bundle / MANIFEST).write_text(json.dumps(manifest))

    def arguments(self, robot: str = "r0") -> list[object]:
        files = ["--team", self.team, "--bundle", self.bundle, "--missions", self.missions]
        return ["run", "--robot", robot, *files, "--log", self.log, "--summary", self.summary]

    def read_summary(self) -> dict:
        return json.loads(self.summary.read_text())


class RealTimePlant(threading.Thread):
    """Robot r0 of kind `point`, standing still at (0.1, 0.2), measured every 0.1 s.

    Attributes:
        commands: all that came, newest last.
        quiet: while set, no states are sent.
    """

    def __init__(self, endpoint: str, **welcome: Any) -> None:
        super().__init__(daemon=True)
        self.commands: list[Command] = []
        self.quiet = threading.Event()
        self._ending: list[str] = []
        self._quit = threading.Event()
        self._welcome = Welcome(
            **{"protocol": PROTOCOL, "robot": "r0", "kind": "point", "action": "force", "loop_period": 0.1}
            | {"clock": "realtime", "watchdog": 0.5}
            | welcome
        )
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.bind(endpoint)
        self.start()

    def run(self) -> None:
        driver, tick, due = b"", 0, 0.0
        while not self._quit.is_set():
            if self._socket.poll(5):
                sender, frame = self._socket.recv_multipart()
                received = decode_from_driver(frame)
                if isinstance(received, Hello):
                    driver = sender
                    self._socket.send_multipart((driver, encode(self._welcome)))
                elif isinstance(received, Command):
                    self.commands.append(received)
            if driver and self._ending:
                self._socket.send_multipart((driver, encode(End(self._ending.pop()))))
            if driver and time.monotonic() >= due and not self.quiet.is_set():
                due = time.monotonic() + 0.1
                self._socket.send_multipart((driver, encode(State(tick, 0, tick, time.monotonic_ns(), (0.1, 0.2), (0.0, 0.0), 0.0))))
                tick += 1
        self._context.destroy(linger=200)

    def end(self, reason: str) -> None:
        self._ending.append(reason)

    def stop(self) -> None:
        self._quit.set()
        self.join()


class TalkingPeers(threading.Thread):
    """Peers that say every 20 ms what `frames_of(robot, sequence)` gives; under a key, if there is one."""

    def __init__(self, endpoints: dict[str, str], frames_of: Callable[[str, int], list[bytes]], keys: RobotKeys | None = None) -> None:
        super().__init__(daemon=True)
        self._frames_of = frames_of
        self._quit = threading.Event()
        self._context = zmq.Context()
        self._keeper = None if keys is None else Doorkeeper(self._context, keys.public.values())
        self._sockets = {}
        for robot, endpoint in endpoints.items():
            self._sockets[robot] = self._context.socket(zmq.PUB)
            if keys is not None:
                guard(self._sockets[robot], keys.secret)
            self._sockets[robot].bind(endpoint)
        self.start()

    def run(self) -> None:
        sequence = 0
        while not self._quit.wait(0.02):
            sequence += 1
            if self._keeper is not None:
                self._keeper.answer()
            for robot, publisher in self._sockets.items():
                for each in self._frames_of(robot, sequence):
                    publisher.send(each)
        self._context.destroy(linger=0)

    def stop(self) -> None:
        self._quit.set()
        self.join()


def until(process: subprocess.Popen, condition: Callable[[], Any], timeout: float = 20.0) -> None:
    """Wait for what a running process is to bring about."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def finish(process: subprocess.Popen, number: int | None = None) -> tuple[int, str]:
    """Exit status and standard error, after a signal."""
    if number is not None:
        process.send_signal(number)
    _, stderr = process.communicate(timeout=10)
    assert "Traceback" not in stderr
    return process.returncode, stderr


def moves(commands: Sequence[Command]) -> bool:
    """Whether any of them moves the robot."""
    return any(any(command.action) for command in commands)


def sound(robot: str, sequence: int) -> list[bytes]:
    """What a healthy peer says."""
    return [encode_message(message(robot, sequence, stamp=time.monotonic_ns(), tick=sequence, velocity=(0.0, 0.0)))]
