"""Each failure signature in a real run that fails on purpose: small, but trained, evaluated and recorded as any other."""

import json

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from robots.yaml_input import dump_yaml
from runtime import cli
from training.ppo import Ppo
from training.signatures.findings import read_findings

SMALL = {"network": {"hidden": [16]}, "evaluate_every": 2, "evaluation_episodes": 32, "threads": 1}
FROZEN = {"ppo": {"episodes": 8, "epochs": 1, "learning_rate": 1e-9, "final_learning_rate": 1e-9}, "steps": 3_200}
WILD = {"huber_delta": 1e6, "max_grad_norm": 1e6}
PROVOKED = {
    "flat reward": FROZEN,
    "entropy collapse": {
        "world": {"actions": "discrete"},
        "ppo": {"episodes": 8, "entropy": 0.0, "learning_rate": 0.3, "final_learning_rate": 0.3},
        "steps": 2_400,
    },
    "value explosion": {"ppo": {"episodes": 8, "learning_rate": 10.0, "final_learning_rate": 10.0, **WILD}, "steps": 4_000},
    "value explosion, q_learning": {
        "learner": "q_learning",
        "world": {"actions": "discrete"},
        "q": {
            "episodes": 8,
            "buffer": 100,
            "batch": 64,
            "updates": 8,
            "learning_rate": 1.0,
            "final_learning_rate": 1.0,
            "target_rate": 1.0,
            **WILD,
        },
        "steps": 4_000,
    },
    "value explosion, maddpg": {
        "learner": "maddpg",
        "maddpg": {"episodes": 8, "buffer": 100, "batch": 64, "updates": 8, "critic_learning_rate": 10.0, "target_rate": 1.0, **WILD},
        "steps": 4_000,
    },
}


def trained(bad, directory, capsys):
    """The exit status of a run, what it said on the terminal, and what it found."""
    path = directory / "bad.yaml"
    path.write_text(dump_yaml({**SMALL, **bad}))
    status = cli.main(["train", str(path), "--out", str(directory / "run")])
    return status, capsys.readouterr(), read_findings(directory / "run")


@pytest.mark.parametrize("label", PROVOKED)
def test_a_run_that_fails_on_purpose_is_told_so(label, tmp_path, capsys):
    status, said, findings = trained(PROVOKED[label], tmp_path, capsys)
    name = label.split(",")[0]
    finding = next(each for each in findings if each.signature == name)
    (line,) = [line for line in said.err.splitlines() if f"{name}: {finding.symptom}" in line]
    assert finding.remedy in line
    if status == 0:
        result = json.loads((tmp_path / "run" / "result.json").read_text())
        assert name in [each["signature"] for each in result["signatures"]]
        assert f"{name} from" in said.out
        board = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
        texts = [event.tensor_proto.string_val[0].decode() for event in board.Tensors("signatures/text_summary")]
        assert line in texts


def test_a_team_that_parts_too_late_is_told_so(tmp_path, capsys):
    """One network for all and critics that see no teammates: robots learn to go to the middle of the landmarks, all of them."""
    config = {
        "network": {"share": "all", "critics_see": "local", "hidden": [32, 32]},
        "ppo": {"episodes": 16, "entropy": 0.05, "final_entropy": 0.05},
        "steps": 20_000,
        "evaluate_every": 5,
        "evaluation_episodes": 128,
    }
    _, said, findings = trained(config, tmp_path, capsys)
    assert "symmetry collapse" in [finding.signature for finding in findings]
    assert "Remedy: network.share: none" in said.err


def test_a_robot_that_goes_on_under_latency_oscillates_and_one_without_does_not(tmp_path, capsys):
    """A robot that learned to reach its landmark, with commands that now act two steps late; the same robot without that is at rest."""
    config = {
        "world": {"robots": 1},
        "network": {"hidden": [32, 32]},
        "ppo": {"episodes": 32},
        "steps": 30_000,
        "evaluate_every": 5,
        "evaluation_episodes": 64,
    }
    (tmp_path / "clean").mkdir()
    (tmp_path / "late").mkdir()
    _, said, findings = trained(config, tmp_path / "clean", capsys)
    assert findings == [] and "no failure signature seen" in said.out
    profile = tmp_path / "late.yaml"
    profile.write_text(dump_yaml({"name": "late", "actuation": {"delay": 0.2}}))
    late = {
        **config,
        "start": str(tmp_path / "clean" / "run"),
        "world": {"robots": 1, "profile": str(profile)},
        "ppo": {"episodes": 32, "learning_rate": 1e-5, "final_learning_rate": 1e-5},
        "steps": 6_400,
        "evaluate_every": 2,
    }
    _, said, findings = trained(late, tmp_path / "late", capsys)
    assert [finding.signature for finding in findings] == ["oscillation near a landmark"]
    assert "Remedy: actor.front_end: latency_compensation" in said.err


def test_a_run_that_was_interrupted_and_resumed_finds_what_one_without_a_break_finds(tmp_path, capsys, monkeypatch):
    trained({**FROZEN, "checkpoint_every": 4}, tmp_path, capsys)
    whole = tmp_path / "run"
    assert read_findings(whole)[0].signature == "flat reward"
    broken = tmp_path / "broken"
    once = iter(range(13))

    def interrupted(learner):
        if next(once, None) is None:
            raise KeyboardInterrupt
        return train_batch(learner)

    train_batch = Ppo.train_batch
    monkeypatch.setattr(Ppo, "train_batch", interrupted)
    assert cli.main(["train", str(tmp_path / "bad.yaml"), "--out", str(broken)]) == 2
    monkeypatch.undo()
    said_before = capsys.readouterr()
    assert cli.main(["train", "--resume", str(broken)]) == 0
    said = capsys.readouterr()
    assert (broken / "signatures.json").read_bytes() == (whole / "signatures.json").read_bytes()
    assert "flat reward" in said_before.err and "flat reward:" not in said.err  # said once
    assert "seen: flat reward" in said.out


def test_a_run_whose_networks_are_lost_stops_with_one_line_and_keeps_what_was_sound(tmp_path, capsys):
    bad = {"ppo": {"episodes": 8, "learning_rate": 1e30}, "steps": 4_000, "checkpoint_every": 1}
    status, said, findings = trained(bad, tmp_path, capsys)
    assert status == 2 and "Traceback" not in said.err
    last = said.err.strip().splitlines()[-1]
    assert last.startswith(f"fieldswarm: {tmp_path}/run: batch") and "ppo.learning_rate: 0.0007" in last
    assert [finding.signature for finding in findings] == ["value explosion"]
    assert not (tmp_path / "run" / "result.json").exists()
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    if checkpoint.exists():
        weights = torch.load(checkpoint, weights_only=True)["policy"].values()
        assert all(each.isfinite().all() for each in weights)
