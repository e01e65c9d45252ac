"""The contract inside an ONNX actor: exactly what goes in and out, and how often."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from robots.errors import InputError
from robots.spec import ActionKind, RobotSpec
from runtime.message import LONGEST_VECTOR

CONTRACT_VERSION = 1
MOST_TICKS = 10**6
"""Of a control loop in one control period; more is a mistake, and might not be countable."""
MOST_DELAY = 60.0
"""Between an observation and the effect of its action [s]."""
MOST_ENTITIES = 256
"""Robots, or landmarks, that an actor for teams of many sizes may be for."""
MOST_NUMBERS = 2**16
"""In an observation or a state; robots, or landmarks. A hostile file could ask for more than there is memory for."""
METADATA_KEY = "fieldswarm"
"""Key of the contract's JSON document in the metadata_props of the ONNX file."""


class FieldShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One named field of the observation: its size, unit and frame."""

    name: str
    size: int
    unit: str
    frame: str


class ActionShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the actor puts out: two numbers of `kind`, each within +-limit, in `unit`, world frame.

    `effect_delay` is the time after the observation at which the action is meant to take effect [s]: 0 in simple_spread itself
    (whose own dynamics move with the old velocity), one period for a set-point that stands in for those dynamics.
    """

    kind: ActionKind
    limit: float
    unit: str
    effect_delay: float


class Training(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the actor comes from, and what it reached when it was exported."""

    config_sha256: str
    commit: str
    seed: int
    steps: int
    world: str
    disturbances: str
    success: float


class Entities(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of an actor that reads any number of peers and landmarks (`runtime/entities.py`).

    Attributes:
        robots: fewest and most robots of a team that it may be in.
        landmarks: fewest and most landmarks.
        nearest: landmarks, and robots with itself, that it takes into account at most.
    """

    robots: tuple[int, int]
    landmarks: tuple[int, int]
    nearest: int


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an actor says to its peers each time that it runs, and reads of them as `peers_message`.

    Attributes:
        size: W, numbers in a message.
        kind: `numbers`, any; or `bits`, each of which is -1 or 1. Silence is zeros.
    """

    size: int
    kind: Literal["numbers", "bits"]


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One actor's contract. Lengths in m and times in s; for robot kind `point`, in simple_spread's units.

    Attributes:
        contract: version of this document.
        task: name of the task.
        team_size: number of robots the policy was trained with.
        landmarks: number of landmarks.
        agent: which agent of the team this actor is, from 0.
        observation: the fields of the observation, in their order.
        state_initial: initial value of the actor's state; empty where it has none.
        action: what comes out.
        period: control period T.
        period_tolerance: largest |T' - T| / T that it was trained for.
        arena_half_size: L; one unit of simple_spread.
        capture_radius: a landmark within this distance of a robot is covered.
        robot_radius: radius of the robot it was trained for.
        robot_kinds: kinds it may drive.
        training: provenance.
        entities: of an actor for teams of many sizes; `team_size`, `landmarks`, `observation` and `arena_half_size` are then those of the
            team that it was measured in. Not there in an actor for one size.
        message: of an actor that speaks; not there in one that is silent.
    """

    contract: int = CONTRACT_VERSION
    task: Literal["spread"] = "spread"
    team_size: int
    landmarks: int
    agent: int
    observation: tuple[FieldShape, ...]
    state_initial: tuple[float, ...]
    action: ActionShape
    period: float
    period_tolerance: float
    arena_half_size: float
    capture_radius: float
    robot_radius: float
    robot_kinds: tuple[str, ...]
    training: Training
    entities: Entities | msgspec.UnsetType = msgspec.UNSET
    message: Message | msgspec.UnsetType = msgspec.UNSET

    @property
    def reads_entities(self) -> bool:
        """Whether the actor is for teams of many sizes."""
        return self.entities is not msgspec.UNSET

    @property
    def words(self) -> int:
        """W: numbers in a message to the peers; 0 for an actor that is silent."""
        return 0 if self.message is msgspec.UNSET else self.message.size

    @property
    def observation_size(self) -> int:
        """D: numbers in one observation."""
        return sum(field.size for field in self.observation)

    @property
    def state_size(self) -> int:
        """S: numbers in the actor's state."""
        return len(self.state_initial)

    @property
    def layout(self) -> tuple[str, ...]:
        """Names of the observation's fields, in their order."""
        return tuple(field.name for field in self.observation)


def encode_contract(contract: Contract) -> str:
    """The contract as one JSON document, at full precision."""
    return msgspec.json.encode(contract).decode()


def decode_contract(text: str, place: str) -> Contract:
    """Parse and check one contract; `place` names its file in errors. Raises InputError."""
    try:
        version = msgspec.json.decode(text, type=dict).get("contract")
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"{place}: contract is not JSON: {error}") from None
    if version != CONTRACT_VERSION:
        raise InputError(f"{place}: contract: is version {version}, this runtime reads version {CONTRACT_VERSION}")
    try:
        contract = msgspec.json.decode(text, type=Contract)
    except msgspec.ValidationError as error:
        raise InputError(f"{place}: contract: {error}") from None
    _check_sane(contract, place)
    return contract


