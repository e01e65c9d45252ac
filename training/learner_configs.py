"""What a configuration may say of its learner, one section for each kind, with the reason for each default."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from robots.errors import InputError


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a configuration: unknown keys are errors."""


class PpoConfig(Part):
    """PPO (arXiv 1707.06347) with the details of MAPPO (arXiv 2103.01955) that matter on MPE.

    Attributes:
        episodes: parallel episodes in a batch.
        epochs: passes over a batch.
        minibatches: updates in a pass.
        learning_rate: at the start; falls linearly to `final_learning_rate`.
        gamma: discount.
        returns: how advantages are made: `gae`, or `monte_carlo` (which is GAE with lambda 1).
        gae_lambda: lambda of GAE (arXiv 1506.02438).
        clip: PPO's clip range.
        entropy: weight of the entropy bonus at the start; falls linearly to `final_entropy`.
        max_grad_norm: of each robot's actor and of each robot's critic.
        huber_delta: of the value loss, in units of the normalised return.
    """

    episodes: int = 512
    epochs: int = 4
    minibatches: int = 4
    learning_rate: float = 7e-4
    final_learning_rate: float = 7e-5
    gamma: float = 0.95
    returns: Literal["gae", "monte_carlo"] = "gae"
    gae_lambda: float = 0.95
    clip: float = 0.2
    entropy: float = 0.003
    final_entropy: float = 0.0
    max_grad_norm: float = 10.0
    huber_delta: float = 10.0


class QConfig(Part):
    """Q-learning: independent (`none`), VDN or QMIX.

    JaxMARL: baselines/QLearning/config/alg of FLAIROx/JaxMARL (vdn_ff_mpe.yaml, qmix_mpe.yaml).

    Attributes:
        mixer: what makes the learned values of the robots' own: `none`, `vdn` (their sum) or `qmix` (a monotonic network).
        episodes: parallel episodes in a batch.
        buffer: episodes that are remembered (JaxMARL); 6.5 kB each for three robots in memory and checkpoint.
        batch: transitions in an update (JaxMARL: 32 episodes, which are 800).
        updates: after each batch.
        learning_rate: at the start (JaxMARL: 5e-3); falls linearly to `final_learning_rate`.
        gamma: discount (JaxMARL).
        epsilon: share of random actions at the start (JaxMARL); falls linearly to `final_epsilon`.
        exploration: share of the budget in which it falls (JaxMARL: 0.05 to 0.1).
        target_every: updates between two steps of the target networks.
        target_rate: how far a step goes to what was learned; 1 copies it (JaxMARL, every 200 updates). 0.02 in each
            update follows within 50: two robots learned in half the updates that 0.01 took (one seed).
        mixer_width: of QMIX's mixing layer (JaxMARL and arXiv 1803.11485).
        mixer_hidden: of QMIX's hypernetwork (JaxMARL).
        max_grad_norm: of each robot's network and of the mixer.
        huber_delta: of the loss, in units of the normalised reward.
    """

    mixer: Literal["none", "vdn", "qmix"] = "none"
    episodes: int = 64
    buffer: int = 5000
    batch: int = 512
    updates: int = 32
    learning_rate: float = 2e-3
    final_learning_rate: float = 2e-4
    gamma: float = 0.9
    epsilon: float = 1.0
    final_epsilon: float = 0.05
    exploration: float = 0.2
    target_every: int = 1
    target_rate: float = 0.02
    mixer_width: int = 32
    mixer_hidden: int = 64
    max_grad_norm: float = 10.0
    huber_delta: float = 10.0


class MaddpgConfig(Part):
    """MADDPG (arXiv 1706.02275).

    HARL: harl/configs/algos_cfgs/maddpg.yaml of PKU-MARL/HARL.

    Attributes:
        episodes: parallel episodes in a batch.
        buffer: episodes that are remembered (HARL: 40 000, which are 1e6 transitions); 6.5 kB each for three robots in memory and
            checkpoint.
        batch: transitions in an update (HARL).
        updates: after each batch.
        actor_learning_rate: HARL's.
        critic_learning_rate: HARL's.
        gamma: discount (arXiv 1706.02275).
        noise: standard deviation of what is added to forces at the start; falls linearly to `final_noise` (HARL's). Discrete actions are
            drawn, and need none.
        exploration: share of the budget in which it falls.
        logit_weight: price on the squares of what actors put out, before tanh or softmax (openai/maddpg: 1e-3).
        target_rate: how far target networks go to what was learned in each update (HARL: 0.005, for budgets that are many times ours).
        max_grad_norm: of each robot's actor and of each robot's critic.
        huber_delta: of the critics' loss, in units of the normalised reward (HARL).
    """

    episodes: int = 64
    buffer: int = 10_000
    batch: int = 1000
    updates: int = 16
    actor_learning_rate: float = 5e-4
    critic_learning_rate: float = 1e-3
    gamma: float = 0.95
    noise: float = 1.0
    final_noise: float = 0.1
    exploration: float = 0.5
    logit_weight: float = 1e-3
    target_rate: float = 0.02
    max_grad_norm: float = 10.0
    huber_delta: float = 10.0


AT_LEAST_ONE = ("episodes", "epochs", "minibatches", "buffer", "batch", "updates", "target_every", "mixer_width", "mixer_hidden")
UNIT_INTERVAL = ("gamma", "gae_lambda", "epsilon", "final_epsilon", "exploration")
NOT_NEGATIVE = ("entropy", "final_entropy", "logit_weight")


def check_section(section: PpoConfig | QConfig | MaddpgConfig, name: str, place: str) -> None:
    """Refuse values that cannot train. Raises InputError that names `place`, the section `name` and the key."""
    for key, value in msgspec.structs.asdict(section).items():
        if isinstance(value, str):
            continue
        if key in AT_LEAST_ONE:
            fits, bounds = value >= 1, "at least 1"
        elif key in UNIT_INTERVAL:
            fits, bounds = 0 <= value <= 1, "from 0 to 1"
        elif key in NOT_NEGATIVE:
            fits, bounds = value >= 0 and math.isfinite(value), "finite and not below 0"
        elif key == "target_rate":
            fits, bounds = 0 < value <= 1, "above 0 and at most 1"
        else:
            fits, bounds = value > 0 and math.isfinite(value), "finite and above 0"
        if not fits:
            raise InputError(f"{place}: {name}.{key}: is {value}, must be {bounds}")
    if not isinstance(section, PpoConfig) and section.buffer < section.episodes:
        raise InputError(f"{place}: {name}.buffer: is {section.buffer}, must be at least {name}.episodes, which is {section.episodes}")
    if isinstance(section, QConfig) and section.mixer != "qmix":
        refuse_given(section, ("mixer_width", "mixer_hidden"), name, f"{name}.mixer is '{section.mixer}'", place)


def refuse_given(part: Part, keys: tuple[str, ...], name: str, why: str, place: str) -> None:
    """Raises InputError for the first of these keys that is not at its default, because it would change nothing."""
    default = type(part)()
    for key in keys:
        value = getattr(part, key)
        if value != getattr(default, key):
            raise InputError(f"{place}: {name}.{key}: is {value}, but {why}; leave it out")
