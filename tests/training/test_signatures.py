"""What the failure signatures accuse, on figures made up for the purpose: what they are about and, as much, what they must leave alone."""

import json
import math

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.adversary_config import AdversaryConfig
from training.config import ActorConfig, MaddpgConfig, NetworkConfig, PpoConfig, QConfig, TrainConfig, WorldConfig
from training.run_log import RunLog
from training.signatures.findings import read_findings, summary, write_findings
from training.signatures.symmetry_collapse import by_lot
from training.signatures.value_explosion import bounds
from training.signatures.watch import Watch

PPO = PpoConfig(episodes=40)
BATCHES = 200
CONFIG = TrainConfig(ppo=PPO, steps=BATCHES * PPO.episodes * 25)
HEALTHY = {"overlap": 0.02, "oscillation": 0.1, "episode_return": lambda share: -70 + 44 * share, "success": 0.98}
"""Of evaluations."""


def rows(batches=BATCHES, every=5, **columns):
    """A run: each column is a number, or a function of the share of the budget; those of `HEALTHY` stand in evaluated batches only."""
    columns = {"return": -30.0, "entropy": 1.0, "value_loss": 0.05, "largest_weight": 1.0, **HEALTHY, **columns}
    columns = {name: column for name, column in columns.items() if column is not None}
    for batch in range(1, batches + 1):
        share = batch / BATCHES
        due = batch == 1 or batch % every == 0
        values = {name: column(share) if callable(column) else column for name, column in columns.items() if due or name not in HEALTHY}
        yield {"batch": float(batch), "steps": batch * 1000.0, **values}


def found(run, config=CONFIG):
    watch = Watch(config)
    said = [line for row in run for line in watch.look(row)]
    return watch.findings, said


def names(run, config=CONFIG):
    return [finding.signature for finding in found(run, config)[0]]


def noise(scale, seed=0):
    random = np.random.default_rng(seed)
    return lambda: float(random.normal(0, scale))


STUCK = {
    "symmetry collapse": {"overlap": 0.8, "success": 0.0},
    "oscillation near a landmark": {"oscillation": 0.4},
    "flat reward": {"episode_return": -60.0, "success": 0.0},
    "entropy collapse": {"entropy": -1.5, "success": 0.1},
    "value explosion": {"value_loss": 300.0},
}


@pytest.mark.parametrize("name", STUCK)
def test_each_signature_is_named_alone_said_once_and_comes_with_a_remedy(name):
    findings, said = found(rows(**STUCK[name]))
    assert [finding.signature for finding in findings] == [name]
    assert findings[0].last_step is None and findings[0].first_step < 0.5 * BATCHES * 1000
    (line,) = said
    assert name in line and f"Remedy: {findings[0].remedy}" in line
    key = findings[0].remedy.split(":")[0]
    assert key in ("network.share", "steps") or "." in key


def test_a_healthy_run_is_accused_of_nothing():
    overlap = lambda share: max(0.01, 0.8 - 4 * share)  # noqa: E731
    success = lambda share: min(0.98, 3 * share)  # noqa: E731
    entropy = lambda share: 1.84 - share  # noqa: E731
    findings, said = found(rows(overlap=overlap, success=success, entropy=entropy))
    assert findings == [] and said == []
    assert summary(findings) == "no failure signature seen"


@pytest.mark.parametrize(
    "run",
    [
        {"overlap": lambda share: max(0.05, 0.8 - 3 * share)},  # robots that part within a quarter of the budget
        {"overlap": lambda share: 0.8 - 0.6 * share, "success": 0.0},  # and those who part slowly but do
        {"overlap": 0.95, "episode_return": -150.0},  # robots that fly away together have learned nothing that symmetry could spoil
        {"episode_return": -30.0},  # a plateau at success
        {"entropy": -2.0},  # a decided policy that does the task
        {"episode_return": lambda share: -60 + 20 * share, "success": 0.0},  # slow, but learning
        {"value_loss": 2.0},
        {"overlap": lambda share: 0.8 if share < 0.3 else 0.02, "success": lambda share: float(share > 0.3)},  # all at once, and late
        {"overlap": lambda share: 0.98 - 0.35 * share, "success": 0.0},  # as often as by lot, but ever less so
    ],
)
def test_what_looks_like_a_failure_and_is_none(run):
    assert names(rows(**run)) == []


def test_a_return_is_flat_only_when_its_noise_cannot_hide_a_gain():
    mild, wild = noise(0.2), noise(30.0)
    assert names(rows(success=0.0, episode_return=lambda share: -60 + mild())) == ["flat reward"]
    assert names(rows(success=0.0, episode_return=lambda share: -60 + 10 * share + wild())) == []


def test_few_evaluations_make_the_window_longer():
    assert names(rows(every=40, **STUCK["flat reward"])) == ["flat reward"]
    assert names(rows(every=40, **STUCK["symmetry collapse"])) == ["symmetry collapse"]
    assert names(rows(every=100, **STUCK["flat reward"])) == []


