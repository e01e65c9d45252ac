"""The emergency stop over real sockets: the operator's key stops a robot, nothing else does, and nothing that is sent holds it up."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from robots.endpoint import host_and_port
from robots.errors import InputError
from runtime.doorkeeper import Doorkeeper, introduce
from runtime.keys import OperatorKeys, RobotKeys, load_operator_keys, load_robot_keys, make_keys
from runtime.stop_call import Outcome, stop_robots
from runtime.stop_listener import MOST_AT_ONCE, REMEMBERED_RUNS, StopListener
from runtime.stop_message import LARGEST_STOP, LONGEST_REASON, STOP_VERSION, StopAnswer, StopRequest, encode_stop
from runtime.team import Member

TEAM = ["r0", "r1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys") / "keys"
    make_keys(TEAM, made)
    return made


@pytest.fixture(scope="module")
def keys(folder: Path) -> RobotKeys:
    return load_robot_keys(folder, "r0", TEAM)


@pytest.fixture(scope="module")
def operator(folder: Path) -> OperatorKeys:
    return load_operator_keys(folder, TEAM)


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    created = zmq.Context()
    yield created
    created.destroy(linger=0)


@pytest.fixture
def me(free_endpoints: Callable[[int], list[str]]) -> Member:
    endpoint, stop = free_endpoints(2)
    return Member(id="r0", kind="omni", agent=0, endpoint=endpoint, stop=stop)


class Robot:
    """What a node does with a listener, once a tick: hear, stop, answer."""

    def __init__(self, me: Member, keys: RobotKeys | None, stops: bool = True) -> None:
        self.listener = StopListener(me, keys)
        self.mode = "ACTIVE"
        self.reasons: list[str] = []
        self.longest = 0.0
        self._stops = stops

    def tick(self) -> None:
        began = time.perf_counter()
        reason = self.listener.hear()
        if reason is not None:
            self.reasons.append(reason)
            self.mode = "SAFE_STOP" if self._stops else self.mode
        self.listener.answer(self.mode)
        self.longest = max(self.longest, time.perf_counter() - began)

    @contextlib.contextmanager
    def running(self, period: float = 0.005) -> Iterator[Robot]:
        done = threading.Event()
        loop = threading.Thread(target=lambda: [self.tick() for _ in iter(lambda: done.wait(period), True)])
        loop.start()
        try:
            yield self
        finally:
            done.set()
            loop.join()
            self.listener.close()

    def tick_until(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, (self.listener.rejected, self.listener.taken)
            self.tick()
            time.sleep(0.002)


@pytest.fixture
def robot(me: Member, keys: RobotKeys) -> Iterator[Robot]:
    made = Robot(me, keys)
    yield made
    made.listener.close()


def call(me: Member, keys: OperatorKeys | None, timeout: float = 5.0) -> Outcome:
    told: list[Outcome] = []
    outcomes = stop_robots([me], keys, "a child on the field", timeout, told.append)
    assert told == outcomes and len(outcomes) == 1
    return outcomes[0]


def dial(context: zmq.Context, me: Member, operator: OperatorKeys | None) -> zmq.Socket:
    """A connection of the operator's, on which a test says what it likes."""
    dealer = context.socket(zmq.DEALER)
    dealer.linger = 0
    if operator is not None:
        introduce(dealer, operator.secret, operator.public[me.id])
    dealer.connect(me.stop)
    return dealer


def request(sequence: int = 1, robot: str = "r0", version: int = STOP_VERSION, run: int = 7, reason: str = "") -> bytes:
    return encode_stop(StopRequest(version, robot, run, sequence, reason))


def test_the_operator_stops_a_robot_and_is_told_so_and_the_robot_is_told_why(me: Member, robot: Robot, operator: OperatorKeys) -> None:
    with robot.running():
        outcome = call(me, operator)
    assert outcome.stopped and outcome.words.startswith("SAFE_STOP after 0.")
    assert robot.reasons[0] == "a child on the field" and robot.listener.refused == 0 and not robot.listener.rejected


