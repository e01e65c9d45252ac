"""The networks that a configuration asks for: one a robot or one for all, with or without memory."""

from __future__ import annotations

import torch

from training.config import TrainConfig
from training.entity_networks import EntityNetwork, EntityTeam
from training.entity_scene import fields_for
from training.entity_speech import Speech
from training.networks import TeamMlp
from training.recurrent import RecurrentTeam
from training.shared import SharedMlp


def actors_for(config: TrainConfig, inputs: int, outputs: int, output_gain: float, generator: torch.Generator) -> TeamMlp | EntityTeam:
    """The actors' networks; see TeamMlp for the arguments."""
    if config.network.kind == "entities":
        return _entities_for(config, outputs, False, output_gain, generator)
    if not config.network.memory:
        return perceptrons_for(config, inputs, outputs, output_gain, generator)
    return RecurrentTeam(config.network.memory, config.world.robots, inputs, config.network.hidden, outputs, output_gain, generator)


def critics_for(config: TrainConfig, inputs: int, generator: torch.Generator) -> TeamMlp | EntityTeam:
    """The critics' networks; see TeamMlp for the arguments."""
    if config.network.kind == "entities":
        return _entities_for(config, 1, True, 1.0, generator)
    return perceptrons_for(config, inputs, 1, 1.0, generator)


def _entities_for(config: TrainConfig, outputs: int, values: bool, output_gain: float, generator: torch.Generator) -> EntityTeam:
    entities, robots = config.entities, config.world.robots
    speech = Speech(entities.words, entities.word_kind == "bits") if entities.words else None
    network = EntityNetwork(config.network.hidden, outputs, entities.heads, entities.rounds, values, output_gain, generator, speech)
    return EntityTeam(network, robots, robots, entities.nearest, fields_for(entities))


def perceptrons_for(config: TrainConfig, inputs: int, outputs: int, output_gain: float, generator: torch.Generator) -> TeamMlp:
    """Networks without memory, as critics are."""
    network = config.network
    shape = (config.world.robots, inputs, network.hidden, outputs, output_gain, generator)
    return TeamMlp(*shape) if network.share == "none" else SharedMlp(*shape, ids=network.share == "ids")
