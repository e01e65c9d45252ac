"""Words above a rendered scene: what is shown on the left, and how far it is on the right."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sim3d.render.stage import STRIP

_SIZE = 13
"""Of the letters [pixels]."""
_INK = (51, 51, 51)
_SIDE = 8
"""From the picture's edges to the words [pixels]."""


def captioned(frame: np.ndarray, left: str, right: str) -> np.ndarray:
    """A frame [height, width, 3], 0 ... 255, with words in its upper strip, which scenes leave free."""
    image = Image.fromarray(frame)
    draw, font, middle = ImageDraw.Draw(image), ImageFont.load_default(_SIZE), STRIP // 2 + 1
    draw.text((_SIDE, middle), left, fill=_INK, font=font, anchor="lm")
    draw.text((image.width - _SIDE, middle), right, fill=_INK, font=font, anchor="rm")
    return np.asarray(image)
