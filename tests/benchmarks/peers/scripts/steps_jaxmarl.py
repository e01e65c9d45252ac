"""Steps of JaxMARL's MPE_simple_spread_v3: jit over scan over vmap.

`step_env`, not `step`, which draws a new start for every environment in every step and would be slower.
"""

from answering import HORIZON, ROBOTS, Measured

measured = Measured()

import jax  # noqa: E402
import jaxmarl  # noqa: E402
from jaxmarl.environments.mpe.default_params import CONTINUOUS_ACT  # noqa: E402

environment = jaxmarl.make("MPE_simple_spread_v3", num_agents=ROBOTS, num_landmarks=ROBOTS, action_type=CONTINUOUS_ACT)


def prepare(batch):
    drawn = jax.random.uniform(jax.random.PRNGKey(0), (ROBOTS, HORIZON, batch, 5))
    actions = dict(zip(environment.agents, drawn, strict=True))
    keys = [jax.random.PRNGKey(1)]

    def step(carry, action):
        state, _, _, key = carry
        key, own = jax.random.split(key)
        observation, state, reward, _, _ = jax.vmap(environment.step_env)(jax.random.split(own, batch), state, action)
        # Carried, observations and rewards are written in every step, as they are in the other systems; unread, XLA would leave them out.
        return (state, observation, reward, key), None

    @jax.jit
    def play(key, actions):
        key, own = jax.random.split(key)
        observation, state = jax.vmap(environment.reset)(jax.random.split(own, batch))
        nothing = {agent: jax.numpy.zeros(batch) for agent in environment.agents}
        (_, observation, reward, key), _ = jax.lax.scan(step, (state, observation, nothing, key), actions)
        return key, observation, reward

    def episode():
        keys[0], *_ = jax.block_until_ready(play(keys[0], actions))
        return batch * HORIZON

    return episode


measured.answer(prepare)
