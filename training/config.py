"""The training configuration: what a YAML file in configs/train may say, with the reason for each default."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from robots.yaml_input import dump_yaml
from training.adversary_config import AdversaryConfig
from training.entity_config import TEAM_SIZE, EntitiesConfig
from training.learner_configs import MaddpgConfig, Part, PpoConfig, QConfig

SECTIONS = {"ppo": "ppo", "q_learning": "q", "maddpg": "maddpg"}
"""Where each learner's parameters stand."""


class WorldConfig(Part):
    """What is trained in.

    Attributes:
        name: the world; `spread` is simple_spread_v3, `planar` and `bullet` have robots in metres and seconds,
            `pettingzoo` is one of your own.
        robots: N, with as many landmarks; of entity actors the most that they learn with.
        actions: `continuous` forces, or simple_spread's five `discrete` ones.
        horizon: steps of an episode.
        local_ratio: weight of own contacts against the team's coverage in the reward.
        profile: disturbances, with laws that are drawn from anew for each episode and robot.
        curriculum: share of the budget in which the disturbances grow from none to the profile's; 0 has them from the start.
        kinds: of the robots in `planar` and `bullet`; one for all, or one for each.
        arena_half_size: there [m]; by default that of an export for these kinds.
        speed: top speed per axis there [m/s]; by default the cruise speed of the slowest kind.
        workers: processes that share a batch in `bullet`; 0 runs it in the learner's own.
        env: in `pettingzoo`, `package.module:function`: it returns a ParallelEnv with simple_spread_v3's observations and actions.
        env_options: keyword arguments of that function.
    """

    name: Literal["spread", "planar", "bullet", "pettingzoo"] = "spread"
    robots: int = 3
    actions: Literal["continuous", "discrete"] = "continuous"
    horizon: int = 25
    local_ratio: float = 0.5
    profile: str = "clean"
    curriculum: float = 0.0
    kinds: tuple[str, ...] = ()
    arena_half_size: float | None = None
    speed: float | None = None
    workers: int = 0
    env: str = ""
    env_options: dict[str, bool | int | float | str] = msgspec.field(default_factory=dict)

    @property
    def dimensionless(self) -> bool:
        """Whether it has simple_spread's own units and forces, not robots in metres and seconds."""
        return self.name in ("spread", "pettingzoo")

    @property
    def kinds_by_agent(self) -> tuple[str, ...]:
        """The kind of each of the N robots."""
        return self.kinds * self.robots if len(self.kinds) == 1 else self.kinds


class NetworkConfig(Part):
    """Actors and critics: tanh multilayer perceptrons.

    Attributes:
        kind: `perceptrons` for teams of one size, or `entities`, of which one network reads any number of robots and landmarks.
        share: `none`: each robot has networks of its own; `ids`: all share, and a network is told for which robot it acts; `all`: all
            share, and robots that see the same do the same.
        hidden: width of each hidden layer; 64 x 64 is what MAPPO's and JaxMARL's MPE recipes use.
        initial_log_std: of the Gaussian policy (continuous actions).
        critics_see: of their robot's observation what its `own_sensors` say, without its peers; all of it (`local`); all `observations`;
            the `truth`: state without noise, what is under way, and what was drawn; or `joint_actions`: all observations and what the
            teammates do.
        memory: numbers that each actor remembers in a gated recurrent unit; 0 for none.
    """

    kind: Literal["perceptrons", "entities"] = "perceptrons"
    share: Literal["none", "ids", "all"] = "none"
    hidden: tuple[int, ...] = (64, 64)
    initial_log_std: float = -0.5
    critics_see: Literal["own_sensors", "local", "observations", "truth", "joint_actions"] = "observations"
    memory: int = 0


class ActorConfig(Part):
    """What stands in front of each actor's network (see training.front_ends).

    Attributes:
        front_end: `plain` observation; `past_forces`, which adds the own last forces; or `latency_compensation`, which finds out the own
            latency and predicts over it.
        longest_latency: that is remembered, or compensated [s].
        knows_latency: whether `past_forces` is told the command latency as well.
    """

    front_end: Literal["plain", "past_forces", "latency_compensation"] = "plain"
    longest_latency: float = 0.4
    knows_latency: bool = False


class TrainConfig(Part):
    """One training run.

    Attributes:
        start: run directory whose actors and critics this run begins with (see training.warm_start); empty for none.
        adversary: one robot that learns to play against its team; the learner is then that robot's.
        world: what is trained in.
        actor: what stands in front of the actors' networks.
        network: actors and critics.
        entities: of `network.kind: entities`.
        learner: who learns; its parameters stand in its own section.
        ppo: of learner `ppo`: IPPO, or with `network.share` MAPPO.
        q: of learner `q_learning`: independent, VDN or QMIX.
        maddpg: of learner `maddpg`.
        steps: budget in env steps (one env step moves all robots).
        seed: of everything.
        evaluate_every: batches between two evaluations of the mean action.
        evaluation_episodes: episodes of each.
        checkpoint_every: batches between two checkpoints.
        threads: most that a learner uses at once: PPO's actors and critics learn side by side in them, other learners use one. They change
            no number.
    """

    start: str = ""
    adversary: AdversaryConfig = AdversaryConfig()
    world: WorldConfig = WorldConfig()
    actor: ActorConfig = ActorConfig()
    network: NetworkConfig = NetworkConfig()
    entities: EntitiesConfig = EntitiesConfig()
    learner: Literal["ppo", "q_learning", "maddpg"] = "ppo"
    ppo: PpoConfig = PpoConfig()
    q: QConfig = QConfig()
    maddpg: MaddpgConfig = MaddpgConfig()
    steps: int = 2_600_000
    seed: int = 0
    evaluate_every: int = 10
    evaluation_episodes: int = 512
    checkpoint_every: int = 50
    threads: int = 2

    @property
    def team_size(self) -> int:
        """Robots, and landmarks, of the team that is evaluated and exported."""
        return TEAM_SIZE if self.network.kind == "entities" else self.world.robots

    @property
    def episodes(self) -> int:
        """Parallel episodes in one batch."""
        return getattr(self, SECTIONS[self.learner]).episodes

    @property
    def batch_steps(self) -> int:
        """Env steps in one batch."""
        return self.episodes * self.world.horizon

    @property
    def batches(self) -> int:
        """Batches in the budget."""
        return max(1, math.ceil(self.steps / self.batch_steps))


def resolved_yaml(config: TrainConfig) -> str:
    """A configuration with every default written out, as YAML: what a run keeps, and what its hash is of.

    Sections of other learners and networks are left out. They say nothing about the run, and a later version may have other defaults.
    """
    document = msgspec.to_builtins(config)
    for learner, name in SECTIONS.items():
        if learner != config.learner:
            del document[name]
    if config.network.kind != "entities":
        del document["entities"]
    return dump_yaml(document)
