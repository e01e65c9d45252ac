"""The comparison with peers: it asks systems in other processes, skips those that are not there, and finds each one's best batch."""

import pytest

from tests.benchmarks.peers import process, throughput, training
from tests.benchmarks.peers.process import PeerFailed, System


def test_without_peers_one_line_says_how_to_install_them(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(throughput, "PEERS_PYTHON", tmp_path / "python")
    assert throughput.measure() == []
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "make peers" in said


def test_a_system_answers_with_its_rate_and_one_that_cannot_run_says_why(monkeypatch, tmp_path):
    (tmp_path / "works.py").write_text((process.SCRIPTS / "steps_fieldswarm.py").read_text())
    (tmp_path / "answering.py").write_text((process.SCRIPTS / "answering.py").read_text())
    (tmp_path / "broken.py").write_text("import no_such_system\n")
    monkeypatch.setattr(process, "SCRIPTS", tmp_path)
    works, broken = System("works", "works.py", ("eager",), ours=True), System("broken", "broken.py", ours=True)
    with works.start(threads=1) as asked:
        assert asked.rate(batch=2, seconds=0.01) > 0
        assert asked.rate(batch=3, seconds=0.01) > 0
    with broken.start(threads=1) as asked, pytest.raises(PeerFailed, match="no_such_system"):
        asked.rate(batch=2, seconds=0.01)


@pytest.mark.parametrize(
    ("rates", "best"), [((1, 4, 3.8, 9, 5), 32768), ((1, 4, 3.8, 3.7, 3.7), 2048), ((5, 4, 9, 9, 9), 512), ((1, 2, 3, 4, 5), 131072)]
)
def test_the_best_batch_is_the_fastest_before_a_clear_loss(rates, best):
    class Peer:
        def rate(self, batch, seconds):
            return dict(zip((512, 2048, 8192, 32768, 131072), rates, strict=True))[batch]

    assert throughput._best_batch(Peer()) == best


def test_a_run_being_written_is_read_line_by_whole_line(tmp_path):
    metrics = tmp_path / "metrics.csv"
    assert training._evaluated_rows(metrics) == []
    metrics.write_text("steps,success,episode_return\n6400,0.5,-30.0\n12800,,\n19200,0.9")
    assert [row["success"] for row in training._evaluated_rows(metrics)] == ["0.5"]
    with metrics.open("a") as file:
        file.write("2,-25.0\n")
    assert [row["success"] for row in training._evaluated_rows(metrics)] == ["0.5", "0.92"]


def test_a_team_is_trained_when_it_first_reaches_the_target():
    evaluations = [training.Evaluation(seconds, 0, success, 0.0) for seconds, success in ((1.0, 0.2), (2.0, 0.91), (3.0, 0.95))]
    assert training.Run("one", evaluations).seconds_to_target == 2.0
    assert training.Run("one", evaluations[:1]).seconds_to_target is None
    row = training._table([training.Run("one", evaluations), training.Run("one", evaluations[:1])], minutes=5).splitlines()[1]
    assert "1 of 2 in 5 min" in row