def test_the_operator_goes_on_asking_and_tells_which_state_a_robot_is_in_that_does_not_stop(
    me: Member, keys: RobotKeys, operator: OperatorKeys
) -> None:
    with Robot(me, keys, stops=False).running() as stubborn:
        outcome = call(me, operator, timeout=0.6)
    assert not outcome.stopped and outcome.words == "NOT STOPPED: is in ACTIVE 0.6 s after it was asked"
    assert 3 <= len(stubborn.reasons) <= 8


def test_a_robot_that_starts_late_is_stopped_too(me: Member, keys: RobotKeys, operator: OperatorKeys) -> None:
    outcomes: list[Outcome] = []
    calling = threading.Thread(target=lambda: outcomes.append(call(me, operator)))
    calling.start()
    time.sleep(0.5)
    with Robot(me, keys).running():
        calling.join()
    assert outcomes[0].stopped


def test_one_robot_that_does_not_answer_keeps_no_other_from_being_stopped(
    me: Member, robot: Robot, operator: OperatorKeys, free_endpoints: Callable[[int], list[str]]
) -> None:
    gone = Member(id="r1", kind="omni", agent=1, endpoint=free_endpoints(1)[0], stop="ipc:///nowhere/" + "x" * 200)
    deaf = Member(id="r1", kind="omni", agent=1, endpoint=free_endpoints(1)[0], stop=free_endpoints(1)[0])
    with robot.running():
        outcomes = stop_robots([gone, me, deaf], operator, "", 1.0, lambda outcome: None)
    assert {(outcome.robot, outcome.stopped) for outcome in outcomes} == {("r0", True), ("r1", False)} and len(outcomes) == 3
    assert any("cannot connect" in outcome.words for outcome in outcomes) and any("no answer from" in outcome.words for outcome in outcomes)


def test_a_team_is_stopped_at_once_each_robot_under_its_own_key(
    me: Member, robot: Robot, folder: Path, operator: OperatorKeys, free_endpoints: Callable[[int], list[str]]
) -> None:
    endpoint, stop = free_endpoints(2)
    peer = Member(id="r1", kind="omni", agent=1, endpoint=endpoint, stop=stop)
    with robot.running(), Robot(peer, load_robot_keys(folder, "r1", TEAM)).running():
        outcomes = stop_robots([me, peer], operator, "", 5.0, lambda outcome: None)
    assert {(outcome.robot, outcome.stopped) for outcome in outcomes} == {("r0", True), ("r1", True)}


def test_no_other_key_stops_a_robot(me: Member, robot: Robot, folder: Path, operator: OperatorKeys) -> None:
    """Neither a stranger's nor that of a robot of the team, its own included."""
    strangers = [zmq.utils.z85.decode(zmq.curve_keypair()[1]), *(load_robot_keys(folder, name, TEAM).secret for name in TEAM)]
    with robot.running():
        for number, secret in enumerate(strangers, start=1):
            outcome = call(me, OperatorKeys(secret, operator.public))
            assert outcome.words == f"NOT STOPPED: {me.stop} refuses this operator's key" and robot.listener.refused == number
    assert robot.mode == "ACTIVE" and robot.listener.taken == 0


def test_who_has_no_key_or_speaks_no_zeromq_stops_nobody_and_is_counted(me: Member, robot: Robot) -> None:
    with robot.running():
        assert "no answer from" in call(me, None, timeout=0.5).words
        assert robot.listener.rejected["handshake"] > 0
        before = robot.listener.rejected["handshake"]
        for noise in (b"GET /stop HTTP/1.0\r\n\r\n", b"\xff" * 2000):
            with socket.create_connection(host_and_port(me.stop)) as raw:
                raw.sendall(noise)
        deadline = time.monotonic() + 3.0
        while robot.listener.rejected["handshake"] == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert robot.listener.rejected["handshake"] > before
    assert robot.mode == "ACTIVE" and robot.listener.taken == 0


