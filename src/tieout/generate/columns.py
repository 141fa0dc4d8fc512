"""Arrow columns from arrays of integers. The one place where minor units become decimals."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

MONEY = pa.decimal128(19, 4)
RATE = pa.decimal128(20, 10)
MOMENT = pa.timestamp("us", tz="UTC")


def money(minor: np.ndarray, digits: np.ndarray) -> pa.Array:
    """decimal128(19,4) of integer amounts in minor units; ``digits``: each row's digits after the point (0 to 4)."""
    return _decimal(minor * 10 ** (4 - digits), MONEY)


def rate(scaled: np.ndarray) -> pa.Array:
    """decimal128(20,10) of integers that count 1e-10."""
    return _decimal(scaled, RATE)


def _decimal(values: np.ndarray, kind: pa.Decimal128Type) -> pa.Array:
    # Arrow keeps a decimal as a 128-bit integer in the machine's order, little-endian on all that it supports.
    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = values
    words[:, 1] = values >> 63
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(words)])


def moments(microseconds: np.ndarray) -> pa.Array:
    values = np.ascontiguousarray(microseconds, np.int64)
    return pa.Array.from_buffers(MOMENT, len(values), [None, pa.py_buffer(values)])


def days(numbers: np.ndarray, known: np.ndarray | None = None) -> pa.Array:
    """date32; NULL where ``known`` is false."""
    values = pa.array(numbers.astype(np.int32), mask=None if known is None else ~known)
    return values.cast(pa.date32())


def choice(options: pa.Array | list[str], positions: np.ndarray, known: np.ndarray | None = None) -> pa.Array:
    """The option at each position; NULL where ``known`` is false."""
    if not isinstance(options, pa.Array):
        options = pa.array(options, pa.string())
    return options.take(pa.array(positions, mask=None if known is None else ~known))


def same(value: str | None, n: int) -> pa.Array:
    """``value`` n times."""
    return pa.nulls(n, pa.string()) if value is None else pa.repeat(pa.scalar(value, pa.string()), n)


def flags(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.bool_())
