"""What a mission is worth: the same figures for every world and for deployed robots, from recorded trajectories."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from runtime.contract import Contract
from sim3d.contact_events import count_contacts
from sim3d.landmark_returns import share_coming_back
from sim3d.landmark_track import at_end, at_ticks
from sim3d.spread_task import all_covered, distances, reward
from sim3d.world import World

TOUCH_MARGIN = 0.01
"""Two bodies touch when the gap between them is below this share of their mean radius: solid bodies rest against each other with a gap of
the engine's slop, and simple_spread's contact force reaches 0.007 radii far."""


@dataclass(frozen=True)
class EpisodeMetrics:
    """Figures of E episodes; each is an array [E]. "Covered" is: a robot is closer than the capture radius.

    Attributes:
        success: at some control step after the start all landmarks are covered at the same time (mpe2's `terminate_on_success`).
        success_end: all landmarks are covered at the end.
        success_body: at the end every landmark is closer to a robot than that robot's radius, so that a body stands on it.
        matched: at the end the landmarks are covered by as many different robots.
        coverage: share of the landmarks that are covered at the end.
        steps_to_cover: first control step with all landmarks covered; NaN when there is none.
        time_to_cover: the same [s].
        episode_return: reward summed over control steps and robots, with the arena's half size as unit of length.
        contacts: contact events of any two robots (sim3d.contact_events), counted at every tick.
        contacts_per_100m: contact events for each 100 m that the robots travelled together.
        min_separation: smallest distance of two robots' centres at any tick [m]; NaN for one robot.
        mean_separation: the mean over ticks and pairs [m]; NaN for one robot.
        path_length: of all robots together [m].
        boundary_violations: how often a robot left the arena (a start outside counts).
        overlap: at the end one landmark is the nearest to two robots.
        oscillation: share of the robots that arrived at a landmark, left it and arrived there again (sim3d.landmark_returns).
    """

    success: np.ndarray
    success_end: np.ndarray
    success_body: np.ndarray
    matched: np.ndarray
    coverage: np.ndarray
    steps_to_cover: np.ndarray
    time_to_cover: np.ndarray
    episode_return: np.ndarray
    contacts: np.ndarray
    contacts_per_100m: np.ndarray
    min_separation: np.ndarray
    mean_separation: np.ndarray
    path_length: np.ndarray
    boundary_violations: np.ndarray
    overlap: np.ndarray
    oscillation: np.ndarray


def episode_metrics(
    position: np.ndarray,
    landmarks: np.ndarray,
    *,
    ticks_per_step: int,
    tick_period: float,
    capture_radius: float,
    robot_radius: float | np.ndarray,
    arena_half_size: float,
) -> EpisodeMetrics:
    """Score recorded episodes.

    Args:
        position: [E, T + 1, N, 2], m: the true positions at every tick from the start on; T is a whole number of control steps.
        landmarks: [E, L, 2], m; of landmarks that move [E, T + 1, L, 2], where they are at each of these ticks.
        ticks_per_step: ticks in a control step.
        tick_period: [s].
        capture_radius: [m].
        robot_radius: [m], of all robots, or [N] of each.
        arena_half_size: [m].

    Raises:
        ValueError: T is not a whole number of control steps.
    """
    ticks = position.shape[1] - 1
    if ticks < 1 or ticks % ticks_per_step:
        raise ValueError(f"position covers {ticks} ticks, which is not a whole number of control steps of {ticks_per_step} ticks")
    at_steps = slice(ticks_per_step, None, ticks_per_step)
    steps, spots = position[:, at_steps], at_ticks(landmarks, at_steps)
    radius = np.broadcast_to(np.asarray(robot_radius, dtype=np.float64), position.shape[2:3])
    to_landmarks = distances(position[:, -1], at_end(landmarks))

    covered = all_covered(steps, spots, capture_radius)
    success = covered.any(axis=1)
    steps_to_cover = np.where(success, covered.argmax(axis=1) + 1.0, np.nan)
    path_length = np.linalg.norm(np.diff(position, axis=1), axis=-1).sum(axis=(1, 2))
    separation = _separation(position)
    first, second = _pairs(len(radius))
    touching = separation < (2 + TOUCH_MARGIN) * (0.5 * (radius[first] + radius[second]))
    contacts = count_contacts(np.moveaxis(touching, 1, 0)).sum(axis=-1)
    outside = (np.abs(position) > arena_half_size).any(axis=-1)
    nearest = to_landmarks.argmin(axis=-1)
    step_reward = reward(steps, spots, radius, unit=arena_half_size)
    return EpisodeMetrics(
        success=success,
        success_end=covered[:, -1],
        success_body=(to_landmarks < radius[:, None]).any(axis=1).all(axis=-1),
        matched=_matched(to_landmarks < capture_radius),
        coverage=(to_landmarks.min(axis=1) < capture_radius).mean(axis=-1),
        steps_to_cover=steps_to_cover,
        time_to_cover=steps_to_cover * ticks_per_step * tick_period,
        episode_return=step_reward.sum(axis=(1, 2)),
        contacts=contacts,
        contacts_per_100m=100.0 * _ratio(contacts, path_length),
        min_separation=separation.min(axis=(1, 2)) if separation.size else np.full(len(position), np.nan),
        mean_separation=separation.mean(axis=(1, 2)) if separation.size else np.full(len(position), np.nan),
        path_length=path_length,
        boundary_violations=outside[:, 0].sum(axis=-1) + (outside[:, 1:] & ~outside[:, :-1]).sum(axis=(1, 2)),
        overlap=np.array([len(set(row)) < len(row) for row in nearest.tolist()], dtype=bool),
        oscillation=share_coming_back(position[:, ::ticks_per_step], at_ticks(landmarks, slice(None, None, ticks_per_step)), radius),
    )


def team_metrics(position: np.ndarray, landmarks: np.ndarray, contract: Contract, world: World) -> EpisodeMetrics:
    """Score episodes of exported actors in the world that they were flown in: see episode_metrics, which has all else from these two."""
    return episode_metrics(
        position,
        landmarks,
        ticks_per_step=round(contract.period / world.tick_period),
        tick_period=world.tick_period,
        capture_radius=contract.capture_radius,
        robot_radius=world.robot_radius,
        arena_half_size=contract.arena_half_size,
    )


def summarise(metrics: EpisodeMetrics) -> dict[str, float]:
    """Means over episodes, and 95 % intervals (`<name>_low`, `<name>_high`) of the success rates.

    Times to cover are means over the episodes that were covered (NaN when none was); contacts_per_100m is that of all episodes together.
    """
    summary: dict[str, float] = {}
    for field in dataclasses.fields(metrics):
        values = getattr(metrics, field.name)
        known = values[~np.isnan(values)]
        summary[field.name] = float(known.mean()) if known.size else math.nan
        if values.dtype == bool:
            summary[f"{field.name}_low"], summary[f"{field.name}_high"] = wilson_interval(int(values.sum()), len(values))
    summary["contacts_per_100m"] = float(100.0 * _ratio(metrics.contacts.sum(), metrics.path_length.sum()))
    return summary


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a success rate.

    E. B. Wilson, JASA 22 (1927) 209; recommended for any number of trials by Brown, Cai and DasGupta, Statistical Science 16 (2001) 101.

    Args:
        successes: of `trials`, which is at least 1.

    Returns:
        Its lower and upper end, in [0, 1].
    """
    z = 1.959963984540054
    rate = successes / trials
    scale = 1.0 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / scale
    half_width = z * math.sqrt(rate * (1.0 - rate) / trials + z * z / (4 * trials * trials)) / scale
    # At the ends rounding would leave 2e-19 instead of 0.
    return (0.0 if successes == 0 else centre - half_width), (1.0 if successes == trials else centre + half_width)


def _separation(position: np.ndarray) -> np.ndarray:
    """Distances of all pairs: [E, T, N, 2] to [E, T, N (N - 1) / 2], m."""
    first, second = _pairs(position.shape[2])
    return np.linalg.norm(position[:, :, first] - position[:, :, second], axis=-1)


def _pairs(robots: int) -> tuple[np.ndarray, np.ndarray]:
    """The first and the second of all pairs of robots."""
    return np.triu_indices(robots, 1)


def _matched(within: np.ndarray) -> np.ndarray:
    """Whether every landmark can be given a robot of its own within reach: [E, N, L] booleans to [E] (Hungarian method)."""
    matched = np.zeros(len(within), dtype=bool)
    for episode in np.flatnonzero(within.any(axis=1).all(axis=1)):
        robots, landmarks = linear_sum_assignment(within[episode], maximize=True)
        matched[episode] = within[episode][robots, landmarks].sum() == within.shape[2]
    return matched


def _ratio(counts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Counts by length; zero where nothing was counted, whatever the length."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(counts) == 0, 0.0, np.asarray(counts) / np.asarray(lengths))
