"""How long a mission lasts unless somebody says otherwise."""

from __future__ import annotations

import math

from runtime.contract import Contract
from sim3d.spread import HORIZON

LEAST_SECONDS = 10.0
"""25 control periods of an omni robot at its cruise speed. A team with shorter periods gets as much time: its motors need it."""


def mission_periods(contract: Contract) -> int:
    """Control periods of a mission: simple_spread's 25, and for a robot so many more that they last LEAST_SECONDS."""
    if contract.action.kind == "force":
        return HORIZON
    return max(HORIZON, math.ceil(LEAST_SECONDS / contract.period - 1e-9))
