"""A text file as blocks of whole lines, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tieout.extract.faults import TOO_LARGE, UnreadableFile

BLOCK_BYTES = 2 * 1024 * 1024
# No honest line of a ledger is longer; without a bound, a file without line ends would fill the memory.
LINE_LIMIT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Block:
    """Whole lines with their line ends; first_line counts from 1. last: no line comes after them."""

    first_line: int
    data: bytes
    last: bool


class LineBlocks:
    """Iterates over the blocks of a stream. Raises UnreadableFile for a line that is too long."""

    def __init__(self, stream: BinaryIO, block_bytes: int = BLOCK_BYTES) -> None:
        self._stream, self._block_bytes = stream, block_bytes
        self._tail = b""
        self._line = 1

    def first(self) -> bytes:
        """The first line, without its end; the blocks then start after it."""
        while b"\n" not in self._tail and (data := self._stream.read(self._block_bytes)):
            self._tail += data
            self._check(self._tail)
        line, end, self._tail = self._tail.partition(b"\n")
        self._line += len(end)
        return line.rstrip(b"\r")

    def __iter__(self) -> Iterator[Block]:
        while data := self._stream.read(self._block_bytes):
            data = self._tail + data
            cut = data.rfind(b"\n") + 1
            self._tail = data[cut:]
            self._check(self._tail)
            if cut:
                yield self._take(data[:cut], last=False)
        while self._tail:  # a reader may hand lines of the last block back once
            data, self._tail = self._tail, b""
            yield self._take(data, last=True)

    def hand_back(self, data: bytes) -> None:
        """The last lines of the block just read, to come again at the start of the next one."""
        self._tail = data + self._tail
        self._line -= data.count(b"\n")
        self._check(data)

    def _take(self, data: bytes, last: bool) -> Block:
        block = Block(self._line, data, last)
        self._line += data.count(b"\n")
        return block

    def _check(self, tail: bytes) -> None:
        if len(tail) > LINE_LIMIT_BYTES:
            raise UnreadableFile(
                TOO_LARGE,
                f"line {self._line} is longer than {LINE_LIMIT_BYTES // 2**20} MiB: expected one record a line; "
                "deliver the file again as JSON lines or CSV with line ends",
            )


def shown(data: bytes) -> str:
    """Bytes of a line as quarantine keeps them: UTF-8, what is none as \\xNN."""
    return data.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
