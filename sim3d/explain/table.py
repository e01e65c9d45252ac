"""An explanation as text."""

from __future__ import annotations

from sim3d.explain.results import BundleExplanation, Contributions, Explanation, PatientZero
from sim3d.statistics.interval import Estimate

_WIDTH = 22


def lines_of(explanation: Explanation) -> list[str]:
    """The whole table."""
    lines = []
    for name, bundle in explanation.bundles.items():
        lines += [name, *_bundle(bundle), ""]
    return lines[:-1]


def _bundle(bundle: BundleExplanation) -> list[str]:
    return [*_contributions(bundle.shapley), *_contributions(bundle.shapley_success), *_patient_zero(bundle.patient_zero)]


def _contributions(found: Contributions) -> list[str]:
    nobody, everybody = (found.coalitions[worker * len(found.values)] for worker in "01")
    return [
        f"  {found.figure + ' of all, of none':{_WIDTH}} {_short(everybody)}   {_short(nobody)}",
        *(f"    {f'robot {robot} contributes':{_WIDTH - 2}} {_short(value)}" for robot, value in enumerate(found.values)),
    ]


def _patient_zero(found: PatientZero) -> list[str]:
    lines = [f"  {'who fails first':{_WIDTH}} {'is named in':22} {'rightly in':22} {'step':>5}  each robot"]
    lines.append(f"    {'clean':{_WIDTH - 2}} {_short(found.false_alarms)}")
    for name, cell in found.cells.items():
        step = "-" if cell.step is None else f"{cell.step:g}"
        each = " ".join(f"{share:.2f}" for share in cell.first)
        lines.append(f"    {name:{_WIDTH - 2}} {_short(cell.named):22} {_short(cell.correct):22} {step:>5}  {each}")
    return lines


def _short(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "-"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
