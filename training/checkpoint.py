"""What a run directory holds, written so that an interruption at any moment leaves it whole."""

from __future__ import annotations

import hashlib
import io
import subprocess
from pathlib import Path

import torch

from robots.errors import InputError
from runtime.atomic import write_atomically
from training.config import TrainConfig, resolved_yaml
from training.config_checks import read_train_config
from training.learner import Learner
from training.learners import make_learner

CONFIG = "config.yaml"
CHECKPOINT = "checkpoint.pt"


def save_checkpoint(directory: Path, learner: Learner) -> None:
    """Write the learner's whole state to DIRECTORY/checkpoint.pt."""
    content = io.BytesIO()
    torch.save(learner.state_dict(), content)
    write_atomically(directory / CHECKPOINT, content.getvalue())


def load_run(directory: str | Path) -> Learner:
    """The learner of a run directory, as it stood at the last checkpoint. Raises InputError."""
    directory = Path(directory)
    if not directory.is_dir():
        raise InputError(f"{directory}: no such run directory")
    learner = make_learner(read_train_config(directory / CONFIG))
    path = directory / CHECKPOINT
    if not path.exists():
        raise InputError(f"{path}: no such file; the run has no checkpoint yet")
    try:
        learner.load_state_dict(torch.load(path, weights_only=True))
    except Exception as error:  # torch.load raises whatever lies inside: zip, pickle, key, runtime errors
        first_line = str(error).strip().splitlines()[:1]
        raise InputError(f"{path}: does not fit {directory / CONFIG} or is damaged: {' '.join(first_line)}") from None
    return learner


def config_sha256(config: TrainConfig) -> str:
    """Hash of the resolved configuration."""
    return hashlib.sha256(resolved_yaml(config).encode()).hexdigest()


def source_commit() -> str:
    """Commit of the checkout that this code runs from, with `+` when it has changes; `unknown` outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
