"""A plant and the robots of a team, each in a process of its own that a benchmark can strike, freeze, or put into another network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robots.driver import Clock
from robots.yaml_input import dump_yaml
from runtime.keys import make_keys
from runtime.link import LinkProfile
from runtime.log_file import read_log
from runtime.log_lines import Header, Line, Tick
from runtime.team import Member, Missions, Team
from sim3d.plant.record import Record
from sim3d.simulate import free_endpoints

GRACE = 10.0
"""Longest that a process may take to end after the plant [s]."""


@dataclass(frozen=True)
class Setting:
    """What a team does, and where.

    Attributes:
        bundle: of its actors.
        kind: of its robots.
        world: `spread` or `bullet`.
        missions: one after the other.
        ticks: of each mission.
        arena: half-size [m].
        clock: who waits for whom.
        team: settings of the team file beside its robots.
        profile: disturbances of the plant.
        link: the artificial link that each robot applies to what it hears.
        logs: endings of the logs' names, `jsonl` or `mcap`, which the robots take in turn.
    """

    bundle: Path
    kind: str
    world: str
    missions: Missions
    ticks: int
    arena: float
    clock: Clock = "realtime"
    team: dict[str, Any] | None = None
    profile: str = "clean"
    link: LinkProfile | None = None
    logs: tuple[str, ...] = ("jsonl",)


@dataclass(frozen=True)
class Reach:
    """Where robots are reached, and from where.

    Attributes:
        own: where each robot publishes, by agent number.
        as_heard: (listener, speaker) -> where the one reaches the other.
        prefix: agent number -> words before the robot's command line, such as those that enter its network namespace.
        encrypted: with keys.
    """

    own: Sequence[str]
    as_heard: Callable[[int, int], str]
    prefix: Callable[[int], tuple[str, ...]] = lambda agent: ()
    encrypted: bool = False


def on_loopback(robots: int) -> Reach:
    """A team on this machine, in plain text."""
    places = free_endpoints(robots)
    return Reach(places, lambda listener, speaker: places[speaker])


class Deployment:
    """Starts the plant and all robots; ends what is left of them when it is closed.

    The plant's endpoints are local sockets in the file system, which are reached from every network namespace.

    Args:
        folder: for all files.
        setting: what is run.
        reach: over which network.
    """

    def __init__(self, folder: Path, setting: Setting, reach: Reach) -> None:
        self.folder, self.setting = folder, setting
        self._reach = reach
        # Not in the folder: the path of a local socket has at most 107 bytes.
        self._sockets = tempfile.TemporaryDirectory(prefix="plant-")
        self._lives = [0] * len(reach.own)
        folder.mkdir(parents=True, exist_ok=True)
        for agent in range(len(reach.own)):
            (folder / f"r{agent}.yaml").write_text(dump_yaml(self._team(agent)))
        (folder / "missions.yaml").write_text(dump_yaml(setting.missions))
        if setting.link is not None:
            (folder / "link.yaml").write_text(dump_yaml(setting.link))
        if reach.encrypted:
            make_keys([f"r{agent}" for agent in range(len(reach.own))], folder / "keys")
        self.plant = self._start(self._plant_words(), "plant.jsonl")
        self.robots = {f"r{agent}": self.start(f"r{agent}") for agent in range(len(reach.own))}

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, robot: str) -> subprocess.Popen:
        """A new life of a robot."""
        agent = int(robot[1:])
        self._lives[agent] += 1
        return self._start([*self._reach.prefix(agent), *self._robot_words(robot, self._lives[agent])], os.devnull)

    def wait_until_driving(self, timeout: float = 300.0) -> float:
        """Until every robot has a driver, so that the plant runs: since when, s since 1970. Raises RuntimeError."""
        deadline = time.monotonic() + timeout
        while not all(log.exists() and log.stat().st_size for log in (self._log(robot, 1) for robot in self.robots)):
            if time.monotonic() > deadline or self.plant.poll() is not None:
                raise RuntimeError(f"the team did not come together:\n{self.said()}")
            time.sleep(0.02)
        return max(next(read_log(self._log(robot, 1))).began for robot in self.robots)

    def wait(self, timeout: float) -> list[str]:
        """Until the plant has ended, and the robots with it: who ended with a status other than 0. Raises RuntimeError without a record."""
        failed = []
        for name, process in {"plant": self.plant, **self.robots}.items():
            try:
                status = process.wait(timeout if name == "plant" else GRACE)
            except subprocess.TimeoutExpired:
                status = "none: it still runs"
            if status:
                failed.append(f"{name} with status {status}")
        if not (self.folder / "record.npz").exists():
            raise RuntimeError(f"the plant left no record:\n{self.said()}")
        return failed

    def close(self) -> None:
        """Kill what still runs. May be called twice."""
        for process in (self.plant, *self.robots.values()):
            process.kill()
            process.wait()
        self._sockets.cleanup()

    def lives(self, robot: str) -> list[Life]:
        """What each life of a robot wrote down; one that was killed before its first tick wrote nothing."""
        logs = [self._log(robot, life) for life in range(1, self._lives[int(robot[1:])] + 1)]
        lives = [Life.of(read_log(log)) for log in logs if log.exists() and log.stat().st_size]
        return [life for life in lives if life is not None]

    def missions_done(self) -> int:
        """How many missions the plant has ended."""
        return (self.folder / "plant.jsonl").read_bytes().count(b'"event": "mission"')

    def record(self) -> Record:
        """What truly happened."""
        return Record.load(self.folder / "record.npz")

    def summary(self, robot: str) -> dict[str, Any]:
        """What the robot counted."""
        return json.loads((self.folder / f"{robot}.json").read_bytes())

    def said(self) -> str:
        """What all processes wrote to their standard errors."""
        return (self.folder / "stderr").read_text()

    def _team(self, listener: int) -> Team:
        members = tuple(
            Member(
                id=f"r{agent}",
                kind=self.setting.kind,
                agent=agent,
                endpoint=own if agent == listener else self._reach.as_heard(listener, agent),
                plant=f"ipc://{self._sockets.name}/r{agent}",
            )
            for agent, own in enumerate(self._reach.own)
        )
        return Team(robots=members, **(self.setting.team or {}))

    def _plant_words(self) -> list[str]:
        setting = self.setting
        options = {"team": self.folder / "r0.yaml", "missions": self.folder / "missions.yaml", "record": self.folder / "record.npz"}
        options |= {name: getattr(setting, name) for name in ("world", "ticks", "arena", "clock", "profile")}
        # A large team on a small and busy machine takes its time.
        return [
            *_COMMAND,
            "plant",
            "--join-timeout=300",
            "--command-timeout=120",
            *(f"--{name}={value}" for name, value in options.items()),
        ]

    def _robot_words(self, robot: str, life: int) -> list[str]:
        options = {"team": self.folder / f"{robot}.yaml", "missions": self.folder / "missions.yaml", "bundle": self.setting.bundle}
        options |= {"robot": robot, "summary": self.folder / f"{robot}.json", "log": self._log(robot, life)}
        if self.setting.link is not None:
            options["link"] = self.folder / "link.yaml"
        if self._reach.encrypted:
            options["keys"] = self.folder / "keys"
        return [*_COMMAND, "run", *(f"--{name}={value}" for name, value in options.items())]

    def _log(self, robot: str, life: int) -> Path:
        endings = self.setting.logs
        return self.folder / f"{robot}-{life}.{endings[int(robot[1:]) % len(endings)]}"

    def _start(self, words: Sequence[str], stdout: str) -> subprocess.Popen:
        with (self.folder / "stderr").open("ab") as said, (self.folder / stdout).open("wb") as out:
            return subprocess.Popen(words, stdout=out, stderr=said, env={**os.environ, "OMP_NUM_THREADS": "1"})


@dataclass(frozen=True)
class Life:
    """One process of a robot, by its log: its header, and its ticks in order."""

    header: Header
    ticks: list[Tick]

    @classmethod
    def of(cls, lines: Iterator[Line]) -> Life | None:
        """From the lines of a log; None when it ends before the first tick."""
        kept = [line for line in lines if isinstance(line, (Header, Tick))]
        return cls(kept[0], kept[1:]) if len(kept) > 1 else None


_COMMAND = (sys.executable, "-m", "runtime.cli")
