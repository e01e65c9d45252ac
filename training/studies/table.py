"""A study in words: a Markdown table with published figures beside ours, which variant is best and by how much, and what made it."""

from __future__ import annotations

import csv
import io
import shlex

import msgspec

from sim3d.statistics.interval import Estimate
from training.studies.measures import MEASURES, REACHED
from training.studies.store import Manifest
from training.studies.summary import Figure, Summary, Times, Verdict

_SIGNIFICANT = 0.05


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
            *(line for verdict in summary.verdicts for line in _verdict(manifest, verdict)),
            *_signatures(manifest, summary),
            *_failed(summary),
            *_notes(manifest),
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
        failed = {seed for each, seed, _ in summary.failed if each == variant}
        done = [seed for seed in range(len(failed) + len(figures[measures[0]].runs)) if seed not in failed]
        rows += [[variant, seed, *(figures[name].runs[place] for name in measures)] for place, seed in enumerate(done)]
    return _csv(rows)


def results_json(manifest: Manifest, summary: Summary) -> bytes:
    """Everything as one document."""
    document = {"manifest": manifest, **msgspec.structs.asdict(summary)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _figures(manifest: Manifest, summary: Summary) -> list[str]:
    study = manifest.study
    judge = study.judges[0]
    rows = [["", *(MEASURES[name].label for name in study.measures), f"{MEASURES[judge].label}, range over seeds"]]
    for variant, figures in summary.figures.items():
        cells = [_cell(figures[name], MEASURES[name].digits, study.seeds) for name in study.measures]
        rows.append([_label(manifest, variant), *cells, _range(figures[judge], MEASURES[judge].digits)])
    for published in study.published:
        cells = [_published(published.figures.get(name), MEASURES[name].digits) for name in study.measures]
        rows.append([f"published: {published.name}", *cells, ""])
    return _aligned(rows)


def _verdict(manifest: Manifest, verdict: Verdict) -> list[str]:
    judge = MEASURES[verdict.measure]
    alike = [_label(manifest, each.other) for each in verdict.comparisons if each.p >= _SIGNIFICANT]
    best = f"By {judge.label}, {_label(manifest, verdict.best)} has the best figure"
    if not alike:
        line = f"{best}, and is better than every other (p < {_SIGNIFICANT}, corrected for their number)."
    else:
        line = f"{best}; {manifest.study.seeds} seeds do not tell it from: {', '.join(alike)}."
    rows = [["less that of", "difference", "wins a pair of runs", "p (Holm)"]]
    for each in verdict.comparisons:
        rows.append(
            [_label(manifest, each.other), _estimate(each.difference, judge.digits, "+"), _estimate(each.improvement, 2), f"{each.p:.3f}"]
        )
    return [line, "", *_aligned(rows), ""]


def _signatures(manifest: Manifest, summary: Summary) -> list[str]:
    lines = [
        f"- {_label(manifest, variant)}: " + ", ".join(f"{name} in {runs} of {manifest.study.seeds}" for name, runs in seen.items())
        for variant, seen in summary.signatures.items()
        if seen
    ]
    return (
        ["Failure signatures seen while training (each run's signatures.json has when, and what helps):", "", *lines, ""] if lines else []
    )


def _failed(summary: Summary) -> list[str]:
    """What is missing flatters a variant, so it is said."""
    lines = [f"- {variant}, seed {seed}: {why}" for variant, seed, why in summary.failed]
    return ["Runs that did not come to their end, and are in no figure:", "", *lines, ""] if lines else []


def _notes(manifest: Manifest) -> list[str]:
    return [
        line
        for published in manifest.study.published
        for line in (f"{published.name}: {published.source}" + (f". {published.note}" if published.note else "") + ".", "")
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


def _range(figure: Figure, digits: int) -> str:
    known = [each for each in figure.runs if each is not None]
    return f"{min(known):.{digits}f} to {max(known):.{digits}f}" if known else "-"


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
