"""One actor: a pure function in an ONNX file, and the contract that lies inside it."""

from __future__ import annotations

import copy
import os
import stat
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from robots.errors import InputError
from runtime.contract import METADATA_KEY, Contract, decode_contract
from runtime.entities import by_owner, contract_for_team, input_sizes
from runtime.observation import field_shapes
from runtime.onnx_wire import check_model

LARGEST_ACTOR = 32 * 2**20
"""Bytes; far above any policy that fits a control period, far below what would exhaust a robot's memory."""

MOST_MEMORY = 2**30
"""Bytes of weights and intermediate results, of all actors of a process; a small file can ask for more than any machine has."""

ACTION_SIZE = 2
ENTITY_INPUTS = ("landmarks", "peers")
"""Inputs of a graph that have a row for each of many."""


class OnnxActor:
    """An actor, ready to run: `(observation [B, D], state [B, S]) -> (action [B, 2], next_state [B, S])`, all float32.

    The tensors are named `observation`, `state`, `action` and `next_state`; an actor without memory (S = 0) has no state tensors, one that
    speaks puts out a `message` [B, W] as well. An entity actor's observation is fed by whom its numbers are of (`runtime/entities.py`).

    Args:
        model: the bytes of the ONNX file.
        place: names the file in errors.

    Raises:
        InputError: no ONNX, no contract, or a graph that is not what its contract says.
    """

    def __init__(self, model: bytes, place: str) -> None:
        if len(model) > LARGEST_ACTOR:
            raise InputError(f"{place}: has {len(model)} bytes, an actor has at most {LARGEST_ACTOR}")
        check_model(model, place)
        self._session = _open_session(model, place)
        self.contract: Contract = _read_contract(self._session, place)
        _check_fields(self.contract, place)
        try:
            _check_graph(self._session, self.contract, place)
        except UnicodeDecodeError as error:
            raise InputError(f"{place}: has a name that is not UTF-8: {error}") from None
        self._initial = np.array(self.contract.state_initial, dtype=np.float32)
        self._outputs = [*_output_sizes(self.contract)]
        for robots, landmarks in _sizes_to_try(self.contract):
            self.for_team(self.contract.agent, robots, landmarks, place)._try_one_run(place)

    @classmethod
    def read(cls, path: str | Path) -> OnnxActor:
        """The actor in one file. Raises InputError, for a missing file too."""
        return cls(read_limited(Path(path), LARGEST_ACTOR), str(path))

    def for_team(self, agent: int, robots: int, landmarks: int, place: str) -> OnnxActor:
        """This actor, whose contract is then that for agent `agent` of a team of one size. Raises InputError: see contract_for_team."""
        actor = copy.copy(self)
        actor.contract = contract_for_team(self.contract, agent, robots, landmarks, place)
        return actor

    def initial_state(self, *leading: int) -> np.ndarray:
        """The state [*leading, S] before the first observation of an episode."""
        return np.broadcast_to(self._initial, (*leading, self._initial.size)).copy()

    def act(self, observation: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run once, of an actor that speaks for what it does alone: see act_and_speak."""
        action, _, following = self.act_and_speak(observation, state)
        return action, following

    def act_and_speak(self, observation: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Run once.

        Args:
            observation: [..., D]; cast to float32 here and nowhere else, so that every caller rounds alike.
            state: [..., S], from `initial_state` or the last call.

        Returns:
            action [..., 2], message [..., W] (None from an actor that is silent) and next state [..., S], float32.
        """
        leading = observation.shape[:-1]
        feed = self._feed(observation.reshape(-1, observation.shape[-1]))
        if self.contract.state_size:
            feed["state"] = state.reshape(-1, state.shape[-1]).astype(np.float32, copy=False)
        action, *rest = (each.reshape(*leading, each.shape[-1]) for each in self._session.run(self._outputs, feed))
        message = rest.pop(0) if self.contract.words else None
        return action, message, rest[0] if rest else state

    def _feed(self, observation: np.ndarray) -> dict[str, np.ndarray]:
        if self.contract.reads_entities:
            return by_owner(self.contract, observation)
        return {"observation": observation.astype(np.float32, copy=False)}

    def _try_one_run(self, place: str) -> None:
        """Shows a graph that loads but cannot run, and lets onnxruntime allocate before the first control period."""
        feed = self._feed(np.zeros((2, self.contract.observation_size), dtype=np.float32))
        if self.contract.state_size:
            feed["state"] = self.initial_state(2)
        try:
            found = [output.shape for output in self._session.run(self._outputs, feed)]
        except Exception as error:  # as in _open_session
            raise InputError(f"{place}: cannot be run: {_one_line(error)}") from None
        expected = [(2, size) for size in _output_sizes(self.contract).values()]
        if found != expected:
            raise InputError(f"{place}: gives {', '.join(self._outputs)} of shape {found} for two observations, must be {expected}")


def read_limited(path: Path, largest: int) -> bytes:
    """The bytes of a file that has at most `largest`. Raises InputError."""
    try:
        # Not to wait at a pipe that nobody writes to.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{path}: is no regular file")
            data = file.read(largest + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > largest:
        raise InputError(f"{path}: has more than the {largest} bytes that are allowed")
    return data


@cache
def _limit_memory() -> None:
    """Make one allocator for all sessions of the process, which gives `MOST_MEMORY` and no more."""
    memory = onnxruntime.OrtMemoryInfo("Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT)
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg({"max_mem": MOST_MEMORY, "arena_extend_strategy": 1}))


def _open_session(model: bytes, place: str) -> onnxruntime.InferenceSession:
    _limit_memory()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # The default pool spins on every core and starves the control loop (huggingface/lerobot PR 4264).
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        # Its fallback would print, and try the same again.
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise InputError(f"{place}: is not a usable ONNX file: {_one_line(error)}") from None


def _read_contract(session: onnxruntime.InferenceSession, place: str) -> Contract:
    try:
        metadata = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: its metadata is not UTF-8: {error}") from None
    if METADATA_KEY not in metadata:
        raise InputError(f"{place}: has no contract (metadata key '{METADATA_KEY}'); keys found: {', '.join(sorted(metadata)) or 'none'}")
    return decode_contract(metadata[METADATA_KEY], place)


def _output_sizes(contract: Contract) -> dict[str, int]:
    """Numbers of each output of the graph, in their order."""
    sizes = {"action": ACTION_SIZE, "message": contract.words, "next_state": contract.state_size}
    return {name: size for name, size in sizes.items() if size}


def _check_fields(contract: Contract, place: str) -> None:
    """An observation that differs from the trained one is the classic failed deployment (IsaacLab 2636, unitree_rl_gym 26)."""
    try:
        expected = field_shapes(contract.layout, contract.team_size, contract.landmarks, contract.words)
    except InputError as error:
        raise InputError(f"{place}: contract: {error}") from None
    for found, wanted in zip(contract.observation, expected, strict=True):
        for part in ("size", "unit", "frame"):
            if getattr(found, part) != getattr(wanted, part):
                raise InputError(
                    f"{place}: contract: observation field '{found.name}': {part} is {getattr(found, part)!r},"
                    f" this runtime builds {getattr(wanted, part)!r}"
                )


def _sizes_to_try(contract: Contract) -> list[tuple[int, int]]:
    """Robots and landmarks of the teams that an actor must run in to be believed: the smallest, the largest, and that of its contract."""
    team = (contract.team_size, contract.landmarks)
    return [*zip(contract.entities.robots, contract.entities.landmarks, strict=True), team] if contract.reads_entities else [team]


def _check_graph(session: onnxruntime.InferenceSession, contract: Contract, place: str) -> None:
    state = {"state": contract.state_size} if contract.state_size else {}
    rows = input_sizes(contract.layout, contract.words) if contract.reads_entities else {"observation": contract.observation_size}
    _check_tensors("input", session.get_inputs(), {**rows, **state}, place)
    _check_tensors("output", session.get_outputs(), _output_sizes(contract), place)


def _check_tensors(direction: str, tensors: list[Any], expected: dict[str, int], place: str) -> None:
    found = {tensor.name: tensor for tensor in tensors}
    if set(found) != set(expected):
        raise InputError(f"{place}: graph {direction}s are {', '.join(found) or 'none'}, the contract asks for {', '.join(expected)}")
    for name, size in expected.items():
        shape, kind = found[name].shape, found[name].type
        if kind != "tensor(float)":
            raise InputError(f"{place}: graph {direction} '{name}' is {kind}, must be tensor(float) (float32)")
        *counts, numbers = shape or [0]
        expected_counts = ["batch", name] if name in ENTITY_INPUTS else ["batch"]
        fixed = len(counts) != len(expected_counts) or any(isinstance(count, int) for count in counts)
        if fixed or (isinstance(numbers, int) and numbers != size):
            wanted = ", ".join(map(str, [*expected_counts, size]))
            raise InputError(f"{place}: graph {direction} '{name}' has shape {shape}, the contract asks for [{wanted}]")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
