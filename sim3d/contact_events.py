"""When a contact begins and ends: with hysteresis, so that a bouncing touch is one event."""

from __future__ import annotations

import numpy as np

SAMPLES_IN = 3
SAMPLES_OUT = 5
"""A contact begins after 3 samples in touch and ends after 5 apart (bassamlab/SigmaRL: sigmarl/eva_at25)."""


def count_contacts(touching: np.ndarray) -> np.ndarray:
    """Contact events in series of samples.

    Args:
        touching: [T, ...] booleans, in order of time.

    Returns:
        [...] integers; a contact that has not ended counts as well.
    """
    shape = touching.shape[1:]
    touched, apart, events = np.zeros(shape, dtype=int), np.zeros(shape, dtype=int), np.zeros(shape, dtype=int)
    engaged = np.zeros(shape, dtype=bool)
    for sample in touching:
        touched = np.where(sample, touched + 1, 0)
        apart = np.where(sample, 0, apart + 1)
        begins = ~engaged & (touched >= SAMPLES_IN)
        events += begins
        engaged = (engaged | begins) & (apart < SAMPLES_OUT)
    return events
