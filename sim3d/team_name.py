"""What a team is called where there is room for one line."""

from __future__ import annotations

from collections.abc import Sequence


def team_name(kinds: Sequence[str]) -> str:
    """The kinds of N robots, by agent, in few characters: `3 omni`, or `omni+diffdrive+quadrotor`."""
    return f"{len(kinds)} {kinds[0]}" if len(set(kinds)) == 1 else "+".join(kinds)
