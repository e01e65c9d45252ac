"""What was not run, and everything that one needs to make the figures again."""

from __future__ import annotations

import shlex

import msgspec

from sim3d.report.figure import scrolling, table
from sim3d.report.markup import Child, Markup, tag
from sim3d.report.words import estimate, listed, plural
from sim3d.suite.deployed import DeployedResult
from sim3d.suite.results import Results
from sim3d.suite.store import Manifest


def not_run(manifest: Manifest, results: Results, deployed: dict[str, dict[str, DeployedResult]], missing: list[Child]) -> Markup:
    """A list of what there is nothing of, with the reason, and how to get it.

    Args:
        manifest, results: of the evaluation.
        deployed: twins that were run.
        missing: what other parts of the report lack.
    """
    lines: list[Child] = []
    endless = [name for name in manifest.suite.ladders if any(list(cell.severities) == [name] and not cell.ends for cell in manifest.cells)]
    if not manifest.periods_after:
        lines.append("After the disturbance: the suite has no aftermath (`aftermath:` in its file), so there is no resilience.")
    elif endless:
        lines.append(f"After the disturbance, {listed(endless)}: what robots weigh and how strong they are does not end in mid-mission.")
    chosen = manifest.suite.deployed.cells
    done = {cell for cells in deployed.values() for cell in cells}
    left = [cell for cell in chosen if cell not in done]
    if not chosen:
        lines.append("One process a robot: the suite names no cells for that (`deployed:` in its file).")
    elif left:
        lines.append(["One process a robot, cells ", _codes(left), ": not asked for; ", tag("code", "--deployed --resume"), " adds them."])
    lines += missing
    return tag("ul", [tag("li", line) for line in lines])


def deployed_twins(deployed: dict[str, dict[str, DeployedResult]]) -> list[Markup]:
    """Cells that were run once more with one process a robot."""
    rows = [
        (
            f"{bundle} {cell}",
            estimate(each.in_process),
            estimate(each.deployed),
            estimate(each.difference, signed=True),
            f"{each.others} of {each.missions}",
            f"{1000 * each.largest_distance:.2g} mm",
        )
        for bundle, cells in deployed.items()
        for cell, each in cells.items()
    ]
    return [
        tag(
            "p",
            "The same missions with a process for each robot and one for the plant, over ZeroMQ, in lockstep: ",
            "what differs is the code between the robots, not luck.",
            class_="lede",
        ),
        scrolling(table(["cell", "one process", "deployed", "difference", "others", "farthest apart"], rows, class_="plain")),
    ]


def provenance(manifest: Manifest, results: Results) -> list[Markup]:
    """Command, seed, versions, bundles and cells."""
    command = shlex.join(manifest.command)
    settings = [f"{name.replace('_', ' ')} {_setting(value)}" for name, value in msgspec.to_builtins(manifest.settings).items()]
    facts = [
        ("suite", [manifest.suite.name, " ", tag("code", results.suite_sha256[:16], title=results.suite_sha256)]),
        (
            "world",
            f"{manifest.world}; {', '.join(manifest.kinds)}; {plural(manifest.landmarks, 'landmark')}, covered within "
            f"{manifest.capture_radius:g} m; arena +-{manifest.arena_half_size:g} m",
        ),
        (
            "missions",
            f"{manifest.episodes} a cell, {plural(len(manifest.cells), 'cell')}; {manifest.periods} control periods, then "
            f"{manifest.periods_after} without the disturbance",
        ),
        ("seed", f"{manifest.seed}; every cell has the same layouts and chance"),
        ("robots", ", ".join(settings)),
        ("versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
    ]
    bundles = [
        (each.name, each.policy, each.path, tag("code", each.sha256), f"{each.nominal_success:.3f}", f"{each.period:g} s")
        for each in manifest.bundles
    ]
    cells = [(cell.id, "" if cell.axis is None else f"{cell.axis:g}", tag("code", _profile(cell.profile))) for cell in manifest.cells]
    return [
        tag(
            "div",
            tag("pre", tag("code", command, id="command"), tabindex=0),
            tag("button", "Copy", type="button", data_copy="command", hidden=True),
            class_="command",
        ),
        tag("dl", [[tag("dt", name), tag("dd", value)] for name, value in facts]),
        scrolling(table(["bundle", "policy", "path", "sha256 of its actors", "success when exported", "period"], bundles, class_="plain")),
        tag(
            "details",
            tag("summary", "All cells and their profiles"),
            scrolling(table(["cell", "axis", "profile, where it is not clean"], cells, class_="plain")),
        ),
    ]


def _profile(profile: dict[str, object]) -> str:
    return msgspec.json.encode({name: value for name, value in profile.items() if name != "name"}).decode()


def _setting(value: object) -> str:
    return {True: "on", False: "off", None: "as in their spec"}.get(value, f"{value}") if not isinstance(value, float) else f"{value:g} s"


def _codes(names: list[str]) -> list[Child]:
    return [[tag("code", name), ", " if index < len(names) - 1 else ""] for index, name in enumerate(names)]
