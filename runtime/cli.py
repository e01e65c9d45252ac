"""The console command `fieldswarm`: one table of subcommands, each imported only when it is asked for."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from robots.errors import InputError

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as a shell reports it."""

_OWN_PACKAGES = ("robots", "runtime", "sim3d", "training")


@dataclass(frozen=True)
class _Command:
    """One subcommand: its module, what it does in one line, and the extra that it needs (empty: the onboard set is enough)."""

    module: str
    help: str
    extra: str = ""


COMMANDS = {
    "train": _Command("training.train_command", "train one actor for each robot", "train,sim"),
    "export": _Command("training.export_command", "turn a training run into a bundle of ONNX actors", "train,sim"),
    "verify": _Command("runtime.verify_command", "check a bundle's hashes and contracts"),
    "keys": _Command("runtime.keys_command", "draw a team's keys", "security"),
    "doctor": _Command("runtime.doctor_command", "check a robot before its first mission"),
    "run": _Command("runtime.run_command", "run one robot"),
    "stop": _Command("runtime.stop_command", "stop robots at once, over the network"),
    "health": _Command("runtime.health_command", "ask a robot on this machine how it is"),
    "install-service": _Command("runtime.service_command", "write a systemd unit that runs a robot"),
    "replay": _Command("runtime.replay_command", "compute a robot's log again, and find the first tick that differs"),
    "plot": _Command("sim3d.plot_command", "draw the logs of robots", "sim"),
    "evaluate": _Command("sim3d.evaluate_command", "score a bundle in a simulated world", "sim"),
    "report": _Command("sim3d.report.command", "make the report of an evaluation again", "sim"),
    "explain": _Command("sim3d.explain.command", "say which robot failed first, and what each contributes", "sim"),
    "plant": _Command("sim3d.plant.command", "serve a simulated world to robots", "sim"),
    "simulate": _Command("sim3d.simulate_command", "start a plant and all robots of a team, each in its own process", "sim"),
    "characterise": _Command("sim3d.characterise.command", "measure how a robot answers set-points, and identify its planar model", "sim"),
    "transfer": _Command("sim3d.transfer.command", "score bundles in all their worlds, under one profile after the other", "sim"),
    "picture": _Command("sim3d.picture_command", "draw recorded missions", "sim"),
    "scale": _Command("training.scale.command", "fly entity actors in teams of any size, and measure what they cost", "train,sim"),
    "study": _Command("training.studies.command", "train several configurations over several seeds, and compare them", "train,sim"),
    "demo": _Command("training.demo_command", "train, export, deploy and measure, from nothing to one table", "train,sim"),
}


class _Parser(argparse.ArgumentParser):
    """argparse that says what is wrong in one line, as every other error does."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0, 2 for input that cannot be used, 130 after Ctrl-C, or the command's own."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if words else EXIT_BAD_INPUT
    if words[0] == "--version":
        from runtime.version import version  # importlib.metadata alone takes a tenth of a robot's start-up

        print(f"fieldswarm {version()}")
        return 0
    name, rest = words[0], words[1:]
    try:
        return _run(name, rest)
    except InputError as error:
        return _say(str(error), EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`); what is left must not fail again when Python flushes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if not missing or missing in _OWN_PACKAGES:
            raise
        extra = COMMANDS[name].extra
        mend = f"the extra '{extra}': pip install 'fieldswarm[{extra}]'" if extra else "a complete installation: pip install fieldswarm"
        return _say(f"'{name}' needs {mend} (missing: {missing})", EXIT_BAD_INPUT)


def _run(name: str, rest: list[str]) -> int:
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
        hint = f"did you mean '{nearest[0]}'?" if nearest else f"commands: {', '.join(COMMANDS)}"
        raise InputError(f"unknown command '{name}'; {hint}")
    module = importlib.import_module(COMMANDS[name].module)
    parser = _Parser(prog=f"fieldswarm {name}", description=module.__doc__, allow_abbrev=False)
    module.add_arguments(parser)
    return module.run(parser.parse_args(rest)) or 0


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: fieldswarm COMMAND ...",
            "",
            "Take cooperative multi-robot policies from simulation to robots.",
            "",
            *lines,
            "",
            "fieldswarm COMMAND --help says more; fieldswarm --version says which version this is.",
        ]
    )


def _say(text: str, status: int) -> int:
    print(f"fieldswarm: {' '.join(text.split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
