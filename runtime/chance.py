"""Chance within an episode: every number follows from the episode's seed, from what it is for, and from the tick, and from nothing else.

So it does not matter how often a robot is sensed, which episodes share a batch, or which process holds them.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any, Literal, Protocol

import numpy as np

from runtime.arrays import array_namespace

Array = Any
"""A numpy array or a torch tensor."""

BLOCK = 64
"""Ticks drawn at once; starting a generator costs as much as hundreds of its numbers."""


class Numbers(Protocol):
    """Independent random numbers of one law."""

    def at(self, tick: int) -> Array:
        """The numbers [B, *shape] of one tick; the same whenever they are asked for."""


def normals(seeds: np.ndarray, shape: tuple[int, ...], purpose: str, like: Any) -> Numbers:
    """Standard normal numbers for a batch of episodes.

    On numpy each episode has its own generator, so its numbers do not depend on the rest of the batch. On torch one generator serves the
    whole batch, for speed: the same seeds in the same order, on the same kind of device, give the same numbers.

    Args:
        seeds: [B] integers, one an episode.
        shape: of the numbers of one episode and tick.
        purpose: what they are for; two purposes share no numbers.
        like: an array with the wanted library, dtype and device.
    """
    return _numbers(seeds, shape, purpose, like, "normal")


def uniforms(seeds: np.ndarray, shape: tuple[int, ...], purpose: str, like: Any) -> Numbers:
    """Numbers that are uniform in [0, 1], for a batch of episodes; arguments as for `normals`."""
    return _numbers(seeds, shape, purpose, like, "uniform")


_Law = Literal["normal", "uniform"]


def _numbers(seeds: np.ndarray, shape: tuple[int, ...], purpose: str, like: Any, law: _Law) -> Numbers:
    return (_EpisodeNumbers if isinstance(like, np.ndarray) else _BatchNumbers)(seeds, shape, purpose, like, law)


class _EpisodeNumbers:
    """Counter-based generators (Philox: Salmon et al., SC 2011): key = (seed, purpose), counter = (block of ticks, position in it)."""

    def __init__(self, seeds: np.ndarray, shape: tuple[int, ...], purpose: str, like: np.ndarray, law: _Law) -> None:
        self._keys = [np.array([seed, zlib.crc32(purpose.encode())], dtype=np.uint64) for seed in np.asarray(seeds).astype(np.uint64)]
        self._block = -1
        self._numbers = np.empty((len(self._keys), BLOCK, *shape), dtype=like.dtype)
        self._draw = "standard_normal" if law == "normal" else "random"

    def at(self, tick: int) -> np.ndarray:
        block, row = divmod(tick, BLOCK)
        if block != self._block:
            for numbers, key in zip(self._numbers, self._keys, strict=True):
                generator = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, block]))
                numbers[...] = getattr(generator, self._draw)(numbers.shape)
            self._block = block
        return self._numbers[:, row].copy()


class _BatchNumbers:
    """One torch generator, started afresh at each tick."""

    def __init__(self, seeds: np.ndarray, shape: tuple[int, ...], purpose: str, like: Any, law: _Law) -> None:
        # torch itself, by way of the array: what runs on a robot does not import it.
        torch = array_namespace(like)
        seeds = np.asarray(seeds, dtype=np.int64)
        self._draw = torch.randn if law == "normal" else torch.rand
        self._shape = (len(seeds), *shape)
        self._like = like
        self._generator = torch.Generator(device=like.device)
        self._name = hashlib.blake2b(purpose.encode() + seeds.tobytes(), digest_size=16).digest()

    def at(self, tick: int) -> Array:
        # Neighbouring seeds of torch's Mersenne twister are correlated; hashed ones are not.
        digest = hashlib.blake2b(self._name + tick.to_bytes(8, "little"), digest_size=7).digest()
        self._generator.manual_seed(int.from_bytes(digest, "little"))
        return self._draw(self._shape, generator=self._generator, dtype=self._like.dtype, device=self._like.device)
