"""One namespace of array functions for numpy on the robot and torch in training."""

from __future__ import annotations

from typing import Any

import numpy as np


def array_namespace(array: Any) -> Any:
    """The array API of an array's own library.

    numpy's own since 2.0. For others array-api-compat, which is imported only then: for numpy arrays it would load all of numpy's
    submodules, a fifth of the runtime's memory and a quarter of its start-up.
    """
    if isinstance(array, np.ndarray):
        return np
    import array_api_compat

    return array_api_compat.array_namespace(array)
