"""Replays as drawings: the paths as they stand, which the script sets in motion."""

from __future__ import annotations

from robots.spec import load_spec
from sim3d.report.figure import drawing, figure, table
from sim3d.report.look import Look
from sim3d.report.markup import Child, Markup, data, tag
from sim3d.report.replays import Replay, Run
from sim3d.report.selection import RULE
from sim3d.report.words import TIMES, number, plural
from sim3d.suite.cells import CLEAN
from sim3d.suite.results import Results
from sim3d.suite.store import Manifest

SIZE = 260
OPEN = 3
"""Replays of a policy that are in sight; the others are folded away."""


def replay_figures(manifest: Manifest, results: Results, replays: list[Replay], look: Look) -> list[Markup]:
    """All replays, and their data for the script."""
    parts: list[Child] = [
        tag("p", RULE, class_="lede"),
        tag("p", "Discs are robots, at their size; circles are landmarks with their capture radius, filled while they are covered. ",
            "A dashed disc is a robot with a fault, a cross where two touched. Pale paths are after the disturbance.", class_="lede"),
    ]  # fmt: skip
    for policy in results.policies:
        own = [(index, each) for index, each in enumerate(replays) if each.policy == policy]
        drawn = [_figure(manifest, index, each, look) for index, each in own]
        parts.append(tag("h3", look.name(policy)))
        parts.append(drawn[:OPEN])
        if drawn[OPEN:]:
            parts.append(tag("details", tag("summary", f"The other families ({len(drawn) - OPEN})"), drawn[OPEN:], class_="more"))
    parts.append(tag("script", data([_for_script(manifest, each) for each in replays]), type="application/json", id="replays-data"))
    return [tag("div", parts)]


def _figure(manifest: Manifest, index: int, replay: Replay, look: Look) -> Markup:
    reach = _reach(manifest, replay)
    about = manifest.suite.ladders[".".join(next(iter(_severities(manifest, replay.cell))).split(".")[:2])].about
    twin, own = replay.runs[0], replay.runs[1]
    panels = [
        tag(
            "div",
            tag("p", _title(run, look), class_="panel-title"),
            _panel(manifest, replay, f"replay-{index}-{number}", run, reach, look),
            class_="run",
        )
        for number, run in enumerate(replay.runs)
    ]
    seconds = replay.frame * (len(own.position) - 1)
    controls = tag(
        "div",
        tag("button", "Play", type="button", class_="play"),
        tag(
            "input", type="range", min=0, max=len(own.position) - 1, value=len(own.position) - 1, step=1, aria_label="Time", class_="scrub"
        ),
        tag("output", f"{seconds:.1f} s", class_="time"),
        tag(
            "label",
            "speed ",
            tag(
                "select",
                [tag("option", f"{speed:g}{TIMES}", value=f"{speed:g}", selected=speed == 1) for speed in (0.25, 0.5, 1, 2, 4)],
                class_="speed",
            ),
        ),
        class_="controls",
        hidden=True,
    )
    rows = [
        (
            run.policy,
            run.cell,
            run.bundle,
            number(run.episode_return, 2),
            f"{run.score:g}",
            len(run.contacts),
            _faults(run) or "none",
        )
        for run in replay.runs
    ]
    return figure(
        [
            tag("strong", replay.family),
            f" {about}: cell ",
            tag("code", replay.cell),
            f", mission {replay.episode}. Return {number(own.episode_return, 1)}, its clean twin {number(twin.episode_return, 1)}.",
        ],
        [tag("div", panels, class_="runs"), controls],
        table(["policy", "cell", "bundle", "return", manifest.suite.score, "touches", "faults"], rows),
        class_="replay",
    )


def _severities(manifest: Manifest, cell: str) -> dict[str, int]:
    return next(entry.severities for entry in manifest.cells if entry.id == cell)


def _title(run: Run, look: Look) -> list[Child]:
    return [look.name(run.policy), " without disturbance" if run.cell == CLEAN else " disturbed"]


def _reach(manifest: Manifest, replay: Replay) -> float:
    """Half of what the drawing shows [m]: the arena, and every robot all the way."""
    farthest = max(abs(value) for run in replay.runs for frame in run.position for value in frame) / 1000
    radius = max(load_spec(kind).radius for kind in manifest.kinds)
    return max(manifest.arena_half_size, farthest) + 1.15 * radius


def _panel(manifest: Manifest, replay: Replay, identity: str, run: Run, reach: float, look: Look) -> Markup:
    scale = SIZE / (2 * reach)

    def place(x: float, y: float) -> tuple[float, float]:
        return (x + reach) * scale, (reach - y) * scale

    robots = len(manifest.kinds)
    paths = [[place(frame[2 * robot] / 1000, frame[2 * robot + 1] / 1000) for frame in run.position] for robot in range(robots)]
    edge, side = place(-manifest.arena_half_size, manifest.arena_half_size), 2 * manifest.arena_half_size * scale
    faulty = {robot for robot, *_ in run.faults}
    drawn: list[Child] = [tag("rect", x=edge[0], y=edge[1], width=side, height=side, class_="arena")]
    for x, y in (place(*landmark) for landmark in replay.landmarks):
        drawn.append(tag("circle", cx=x, cy=y, r=manifest.capture_radius * scale, class_="landmark"))
    for robot, path in enumerate(paths):
        drawn.append(tag("polyline", points=_points(path[replay.during :]), class_="trail later", data_robot=robot))
        drawn.append(tag("polyline", points=_points(path[: replay.during + 1]), class_="trail", data_robot=robot))
        drawn.append(tag("circle", cx=path[0][0], cy=path[0][1], r=2.2, class_="start"))
    for robot, (path, kind) in enumerate(zip(paths, manifest.kinds, strict=True)):
        x, y = path[-1]
        body = [
            tag("circle", r=load_spec(kind).radius * scale, class_="body faulty" if robot in faulty else "body"),
            tag("text", str(robot), y=3.5, text_anchor="middle"),
        ]
        drawn.append(tag("g", body, transform=f"translate({x:.1f} {y:.1f})", class_="robot", data_robot=robot))
    for first, last, one, other in run.contacts:
        frame = run.position[min(first, len(run.position) - 1)]
        x, y = place((frame[2 * one] + frame[2 * other]) / 2000, (frame[2 * one + 1] + frame[2 * other + 1]) / 2000)
        drawn.append(tag("path", d=f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8", class_="touch", data_first=first, data_last=last))
    words = f"{run.policy} in cell {run.cell}, mission {replay.episode}: return {run.episode_return:.1f}, "
    words += f"{_faults(run) or 'no fault'}, {plural(len(run.contacts), 'touch', 'touches')}."
    return drawing(identity, f"Paths of {run.policy} in {run.cell}", words, SIZE, SIZE, drawn, class_=f"stage {look.css_class(run.policy)}")


def _faults(run: Run) -> str:
    return ", ".join(dict.fromkeys(f"robot {robot} {kind}" for robot, kind, *_ in run.faults))


def _for_script(manifest: Manifest, replay: Replay) -> dict[str, object]:
    """What the script needs: where things are in the drawing's own coordinates, it computes from these."""
    return {
        "reach": round(_reach(manifest, replay), 4),
        "size": SIZE,
        "capture": manifest.capture_radius,
        "landmarks": replay.landmarks,
        "frame": replay.frame,
        "during": replay.during,
        "runs": [{"position": run.position, "faults": run.faults} for run in replay.runs],
    }


def _points(path: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
