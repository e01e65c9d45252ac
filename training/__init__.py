"""Learners, and the export of what they learned to a robot."""
