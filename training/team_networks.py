"""The networks that a configuration asks for: one a robot or one for all, with or without memory."""

from __future__ import annotations

import torch

from training.config import TrainConfig
from training.networks import TeamMlp
from training.recurrent import RecurrentTeam
from training.shared import SharedMlp


def actors_for(config: TrainConfig, inputs: int, outputs: int, output_gain: float, generator: torch.Generator) -> TeamMlp:
    """The actors' networks; see TeamMlp for the arguments."""
    if not config.network.memory:
        return perceptrons_for(config, inputs, outputs, output_gain, generator)
    return RecurrentTeam(config.network.memory, config.world.robots, inputs, config.network.hidden, outputs, output_gain, generator)


def perceptrons_for(config: TrainConfig, inputs: int, outputs: int, output_gain: float, generator: torch.Generator) -> TeamMlp:
    """Networks without memory, as critics are."""
    network = config.network
    shape = (config.world.robots, inputs, network.hidden, outputs, output_gain, generator)
    return TeamMlp(*shape) if network.share == "none" else SharedMlp(*shape, ids=network.share == "ids")
