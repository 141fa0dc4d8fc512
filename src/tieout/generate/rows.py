"""Rows with a life: when each is first seen, when it changes, when it goes; and how it looks at a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tieout.generate.columns import moments
from tieout.generate.moments import NEVER

# Positions of the rows wanted, and the moment as of which → the columns, in the table's own names.
Build = Callable[[np.ndarray, int], Mapping[str, pa.Array]]


@dataclass(frozen=True)
class Rows:
    """Some rows of one table. Moments are int64[n] in microseconds; what never happens is at NEVER or later.

    created: what created_at says. visible: when it was committed, later than created for a late row.
    changes: moments at which the row is written again. deleted: when it is deleted for good.
    stamped: whether the table has created_at and updated_at (files have not).
    """

    table: str
    build: Build
    created: np.ndarray
    visible: np.ndarray | None = None
    changes: tuple[np.ndarray, ...] = ()
    deleted: np.ndarray | None = None
    stamped: bool = True
    seen: np.ndarray = field(init=False, repr=False)
    gone: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        seen = self.created if self.visible is None else self.visible
        gone = np.full(len(self.created), NEVER) if self.deleted is None else self.deleted
        object.__setattr__(self, "seen", seen)
        object.__setattr__(self, "gone", gone)

    def present(self, until: int) -> np.ndarray:
        """Positions of the rows that are there just before ``until``."""
        return np.flatnonzero((self.seen < until) & (self.gone >= until))

    def inserted(self, since: int, until: int) -> np.ndarray:
        """Positions of the rows that came in [since, until) and are still there."""
        return np.flatnonzero((self.seen >= since) & (self.seen < until) & (self.gone >= until))

    def updated(self, since: int, until: int) -> np.ndarray:
        """Positions of the rows that were there before ``since``, still are, and were written again in between."""
        written = np.zeros(len(self.created), bool)
        for change in self.changes:
            written |= (change >= since) & (change < until)
        return np.flatnonzero(written & (self.seen < since) & (self.gone >= until))

    def removed(self, since: int, until: int) -> np.ndarray:
        """Positions of the rows that were there before ``since`` and were deleted in [since, until)."""
        return np.flatnonzero((self.seen < since) & (self.gone >= since) & (self.gone < until))

    def late(self, positions: np.ndarray) -> np.ndarray:
        """Those of ``positions`` that were committed later than they say."""
        return positions[self.seen[positions] > self.created[positions]]

    def as_of(self, positions: np.ndarray, until: int) -> pa.Table:
        """The rows at ``positions`` as they look just before ``until``."""
        columns = dict(self.build(positions, until))
        if self.stamped:
            created = self.created[positions]
            latest = created
            for change in self.changes:
                at = change[positions]
                latest = np.where(at < until, np.maximum(latest, at), latest)
            columns |= {"created_at": moments(created), "updated_at": moments(latest)}
        return pa.table(columns)