def _check_sane(contract: Contract, place: str) -> None:
    # An int can be too large for a float, and for math.isfinite with it.
    positive = ("period", "arena_half_size", "capture_radius", "robot_radius")
    for name, value in (*((name, getattr(contract, name)) for name in positive), ("action.limit", contract.action.limit)):
        if not 0 < value < math.inf:
            raise InputError(f"{place}: contract: {name}: is {value}, must be finite and above 0")
    counts = {"team_size": contract.team_size, "landmarks": contract.landmarks, "observation": contract.observation_size}
    for name, value in counts.items():
        if not 1 <= value <= MOST_NUMBERS:
            raise InputError(f"{place}: contract: {name}: is {value}, must be 1 ... {MOST_NUMBERS}")
    if contract.state_size > MOST_NUMBERS:
        raise InputError(f"{place}: contract: state_initial: has {contract.state_size} numbers, must have at most {MOST_NUMBERS}")
    if not 0 <= contract.agent < contract.team_size:
        last = contract.team_size - 1
        raise InputError(f"{place}: contract: agent: is {contract.agent}, a team of {contract.team_size} has agents 0 ... {last}")
    effect = ("action.effect_delay", contract.action.effect_delay, MOST_DELAY)
    for name, value, most in (effect, ("period_tolerance", contract.period_tolerance, 1)):
        if not 0 <= value <= most:
            raise InputError(f"{place}: contract: {name}: is {value}, must be 0 ... {most:g}")
    if contract.reads_entities:
        _check_entities(contract, place)
    if contract.message is not msgspec.UNSET and not 1 <= contract.message.size <= LONGEST_VECTOR:
        raise InputError(f"{place}: contract: message.size: is {contract.message.size}, must be 1 ... {LONGEST_VECTOR}")
    if not all(math.isfinite(value) for value in contract.state_initial):
        raise InputError(f"{place}: contract: state_initial: has a number that is not finite")


def _check_entities(contract: Contract, place: str) -> None:
    entities = contract.entities
    for name, measured in (("robots", contract.team_size), ("landmarks", contract.landmarks)):
        least, most = getattr(entities, name)
        if not 1 <= least <= measured <= most <= MOST_ENTITIES:
            bounds = f"1 <= least <= {measured} <= most <= {MOST_ENTITIES}"
            raise InputError(f"{place}: contract: entities.{name}: is {least} ... {most}, must have {bounds}")
    if not 1 <= entities.nearest <= MOST_ENTITIES:
        raise InputError(f"{place}: contract: entities.nearest: is {entities.nearest}, must be 1 ... {MOST_ENTITIES}")
    for field in ("landmarks_known", "peers_known"):
        if field not in contract.layout:
            raise InputError(f"{place}: contract: observation: has {', '.join(contract.layout)}; an entity actor needs {field}")


def check_robot(contract: Contract, spec: RobotSpec, place: str) -> None:
    """Refuse an actor that is not meant for this robot. Raises InputError that names both values."""
    if spec.kind not in contract.robot_kinds:
        raise InputError(f"{place}: actor is for robot kind {', '.join(contract.robot_kinds)}, this robot is '{spec.kind}'")
    if contract.action.kind != spec.action:
        raise InputError(f"{place}: actor puts out {contract.action.kind}, robot '{spec.kind}' takes {spec.action}")
    if contract.action.kind == "velocity_setpoint" and spec.radius > contract.robot_radius * (1 + 1e-9):
        raise InputError(f"{place}: actor was made for robots of radius {contract.robot_radius} m, '{spec.kind}' has {spec.radius} m")
    check_period(contract, spec.loop_period, place)


def check_period(contract: Contract, loop_period: float, place: str) -> None:
    """Refuse a control loop that cannot run the actor at its period. Raises InputError that names both values."""
    ticks = round(min(contract.period / loop_period, MOST_TICKS))
    got = ticks * loop_period
    if ticks < 1 or abs(got - contract.period) > contract.period * max(contract.period_tolerance, 1e-9):
        raise InputError(
            f"{place}: actor runs every {contract.period:g} s, a loop of {loop_period:g} s gives {max(ticks, 1) * loop_period:g} s"
            f" (tolerance {contract.period_tolerance:.1%})"
        )
