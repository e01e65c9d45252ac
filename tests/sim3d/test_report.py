"""The report as a document: what it says is what was found, whatever the names, and the same each time."""

import html
import json
import re
import shutil
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import cli
from sim3d.report.markup import data, tag
from sim3d.report.replays import Replays
from sim3d.report.words import quantity
from sim3d.suite.results import Results
from sim3d.suite.store import CellStore
from tests.sim3d.homing import write_homing_bundle
from tests.sim3d.reported import FAMILIES, GRIDS, HOSTILE, LADDERS


@pytest.fixture
def out(reported):
    return reported


@pytest.fixture
def page(reported):
    return (reported / "report.html").read_text()


class Document(HTMLParser):
    """Elements with their attributes, checked to be closed in order, and all text."""

    VOID = frozenset({"meta", "link", "input", "br", "circle", "line", "path", "polygon", "polyline", "rect"})

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, name, attributes):
        assert len(attributes) == len(dict(attributes)), (name, attributes)
        self.elements.append((name, dict(attributes)))
        if name not in self.VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        if name not in self.VOID:
            assert self.open.pop() == name

    def handle_data(self, text):
        self.text.append(text)

    def all(self, name):
        return [attributes for each, attributes in self.elements if each == name]


def test_names_stay_names(page):
    document = Document(page)
    assert HOSTILE in "".join(document.text)
    # Two scripts: the data of the replays, and ours.
    assert [each.get("type") for each in document.all("script")] == ["application/json", None]
    assert not document.all("img") and not document.all("b")
    assert not [name for _, attributes in document.elements for name in attributes if name.startswith("on") or name == "style"]


