"""Figures that change in the course of a run."""

from __future__ import annotations


def linear(first: float, last: float, progress: float) -> float:
    """From `first` to `last` as `progress` goes from 0 to 1; `last` after that."""
    return first + min(progress, 1.0) * (last - first)


def share_done(progress: float, share: float) -> float:
    """Progress within the first `share` of a run, from 0 to 1; a share of 0 is over at once."""
    return 1.0 if share == 0 else min(1.0, progress / share)
