"""Bundles on a command line, NAME=BUNDLE, those of one NAME being training seeds of one policy; and figures of all seeds together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from sim3d.metrics import EpisodeMetrics
from sim3d.statistics.interval import Estimate, Resampled, interval, layout_weights, shares

FIGURES = ("coverage", "success")


def add_bundles(parser: argparse.ArgumentParser) -> None:
    """Declare them, and how many robots are to fly."""
    parser.add_argument("bundle", nargs="+", metavar="[NAME=]BUNDLE", help="entity actors of kind point")
    parser.add_argument("--robots", type=int, default=5, help="and landmarks (default: %(default)s)")
    parser.add_argument("--missions", type=int, default=500, help="of each bundle (default: %(default)s)")


def teams_of(arguments: argparse.Namespace) -> dict[str, list[list[OnnxActor]]]:
    """The actors of each seed, by policy. Raises InputError."""
    policies: dict[str, list[list[OnnxActor]]] = {}
    for given in arguments.bundle:
        name, _, path = given.rpartition("=")
        policies.setdefault(name or path, []).append(read_bundle(path).actors_for(arguments.robots, arguments.robots))
    return policies


def of_seeds(metrics: Sequence[EpisodeMetrics]) -> dict[str, Resampled]:
    """FIGURES of S seeds on common layouts, [S] and [R, S] each."""
    weights = layout_weights(len(metrics[0].success))
    scores = {name: np.stack([getattr(each, name) for each in metrics]).astype(float) for name in FIGURES}
    return {name: shares(each[..., None], weights).map(lambda values: values[..., 0]) for name, each in scores.items()}


def with_interval(figure: Resampled) -> str:
    """The interquartile mean of a share, with its 95 % interval."""
    return written(interval(figure, (0.0, 1.0)))


def written(estimate: Estimate, sign: str = "") -> str:
    """A figure with its interval, as tables have it."""
    return f"{estimate.value:{sign}.3f} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"
