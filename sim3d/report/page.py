"""The whole page: sections in order, style and script within, and a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources

from sim3d.explain.results import Explanation
from sim3d.report.attribution import attribution
from sim3d.report.comparisons import comparisons
from sim3d.report.curves import curves
from sim3d.report.figure import section
from sim3d.report.headline import headline, title
from sim3d.report.heatmaps import heatmaps
from sim3d.report.look import Look
from sim3d.report.markup import Child, Markup, raw, tag
from sim3d.report.profiles import profiles
from sim3d.report.provenance import deployed_twins, not_run, provenance
from sim3d.report.recovery import recovery
from sim3d.report.replay_figures import replay_figures
from sim3d.report.replays import Replay
from sim3d.report.safety import safety
from sim3d.report.words import plural
from sim3d.suite.deployed import DeployedResult
from sim3d.suite.results import Results
from sim3d.suite.store import Manifest


@dataclass(frozen=True)
class Contents:
    """What a report is made of.

    Attributes:
        manifest, results: of the evaluation.
        deployed: bundle -> cell -> twin; empty without any.
        explanation: who failed first, and what robots contribute; None when nobody has asked.
        replays: missions to show; or why there are none.
    """

    manifest: Manifest
    results: Results
    deployed: dict[str, dict[str, DeployedResult]]
    explanation: Explanation | None
    replays: list[Replay] | str


def page(contents: Contents) -> bytes:
    """The report; the same contents give the same bytes."""
    manifest, results = contents.manifest, contents.results
    look = Look(list(results.policies))
    missing: list[Child] = []
    sections = [
        ("figures", "Headline figures", [headline(results, look)]),
        ("curves", "Where it breaks", curves(results, look)),
    ]
    if manifest.suite.grids:
        sections.append(("grids", "Two at once", heatmaps(manifest.suite, results, look)))
    sections.append(("profiles", "How often how good", profiles(results, look)))
    if results.comparisons:
        sections.append(("comparisons", "Which is better", comparisons(results, look)))
    sections.append(("safety", "Safety", safety(manifest, results, look)))
    if any(policy.recovery for policy in results.policies.values()):
        sections.append(("recovery", "What comes back", recovery(manifest, results, look)))
    else:
        missing.append("Recovery: no cell of the suite has a fault.")
    if contents.explanation is None:
        missing.append(
            [
                "Who failed first, and what each robot contributes: ",
                tag("code", "fieldswarm explain DIR"),
                " adds it, then ",
                tag("code", "fieldswarm report DIR"),
                ".",
            ]
        )
    else:
        sections.append(("attribution", "Why it fails", attribution(manifest, contents.explanation, look)))
    if isinstance(contents.replays, str):
        missing.append(f"Replays: {contents.replays}")
    else:
        sections.append(("replays", "The worst missions", replay_figures(manifest, results, contents.replays, look)))
    if contents.deployed:
        sections.append(("deployed", "As deployed", deployed_twins(contents.deployed)))
    sections.append(("missing", "What was not run", [not_run(manifest, results, contents.deployed, missing)]))
    sections.append(("manifest", "How to make this again", provenance(manifest, results)))
    links = [[tag("a", name, href=f"#{identity}"), " "] for identity, name, _ in sections]
    body = [
        tag("a", "Skip to the figures", href="#figures", class_="skip"),
        tag(
            "header",
            tag("p", f"fieldswarm · suite {manifest.suite.name} in world {manifest.world}", class_="kicker"),
            tag("h1", title(results)),
            tag("p", _scope(manifest), class_="scope"),
            tag("nav", links, aria_label="Sections"),
        ),
        tag("main", [section(identity, name, parts) for identity, name, parts in sections]),
    ]
    return _document(f"{manifest.suite.name}: {', '.join(results.policies)}", body).encode()


def _scope(manifest: Manifest) -> str:
    robots = len(manifest.kinds)
    kinds = ", ".join(dict.fromkeys(manifest.kinds))
    return (
        f"{plural(robots, 'robot')} ({kinds}), {plural(manifest.landmarks, 'landmark')}; {plural(len(manifest.cells), 'cell')} of "
        f"{manifest.episodes} missions for each of {plural(len(manifest.bundles), 'bundle')}; brackets are 95 % intervals."
    )


def _document(name: str, body: list[Markup]) -> str:
    style, script = _file("report.css"), _file("report.js")
    inner = f"style-src '{_sha256(style)}'; script-src '{_sha256(script)}'"
    allowed = f"default-src 'none'; {inner}; img-src data:; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=allowed),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content="fieldswarm report"),
        tag("title", name),
        tag("link", rel="icon", href="data:,"),
        tag("style", raw(style)),
    )
    document = tag("html", head, tag("body", body, tag("script", raw(script))), lang="en")
    return f"<!DOCTYPE html>\n{document.text}\n"


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
