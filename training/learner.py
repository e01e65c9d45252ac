"""What every learner offers to a run, its checkpoints and its export."""

from __future__ import annotations

from typing import Protocol

from sim3d.profile import Profile
from training.config import TrainConfig
from training.front_ends import FrontEnd
from training.ground import Ground
from training.policies import TeamPolicy


class Learner(Protocol):
    """A team that learns.

    Attributes:
        config: of the run; its seed decides every random number.
        ground: where the team learns and is tried.
        front_end: of the ground.
        profile: disturbances of the run.
        policy: of the team; the most likely choices are what is evaluated and exported.
        batches_done: so far.
    """

    config: TrainConfig
    ground: Ground
    front_end: FrontEnd
    profile: Profile
    policy: TeamPolicy
    batches_done: int

    def train_batch(self) -> dict[str, float]:
        """Collect one batch, learn from it, and return what a log wants to know: `return`, and figures with the same names each time."""

    def state_dict(self) -> dict[str, object]:
        """Everything that decides how training goes on, in types that `torch.load(weights_only=True)` reads."""

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken, bit for bit."""
