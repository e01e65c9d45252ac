"""What a control period costs a robot: observation, actor and safety gate, against the bare onnxruntime session."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import onnxruntime

from robots.spec import load_spec
from runtime.actor import OnnxActor
from runtime.observation import View, observe
from runtime.safety import Limits, gate
from tests.benchmarks.row import Row
from tests.conftest import point_contract, random_actor

ROBOTS = 3
HIDDEN = 64
RUNS = 20_000


def measure() -> list[Row]:
    """Percentiles of one robot's computation in microseconds, one thread."""
    model = random_actor(point_contract(agent=0, robots=ROBOTS), seed=0, hidden=HIDDEN)
    actor = OnnxActor(model, "benchmark")
    spec = load_spec("point")
    limits = Limits.of(spec, spec.loop_period, geofence=2.0)
    view = View(
        own_position=np.array([0.1, 0.2]),
        own_velocity=np.array([0.3, 0.4]),
        landmarks=np.linspace(-1.0, 1.0, 2 * ROBOTS).reshape(ROBOTS, 2),
        peers=np.linspace(-0.5, 0.5, 2 * (ROBOTS - 1)).reshape(ROBOTS - 1, 2),
    )
    state = actor.initial_state()
    previous = np.zeros(2)

    def period() -> None:
        action, _ = actor.act(observe(actor.contract.layout, view), state)
        gate(limits, action, previous, view.own_position)

    bare_50, bare_99 = percentiles(bare_session(model, actor.contract.observation_size))
    whole_50, whole_99 = percentiles(period)
    return [
        Row(f"onnxruntime session.run, {HIDDEN} hidden units, p50", bare_50, "us"),
        Row("observation + actor + safety gate, p50", whole_50, "us", whole_50 / bare_50, "session.run p50"),
        Row("observation + actor + safety gate, p99", whole_99, "us", whole_99 / bare_99, "session.run p99"),
    ]


def bare_session(model: bytes, size: int) -> Callable[[], object]:
    """The session alone, one thread, on an observation of zeros."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {"observation": np.zeros((1, size), dtype=np.float32)}
    return lambda: session.run(None, feed)


def percentiles(work: Callable[[], object]) -> tuple[float, float]:
    """The 50th and 99th percentile of many runs [us]."""
    for _ in range(RUNS // 20):
        work()
    times = np.empty(RUNS)
    for run in range(RUNS):
        begin = time.perf_counter_ns()
        work()
        times[run] = time.perf_counter_ns() - begin
    median, late = np.percentile(times, [50, 99]) / 1000
    return float(median), float(late)
