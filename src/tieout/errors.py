"""Every failure that Tieout names. A message says what was found, where, and what to do about it."""

from __future__ import annotations


class TieoutError(Exception):
    """Base of all named failures; its message is written for the person who must act on it."""


class ConfigError(TieoutError):
    """A file of the project says something that cannot be."""


class StackError(TieoutError):
    """A part of the local stack cannot be set up, started or reached."""


class SchemaError(TieoutError):
    """A source table is not as config/sources describes it; nothing of it was written."""


class ExtractionError(TieoutError):
    """A source could not be read to its end; nothing of it was written."""


class LandingError(TieoutError):
    """A delivered file, or too large a share of its lines, could not be read."""


class ValidationError(TieoutError):
    """A Bronze batch breaks an expectation."""


class DriftError(TieoutError):
    """Two layers' control totals differ."""


class PublishError(TieoutError):
    """Gold could not be published; readers still see what was published before."""


class TransformationError(TieoutError):
    """A dbt model or test failed.

    passing: only the connection was at fault, so that a retry may help. of_rows: what failed, failed at rows, so that
    a build of other rows may help. unbuilt: the relations of the models that failed or were skipped; they are as the
    build before left them.
    """

    def __init__(
        self, message: str, passing: bool = False, of_rows: bool = False, unbuilt: frozenset[str] = frozenset()
    ):
        super().__init__(message)
        self.passing, self.of_rows, self.unbuilt = passing, of_rows, unbuilt
