"""An evaluation to report on: small, with every part that a report has, and names that mean harm."""

from __future__ import annotations

import json
from pathlib import Path

from runtime import cli
from tests.sim3d.homing import write_homing_bundle

HOSTILE = "<script>window.harmed = 1<!-- & \"'><img src=x onerror=window.harmed=2>"
"""Also the name of a folder, so without a slash."""

SUITE = f"""
name: {json.dumps(HOSTILE)}
episodes: {{spread: 40}}
aftermath: 1.0
scale: {{spread: {{metre: 1.0, second: 1.0}}}}
families:
  sensing:
    noise:
      about: {json.dumps("noise </title></script>" + HOSTILE)}
      axis: {{figure: sensing.position_sigma, unit: <b>m}}
      rungs:
        2: {{sensing: {{position_sigma: 0.05}}}}
        5: {{sensing: {{position_sigma: 0.3}}}}
  actuation:
    latency:
      about: latency
      axis: {{figure: actuation.delay, unit: s}}
      rungs:
        3: {{actuation: {{delay: 0.1}}}}
        5: {{actuation: {{delay: 0.3}}}}
  dynamics:
    motors:
      about: motors
      axis: {{figure: dynamics.motor_gain}}
      rungs:
        4: {{dynamics: {{motor_gain: 0.5}}}}
  faults:
    stop: {{about: a robot stops, rungs: {{3: {{faults: [{{kind: stop, at: 1.0}}]}}, 5: {{faults: [{{kind: stop}}]}}}}}}
    lie: {{about: a robot lies, rungs: {{2: {{faults: [{{kind: lie, offset: 0.5}}]}}}}}}
grids:
  both: {{rows: sensing.noise, columns: actuation.latency}}
deployed: {{missions: 2, cells: [clean]}}
"""
LADDERS, GRIDS, FAMILIES = 5, 1, 4


def evaluate_hostile(folder: Path) -> Path:
    """Two training seeds of `good` and one of `poor`, whose folder has a name that means harm; gives the folder of results."""
    suite = folder / "suite.yaml"
    suite.write_text(SUITE)
    good = [write_homing_bundle(folder / name, gain=gain) for name, gain in (("good", 1.0), ("good too", 0.9))]
    poor = write_homing_bundle(folder / HOSTILE, gain=0.1)
    words = ["evaluate", *[f"good={bundle}" for bundle in good], f"poor={poor}", "--suite", str(suite), "--executor", "in-process"]
    assert cli.main([*words, "--out", str(folder / "out")]) == 0
    return folder / "out"
