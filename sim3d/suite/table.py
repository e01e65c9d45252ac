"""What an evaluation found, as text: no headline without the families that it is made of."""

from __future__ import annotations

from sim3d.statistics.interval import Estimate
from sim3d.suite.deployed import DeployedResult
from sim3d.suite.results import Comparison, LadderResult, PolicyResult, RecoveryResult, Results
from sim3d.suite.store import Manifest

_WIDTH = 22


def lines_of(manifest: Manifest, results: Results) -> list[str]:
    """The whole table."""
    bundles = len(manifest.bundles)
    lines = [
        f"suite {manifest.suite.name} in {manifest.world}: {len(manifest.cells)} cells of {manifest.episodes} episodes, "
        f"{bundles} bundle{'s' * (bundles > 1)}; score: {results.score}, with 95 % intervals"
    ]
    for name, policy in results.policies.items():
        lines += ["", *_policy(name, policy), *_recoveries(policy)]
    for comparison in results.comparisons:
        lines += ["", *_comparison(comparison)]
    return lines


def deployed_lines(results: dict[str, dict[str, DeployedResult]]) -> list[str]:
    """One line a bundle and cell."""
    lines = [f"{'one process a robot':32} {'one process':20} {'deployed':20} {'difference':22} others  largest distance"]
    for bundle, cells in results.items():
        for cell, result in cells.items():
            others = f"{result.others}/{result.missions}"
            lines.append(
                f"  {bundle + ' ' + cell:30} {_short(result.in_process):20} {_short(result.deployed):20} {_short(result.difference):22} "
                f"{others:>6}  {result.largest_distance:.1e} m"
            )
    return lines


def _policy(name: str, policy: PolicyResult) -> list[str]:
    seeds = len(policy.bundles)
    lines = [f"{name}" + (f" ({seeds} training seeds, interquartile mean)" if seeds > 1 else "")]
    lines.append(f"  {'':{_WIDTH}} {'while disturbed':22} {'after that':22} breaks at (90 % of clean)")
    lines.append(f"  {'clean':{_WIDTH}} {_short(policy.clean)}")
    for family_name, family in policy.families.items():
        lines.append(f"  {family_name:{_WIDTH}} {_short(family.robustness):22} {_short(family.resilience):22}".rstrip())
        for ladder_name, ladder in family.ladders.items():
            label = f"  {ladder_name.partition('.')[2]}"
            lines.append(f"  {label:{_WIDTH}} {_short(ladder.area):22} {_short(ladder.area_after):22} {_breaks(ladder)}".rstrip())
    lines.append(f"  {'mean over families':{_WIDTH}} {_short(policy.robustness):22} {_short(policy.resilience):22}".rstrip())
    lines.append(f"  {'typical cell (IQM)':{_WIDTH}} {_short(policy.typical)}")
    lines.append(f"  {'worst tenth (CVaR)':{_WIDTH}} {_short(policy.tail)}")
    lines.append(f"  {'worst cell':{_WIDTH}} {_short(policy.lowest):22} {policy.lowest_cell}")
    return lines


def _recoveries(policy: PolicyResult) -> list[str]:
    """The hardest rung of each ladder of faults; all of them are in the files."""
    ladders = [ladder for family in policy.families.values() for ladder in family.ladders.values()]
    shown = {ladder.cells[-1]: policy.recovery[ladder.cells[-1]] for ladder in ladders if ladder.cells[-1] in policy.recovery}
    if not shown:
        return []
    heads = ("of clean coverage", "recovered (90 % of it)", "after [s]", "all: time below [s]", "fairness of paths")
    head = f"  {'recovery':{_WIDTH}} {' '.join(f'{each:22}' for each in heads)}".rstrip()
    return [head, *(_recovery(cell, found) for cell, found in shown.items())]


def _recovery(cell: str, found: RecoveryResult) -> str:
    figures = (found.ratio, found.recovered, found.time_to_recover, found.time_below, found.fairness)
    return f"    {cell:{_WIDTH - 2}} {' '.join(f'{_short(each):22}' for each in figures)}".rstrip()


def _comparison(comparison: Comparison) -> list[str]:
    significant = [cell.difference.value for cell in comparison.cells.values() if cell.p_holm < 0.05]
    better = sum(value > 0 for value in significant)
    tests = next(iter(comparison.cells.values())).test
    return [
        f"{comparison.policy} against {comparison.against}",
        f"  {'difference':{_WIDTH}} {'while disturbed':22} after that",
        *(f"  {family:{_WIDTH}} {_signed(each)}" for family, each in comparison.families.items()),
        f"  {'mean over families':{_WIDTH}} {_signed(comparison.robustness):22} {_signed(comparison.resilience)}".rstrip(),
        f"  {'beats it':{_WIDTH}} {_short(comparison.improvement):22} of the time",
        f"  {'cells':{_WIDTH}} better in {better}, worse in {len(significant) - better} of {len(comparison.cells)} "
        f"(p < 0.05, {tests}, corrected for their number)",
    ]


def _breaks(ladder: LadderResult) -> str:
    if ladder.never_breaks:
        return "never"
    if ladder.break_at is None:
        return f"severity {_short(ladder.break_severity, digits=1)}"
    return f"{_short(ladder.break_at)} {ladder.unit}".rstrip()


def _short(estimate: Estimate | None, digits: int = 3) -> str:
    if estimate is None or estimate.value is None:
        return "-"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def _signed(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
