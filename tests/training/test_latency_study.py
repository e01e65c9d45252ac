"""The study of what survives latency: its ceiling, its configurations, and what it says of runs that are missing."""

import msgspec
import pytest

from sim3d.spread import CAPTURE_RADIUS, HORIZON
from sim3d.spread_task import all_covered
from sim3d.world import random_layouts
from tests.benchmarks import latency
from tests.benchmarks.latency import COMPENSATED, LEARNED, PLAIN, STUDY, VARIANTS, Result, table
from tests.benchmarks.latency_picture import latency_picture
from tests.benchmarks.oracle import oracle_missions
from training.config_checks import read_train_config


@pytest.mark.parametrize("delay, shortest_longest_way", [(0.0, 0.994), (0.1, 0.983), (0.2, 0.974), (0.3, 0.955)])
def test_the_oracle_is_no_worse_than_one_that_looks_at_the_longest_way_only(delay, shortest_longest_way):
    """Measured before on as many episodes; a rate of 0.98 then has a standard error of 0.002. Uncrossed ways give up to 0.015 on top."""
    layouts = random_layouts(4096, 3, 3, 1.0, seed=1)
    positions = oracle_missions(layouts, delay, HORIZON)
    success = all_covered(positions[:, 1:], layouts.landmarks[:, None], CAPTURE_RADIUS).any(axis=1).mean()
    assert shortest_longest_way - 0.002 < success < shortest_longest_way + 0.02


def test_half_a_step_of_latency_costs_the_oracle_no_more_than_a_whole_one():
    layouts = random_layouts(2048, 3, 3, 1.0, seed=1)
    rates = []
    for delay in (0.1, 0.15, 0.2):
        positions = oracle_missions(layouts, delay, HORIZON)
        rates.append(all_covered(positions[:, 1:], layouts.landmarks[:, None], CAPTURE_RADIUS).any(axis=1).mean())
    assert rates[0] + 0.003 >= rates[1] >= rates[2] - 0.003


def test_all_variants_have_the_same_budget_and_learner():
    configs = [read_train_config(STUDY / f"{variant.name}.yaml") for variant in (PLAIN, *LEARNED)]
    assert {path.stem for path in STUDY.iterdir()} == {variant.name for variant in (PLAIN, *LEARNED)}
    assert {config.steps for config in configs} == {2_400_000}
    assert all(config.ppo == configs[0].ppo for config in configs)
    assert configs[0] == msgspec.structs.replace(configs[0], world=type(configs[0].world)())


def test_the_table_gives_mean_and_range_and_owns_up_to_what_is_missing():
    whole = Result("whole", [0, 1], {**{str(ms): [0.5, 0.75] for ms in latency.IN_TABLE}, "clean": [1.0, 0.98]}, [100.0, 120.0])
    single = Result("single", [0], {**{str(ms): [0.25] for ms in latency.IN_TABLE}, "clean": [0.5]})
    head, rule, *rows = table([whole, single, Result("missing")]).splitlines()
    assert [cell.strip() for cell in head.split("|")[2:-1]] == ["0 ms", "100 ms", "200 ms", "300 ms", "clean", "seeds", "training"]
    assert len({len(line) for line in (head, rule, *rows)}) == 1
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert cells[0] == ["whole", *["0.625 [0.500, 0.750]"] * 4, "0.990 [0.980, 1.000]", "2", "110 s"]
    assert cells[1] == ["single", *["0.250"] * 4, "0.500", "1", ""]
    assert cells[2] == ["missing", *["-"] * 5, "", ""]


def test_a_run_that_fails_leaves_the_others_alone(tmp_path, monkeypatch):
    def scores(out, variant, seed, episodes):
        if (variant, seed) == (PLAIN, 1):
            raise RuntimeError("no space left")
        return {"0": 0.5, "clean": 0.6}

    monkeypatch.setattr(latency, "_scores", scores)
    monkeypatch.setattr(latency, "_seconds", lambda folder: 10.0)
    results, failed = latency.run(tmp_path, [PLAIN, LEARNED[3], COMPENSATED], seeds=2, episodes=5)
    assert failed == ["plain-1: no space left"]
    assert results["plain"].seeds == [0] and results["plain"].success == {"0": [0.5], "clean": [0.6]}
    assert results["curriculum"].seconds == [20.0, 20.0]
    assert results["compensated"].seconds == []


def test_the_study_goes_on_where_it_stopped(tmp_path, monkeypatch):
    """Trained and interrupted runs are not begun anew, and a warm start makes the run that it needs."""
    said = []
    monkeypatch.setattr(latency, "_fieldswarm", lambda *words: said.append(" ".join(map(str, words))))
    (tmp_path / "plain-0" / "train").mkdir(parents=True)
    (tmp_path / "plain-0" / "train" / "config.yaml").touch()
    latency._train(tmp_path, next(variant for variant in VARIANTS if variant.name == "curriculum"), 0)
    assert said[0] == f"train --resume {tmp_path}/plain-0/train"
    assert said[1].endswith(f"curriculum.yaml --seed 0 --out {tmp_path}/curriculum-0/train --start {tmp_path}/plain-0/train")
    (tmp_path / "plain-0" / "train" / "result.json").touch()
    latency._train(tmp_path, PLAIN, 0)
    assert len(said) == 2


def test_the_picture_appears_whole(tmp_path):
    results = [Result(name, [0, 1], {"0": [1.0, 0.9], "100": [0.5, 0.4]}) for name in ("plain", "best")]
    latency_picture([*results, Result("oracle", success={"0": [1.0], "100": [0.9]})], (0, 100), tmp_path / "latency.png")
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["latency.png"]
