"""A robot carries neither a learner nor a simulator: what it runs must not load one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {
    "asyncio",
    "torch",
    "pybullet",
    "onnx",
    "onnxscript",
    "pettingzoo",
    "gymnasium",
    "mpe2",
    "scipy",
    "matplotlib",
    "PIL",
    "tensorboard",
    "tqdm",
}
SCRIPT = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def test_all_of_runtime_and_robots_loads_nothing_heavy() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("runtime", "robots")
        for path in sorted((ROOT / package).rglob("*.py"))
    ]
    assert {"runtime.node", "runtime.run_command", "runtime.cli", "robots.plant_driver"} <= set(modules)
    done = subprocess.run([sys.executable, "-c", SCRIPT, *modules], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not {name.partition(".")[0] for name in loaded} & {*HEAVY, "sim3d", "training"}
