"""A study in words: a Markdown table with published figures beside ours, which variant is best and by how much, and what made it."""

from __future__ import annotations

import csv
import io
import shlex

import msgspec

from sim3d.statistics.interval import Estimate
from training.studies.measures import MEASURES, REACHED
from training.studies.store import Manifest
from training.studies.summary import Comparison, Figure, Summary, Times


def markdown(manifest: Manifest, summary: Summary) -> str:
    """The whole of table.md."""
    study = manifest.study
    seeds = f"{study.seeds} training seeds each, interquartile mean [95 %]" if study.seeds > 1 else "one training seed each"
    return "\n".join(
        [
            f"# {study.title}",
            "",
            f"{seeds}; final missions: {study.episodes} of the most likely actions, the same layouts for all runs.",
            "",
            *_figures(manifest, summary),
            "",
            *_verdict(manifest, summary),
            *_notes(manifest),
            "",
            *_provenance(manifest, summary),
            "",
        ]
    )


def times_markdown(manifest: Manifest, times: dict[str, Times]) -> str:
    """The whole of times.md."""
    rows = [["", "training [s]", f"to success {REACHED} [s]"]]
    rows += [[_label(manifest, name), f"{each.training:.0f}", f"{each.to_reach:.0f}"] for name, each in times.items()]
    seeds = manifest.study.seeds
    return "\n".join(
        [
            f"Seconds of a run's batches on one core, median of {seeds} seed{'s' * (seeds > 1)}; runs that never get there count in full.",
            "",
            *_aligned(rows),
            "",
        ]
    )


def figures_csv(summary: Summary) -> bytes:
    """One row a variant and measure."""
    rows: list[list[object]] = [["variant", "measure", "value", "low", "high", "seeds", "attained"]]
    for variant, figures in summary.figures.items():
        for name, figure in figures.items():
            rows.append([variant, name, *msgspec.structs.astuple(figure.estimate), figure.known, figure.attained])
    return _csv(rows)


def runs_csv(summary: Summary) -> bytes:
    """One row a run."""
    measures = list(next(iter(summary.figures.values())))
    rows: list[list[object]] = [["variant", "seed", *measures]]
    for variant, figures in summary.figures.items():
        for seed in range(len(figures[measures[0]].runs)):
            rows.append([variant, seed, *(figures[name].runs[seed] for name in measures)])
    return _csv(rows)


def results_json(manifest: Manifest, summary: Summary) -> bytes:
    """Everything as one document."""
    document = {"manifest": manifest, **msgspec.structs.asdict(summary)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _figures(manifest: Manifest, summary: Summary) -> list[str]:
    study = manifest.study
    rows = [["", *(MEASURES[name].label for name in study.measures), f"{study.judge} of the worst seed"]]
    for variant, figures in summary.figures.items():
        cells = [_cell(figures[name], MEASURES[name].digits, study.seeds) for name in study.measures]
        rows.append([_label(manifest, variant), *cells, _worst(figures[study.judge], study.judge)])
    for published in study.published:
        cells = [_published(published.figures.get(name), MEASURES[name].digits) for name in study.measures]
        rows.append([f"published: {published.name}", *cells, ""])
    return _aligned(rows)


def _verdict(manifest: Manifest, summary: Summary) -> list[str]:
    if not summary.best:
        return []
    judge = MEASURES[manifest.study.judge]
    apart = [each for each in summary.comparisons if _is_apart(each)]
    close = [_label(manifest, each.other) for each in summary.comparisons if not _is_apart(each)]
    best = f"By {judge.label}, {_label(manifest, summary.best)} has the best figure"
    if manifest.study.seeds == 1:
        lines = [f"{best}; one seed each says nothing about the next one."]
    elif not close:
        lines = [f"{best}, and is better than every other."]
    else:
        lines = [f"{best}; not told apart from it: {', '.join(close)}."] + ([] if apart else ["No variant is told apart."])
    rows = [["against", "difference", "wins a pair of runs", "p (Holm)"]]
    for each in summary.comparisons:
        p = "-" if manifest.study.seeds == 1 else f"{each.p:.3f}"
        rows.append([_label(manifest, each.other), _estimate(each.difference, judge.digits, "+"), _estimate(each.improvement, 2), p])
    return [*lines, "", *_aligned(rows)]


def _is_apart(comparison: Comparison) -> bool:
    """Whether the interval of a difference leaves out 0."""
    low, high = comparison.difference.low, comparison.difference.high
    return low is not None and (low > 0 or high < 0)


def _notes(manifest: Manifest) -> list[str]:
    return [
        line
        for published in manifest.study.published
        for line in ("", f"{published.name}: {published.source}" + (f". {published.note}" if published.note else "") + ".")
    ]


def _provenance(manifest: Manifest, summary: Summary) -> list[str]:
    hashes = ", ".join(f"{name} {each[:12]}" for name, each in manifest.config_sha256.items())
    commits = ", ".join(f"{commit} ({runs} runs)" for commit, runs in summary.commits.items())
    versions = ", ".join(f"{name} {each}" for name, each in manifest.versions.items())
    return ["```", shlex.join(manifest.command), "```", f"Configurations (SHA-256): {hashes}. Commit: {commits}. Versions: {versions}."]


def _label(manifest: Manifest, variant: str) -> str:
    return manifest.study.variants[variant].label or variant


def _cell(figure: Figure, digits: int, seeds: int) -> str:
    if figure.estimate.value is None:
        return "-"
    if figure.attained == 0:
        return f"never (> {figure.estimate.value:.{digits}f})"
    text = _estimate(figure.estimate, digits)
    if figure.attained < seeds:
        return f">= {text}, {figure.attained} of {seeds}"
    return text if figure.known == seeds else f"{text}, {figure.known} of {seeds}"


def _worst(figure: Figure, judge: str) -> str:
    known = [each for each in figure.runs if each is not None]
    return f"{(max if MEASURES[judge].less_is_better else min)(known):.{MEASURES[judge].digits}f}" if known else "-"


def _published(figure: tuple[float, ...] | None, digits: int) -> str:
    if figure is None:
        return "-"
    return " ± ".join(f"{each:.{digits}f}" for each in figure)


def _estimate(estimate: Estimate, digits: int, sign: str = "") -> str:
    if estimate.value is None:
        return "-"
    text = f"{estimate.value:{sign}.{digits}f}"
    return text if estimate.low is None else f"{text} [{estimate.low:{sign}.{digits}f}, {estimate.high:{sign}.{digits}f}]"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _csv(rows: list[list[object]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows([["" if each is None else each for each in row] for row in rows])
    return buffer.getvalue().encode()
