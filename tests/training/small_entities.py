"""A run of entity actors that takes no time."""

from training.config import NetworkConfig, PpoConfig, TrainConfig, WorldConfig

SMALL = TrainConfig(
    world=WorldConfig(robots=4),
    network=NetworkConfig(kind="entities", share="all", critics_see="local", hidden=(16,)),
    ppo=PpoConfig(episodes=16, epochs=1, minibatches=2),
    steps=16 * 25 * 4,
    threads=1,
)