@pytest.mark.parametrize("deviation, collapsed", [(0.14, True), (0.16, False), (0.6, False)])
def test_the_entropy_of_forces_is_judged_by_their_deviation(deviation, collapsed):
    entropy = torch.distributions.Normal(torch.zeros(2), deviation).entropy().sum()
    (finding,) = found(rows(entropy=float(entropy), success=0.1))[0] or [None]
    assert (finding is not None) == collapsed
    assert not collapsed or f"strays by {deviation} " in finding.symptom


@pytest.mark.parametrize("odds, collapsed", [((1, 0, 0, 0, 0), True), ((9, 1, 0, 0, 0), True), ((1, 1, 0, 0, 0), False)])
def test_the_entropy_of_actions_is_judged_by_how_many_are_left(odds, collapsed):
    entropy = torch.distributions.Categorical(torch.tensor(odds, dtype=torch.float32)).entropy()
    config = msgspec.structs.replace(CONFIG, world=WorldConfig(actions="discrete"))
    assert names(rows(entropy=float(entropy), success=0.1), config) == (["entropy collapse"] if collapsed else [])


def test_what_passes_is_said_to_have_passed_and_both_ends_are_kept():
    findings, said = found(rows(oscillation=lambda share: 0.4 if 0.2 < share <= 0.6 else 0.05))
    (finding,) = findings
    assert (finding.first_step, finding.last_step) == (45_000, 120_000)
    assert len(said) == 2 and said[1].endswith("oscillation near a landmark has passed")
    assert summary(findings).startswith("seen: oscillation near a landmark from 0.045 M to 0.12 M steps (remedy:")


def test_what_comes_and_goes_is_one_item_of_the_summary():
    findings, _ = found(rows(oscillation=lambda share: 0.4 if int(share * 8) % 2 else 0.05))
    assert len(findings) == 4
    assert summary(findings).startswith("seen: oscillation near a landmark from 0.025 M to the end, 4 times (remedy:")


def test_a_single_bad_evaluation_is_not_a_failure():
    assert names(rows(oscillation=lambda share: 0.9 if share in (0.5, 0.525, 0.7) else 0.05)) == []
    assert names(rows(value_loss=lambda share: 900.0 if share in (0.5, 0.505) else 0.1)) == []


def test_a_single_good_evaluation_is_no_recovery():
    findings, said = found(rows(oscillation=lambda share: 0.05 if share in (0.5, 0.525) else 0.4))
    assert len(findings) == len(said) == 1 and findings[0].last_step is None


