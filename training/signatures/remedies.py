"""Which keys of a configuration are far from the values that are known to train."""

from __future__ import annotations

from collections.abc import Callable

from training.config import SECTIONS, TrainConfig

FAR = 3.0
"""How many times a value must be its default to count as far from it: recipes of the field lie within that of each other (JaxMARL, HARL and
MAPPO on MPE: learning rates from 5e-4 to 5e-3 among learners, 5e-4 to 1e-3 for one)."""

LEARNING_RATES = ("learning_rate", "actor_learning_rate", "critic_learning_rate")
"""Keys of any learner's section."""


def far_above(config: TrainConfig, keys: tuple[str, ...]) -> str | None:
    """The first of these keys of the learner's section that is far above its default, with the default: `ppo.learning_rate: 0.0007`."""
    return _first(config, keys, lambda value, default: value > FAR * default)


def far_below(config: TrainConfig, keys: tuple[str, ...]) -> str | None:
    """The first of these keys of the learner's section that is far below its default, with the default."""
    return _first(config, keys, lambda value, default: value < default / FAR)


def with_learning_rates_times(config: TrainConfig, factor: float) -> str:
    """Every learning rate of the learner multiplied, as a configuration says it."""
    name = SECTIONS[config.learner]
    section = getattr(config, name)
    changed = [f"{name}.{key}: {getattr(section, key) * factor:.2g}" for key in LEARNING_RATES if hasattr(section, key)]
    return ", ".join(changed)


def _first(config: TrainConfig, keys: tuple[str, ...], is_far: Callable[[float, float], bool]) -> str | None:
    name = SECTIONS[config.learner]
    section = getattr(config, name)
    default = type(section)()
    for key in keys:
        if hasattr(section, key) and is_far(getattr(section, key), getattr(default, key)):
            return f"{name}.{key}: {getattr(default, key)}"
    return None
