import msgspec
import pytest
import torch

from training.config import PpoConfig, TrainConfig, WorldConfig
from training.ppo import Ppo


@pytest.fixture(scope="session")
def make_learner():
    """A learner whose policy is far from its start, without the minutes that training takes."""

    def make(**world) -> Ppo:
        config = TrainConfig(world=WorldConfig(**world), ppo=PpoConfig(episodes=8), steps=200, evaluation_episodes=16, threads=1)
        learner = Ppo(msgspec.structs.replace(config, seed=5))
        generator = torch.Generator().manual_seed(11)
        with torch.no_grad():
            for parameter in learner.policy.actors.parameters():
                parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
        return learner

    return make
