"""How large the company is, since when it lives, and which slices of its life there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from tieout.generate.moments import day_number, end_of, first_day, month_of
from tieout.generate.rates import Rates
from tieout.generate.world import ORGANIZATIONS

SCALES = {"tiny": 5_000, "small": 20_000, "demo": 100_000, "large": 1_000_000, "huge": 10_000_000}

# From a document's birth to the last thing that can happen to it: see the spans in documents.py and settlements.py.
LIFE_MONTHS = 13
# Documents made at a time. It decides which invoices can be paid together, so it is part of what a seed means.
BLOCK = 4_096
# A document's serial leaves room for its parts, and a month for its documents.
SERIAL_PARTS = 256
MONTH_DOCUMENTS = 1 << 20
# Rows that one invoice brings in the end: its own, its share of bills, their ledger, payments and extracts. Measured.
ROWS_PER_INVOICE = 19


class PlanError(ValueError):
    """A company of this size or span cannot be generated."""


@dataclass(frozen=True)
class Block:
    """Consecutive documents of one side ('ar' or 'ap') and one month; ``serial`` is int64[n]."""

    side: str
    month: int
    serial: np.ndarray
    number: np.ndarray


@dataclass(frozen=True)
class Plan:
    """Everything that a company's life follows from. Days are day numbers; volumes are per 1,000 days.

    anomalies: about how many of each kind are put in a year; None for a company without them (anomalies.py).
    """

    seed: int
    start: int
    invoices: int
    bills: int
    customers: int
    suppliers: int
    rates: Rates = field(default_factory=Rates)
    anomalies: int | None = None

    @classmethod
    def of(
        cls,
        scale: int | str,
        seed: int,
        start: date,
        end: date,
        rates: Rates | None = None,
        anomalies: int | None = None,
    ) -> Plan:
        """A plan that makes about ``scale`` rows (app database and landing together) from ``start`` to ``end``."""
        rows = rows_of(scale)
        days = (end - start).days + 1
        if days < 1:
            raise PlanError(f"end {end} is before start {start}: give a span of at least one day")
        # The rate book has its size from the days alone.
        fixed = days * sum(len(o.foreign) for o in ORGANIZATIONS)
        invoices = max(rows - fixed, rows // 4) // ROWS_PER_INVOICE
        per_1000_days = max(1000, invoices * 1000 // days)
        if per_1000_days * 31 // 1000 >= MONTH_DOCUMENTS:
            raise PlanError(
                f"{rows} rows in {days} days are more than {MONTH_DOCUMENTS} invoices a month: lengthen the span"
            )
        return cls(
            seed=seed,
            start=day_number(start),
            invoices=per_1000_days,
            bills=per_1000_days * 2 // 5,
            customers=min(max(24, invoices // 25), 100_000),
            suppliers=min(max(12, invoices // 60), 50_000),
            rates=rates or Rates(),
            anomalies=anomalies,
        )

    def parties(self, side: str, month: int) -> int:
        """How many customers ('ar') or suppliers ('ap') there are before ``month``; two per cent join a month."""
        first = self.customers if side == "ar" else self.suppliers
        return first + first * max(0, month - month_of(self.start)) // 50

    def blocks(self, first_month: int, until: int) -> Iterator[Block]:
        """The documents of the months from ``first_month`` to the one that holds the day before ``until``."""
        first_month = max(first_month, month_of(self.start))
        for month in range(first_month, month_of((until - 1) // end_of(0)) + 1):
            days = first_day(month + 1) - first_day(month)
            for code, (side, volume) in enumerate((("ar", self.invoices), ("ap", self.bills)), start=1):
                count = volume * days // 1000
                for first in range(0, count, BLOCK):
                    number = np.arange(first, min(first + BLOCK, count), dtype=np.int64)
                    serial = ((code * 65_536 + month) * MONTH_DOCUMENTS + number) * SERIAL_PARTS
                    yield Block(side, month, serial, number)


def rows_of(scale: int | str) -> int:
    """The number of rows that a scale stands for. Raises PlanError for one that stands for none."""
    if isinstance(scale, str):
        if scale in SCALES:
            return SCALES[scale]
        if not scale.replace("_", "").isdigit():
            raise PlanError(f"scale {scale!r} is not known: use a number of rows or one of {', '.join(SCALES)}")
        scale = int(scale)
    if scale < 1:
        raise PlanError(f"scale {scale} is not a number of rows: use 1 or more")
    return scale