def test_an_operator_believes_the_robot_alone(me: Member, folder: Path, operator: OperatorKeys, context: zmq.Context) -> None:
    """Who sits at a robot's address without its key cannot pass for it."""
    impostor = context.socket(zmq.ROUTER)
    keeper = Doorkeeper(context, [])
    impostor.curve_secretkey, impostor.curve_server = load_robot_keys(folder, "r1", TEAM).secret, True
    impostor.bind(me.stop)
    assert "no answer from" in call(me, operator, timeout=0.5).words
    assert not impostor.poll(0)
    keeper.close()


BAD = {
    "garbage": [b"\xde\xad\xbe\xef", b"\x93" * 300, encode_stop(["stop", STOP_VERSION, "r0"]), encode_stop({"stop": 1})],
    "version": [request(version=9)],
    "identity": [request(robot="r1")],
    "length": [b"", b"x" * (LARGEST_STOP + 1)],
}


@pytest.mark.parametrize("encrypted", [True, False])
def test_what_is_no_request_is_counted_by_reason_and_the_next_one_still_counts(
    me: Member, keys: RobotKeys, operator: OperatorKeys, context: zmq.Context, encrypted: bool
) -> None:
    robot = Robot(me, keys if encrypted else None)
    dealer = dial(context, me, operator if encrypted else None)
    for frames in BAD.values():
        for bad in frames:
            dealer.send(bad)
    dealer.send_multipart([request(), b"second part"])
    expected = {reason: len(frames) for reason, frames in BAD.items()}
    expected["length"] += 1
    robot.tick_until(lambda: robot.listener.rejected.total() == sum(expected.values()))
    assert robot.listener.rejected == expected and robot.mode == "ACTIVE" and not dealer.poll(0)
    dealer.send(request(reason="now"))
    robot.tick_until(lambda: bool(robot.reasons))
    assert robot.mode == "SAFE_STOP" and robot.reasons == ["now"]
    robot.listener.close()


def test_a_request_that_comes_again_is_refused_and_counted(me: Member, robot: Robot, operator: OperatorKeys, context: zmq.Context) -> None:
    dealer, other = dial(context, me, operator), dial(context, me, operator)
    dealer.send(request(5))
    robot.tick_until(lambda: robot.listener.taken == 1)
    robot.reasons.clear()
    for again in (request(5), request(4), request(-1, run=8)):
        other.send(again)
    robot.tick_until(lambda: robot.listener.rejected["sequence"] == 3)
    assert not robot.reasons and not other.poll(0)
    for run in range(10, 10 + 2 * REMEMBERED_RUNS):
        other.send(request(1, run=run))
    robot.tick_until(lambda: robot.listener.taken == 1 + 2 * REMEMBERED_RUNS)
    assert len(robot.listener._newest) == REMEMBERED_RUNS


def test_what_is_far_too_long_ends_the_connection_and_nothing_else(
    me: Member, robot: Robot, operator: OperatorKeys, context: zmq.Context
) -> None:
    dealer = dial(context, me, operator)
    dealer.send(b"x" * 2**20)
    with robot.running():
        time.sleep(0.2)
        assert call(me, operator).stopped


def test_an_answer_is_to_the_request_it_names(me: Member, robot: Robot, operator: OperatorKeys, context: zmq.Context) -> None:
    dealer = dial(context, me, operator)
    dealer.send(request(3, run=11))
    robot.tick_until(lambda: bool(dealer.poll(0)))
    assert dealer.recv() == encode_stop(StopAnswer(STOP_VERSION, "r0", 11, 3, "SAFE_STOP"))


def test_an_operator_takes_no_answer_to_another_request(me: Member, context: zmq.Context) -> None:
    """In plain text, where anyone could send one."""
    liar = context.socket(zmq.ROUTER)
    liar.bind(me.stop)
    done = threading.Event()

    def lie() -> None:
        while not done.is_set():
            if liar.poll(10):
                sender, asked = liar.recv_multipart()
                _, _, _, run, sequence, _ = msgspec.msgpack.decode(asked)
                for robot, its_run, its_sequence in (("r0", run + 1, sequence), ("r0", run, sequence + 1), ("r1", run, sequence)):
                    liar.send_multipart([sender, encode_stop(StopAnswer(STOP_VERSION, robot, its_run, its_sequence, "SAFE_STOP"))])
                for odd in ([b"rubbish"], [], [encode_stop(StopAnswer(STOP_VERSION, "r0", run, sequence, "SAFE_STOP")), b"more"]):
                    liar.send_multipart([sender, *odd])

    lying = threading.Thread(target=lie)
    lying.start()
    outcome = call(me, None, timeout=0.5)
    done.set()
    lying.join()
    assert not outcome.stopped


