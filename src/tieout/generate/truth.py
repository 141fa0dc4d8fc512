"""What was injected, written down beside the data for tests: never read by the pipeline.

``<home>/truth/<day>/``, where day is the last one that was lived:
  faults.jsonl     a line a faulty charge or refund: its label, both sides' ids, what was off
  payout_faults.jsonl  a line a payout that failed, or whose deposit NetSuite got wrong: its label, amount, moment
  anomalies.jsonl  a line an anomaly: its kind, the alert's subject, when it was there, ids of the rows it is made of
  deletes.jsonl    a line a hard-deleted row: table, id, moment
  late_rows.jsonl  a line a row committed late: table, id, its updated_at, when it was committed
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tieout.generate import faults, netsuite
from tieout.generate.cards import Cards
from tieout.generate.moments import NEVER
from tieout.generate.netsuite import DUPLICATE, REFUND, Entries, payout_faults, transaction_ids
from tieout.generate.organizations import Organizations
from tieout.generate.payouts import Payouts
from tieout.generate.settlements import Payments
from tieout.generate.world import CODES, DIGITS

FAULTS, PAYOUT_FAULTS, DELETES = "faults", "payout_faults", "deletes"
LATE_ROWS, ANOMALIES = "late_rows", "anomalies"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Labelled:
    """The faulty charges and refunds of a block, as lines of faults.jsonl, with the moment Stripe made each.

    A refund is faulty where one side has neither its charge nor itself.
    """

    created: np.ndarray
    lines: list[dict[str, Any]]

    @classmethod
    def of(cls, own: Organizations, payments: Payments, cards: Cards, receipts: Entries, refunds: Entries) -> Labelled:
        charge = np.flatnonzero(cards.fault != faults.NONE)
        one_sided = np.isin(cards.fault, (faults.MISSING_IN_ERP, faults.MISSING_IN_BILLING))
        refund = np.flatnonzero(one_sided & (cards.refunded < NEVER))
        created = np.concatenate([cards.charged[charge], cards.refunded[refund]])
        ids = cards.id.take(pa.array(charge)).to_pylist() + cards.refund_id.take(pa.array(refund)).to_pylist()
        lines = _faulty(own, payments, cards, charge, receipts) + _faulty(own, payments, cards, refund, refunds, REFUND)
        for line, source, at in zip(lines, ids, created.tolist(), strict=True):
            line |= {"source_id": source, "created_at": moment(at)}
        return cls(created, lines)

    def between(self, since: int, until: int) -> list[dict[str, Any]]:
        """The lines of what Stripe made in [since, until)."""
        return [self.lines[at] for at in np.flatnonzero((self.created >= since) & (self.created < until))]


def _faulty(
    own: Organizations, payments: Payments, cards: Cards, at: np.ndarray, entries: Entries, part: int = 0
) -> list[dict[str, Any]]:
    """What is wrong with the charges ``at``, or with their refunds; entries, part: what NetSuite has of all those."""
    internal = transaction_ids(payments, cards.payment[at], part)
    entered = dict(zip(entries.id.tolist(), range(len(entries.id)), strict=True))
    sign = -1 if part == REFUND else 1
    lines = []
    for card, transaction in zip(at.tolist(), internal.tolist(), strict=True):
        label = cards.fault[card]
        entry = entered.get(transaction)
        transactions = [] if entry is None else [transaction]
        if label == faults.DUPLICATE_IN_ERP:
            transactions.append(transaction + DUPLICATE)
        lines.append(
            {
                "label": faults.LABELS[label],
                "payment_id": payments.id[int(cards.payment[card])].as_py(),
                "org_id": own.id[int(cards.org[card])].as_py(),
                "transaction_ids": transactions,
                "stripe_currency": CODES[cards.currency[card]],
                "stripe_amount": _decimal(sign * cards.amount[card], cards.currency[card]),
                "netsuite_currency": None if entry is None else CODES[entries.currency[entry]],
                "netsuite_amount": None if entry is None else _decimal(entries.amount[entry], entries.currency[entry]),
                "posted_at": None if entry is None else moment(entries.created[entry]),
            }
        )
    return lines


@dataclass(frozen=True)
class Labels:
    """Lines that have a moment: those of anomalies.jsonl or payout_faults.jsonl."""

    lines: list[dict[str, Any]]

    def between(self, since: int, until: int) -> list[dict[str, Any]]:
        """The lines of what was there in full in [since, until)."""
        return [line for line in self.lines if moment(since) <= line["at"] < moment(until)]


def faulty_payouts(own: Organizations, payouts: Payouts) -> Labels:
    """The payouts that failed and those whose deposit is wrong. at: when it failed, or when the bank booked it."""
    fault = payout_faults(payouts)
    failed = payouts.returned < NEVER
    at = np.where(failed, payouts.returned, payouts.arrived)
    return Labels(
        [
            {
                "label": "payout_failed" if failed[row] else netsuite.PAYOUT_FAULTS[fault[row]],
                "payout_id": payouts.id[row].as_py(),
                "org_id": own.id[int(payouts.org[row])].as_py(),
                "currency": CODES[payouts.currency[row]],
                "amount": _decimal(payouts.amount[row], payouts.currency[row]),
                "at": moment(at[row]),
            }
            for row in np.flatnonzero((failed | (fault > 0)) & (at < NEVER)).tolist()
        ]
    )


def write_truth(folder: Path, day: date, lines: Mapping[str, Iterable[Mapping[str, Any]]]) -> Path:
    """Write one day's files under the truth's ``folder``, in place of what was there. Returns the day's folder."""
    folder = folder / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    for name in (FAULTS, PAYOUT_FAULTS, DELETES, LATE_ROWS, ANOMALIES):
        text = "".join(json.dumps(line) + "\n" for line in lines.get(name, ()))
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def read_truth(folder: Path, name: str) -> list[dict[str, Any]]:
    """All lines of one kind of file, oldest day first."""
    files = sorted(folder.glob(f"*/{name}.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def forget_truth(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def moment(microseconds: int) -> str:
    """ISO 8601 in UTC."""
    return (_EPOCH + timedelta(microseconds=int(microseconds))).isoformat()


def _decimal(minor: int, currency: int) -> str:
    return str(Decimal(int(minor)).scaleb(-int(DIGITS[currency])))