@pytest.mark.parametrize("column", ["value_loss", "value", "return", "entropy", "approximate_kl", "largest_weight"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_named_in_its_own_batch(column, number):
    run = rows(batches=7, **{column: lambda share: number if share > 0.03 else 0.1})
    findings, _ = found(run)
    assert [(finding.signature, finding.first_step) for finding in findings] == [("value explosion", 7000)]
    assert column in findings[0].symptom and str(number) in findings[0].symptom


@settings(max_examples=100, deadline=None)
@given(st.floats(0.0, 1.0), st.integers(2, 6))
def test_crowding_is_measured_against_what_chance_does_in_a_team_of_that_size(share, robots):
    config = msgspec.structs.replace(CONFIG, world=WorldConfig(robots=robots))
    run = rows(overlap=share, success=0.0)
    assert names(run, config) == (["symmetry collapse"] if share >= 0.75 * by_lot(robots) else [])


def test_chance_by_enumeration():
    assert by_lot(2) == 0.5 and by_lot(3) == pytest.approx(21 / 27) and by_lot(1) == 0.0


LEARNERS = {
    "ppo": CONFIG,
    "q_learning": TrainConfig(learner="q_learning", world=WorldConfig(actions="discrete"), q=QConfig(episodes=40), steps=CONFIG.steps),
    "maddpg": TrainConfig(learner="maddpg", maddpg=MaddpgConfig(episodes=40), steps=CONFIG.steps),
}


@pytest.mark.parametrize("learner", LEARNERS)
def test_learners_are_judged_by_the_figures_that_they_have(learner):
    config = LEARNERS[learner]
    figures = {"entropy": None} if learner != "ppo" else {}
    for name, run in STUCK.items():
        if name == "entropy collapse":
            continue
        run = {**run, **figures}
        if name == "value explosion":
            run["value_loss"] = 1.01 * bounds(config)["value_loss"]
        assert names(rows(**run), config) == [name], name
    if learner != "ppo":
        assert names(rows(value=1.01 * bounds(config)["value"], **figures), config) == ["value explosion"]
        assert names(rows(value=-1.01 * bounds(config)["value"], **figures), config) == ["value explosion"]
        assert names(rows(value=-0.99 * bounds(config)["value"], **figures), config) == []


def test_an_adversary_is_not_judged_by_what_its_victims_do():
    config = msgspec.structs.replace(CONFIG, world=WorldConfig(robots=1), adversary=AdversaryConfig(victims="runs/point"))
    for name, run in STUCK.items():
        assert names(rows(**run), config) == (["value explosion"] if name == "value explosion" else [])


@pytest.mark.parametrize(
    "name, changed, remedy",
    [
        ("symmetry collapse", {"network": NetworkConfig(share="all")}, "network.share: none"),
        ("symmetry collapse", {"network": NetworkConfig(critics_see="local")}, "network.critics_see: observations"),
        ("oscillation near a landmark", {"world": WorldConfig(profile="train_robust")}, "actor.front_end: latency_compensation"),
        ("oscillation near a landmark", {"ppo": PpoConfig(episodes=40, gamma=0.5)}, "ppo.gamma: 0.95"),
        ("oscillation near a landmark", {"world": WorldConfig(actions="discrete")}, "world.actions: continuous"),
        (
            "oscillation near a landmark",
            {"world": WorldConfig(profile="train_robust", actions="discrete"), "actor": ActorConfig(front_end="past_forces")},
            "world.actions: continuous",
        ),
        ("flat reward", {"ppo": PpoConfig(episodes=40, learning_rate=1e-9)}, "ppo.learning_rate: 0.0007"),
        ("entropy collapse", {"ppo": PpoConfig(episodes=40, learning_rate=0.1)}, "ppo.learning_rate: 0.0007"),
        ("entropy collapse", {"ppo": PpoConfig(episodes=40, entropy=0.0)}, "ppo.entropy: 0.003"),
        ("value explosion", {"ppo": PpoConfig(episodes=40, learning_rate=0.1)}, "ppo.learning_rate: 0.0007"),
        ("value explosion", {"ppo": PpoConfig(episodes=40, gamma=1.0)}, "ppo.gamma: 0.95"),
        ("value explosion", {}, "ppo.learning_rate: 0.00023"),
    ],
)
def test_the_remedy_is_the_key_that_this_configuration_has_wrong(name, changed, remedy):
    (finding,) = found(rows(**STUCK[name]), msgspec.structs.replace(CONFIG, **changed))[0]
    assert finding.remedy.startswith(remedy)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, BATCHES), st.integers(0, 2**32 - 1))
def test_rows_read_back_from_the_file_give_the_same_findings(tmp_path_factory, batch, seed):
    """A run interrupted after any batch: what metrics.csv held up to there, and then the rest, is found as in one go."""
    random = np.random.default_rng(seed)
    levels = random.uniform(0, 1, 8)

    def at_random(low, high):
        return lambda share: low + (high - low) * float(levels[min(7, int(8 * share))] + random.normal(0, 0.02))

    run = list(
        rows(
            oscillation=at_random(0, 0.5),
            entropy=at_random(-2, 2),
            success=at_random(0, 1),
            overlap=at_random(0.2, 1.2),
            value_loss=at_random(0, 9),
        )
    )
    directory = tmp_path_factory.mktemp("run")
    straight, said = found(run)
    log = RunLog(directory, 0, BATCHES, 1000)
    for row in run[: batch + 20]:  # kill -9 leaves rows after the checkpoint
        values = {name: value for name, value in row.items() if name not in ("batch", "steps")}
        log.write(
            int(row["batch"]), {n: v for n, v in values.items() if n not in HEALTHY}, {n: v for n, v in values.items() if n in HEALTHY}
        )
    log.close()
    resumed = Watch(CONFIG)
    log = RunLog(directory, batch, BATCHES, 1000)
    said_before = [line for row in log.rows() for line in resumed.look(row)]
    log.close()
    said_after = [line for row in run[batch:] for line in resumed.look(row)]
    assert resumed.findings == straight and said_before + said_after == said


def test_findings_are_kept_in_the_run_directory(tmp_path):
    findings, _ = found(rows(**STUCK["flat reward"]))
    write_findings(tmp_path, findings)
    assert read_findings(tmp_path) == findings
    assert set(json.loads((tmp_path / "signatures.json").read_text())[0]) == {"signature", "first_step", "last_step", "symptom", "remedy"}


def test_a_run_that_an_older_version_began_gets_its_new_columns(tmp_path):
    log = RunLog(tmp_path, 0, 10, 100)
    log.write(1, {"return": 1.0}, {"success": 0.5})
    log.close()
    log = RunLog(tmp_path, 1, 10, 100)
    log.write(2, {"return": 2.0, "largest_weight": 3.0}, {})
    log.close()
    log = RunLog(tmp_path, 2, 10, 100)
    assert list(log.rows()) == [
        {"batch": 1, "steps": 100, "return": 1.0, "success": 0.5},
        {"batch": 2, "steps": 200, "return": 2.0, "largest_weight": 3.0},
    ]
    log.close()
