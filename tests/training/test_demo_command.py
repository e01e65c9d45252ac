"""The demo, from nothing to its table, with a policy that hardly learned: what counts here is that every step runs and says what it did."""

import json
import subprocess
import sys

TINY = """
ppo: {episodes: 8, epochs: 1, minibatches: 2}
network: {hidden: [8]}
steps: 400
evaluation_episodes: 16
threads: 1
"""


def test_the_demo_runs_to_its_table_and_goes_on_where_it_was_stopped(tmp_path):
    config, out = tmp_path / "tiny.yaml", tmp_path / "demo"
    config.write_text(TINY)
    words = [sys.executable, "-m", "runtime.cli", "demo", "--config", str(config), "--out", str(out), "--missions", "1"]
    first = subprocess.run(words, capture_output=True, text=True, timeout=240)
    assert first.returncode == 0, first.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert summary["field"]["missions"] == 1 and summary["realtime"]["clock"] == "realtime"
    assert all(not robot["process"]["torch"] and not robot["process"]["pybullet"] for robot in summary["clean"]["robots"].values())
    assert (out / "missions.png").stat().st_size > 10_000 and (out / "mission.gif").stat().st_size > 10_000
    for command in ("train", "export", "evaluate", "simulate", "picture"):
        assert f"$ fieldswarm {command} " in first.stdout
    assert "one robot's process" in first.stdout

    (out / "field" / "summary.json").unlink()
    trained = (out / "train" / "checkpoint.pt").stat().st_mtime_ns
    again = subprocess.run(words, capture_output=True, text=True, timeout=240)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("it is there already") == 7
    assert (out / "train" / "checkpoint.pt").stat().st_mtime_ns == trained
    assert json.loads((out / "summary.json").read_text())["seconds"]["train"] == summary["seconds"]["train"]
