"""Worlds that stand in for reality, what disturbs them, and the measurement of what a team achieves in them."""
