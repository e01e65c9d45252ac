"""Networks that read any number of peers and landmarks, and the teams that they learn in."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from robots.errors import InputError
from sim3d.profile import load_profile
from sim3d.spread_task import reward
from tests.training.small_entities import SMALL
from training.assignment import own_share
from training.config import TrainConfig, resolved_yaml
from training.config_checks import check_train_config, read_train_config
from training.entity_config import EntitiesConfig
from training.entity_networks import EntityNetwork
from training.entity_reward import entity_reward
from training.entity_scene import Scene, nearest
from training.entity_teams import draw_teams
from training.ppo import Ppo
from training.returns import generalised_advantage

CONFIGS = Path(__file__).parents[2] / "configs" / "train"


def network(outputs: int = 2, values: bool = False) -> EntityNetwork:
    made = EntityNetwork((16,), outputs, 3, 5, values, 1.0, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return made


def scene(seed: int, landmarks: int, peers: int, rows: int = 7) -> Scene:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, rows, generator=generator)

    spots, known = (drawn(2), drawn(2, landmarks), torch.ones(landmarks, rows)), torch.ones(peers, rows)
    return Scene(*spots, drawn(2, peers), drawn(2, peers), known, drawn(2, landmarks))


teams = st.tuples(st.integers(0, 2**16), st.integers(1, 9), st.integers(1, 8))


@settings(max_examples=25)
@given(teams, st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_peers_and_landmarks_does_not_matter(team, shuffled, values):
    seen, net = scene(*team), network(values=values)
    spots, peers = list(range(team[1])), list(range(team[2]))
    shuffled.shuffle(spots)
    shuffled.shuffle(peers)
    other = Scene(
        seen.velocity,
        seen.landmarks[:, spots],
        seen.landmarks_known,
        seen.peers[:, peers],
        seen.peers_velocity[:, peers],
        seen.peers_known,
        seen.landmarks_velocity[:, spots],
    )
    torch.testing.assert_close(net(other), net(seen), atol=1e-5, rtol=1e-5)


@settings(max_examples=25)
@given(teams, st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_who_is_not_known_is_not_there(team, spots, peers, values):
    """Wherever it is said to be."""
    seen, net = scene(*team), network(values=values)
    more = scene(team[0] + 1, spots, peers)
    padded = Scene(
        seen.velocity,
        torch.cat([seen.landmarks, 5 * more.landmarks], 1),
        torch.cat([seen.landmarks_known, 0 * more.landmarks_known]),
        torch.cat([seen.peers, 5 * more.peers], 1),
        torch.cat([seen.peers_velocity, more.peers_velocity], 1),
        torch.cat([seen.peers_known, 0 * more.peers_known]),
        torch.cat([seen.landmarks_velocity, more.landmarks_velocity], 1),
    )
    torch.testing.assert_close(net(padded), net(seen), atol=1e-5, rtol=1e-5)


@settings(max_examples=25)
@given(teams, st.integers(1, 12))
def test_the_nearest_are_kept_and_no_more(team, most):
    seen = scene(*team)
    near = nearest(seen, most)
    others = max(1, most - 1)
    for all_of, kept, known, size in (
        (seen.landmarks, near.landmarks, near.landmarks_known, most),
        (seen.peers, near.peers, near.peers_known, others),
    ):
        assert kept.shape == (2, size, 7)
        there = min(size, all_of.shape[1])
        assert (known.sum(0) == there).all()
        expected = all_of.norm(dim=0).sort(0).values[:there]
        torch.testing.assert_close(kept.norm(dim=0)[:there], expected)
    if most >= team[1] and others >= team[2]:
        torch.testing.assert_close(network()(near), network()(seen), atol=1e-5, rtol=1e-5)


def test_peers_and_landmarks_both_matter_to_what_a_robot_does():
    seen, net = scene(3, 3, 2), network()
    for name in ("landmarks", "landmarks_velocity", "peers", "peers_velocity", "velocity"):
        moved = seen._replace(**{name: getattr(seen, name) + 0.3})
        assert (net(moved) - net(seen)).abs().max() > 1e-3, name


def test_two_robots_divide_two_landmarks_before_they_have_learned_anything():
    """The assignment: of two robots beside one landmark the one that is nearer to the other goes there, by the sharpest head."""
    net = EntityNetwork((16,), 2, 2, 6, False, 1.0, torch.Generator().manual_seed(0))
    landmarks = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])  # at 0 and at 1
    robots = torch.tensor([[0.0, 0.0], [0.25, 0.0]])
    weights = []
    for me, other in ((0, 1), (1, 0)):
        gap = lambda points, own=robots[me]: (points - own).T[:, :, None]  # noqa: E731
        spots, peer = gap(landmarks[0].T.reshape(2, 2)), gap(robots[other][None])
        both = torch.cat([torch.zeros_like(peer), peer], 1)
        between = spots[:, None] - both[:, :, None]
        length = between.norm(dim=0)
        weight = own_share(net._score(between, length, length, 0 * between), torch.ones(2, 1), torch.ones(2, 1), 6)
        weights.append(weight[-1, :, 0])
    assert weights[0][0] > 0.8 and weights[1][1] > 0.8


@pytest.mark.parametrize(("robots", "landmarks", "least"), [(3, 3, 0.9), (5, 4, 0.9), (4, 5, 0.9), (10, 10, 0.7)])
def test_the_division_is_the_shortest_there_is_before_anything_is_learned(robots, landmarks, least):
    """Against the Hungarian method; a spare robot goes nowhere. What differs are ways nearly as short: more, of more robots."""
    teams = 300
    generator = torch.Generator().manual_seed(robots)
    half = (max(robots, landmarks) / 3) ** 0.5
    places, spots = (half * (2 * torch.rand(2, count, teams, generator=generator) - 1) for count in (robots, landmarks))
    net = EntityNetwork((16,), 2, 2, 5, False, 1.0, torch.Generator().manual_seed(0))
    gap = spots[:, None] - places[:, :, None]
    length = gap.norm(dim=0)
    with torch.no_grad():
        weight = own_share(net._score(gap, length, length, 0 * gap), torch.ones(robots, teams), torch.ones(landmarks, teams), 5)[-1]
    agreed = 0
    for team in range(teams):
        who, where = linear_sum_assignment(length[..., team])
        own = where[who == 0]
        given = weight[:, team]
        agreed += (given.sum() < 0.5) if not len(own) else (given.argmax() == own[0] and given.sum() > 0.5)
    assert agreed / teams > least


def test_robots_that_wait_come_to_rest_clear_of_each_other_and_leave_the_landmarks_to_those_who_go():
    """Eight robots and four landmarks, before anything is learned. Where waiting robots pushed each other about, 0.77 were covered."""
    learner = Ppo(msgspec.structs.replace(SMALL, world=msgspec.structs.replace(SMALL.world, robots=8, horizon=60)))
    position, spots = learner.ground._trajectories(learner.policy, 8, 4, 100, half=1.63)
    end = position[:, -1]
    covered = (np.linalg.norm(end[:, :, None] - spots[:, None], axis=-1) < 0.1).any(axis=1).mean()
    touching = ((np.linalg.norm(end[:, :, None] - end[:, None], axis=-1) + 10 * np.eye(8)) < 0.3).any(axis=-1).mean()
    assert covered > 0.9 and touching < 0.1
    assert np.linalg.norm(end - position[:, -2], axis=-1).mean() < 0.01


def test_peers_out_of_hearing_are_not_known_in_training():
    near = msgspec.structs.replace(SMALL, entities=EntitiesConfig(hearing=(0.5, 0.5)))
    batches = [
        Ppo(config).ground.collect(Ppo(config).policy, load_profile("clean"), torch.Generator().manual_seed(3)) for config in (SMALL, near)
    ]
    names = Ppo(SMALL).front_end.inputs
    pick = lambda batch, field, axes: torch.stack([batch.seen[..., names.index(f"{field}[{n}]")] for n in range(axes)], -1)  # noqa: E731
    away = pick(batches[1], "peers_relative", 6).unflatten(-1, (3, 2)).norm(dim=-1)
    known = [pick(batch, "peers_known", 3) for batch in batches]
    assert (known[1][away > 0.5] == 0).all() and known[1].sum() > 0
    assert known[1].sum() < 0.5 * known[0].sum()


def test_the_reward_of_a_whole_team_is_simple_spreads():
    generator = torch.Generator().manual_seed(0)
    position, landmarks = (torch.rand(50, 4, 2, generator=generator) * 2 - 1 for _ in range(2))
    present, known = torch.ones(50, 4, dtype=torch.bool), torch.ones(50, 4)
    torch.testing.assert_close(
        entity_reward(position, present, landmarks, known, 0.5, "team"), reward(position, landmarks, 0.15, local_ratio=0.5)
    )


@pytest.mark.parametrize("credit", ["team", "difference"])
def test_who_is_not_there_is_not_paid_for_and_covers_nothing(credit):
    generator = torch.Generator().manual_seed(0)
    position, landmarks = (torch.rand(50, 4, 2, generator=generator) * 2 - 1 for _ in range(2))
    here, three = torch.tensor([True, True, True, False]).expand(50, 4), torch.tensor([1.0, 1.0, 1.0, 0.0]).expand(50, 4)
    alone = entity_reward(position[:, :3], torch.ones(50, 3, dtype=torch.bool), landmarks[:, :3], torch.ones(50, 3), 0.5, credit)
    torch.testing.assert_close(entity_reward(position, here, landmarks, three, 0.5, credit)[:, :3], alone)


def test_the_difference_that_a_robot_makes_is_the_teams_reward_less_that_without_it():
    generator = torch.Generator().manual_seed(0)
    position, landmarks = (torch.rand(50, 4, 2, generator=generator) * 2 - 1 for _ in range(2))
    everyone, known = torch.ones(50, 4, dtype=torch.bool), torch.ones(50, 4)
    team = entity_reward(position, everyone, landmarks, known, 0.0, "team")[:, 0]
    made = entity_reward(position, everyone, landmarks, known, 0.0, "difference")
    for robot in range(4):
        without = everyone.clone()
        without[:, robot] = False
        torch.testing.assert_close(
            made[:, robot], team - entity_reward(position, without, landmarks, known, 0.0, "team")[:, (robot + 1) % 4]
        )


def test_teams_are_of_all_sizes_as_crowded_as_three_and_change_on_the_way():
    teams = draw_teams(EntitiesConfig(least=2), 5, 4000, 25, torch.Generator().manual_seed(0))
    sizes = torch.stack([teams.present(step).sum(1) for step in range(26)])
    assert set(sizes[0].tolist()) == {2, 3, 4, 5}
    assert ((sizes[1:] != sizes[:-1]).any(0).float().mean() - 0.45).abs() < 0.05  # 1 - 0.7 * (0.7 + 0.3 / 4): a full team gets nobody
    landmarks = teams.landmarks_known.sum(1)
    assert ((landmarks - sizes[0]).abs() <= 1).all() and (landmarks > sizes[0]).any() and (landmarks < sizes[0]).any()
    larger = torch.maximum(landmarks, sizes[0].float())
    assert (teams.starts.abs().amax((1, 2)) <= (larger / 3).sqrt()).all()
    assert teams.starts[larger == 5].abs().max() > 1.25


def test_nothing_is_learned_from_steps_in_which_a_robot_leaves():
    reward, value, last = torch.zeros(4, 1, 1), torch.zeros(4, 1, 1), torch.zeros(1, 1)
    reward[3] = 100.0  # after it had left
    present = torch.tensor([True, True, False, False])[:, None, None]
    assert (generalised_advantage(reward, value, last, 0.9, 0.9)[:2] > 10).all()
    assert (generalised_advantage(reward, value, last, 0.9, 0.9, present) == 0).all()


def test_a_batch_says_who_was_there_and_robots_that_are_not_are_nowhere_near():
    learner = Ppo(SMALL)
    batch = learner.ground.collect(learner.policy, load_profile("clean"), torch.Generator().manual_seed(3))
    assert batch.present.shape == batch.reward.shape == (25, 4, 16)
    assert 0.3 < batch.present.float().mean() < 0.95
    gone = batch.present[:-1] & ~batch.present[1:]
    assert gone.any()
    names = learner.front_end.inputs
    known = batch.seen[..., [names.index(f"peers_known[{peer}]") for peer in range(3)]]
    there = batch.present[0].sum(0)
    for robot in range(4):
        mine = batch.present[0, robot]
        assert (known[0, robot, mine].sum(-1) >= there[mine] - 1).all()
    assert batch.reward[batch.present].abs().max() < 50


def test_what_a_robot_does_that_is_not_there_changes_nothing():
    learner = Ppo(SMALL)
    batch = learner.ground.collect(learner.policy, load_profile("clean"), torch.Generator().manual_seed(3))
    other = Ppo(SMALL)
    changed = other.ground.collect(other.policy, load_profile("clean"), torch.Generator().manual_seed(3))
    changed.choice[~batch.present] += 3.0
    changed.reward[~batch.present] -= 100.0
    changed.log_probability[~batch.present] -= 1.0
    learner._update(batch, 0.01)
    other._update(changed, 0.01)
    for one, two in zip(
        [*learner.policy.parameters(), *learner.critics.parameters()],
        [*other.policy.parameters(), *other.critics.parameters()],
        strict=True,
    ):
        assert torch.equal(one, two)


def test_it_goes_on_from_its_state_bit_for_bit(tmp_path):
    straight, first, second = Ppo(SMALL), Ppo(SMALL), Ppo(SMALL)
    for _ in range(2):
        straight.train_batch()
    first.train_batch()
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    second.train_batch()
    for one, other in zip(straight.policy.parameters(), second.policy.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(straight.policy.actors.network.sharpness, Ppo(SMALL).policy.actors.network.sharpness)


@pytest.mark.parametrize(("robots", "landmarks"), [(1, 1), (3, 3), (7, 4), (4, 13)])
def test_a_team_of_any_size_can_be_evaluated(robots, landmarks):
    learner = Ppo(SMALL)
    metrics = learner.ground.evaluate_team(learner.policy, robots, landmarks, 8)
    assert metrics.coverage.shape == (8,) and np.isfinite(metrics.episode_return).all()


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("network.share", "none", "network.share: is none, must be all where network.kind is 'entities'"),
        ("network.critics_see", "truth", "network.critics_see: is truth, must be local where"),
        ("world.profile", "field", "world.profile: is field, must be clean where"),
        ("entities.least", 5, "entities.least: is 5, must be at most world.robots, which is 4"),
        ("entities.nearest", 0, "entities.nearest: is 0, must be at least 1"),
        ("entities.changes", 1.5, "entities.changes: is 1.5, must be from 0 to 1"),
        ("entities.hearing", (2.0, 1.0), "entities.hearing: is [2.0, 1.0], must be [least, most], finite and not below 0"),
        ("entities.most", 3, "entities.most: is 3, must be 4 ... 256"),
        ("entities.drift", -0.1, "entities.drift: is -0.1, must be finite and not below 0"),
        ("entities.drift", float("nan"), "entities.drift: is nan, must be finite and not below 0"),
        ("network.kind", "perceptrons", "entities.least: is 3, but network.kind is 'perceptrons'; leave it out"),
    ],
)
def test_what_does_not_go_with_entities_is_refused(key, value, complaint):
    section, name = key.split(".")
    config = msgspec.structs.replace(SMALL, entities=EntitiesConfig(least=3))
    config = msgspec.structs.replace(config, **{section: msgspec.structs.replace(getattr(config, section), **{name: value})})
    with pytest.raises(InputError) as error:
        check_train_config(config, "file")
    assert f"file: {complaint}" in str(error.value)


def test_the_shipped_configuration_is_sound_and_other_runs_say_nothing_of_entities():
    assert read_train_config(CONFIGS / "entities.yaml").network.kind == "entities"
    assert "entities:" in resolved_yaml(SMALL) and "entities:" not in resolved_yaml(TrainConfig())