def test_nothing_is_fetched(page):
    document = Document(page)
    addresses = [value for _, attributes in document.elements for name, value in attributes.items() if name in ("src", "href", "action")]
    assert addresses and not [each for each in addresses if not each.startswith(("#", "data:,"))]
    assert "@import" not in page and "url(" not in page
    policy = next(each["content"] for each in document.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    # Every place that a link of the page goes to is there, once.
    places = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(places) == len(set(places))
    assert {each["href"][1:] for each in document.all("a")} <= set(places)


def test_the_same_folder_gives_the_same_bytes(out, page, tmp_path):
    assert cli.main(["report", str(out), "--out", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_text() == page
    # The missions as well, run anew.
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (copy / "replays.json").unlink()
    (copy / "report.html").unlink()
    assert cli.main(["report", str(copy)]) == 0
    assert (copy / "report.html").read_text() == page
    assert (copy / "replays.json").read_bytes() == (out / "replays.json").read_bytes()


def test_every_figure_is_there_with_its_numbers(out, page):
    results = msgspec.json.decode((out / "results.json").read_bytes(), type=Results)
    document = Document(page)
    # Panels, heat maps of both policies, profile, difference, three of safety, replays of both policies.
    assert len(document.all("figure")) >= LADDERS + 2 * GRIDS + 1 + 1 + 3 + 2 * FAMILIES
    text = html.unescape(re.sub("<[^>]*>", " ", page)).replace("\u2212", "-")
    for policy in results.policies.values():
        figures = [policy.clean, policy.robustness, policy.resilience, policy.typical, policy.lowest, policy.tail, *policy.profile.share]
        for family in policy.families.values():
            figures += [family.robustness, *[score for ladder in family.ladders.values() for score in ladder.score]]
        figures += [score for grid in policy.grids.values() for row in grid.score for score in row]
        figures += [cell["during"]["contacts_per_100m"] for cell in policy.cells.values()]
        for each in figures:
            assert f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]" in text
    (comparison,) = results.comparisons
    for cell, each in comparison.cells.items():
        assert re.search(rf"{cell}\s+{re.escape(f'{each.difference.value:+.3f} [')}", text)


def test_drawings_say_what_they_show(page):
    drawings = re.findall(r"<svg[^>]*>.*?</svg>", page)
    spoken = [each for each in drawings if 'aria-hidden="true"' not in each]
    assert len(spoken) > 15
    for each in spoken:
        assert 'role="img"' in each and re.search("<title[^>]*>[^<]+</title><desc[^>]*>[^<]{20,}</desc>", each)


def test_the_title_answers_first(out, page):
    heading = re.search("<h1>(.*?)</h1>", page)[1]
    assert re.fullmatch(r"good \(1\.00 clean\) keeps 90 % of its clean success on \d of 5 ladders, poor \(0\.\d\d\) on \d\.", heading)


def test_the_title_says_where_policies_part(out, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    results = json.loads((copy / "results.json").read_text())
    results["policies"]["poor"]["clean"]["value"] = 0.98
    (copy / "results.json").write_text(json.dumps(results))
    assert cli.main(["report", str(copy)]) == 0
    heading = re.search("<h1>(.*?)</h1>", (copy / "report.html").read_text())[1]
    assert re.search(
        r"poor \(0\.98\) on \d\. They differ most under motors: poor breaks at motors 0\.95, good at motors 0\.\d+\.$", heading
    )


def test_missions_are_chosen_as_it_is_said(out):
    """Where the return fell farthest below that of the clean twin, in the family's lowest cell."""
    store = CellStore.open(out)
    replays = msgspec.json.decode((out / "replays.json").read_bytes(), type=Replays).replays
    assert len(replays) == 2 * FAMILIES
    replay = next(each for each in replays if (each.policy, each.family) == ("poor", "sensing"))
    scores = {cell: store.load("poor", cell)["during.success"].mean() for cell in ("sensing-noise-2", "sensing-noise-5")}
    assert replay.cell == min(scores, key=scores.get)
    fell = store.load("poor", "clean")["during.episode_return"] - store.load("poor", replay.cell)["during.episode_return"]
    assert replay.episode == fell.argmax()
    twin, own, other = replay.runs
    assert (twin.cell, own.cell, other.cell) == ("clean", replay.cell, replay.cell) and other.policy == "good"
    assert twin.position[0] == own.position[0] == other.position[0], "twins start alike"
    for run in (twin, own):
        stored = store.load(run.bundle, run.cell)
        assert run.episode_return == pytest.approx(stored["during.episode_return"][replay.episode], rel=1e-4)
        path = np.array(run.position).reshape(len(run.position), -1, 2)[: replay.during + 1] / 1000
        length = np.linalg.norm(np.diff(path, axis=0), axis=-1).sum()
        assert length == pytest.approx(stored["during.path_length"][replay.episode], abs=0.05)


def test_who_is_faulty_is_known(out):
    replays = msgspec.json.decode((out / "replays.json").read_bytes(), type=Replays).replays
    replay = next(each for each in replays if (each.policy, each.family) == ("good", "faults"))
    twin, own, _ = replay.runs
    assert not twin.faults
    ((robot, kind, first, last),) = own.faults
    assert (kind, first, last) == ("stopped", 0, replay.during - 1)
    path = np.array(own.position).reshape(len(own.position), -1, 2)
    moved = np.linalg.norm(np.diff(path[: replay.during], axis=0), axis=-1).sum(axis=0)
    assert moved[robot] == moved.min()  # it is pushed by others, and does nothing itself


def test_what_was_not_run_is_said(page):
    text = html.unescape(re.sub("<[^>]*>", "", page))
    assert "dynamics.motors: what robots weigh" in text
    assert "not asked for; --deployed --resume" in text


ESTIMATE = {"value": 0.5, "low": 0.25, "high": 0.625}


def test_an_explanation_that_is_there_is_told(out, page, tmp_path):
    assert "fieldswarm explain DIR" in page
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    contributions = {"figure": "coverage", "values": [ESTIMATE] * 3, "coalitions": {"000": ESTIMATE, "101": ESTIMATE}}
    first = {
        "episodes": 20,
        "named": ESTIMATE,
        "first": [0.1, 0.2, 0.2],
        "correct": {**ESTIMATE, "value": 0.52},
        "step": 3,
        "why": {"voice": 1},
    }
    cells = {"faults-stop-5": first, "sensing-noise-5": {**first, "correct": None, "first": [0.11, 0.22, 0.17]}}
    test = {"threshold": {"voice": 0.125}, "calibration": 77, "false_alarms": ESTIMATE, "cells": cells}
    explained = {"shapley": contributions, "shapley_success": {**contributions, "figure": "success"}, "patient_zero": test}
    names = [bundle.name for bundle in CellStore.open(out).manifest.bundles]
    (copy / "explanation.json").write_text(json.dumps({"format": 1, "bundles": dict.fromkeys(names, explained)}))
    assert cli.main(["report", str(copy)]) == 0
    told = html.unescape(re.sub("<[^>]*>", " ", (copy / "report.html").read_text()))
    assert "fieldswarm explain DIR" not in told
    assert "0.500 + 0.500 + 0.500 = 1.500" in told
    assert re.search(r"faults\.stop\s+poor\s+.\s+0\.52\s", told)
    assert re.search(r"sensing-noise-5\s*: robot 0 in 0\.11, robot 1 in 0\.22, robot 2 in 0\.17", told)


def test_deployed_twins_that_are_there_are_told(out, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (copy / "deployed" / "poor").mkdir(parents=True)
    twin = {"missions": 2, "in_process": ESTIMATE, "deployed": {**ESTIMATE, "value": 0.53}, "difference": ESTIMATE, "others": 1}
    (copy / "deployed" / "poor" / "clean.json").write_text(json.dumps({**twin, "largest_distance": 0.0123}))
    assert cli.main(["report", str(copy)]) == 0
    told = html.unescape(re.sub("<[^>]*>", " ", (copy / "report.html").read_text()))
    assert re.search(r"poor clean\s+0\.500 \[0\.250, 0\.625\]\s+0\.530 .*\+0\.500 .*1 of 2\s+12 mm", told)
    assert "not asked for" not in told


def test_what_comes_back_is_what_was_found(out, page):
    results = msgspec.json.decode((out / "results.json").read_bytes(), type=Results)
    text = html.unescape(re.sub("<[^>]*>", " ", page))
    for policy, each in results.policies.items():
        for cell, found in each.recovery.items():
            row = re.search(rf"{cell}\s+{policy}\s+{found.episodes}\s+([^a-z]*)", text)[1]
            assert f"{found.recovered.value:.3f} [{found.recovered.low:.3f}, {found.recovered.high:.3f}]" in row
            assert f"{found.fairness.value:.3f} [" in row
    assert page.count('id="recovery-faults') == 2 * 3, "a title and a description for each cell with a fault"


SMALL = """
name: small
episodes: {planar: 10}
score: coverage
scale: {planar: {metre: 1, second: 1}}
families:
  sensing: {noise: {about: noise, rungs: {1: {sensing: {position_sigma: 0.01}}}}}
"""


def test_one_policy_and_one_ladder_are_a_report_too(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    bundle = write_homing_bundle(tmp_path / "omni", "omni")
    arguments = ["evaluate", str(bundle), "--suite", str(tmp_path / "small.yaml"), "--world", "planar", "--executor", "in-process"]
    assert cli.main([*arguments, "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h1>omni (1.00 clean) keeps 90 % of its clean coverage on 1 of 1 ladder.</h1>" in page
    text = html.unescape(re.sub("<[^>]*>", "", page))
    assert (
        "the suite has no aftermath" in text and "the suite names no cells for that" in text and "no cell of the suite has a fault" in text
    )
    assert not Document(page).open


def test_a_bundle_that_is_gone_costs_the_replays_alone(out, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (copy / "replays.json").unlink()
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["bundles"][2]["path"] = str(tmp_path / "gone")
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert cli.main(["report", str(copy)]) == 0
    page = (copy / "report.html").read_text()
    assert "gone" in page and "runs no missions" in page and "<h1>" in page
    assert not (copy / "replays.json").exists()


@pytest.mark.parametrize(
    "file, content, part",
    [
        ("manifest.json", None, "cannot be read"),
        ("manifest.json", "{}", "is no manifest"),
        ("results.json", None, "evaluate --resume"),
        ("results.json", "{", "is no document of results"),
        ("replays.json", "[]", "cannot be read"),
    ],
)
def test_a_folder_that_cannot_be_read_is_one_line(out, tmp_path, capsys, file, content, part):
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (copy / "report.html").unlink()
    if content is None:
        (copy / file).unlink()
    else:
        (copy / file).write_text(content)
    capsys.readouterr()
    assert cli.main(["report", str(copy)]) == 2
    line = capsys.readouterr().err.strip()
    assert file in line and part in line and "\n" not in line
    assert not (copy / "report.html").exists()


@given(st.text())
def test_text_comes_back_as_it_was(text):
    document = Document(tag("p", text, title=text).text)
    clean = text.replace("\0", "\ufffd")
    assert document.elements == [("p", {"title": clean})]
    assert "".join(document.text) == clean


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_data_ends_no_script(text):
    written = data({"name": text}).text
    assert "<" not in written and json.loads(written) == {"name": text}


@pytest.mark.parametrize(
    "value, unit, words",
    [
        (0.10752, "s", "108 ms"),
        (0.3, "s", "300 ms"),
        (2.0, "s", "2 s"),
        (0.0850, "m", "8.5 cm"),
        (0.002, "m", "2 mm"),
        (1.0, "m", "1 m"),
        (0.0, "m", "0 m"),
        (0.035, "", "0.035"),
        (1.7189, "", "1.72"),
    ],
)
def test_quantities_are_in_a_unit_that_suits_them(value, unit, words):
    assert quantity(value, unit) == words
