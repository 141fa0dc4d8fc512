"""Identifiers, made in bulk: as text columns of one width, straight from arrays of bytes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tieout.generate.draws import Draws

_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8).reshape(256, 2)
_BASE62 = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_DASH = ord("-")


def fixed_text(characters: np.ndarray) -> pa.StringArray:
    """A text column from uint8[n, width] of ASCII."""
    n, width = characters.shape
    offsets = np.arange(0, (n + 1) * width, width, dtype=np.int32) if n else np.zeros(1, np.int32)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(characters)))


def uuids(draws: Draws, stream: str, created: np.ndarray) -> pa.StringArray:
    """UUIDs laid out as the database's own uuidv7() lays them out (RFC 9562, 5.7), so that they index as well.

    ``created``: int64[n], microseconds; its milliseconds are the first 48 bits. The random bits are drawn.
    """
    n = len(draws.serial)
    high, low = draws.bits(f"{stream}/high"), draws.bits(f"{stream}/low")
    milliseconds = (created // 1000).astype(np.uint64)
    high = (milliseconds << np.uint64(16)) | np.uint64(0x7000) | (high & np.uint64(0x0FFF))
    low = (low & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(0x8000000000000000)
    raw = np.stack([high, low], axis=1).astype(">u8").view(np.uint8).reshape(n, 16)
    digits = _HEX[raw].reshape(n, 32)
    out = np.full((n, 36), _DASH, np.uint8)
    for start, end, shift in ((0, 8, 0), (8, 12, 1), (12, 16, 2), (16, 20, 3), (20, 32, 4)):
        out[:, start + shift : end + shift] = digits[:, start:end]
    return fixed_text(out)


def stripe_ids(draws: Draws, stream: str, prefix: str) -> pa.StringArray:
    """Ids as Stripe's: ``prefix`` (ch, txn, …), ``_3`` and 23 letters and digits."""
    n = len(draws.serial)
    parts = [_base62(draws.bits(f"{stream}/{part}"), 8) for part in range(3)]
    head = np.tile(np.frombuffer(f"{prefix}_3".encode(), np.uint8), (n, 1))
    return fixed_text(np.hstack([head, np.hstack(parts)[:, :23]]))


def numbered(prefix: str, *numbers: tuple[np.ndarray, int]) -> pa.StringArray:
    """Document numbers: ``prefix``, then each of ``numbers`` with leading zeros to its width, joined by dashes."""
    n = len(numbers[0][0])
    columns = [np.tile(np.frombuffer(prefix.encode(), np.uint8), (n, 1))]
    for values, width in numbers:
        columns += [np.full((n, 1), _DASH, np.uint8), _decimal(values, width)]
    return fixed_text(np.hstack(columns))


def _decimal(values: np.ndarray, width: int) -> np.ndarray:
    assert not len(values) or values.max() < 10**width, f"a number is wider than its {width} digits"
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def _base62(values: np.ndarray, width: int) -> np.ndarray:
    out = np.empty((len(values), width), np.uint8)
    for position in range(width):
        out[:, position] = _BASE62[(values % np.uint64(62)).astype(np.intp)]
        values = values // np.uint64(62)
    return out
