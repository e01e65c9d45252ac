"""What tests of several packages share: the real command, free endpoints, and a team of small exported actors."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import settings
from onnx import TensorProto, helper, numpy_helper

from runtime.bundle import write_manifest
from runtime.contract import METADATA_KEY, ActionShape, Contract, Training, encode_contract
from runtime.observation import SIMPLE_SPREAD_V3, field_shapes
from runtime.version import version

# What is ignored here is ignored in the processes that tests start, and these are to heed it: under `nohup make test &` both are ignored.
# A handler of ours is reset to the default in them.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, lambda number, frame: None)

# How long an example takes says more about what else the machine does; pytest-timeout looks after tests that hang.
settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

COMMAND = (sys.executable, "-m", "runtime.cli")
"""The console command `fieldswarm`, as this interpreter has it."""


@pytest.fixture
def fieldswarm() -> Callable[..., subprocess.CompletedProcess]:
    """Runs the real command to its end: fieldswarm("verify", path) -> CompletedProcess with text output."""

    def run(*arguments: object, timeout: float = 60.0) -> subprocess.CompletedProcess:
        return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False)

    return run


@pytest.fixture
def start_fieldswarm() -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts the real command; whatever still runs when the test ends is killed."""
    processes: list[subprocess.Popen] = []

    def start(*arguments: object) -> subprocess.Popen:
        command = [*COMMAND, *map(str, arguments)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def free_endpoints() -> Callable[[int], list[str]]:
    """Endpoints on loopback whose ports are free, all different."""

    def find(count: int) -> list[str]:
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            return [f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in sockets]

    return find


@pytest.fixture(scope="session")
def point_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three random actors for robots of kind `point`; they are no good at the task, but lively."""
    return write_point_bundle(tmp_path_factory.mktemp("bundle"), robots=3)


def write_point_bundle(folder: Path, robots: int, layout: Sequence[str] = SIMPLE_SPREAD_V3) -> Path:
    """A bundle of random tanh networks that read simple_spread_v3's observation, or another."""
    for agent in range(robots):
        contract = point_contract(agent, robots, layout)
        (folder / f"actor_{agent}.onnx").write_bytes(random_actor(contract, seed=agent))
    write_manifest(folder, success=0.0, differences=[(0.0, 0.0)] * robots, created_by=f"fieldswarm {version()}", provenance={})
    return folder


def point_contract(agent: int, robots: int, layout: Sequence[str] = SIMPLE_SPREAD_V3) -> Contract:
    """The contract of an actor in simple_spread itself."""
    return Contract(
        team_size=robots,
        landmarks=robots,
        agent=agent,
        observation=field_shapes(layout, robots, robots),
        state_initial=(),
        action=ActionShape(kind="force", limit=1.0, unit="1", effect_delay=0.0),
        period=0.1,
        period_tolerance=0.0,
        arena_half_size=1.0,
        capture_radius=0.1,
        robot_radius=0.15,
        robot_kinds=("point",),
        training=Training(config_sha256="", commit="", seed=agent, steps=0, world="spread", disturbances="none", success=0.0),
    )


def random_actor(contract: Contract, seed: int, hidden: int = 32) -> bytes:
    """action = limit * tanh(tanh(observation A + a) B + b), with random weights, as an ONNX file with its contract."""
    generator = np.random.default_rng(seed)
    shapes = {"A": (contract.observation_size, hidden), "a": (hidden,), "B": (hidden, 2), "b": (2,)}
    weights = {name: generator.normal(0.0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["observation", "A", "a"], ["features"]),
            helper.make_node("Tanh", ["features"], ["hidden"]),
            helper.make_node("Gemm", ["hidden", "B", "b"], ["logits"]),
            helper.make_node("Tanh", ["logits"], ["unit"]),
            helper.make_node("Mul", ["unit", "limit"], ["action"]),
        ],
        "random_actor",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", contract.observation_size])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", 2])],
        [
            *(numpy_helper.from_array(values, name) for name, values in weights.items()),
            numpy_helper.from_array(np.array(contract.action.limit, np.float32), "limit"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: encode_contract(contract)})
    onnx.checker.check_model(model)
    return model.SerializeToString()
