"""JaxMARL's IPPO baseline for MPE_simple_spread_v3: feed-forward, discrete actions, one network for all robots.

The package has no baselines, so this is a driver of our own with their network, loss and figures. Source of all of them:
FLAIROx/JaxMARL, baselines/IPPO/ippo_ff_mpe.py and config/ippo_ff_mpe.yaml.
"""

from learning import CAPTURE_RADIUS, LANDMARKS, Race

race = Race()

import flax.linen as nn  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import jaxmarl  # noqa: E402
import optax  # noqa: E402

ENVIRONMENTS, STEPS, TOTAL_STEPS = 16, 128, 10_000_000
EPOCHS, MINIBATCHES, LEARNING_RATE, GRADIENT_NORM = 4, 4, 2.5e-4, 0.5
GAMMA, LAMBDA, CLIP, ENTROPY, VALUE = 0.99, 0.95, 0.2, 0.01, 0.5
UPDATES = TOTAL_STEPS // STEPS // ENVIRONMENTS
UPDATES_TO_EVALUATION = 61
"""125 000 env steps: a hundred evaluations at most."""

EPISODES, HORIZON = 1000, 25

environment = jaxmarl.make("MPE_simple_spread_v3")
ROBOTS = environment.num_agents
ACTORS = ENVIRONMENTS * ROBOTS


class ActorCritic(nn.Module):
    @nn.compact
    def __call__(self, observation):
        def perceptron(outputs, gain):
            hidden = observation
            for _ in range(2):
                hidden = nn.tanh(nn.Dense(64, kernel_init=nn.initializers.orthogonal(2**0.5))(hidden))
            return nn.Dense(outputs, kernel_init=nn.initializers.orthogonal(gain))(hidden)

        return jax.nn.log_softmax(perceptron(5, 0.01)), perceptron(1, 1.0)[..., 0]


network = ActorCritic()


def rate(count):
    """Falls linearly to nothing with the updates."""
    return LEARNING_RATE * (1.0 - (count // (MINIBATCHES * EPOCHS)) / UPDATES)


optimiser = optax.chain(optax.clip_by_global_norm(GRADIENT_NORM), optax.adam(rate, eps=1e-5))


def stacked(values):
    """[robots * environments, ...] of what each robot has."""
    return jnp.concatenate([values[agent] for agent in environment.agents])


def to_robots(actions):
    return dict(zip(environment.agents, actions.reshape(ROBOTS, -1), strict=True))


def collect(carry, _):
    parameters, state, observation, key = carry
    key, of_actions, of_steps = jax.random.split(key, 3)
    log_probabilities, value = network.apply(parameters, observation)
    action = jax.random.categorical(of_actions, log_probabilities)
    chosen = jnp.take_along_axis(log_probabilities, action[:, None], 1)[:, 0]
    following, state, reward, done, _ = jax.vmap(environment.step)(jax.random.split(of_steps, ENVIRONMENTS), state, to_robots(action))
    row = {"observation": observation, "action": action, "log": chosen, "value": value, "reward": stacked(reward), "done": stacked(done)}
    return (parameters, state, stacked(following), key), row


def advantages(rows, last_value):
    def back(carry, row):
        advantage, next_value = carry
        alive = 1.0 - row["done"]
        delta = row["reward"] + GAMMA * next_value * alive - row["value"]
        advantage = delta + GAMMA * LAMBDA * alive * advantage
        return (advantage, row["value"]), advantage

    return jax.lax.scan(back, (jnp.zeros_like(last_value), last_value), rows, reverse=True)[1]


def loss(parameters, rows):
    log_probabilities, value = network.apply(parameters, rows["observation"])
    chosen = jnp.take_along_axis(log_probabilities, rows["action"][:, None], 1)[:, 0]
    clipped_value = rows["value"] + (value - rows["value"]).clip(-CLIP, CLIP)
    value_loss = 0.5 * jnp.maximum((value - rows["target"]) ** 2, (clipped_value - rows["target"]) ** 2).mean()
    ratio = jnp.exp(chosen - rows["log"])
    advantage = (rows["advantage"] - rows["advantage"].mean()) / (rows["advantage"].std() + 1e-8)
    actor_loss = -jnp.minimum(ratio * advantage, ratio.clip(1 - CLIP, 1 + CLIP) * advantage).mean()
    entropy = -(jnp.exp(log_probabilities) * log_probabilities).sum(-1).mean()
    return actor_loss + VALUE * value_loss - ENTROPY * entropy


def learn(carry, batch):
    parameters, moments = carry
    step, moments = optimiser.update(jax.grad(loss)(parameters, batch), moments)
    return (optax.apply_updates(parameters, step), moments), None


def update(carry, _):
    parameters, moments, state, observation, key = carry
    (_, state, observation, key), rows = jax.lax.scan(collect, (parameters, state, observation, key), None, STEPS)
    rows["advantage"] = advantages(rows, network.apply(parameters, observation)[1])
    rows["target"] = rows["advantage"] + rows["value"]
    rows = jax.tree.map(lambda values: values.reshape(STEPS * ACTORS, *values.shape[2:]), rows)

    def epoch(carry, key):
        order = jax.random.permutation(key, STEPS * ACTORS)
        batches = jax.tree.map(lambda values: values[order].reshape(MINIBATCHES, -1, *values.shape[1:]), rows)
        return jax.lax.scan(learn, carry, batches)

    key, own = jax.random.split(key)
    (parameters, moments), _ = jax.lax.scan(epoch, (parameters, moments), jax.random.split(own, EPOCHS))
    return (parameters, moments, state, observation, key), None


@jax.jit
def updates(carry):
    return jax.lax.scan(update, carry, None, UPDATES_TO_EVALUATION)[0]


@jax.jit
def evaluate(parameters):
    """Success and mean return (sum over robots) of the likeliest actions."""
    keys = jax.random.split(jax.random.PRNGKey(1_000_003), EPISODES)
    observation, state = jax.vmap(environment.reset)(keys)

    def step(carry, _):
        state, observation = carry
        action = network.apply(parameters, observation)[0].argmax(-1)
        observation, state, reward, _, _ = jax.vmap(environment.step_env)(keys, state, to_robots(action))
        observation = stacked(observation)
        landmarks = observation[:, LANDMARKS].reshape(ROBOTS, EPISODES, 3, 2)
        covered = (jnp.linalg.norm(landmarks, axis=-1).min(0) < CAPTURE_RADIUS).all(-1)
        return (state, observation), (covered, sum(reward.values()))

    _, (covered, reward) = jax.lax.scan(step, (state, stacked(observation)), None, HORIZON)
    return covered.any(0).mean(), reward.sum(0).mean()


key, of_network, of_environment = jax.random.split(jax.random.PRNGKey(race.seed), 3)
first, state = jax.vmap(environment.reset)(jax.random.split(of_environment, ENVIRONMENTS))
parameters = network.init(of_network, stacked(first))
carry = parameters, optimiser.init(parameters), state, stacked(first), key
for done in range(UPDATES_TO_EVALUATION, UPDATES + 1, UPDATES_TO_EVALUATION):
    carry = updates(carry)
    race.say(done * STEPS * ENVIRONMENTS, *map(float, evaluate(carry[0])))
