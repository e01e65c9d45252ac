"""The command line: one line for what is wrong, nothing imported that was not asked for."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import cli
from tests.runtime.factory import make_bundle

Command = Callable[..., subprocess.CompletedProcess]


def test_help_lists_every_command_without_importing_any(capsys: pytest.CaptureFixture) -> None:
    before = set(sys.modules)
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in cli.COMMANDS)
    assert not {name for name in set(sys.modules) - before if name.startswith(("sim3d", "training"))}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], ["unknown command 'trian'", "did you mean 'train'?"]),
        (["xyz"], ["unknown command 'xyz'", "train, export, verify"]),
        (["verify"], ["fieldswarm verify: ", "BUNDLE", "--help"]),
        (["verify", "nowhere", "--fast"], ["--fast"]),
        (["run", "--robot"], ["--robot"]),
        (["verify", "nowhere"], ["nowhere: no such bundle"]),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(fieldswarm: Command, arguments: list[str], words: list[str]) -> None:
    done = fieldswarm(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("fieldswarm") and done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words), done.stderr


def test_a_missing_package_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def run(arguments: object) -> None:
        import torch.nn  # noqa: F401

    module = types.SimpleNamespace(__doc__="", add_arguments=lambda parser: None, run=run)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "training.train_command", module)
    assert cli.main(["train"]) == 2
    line = capsys.readouterr().err
    assert line == "fieldswarm: 'train' needs the extra 'train,sim': pip install 'fieldswarm[train,sim]' (missing: torch)\n"


def test_a_mistake_of_ours_is_not_taken_for_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "runtime.verify_command", None)
    with pytest.raises(ImportError):
        cli.main(["verify", "somewhere"])


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from runtime import verify_command

    def interrupt(arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_command, "run", interrupt)
    assert cli.main(["verify", "somewhere"]) == 130


def test_verify_says_what_is_in_a_sound_bundle(fieldswarm: Command, tmp_path: Path) -> None:
    done = fieldswarm("verify", make_bundle(tmp_path / "bundle"))
    assert done.returncode == 0 and done.stderr == ""
    for word in ("sound; 3 actors", "omni", "every 0.4 s", "agent 2: actor_2.onnx", "D = 18, S = 2", "peers_relative (4)", "run: none"):
        assert word in done.stdout


def test_version_is_the_distribution_s(fieldswarm: Command) -> None:
    from runtime.version import version

    assert fieldswarm("--version").stdout == f"fieldswarm {version()}\n"
