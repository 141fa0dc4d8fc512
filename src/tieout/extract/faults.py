"""What can be wrong with delivered rows and files, by the names that quarantine and outcome rows give it."""

from __future__ import annotations

from dataclasses import dataclass

from tieout.errors import LandingError

# Of a line or row: it is quarantined, the rest of its file is loaded.
MALFORMED_LINE = "malformed_line"
BAD_VALUE = "bad_value"
AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
UNKNOWN_CURRENCY = "unknown_currency"
MISSING_KEY = "missing_key"
CONFLICTING_DUPLICATE = "conflicting_duplicate"

# Of a whole file: its table writes nothing.
TRUNCATED = "truncated"
NOT_AS_NAMED = "not_as_named"
MISSING_HEADER = "missing_header"
MISSING_COLUMN = "missing_column"
RETYPED_COLUMN = "retyped_column"
TOO_LARGE = "too_large"
TOO_MANY_BAD_LINES = "too_many_bad_lines"

# Of a folder that a manifest describes: its table writes nothing.
MANIFEST_UNREADABLE = "manifest_unreadable"
UNFINISHED = "unfinished"
FILE_MISSING = "file_missing"
FILE_UNLISTED = "file_unlisted"
HASH_DIFFERS = "hash_differs"
ROWS_DIFFER = "rows_differ"
COLUMNS_DIFFER = "columns_differ"

_QUOTED_LIMIT = 80


class UnreadableFile(LandingError):
    """A delivered file that cannot be trusted as a whole: what was expected, what was found, what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BadValue(ValueError):
    """A value that its column cannot hold."""

    def __init__(self, reason: str, code: str = BAD_VALUE) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Fault:
    """Why row `row` (from 0, within one chunk) cannot be loaded."""

    row: int
    code: str
    reason: str


@dataclass(frozen=True)
class Rejected:
    """A line that goes to quarantine. line is None where the whole file is meant; raw is the line's text."""

    line: int | None
    code: str
    reason: str
    raw: str | None


def quoted(value: object) -> str:
    """A value as a message shows it: in quotes, and cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= _QUOTED_LIMIT else text[: _QUOTED_LIMIT - 1] + "…")