def test_a_reason_cannot_spoil_a_log(me: Member, robot: Robot, operator: OperatorKeys, context: zmq.Context) -> None:
    dealer = dial(context, me, operator)
    dealer.send(request(reason="fire\n\x1b[2Jr1: all is well" + "!" * 200))
    robot.tick_until(lambda: bool(robot.reasons))
    assert robot.reasons[0].startswith("fire??[2Jr1: all is well!") and len(robot.reasons[0]) == LONGEST_REASON


def test_a_flood_is_taken_in_small_parts_and_does_not_drown_the_operator(
    me: Member, keys: RobotKeys, operator: OperatorKeys, context: zmq.Context
) -> None:
    """Under the operator's own key, which is the worst that can be."""
    robot, flooder, done = Robot(me, keys, stops=False), dial(context, me, operator), threading.Event()

    def flood() -> None:
        sequence = 0
        while not done.is_set():
            sequence += 1
            with contextlib.suppress(zmq.Again):
                flooder.send(request(sequence) if sequence % 2 else b"noise", zmq.NOBLOCK)

    flooding = threading.Thread(target=flood)
    flooding.start()
    taken = []
    try:
        robot.tick_until(lambda: robot.listener.taken > 50)
        for _ in range(30):
            time.sleep(0.01)
            before = robot.listener.taken + robot.listener.rejected.total()
            robot.tick()
            taken.append(robot.listener.taken + robot.listener.rejected.total() - before)
        robot._stops = True
        with robot.running():
            outcome = call(me, operator)
    finally:
        done.set()
        flooding.join()
    # How many wait when a tick asks is the machine's affair; that it takes no more is ours.
    assert 1 < max(taken) <= MOST_AT_ONCE and outcome.stopped


def test_a_crowd_of_strangers_at_the_door_does_not_keep_the_operator_out(
    me: Member, robot: Robot, operator: OperatorKeys, context: zmq.Context
) -> None:
    secret = zmq.utils.z85.decode(zmq.curve_keypair()[1])
    crowd = [dial(context, me, OperatorKeys(secret, operator.public)) for _ in range(50)]
    crowd += [dial(context, me, None) for _ in range(50)]
    with robot.running(period=0.02), contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(socket.create_connection(host_and_port(me.stop)))
        outcome = call(me, operator)
    assert outcome.stopped and robot.listener.refused > 0 and len(crowd) == 100


def test_a_robot_whose_door_does_not_shut_does_not_start(me: Member, keys: RobotKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Doorkeeper, "_judge", lambda self, asked: [b"1.0", asked[1], b"200", b"OK", b"", b""])
    with pytest.raises(InputError, match=f"self-test of {me.stop}: a robot's key is let in"):
        StopListener(me, keys)


def test_a_door_that_lets_strangers_in_alone_is_found_out_too(me: Member, keys: RobotKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    judge, own = Doorkeeper._judge, keys.public["r0"]
    letting = lambda self, asked: judge(self, asked) if asked[6] == own else [b"1.0", asked[1], b"200", b"OK", b"", b""]  # noqa: E731
    monkeypatch.setattr(Doorkeeper, "_judge", letting)
    with pytest.raises(InputError, match="an unknown key is let in"):
        StopListener(me, keys)


def test_keys_without_an_operator_and_an_endpoint_in_use_are_one_line(me: Member, keys: RobotKeys) -> None:
    with pytest.raises(InputError, match=r"has the stop endpoint tcp\S+, and its keys have no operator's"):
        StopListener(me, RobotKeys(keys.secret, keys.public))
    first = StopListener(me, keys)
    with pytest.raises(InputError, match=rf"robot r0: cannot listen for stops at {me.stop}: Address already in use"):
        StopListener(me, keys)
    first.close()
