"""The figures of a transfer table: one row a cell, each figure with its 95 % interval.

Shares of missions have Wilson's interval, counts of which there was none that of such counts, all others that of resampled layouts
(`sim3d.statistics.interval`). Retention is success_body over that of the bundle's own home cell: the clean one in the first of its
worlds. The two share their layouts, and their resamples do too.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from sim3d.metrics import wilson_interval
from sim3d.statistics.aggregates import retention
from sim3d.statistics.interval import NONE, Estimate, interval, layout_weights, ratio_interval, ratios, shares
from sim3d.suite.cells import CLEAN
from sim3d.suite.store import CellStore
from sim3d.transfer.plan import TransferCell, TransferManifest

SHARES = ("success", "success_body", "success_end", "coverage")
"""Metrics from 0 to 1."""
MEANS = ("time_to_cover", "min_separation", "path_length")
"""Metrics of which the mean counts, of the missions that have one."""
NONE_SEEN = -math.log(0.025)
"""Upper end of the 95 % interval of a Poisson count of which none was seen (Garwood, Biometrika 28 (1936) 437): no mission that is drawn
again would show one, and yet the next may have one."""
FIGURES = (*SHARES, "retention", *MEANS, "contacts", "contacts_per_100m")


class TransferRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cell.

    Attributes:
        bundle, world, profile: by their names.
        kinds: of the robots, by agent.
        missions: E.
        figures: name (FIGURES) -> estimate; times in s, lengths in m. No time to cover where nothing was covered, and no retention
            without a home cell in which something succeeded.
    """

    bundle: str
    kinds: tuple[str, ...]
    world: str
    profile: str
    missions: int
    figures: dict[str, Estimate]


def transfer_rows(store: CellStore, manifest: TransferManifest) -> list[TransferRow]:
    """Of a store that has all cells, in the order of the manifest. Raises InputError when a cell cannot be read."""
    kinds = {bundle.name: bundle.kinds for bundle in manifest.bundles}
    values = {cell: store.load(cell.bundle, cell.id) for cell in manifest.cells}
    homes = {bundle: home_cell(manifest, bundle) for bundle in kinds}
    weights = layout_weights(manifest.missions)
    rows = []
    for cell in manifest.cells:
        home = homes[cell.bundle]
        figures = cell_figures(values[cell], None if home is None else values[home], weights)
        rows.append(
            TransferRow(
                bundle=cell.bundle,
                kinds=kinds[cell.bundle],
                world=cell.world,
                profile=cell.profile,
                missions=manifest.missions,
                figures=figures,
            )
        )
    return rows


def home_cell(manifest: TransferManifest, bundle: str) -> TransferCell | None:
    """The clean cell in the first world of a bundle; None where the table has none."""
    own = [cell for cell in manifest.cells if cell.bundle == bundle]
    return next((cell for cell in own if cell.world == own[0].world and cell.profile == CLEAN), None)


def cell_figures(values: dict[str, np.ndarray], home: dict[str, np.ndarray] | None, weights: np.ndarray) -> dict[str, Estimate]:
    """Figures of one cell.

    Args:
        values: metric -> [E].
        home: of the bundle's home cell, on the same layouts, which may be this very cell; None where there is none.
        weights: [R, E], of `layout_weights`.

    Returns:
        FIGURES -> estimate.
    """
    figures = {name: _share(values[name], weights) for name in SHARES}
    figures["retention"] = NONE if home is None else _retention(values["success_body"], home["success_body"], weights)
    for name in MEANS:
        known = ~np.isnan(values[name])
        figures[name] = _ratio(np.where(known, values[name], 0.0), known, weights)
    figures["contacts"] = _events(values["contacts"], np.ones(len(values["contacts"])), weights)
    figures["contacts_per_100m"] = _events(values["contacts"], values["path_length"] / 100.0, weights)
    return {name: figures[name] for name in FIGURES}


def _share(values: np.ndarray, weights: np.ndarray) -> Estimate:
    if values.dtype != bool:
        return interval(shares(values[None, :, None], weights).map(_only), (0.0, 1.0))
    low, high = wilson_interval(int(values.sum()), len(values))
    return Estimate(value=float(values.mean()), low=low, high=high)


def _retention(values: np.ndarray, home: np.ndarray, weights: np.ndarray) -> Estimate:
    if values is home:
        return Estimate(value=1.0, low=1.0, high=1.0) if values.any() else NONE
    both = shares(np.stack([values, home], axis=-1)[None], weights)
    return ratio_interval(both.map(lambda each: retention(each[..., 0], each[..., 1])))


def _events(counts: np.ndarray, exposure: np.ndarray, weights: np.ndarray) -> Estimate:
    """Events [E] for each unit of what they can happen in [E]."""
    if not counts.any() and exposure.any():
        return Estimate(value=0.0, low=0.0, high=NONE_SEEN / float(exposure.sum()))
    return _ratio(counts, exposure, weights)


def _ratio(above: np.ndarray, below: np.ndarray, weights: np.ndarray) -> Estimate:
    """Sum of `above` [E] over that of `below` [E]."""
    estimate = interval(ratios(above.astype(float)[None, :, None], below.astype(float)[None, :, None], weights).map(_only))
    # One mission says nothing of how missions differ.
    return Estimate(value=estimate.value, low=None, high=None) if np.count_nonzero(below) == 1 else estimate


def _only(values: np.ndarray) -> np.ndarray:
    """Of the only cell."""
    return values[..., 0]
