"""Figures of scores, intervals for few seeds, tests on common layouts."""
