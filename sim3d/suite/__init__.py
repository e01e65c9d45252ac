"""Suites of disturbances: which cells there are, how they run, what is stored, and what is said of them."""
