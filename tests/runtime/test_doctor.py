"""The doctor: what is wrong with a robot is found before its first mission, and each finding says what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from robots.errors import InputError
from robots.spec import load_spec
from runtime import doctor
from runtime.actor import OnnxActor
from runtime.doctor import Level
from runtime.keys import make_keys
from runtime.team import Member
from tests.runtime.deployment import Deployment
from tests.runtime.factory import make_actor, make_contract
from tests.runtime.stand_ins import Clock


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield listening


def endpoint_of(listening: socket.socket) -> str:
    return f"tcp://127.0.0.1:{listening.getsockname()[1]}"


def look(at: Deployment, fieldswarm: Callable, *more: object) -> tuple[int, dict[str, str]]:
    """Exit status, and the level of each check."""
    done = fieldswarm("doctor", "--team", at.team, "--robot", "r0", "--bundle", at.bundle, "--missions", at.missions, *more)
    assert done.stderr == ""
    lines = [line.split(None, 1) for line in done.stdout.splitlines() if line.startswith(tuple(level.value for level in Level))]
    return done.returncode, {rest.partition(":")[0]: level for level, rest in lines}


def test_a_sound_robot_has_no_red_finding_and_waits_for_its_peers(deployment: Deployment, fieldswarm: Callable) -> None:
    status, found = look(deployment, fieldswarm)
    assert status == 0 and "red" not in found.values()
    assert found["bundle"] == found["own endpoint"] == "green" and found["peer r1"] == found["plant"] == "amber"


def test_what_will_not_work_is_red(deployment: Deployment, fieldswarm: Callable, listener: socket.socket) -> None:
    make_keys(["r0"], deployment.folder / "keys")
    deployment.endpoints[0] = endpoint_of(listener)
    deployment.write_team(stop="tcp://192.0.2.7:5709")
    (deployment.bundle / "actor_0.onnx").write_bytes(b"rubbish")
    status, found = look(deployment, fieldswarm, "--keys", deployment.folder / "keys")
    assert status == 1
    assert {check for check, level in found.items() if level == "red"} == {"keys", "bundle", "own endpoint", "stop endpoint"}


def test_a_robot_that_an_operator_stops_needs_his_key(deployment: Deployment, fieldswarm: Callable, free_endpoints: Callable) -> None:
    deployment.write_team(stop=free_endpoints(1)[0])
    make_keys(["r0", "r1", "r2"], deployment.folder / "keys")
    assert look(deployment, fieldswarm, "--keys", deployment.folder / "keys")[1]["keys"] == "green"
    listed = deployment.folder / "keys" / "team.pub"
    listed.write_text("".join(line for line in listed.read_text().splitlines(keepends=True) if not line.startswith("operator")))
    status, found = look(deployment, fieldswarm, "--keys", deployment.folder / "keys")
    assert (status, found["keys"], found["stop endpoint"]) == (1, "red", "green")


def test_a_robot_on_a_network_that_nobody_can_stop_from_afar_is_amber() -> None:
    here, there = (Member(id="r", kind="omni", agent=0, endpoint=f"tcp://{host}:1") for host in ("127.0.0.1", "192.0.2.1"))
    assert [doctor.check_stop(member).level for member in (here, there)] == [Level.GREEN, Level.AMBER]


def test_a_team_file_that_cannot_be_read_is_one_line_and_status_2(deployment: Deployment, fieldswarm: Callable) -> None:
    deployment.team.write_text("robots: 3")
    done = fieldswarm("doctor", "--team", deployment.team, "--robot", "r0", "--bundle", deployment.bundle)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1


@pytest.mark.parametrize(("governors", "level"), [([], "green"), (["performance"] * 2, "green"), (["performance", "powersave"], "amber")])
def test_a_cpu_that_changes_its_clock_is_noticed(tmp_path: Path, governors: list[str], level: str) -> None:
    for number, governor in enumerate(governors):
        folder = tmp_path / f"cpu{number}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(f"{governor}\n")
    assert doctor.check_governor(tmp_path).level == level


@pytest.mark.parametrize(("late", "level"), [(0.0, "green"), (0.004, "amber"), (0.03, "red")])
def test_a_timer_that_wakes_late_is_noticed(late: float, level: str) -> None:
    clock = Clock()
    assert doctor.check_timer(0.02, lambda seconds: clock.sleep(seconds + late), lambda: clock() / 1e9).level == level


def test_a_clock_before_the_software_was_installed_is_noticed() -> None:
    assert doctor.check_clock(2.0, 1.0).level == Level.GREEN and doctor.check_clock(1.0, 2.0).level == Level.AMBER


def test_reach_tells_a_peer_that_listens_from_one_that_does_not_and_from_nowhere(listener: socket.socket, tmp_path: Path) -> None:
    assert doctor.check_reach("peer", endpoint_of(listener)).level == Level.GREEN
    endpoint = endpoint_of(listener)
    listener.close()
    assert "nobody listens yet" in doctor.check_reach("peer", endpoint).found
    assert doctor.check_reach("peer", "tcp://no-such-robot.invalid:5710").level == Level.RED
    assert doctor.check_reach("peer", f"ipc://{tmp_path}/nothing").level == Level.AMBER


def test_plain_text_on_a_network_is_red() -> None:
    here, there = (Member(id="r", kind="omni", agent=0, endpoint=f"tcp://{host}:1") for host in ("127.0.0.1", "192.0.2.1"))
    stop = msgspec.structs.replace(here, stop="tcp://192.0.2.1:2")
    teams = (([here], False), ([here, there], False), ([stop], False), ([there, stop], True))
    levels = [doctor.check_secrecy(team, keys).level for team, keys in teams]
    assert levels == [Level.GREEN, Level.RED, Level.RED, Level.GREEN]


def test_a_plant_on_a_network_is_told_to_need_leave(listener: socket.socket) -> None:
    here = Member(id="r", kind="omni", agent=0, endpoint="tcp://127.0.0.1:1", plant=endpoint_of(listener))
    assert [finding.level for finding in doctor.check_plant(here)] == [Level.GREEN]
    away = doctor.check_plant(msgspec.structs.replace(here, plant="tcp://no-such-plant.invalid:5720"))
    assert [(finding.check, finding.level) for finding in away] == [("plant link", Level.AMBER), ("plant", Level.RED)]


def test_an_actor_that_takes_too_long_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    actor, spec = OnnxActor(make_actor(make_contract()), "actor"), load_spec("omni")
    assert doctor.check_speed(actor, spec).level == Level.GREEN
    ticks = iter(range(10**6))
    for step, level in ((0.004, Level.AMBER), (0.015, Level.RED)):
        monkeypatch.setattr(doctor.time, "perf_counter", lambda step=step: next(ticks) * step)
        assert doctor.check_speed(actor, spec).level == level


def test_what_fails_becomes_a_red_finding_with_its_remedy() -> None:
    def fail() -> str:
        raise InputError("broken")

    finding = doctor.examine("thing", fail, "mend it")
    assert (finding.level, finding.found, finding.remedy) == (Level.RED, "broken", "mend it")
