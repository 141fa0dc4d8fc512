"""Chance without state: a draw is a function of the seed, the name of what is drawn and the row's serial number.

Nothing depends on the order or the size of the chunks in which rows are made, so that any day of the company's life
can be made again on its own. That is how `advance` knows what the past looks like without keeping it. Draws are
integers throughout; no float takes part in deciding an amount.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@lru_cache(maxsize=4096)
def _key(seed: int, stream: str) -> np.uint64:
    digest = hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "big"))


@dataclass(frozen=True)
class Draws:
    """The draws of a set of rows. ``serial``: int64[n], unique among the rows that draw from the same streams."""

    seed: int
    serial: np.ndarray

    def bits(self, stream: str) -> np.ndarray:
        """uint64[n], 64 random bits a row."""
        x = self.serial.astype(np.uint64)
        x *= _GOLDEN
        x += _key(self.seed, stream)
        x ^= x >> np.uint64(30)
        x *= _MIX_1
        x ^= x >> np.uint64(27)
        x *= _MIX_2
        x ^= x >> np.uint64(31)
        return x

    def below(self, stream: str, bound: int | np.ndarray) -> np.ndarray:
        """int64[n] in [0, bound). ``bound`` may be one number or one a row; it must be positive."""
        bound = np.asarray(bound)
        assert (bound > 0).all(), f"{stream}: a bound must be positive"
        return (self.bits(stream) % bound.astype(np.uint64)).astype(np.int64)

    def between(self, stream: str, low: int | np.ndarray, high: int | np.ndarray) -> np.ndarray:
        """int64[n] in [low, high], both ends included."""
        low, high = np.asarray(low, np.int64), np.asarray(high, np.int64)
        return low + self.below(stream, high - low + 1)

    def chance(self, stream: str, per_10_000: int | np.ndarray) -> np.ndarray:
        """bool[n], true for ``per_10_000`` rows of 10,000."""
        return self.below(stream, 10_000) < per_10_000

    def pick(self, stream: str, weights: Sequence[int]) -> np.ndarray:
        """int64[n]: positions in ``weights``, each as often as its weight says."""
        edges = np.cumsum(np.asarray(weights, np.int64))
        return np.searchsorted(edges, self.below(stream, int(edges[-1])), side="right")

    def at(self, rows: np.ndarray) -> Draws:
        """The draws of some of the rows; ``rows`` is a mask or positions."""
        return Draws(self.seed, self.serial[rows])
