"""Both sides of a generated reconciliation: numbers of faults are exact, and nothing else differs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date
from itertools import combinations, product

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from tieout.cli import app
from tieout.generate.reconciliation import (
    BALANCE,
    CHARGES,
    LINE,
    MOST_ROWS,
    REFUNDS,
    STATUSES,
    TRANSACTION,
    Company,
    Faults,
    Items,
    ReconciliationError,
    Request,
)
from tieout.generate.world import CURRENCIES, DIGITS

DAY = date(2026, 10, 31)
FAULTS = Faults(missing=21, mismatch=30, drift=15, duplicates=12, metadata=9, currency=13)
COMPANIES = (
    Company("0192e53c-7e80-7036-bb87-584a2573123c", "One Inc.", "US", 1, 0, (0, 1, 3)),
    Company("0192e53c-7e80-7036-bb87-584a2573123d", "Two W.L.L.", "KW", 7, 4, (0, 4)),
)
BY_ID = {currency.netsuite_id: at for at, currency in enumerate(CURRENCIES)}
BY_CODE = {currency.code.lower(): at for at, currency in enumerate(CURRENCIES)}


def request(rows: int = 4_000, batch: int = 700, seed: int = 5, day: date = DAY, faults: Faults = FAULTS) -> Request:
    return Request(rows, batch, seed, day, faults).check()


def made(asked: Request) -> tuple[dict[str, pa.Table], list[dict]]:
    """All tables whole, and the truth."""
    blocks = [Items(asked, COMPANIES).block(start) for start in range(0, asked.rows, asked.batch)]
    tables = [block.tables() for block in blocks]
    whole = {entity: pa.concat_tables(table[entity] for table in tables) for entity in tables[0]}
    return whole, [line for block in blocks for line in block.truth()]


def test_an_independent_comparison_finds_the_truth_and_nothing_else() -> None:
    tables, truth = made(request())
    balance = {row["source"]: row for row in tables[BALANCE].to_pylist()}
    amounts = {row["transaction"]: row["foreignamount"] for row in tables[LINE].to_pylist()}
    labelled = [row for entity in (CHARGES, REFUNDS) for row in tables[entity].to_pylist()]
    noisy = {row["id"] for row in labelled if f"org_{row['id']}" in row["metadata"]}
    found, booked = [], set()
    for row in sorted(tables[TRANSACTION].to_pylist(), key=lambda row: row["createddate"]):
        source, other = row["externalid"], balance.get(row["externalid"])
        delay = other and row["createddate"].replace(tzinfo=UTC).timestamp() - other["created"]
        if source in booked:
            found.append(("duplicate_in_erp", source))
        elif other is None:
            found.append(("missing_in_billing", source))
        elif BY_ID[row["currency"]] != BY_CODE[other["currency"]]:
            found.append(("currency_mismatch", source))
        elif amounts[row["id"]] * 10 ** int(DIGITS[BY_ID[row["currency"]]]) != other["amount"]:
            found.append(("amount_mismatch", source))
        elif delay > 86_400:
            found.append(("timing_difference", source))
        elif source in noisy:
            found.append(("metadata_mismatch", source))
        booked.add(source)
    found += [("missing_in_erp", source) for source in balance.keys() - booked]
    assert sorted(found) == sorted((line["status"], line["source_id"]) for line in truth)
    assert Counter(status for status, _ in found) == {
        "missing_in_erp": 11,
        "missing_in_billing": 10,
        "amount_mismatch": 30,
        "timing_difference": 15,
        "duplicate_in_erp": 12,
        "metadata_mismatch": 9,
        "currency_mismatch": 13,
    }
    assert len(balance) == 4_000 - 10
    refunds = {row["source"] for row in balance.values() if row["type"] == "refund"}
    assert refunds == {source for source in balance if source.startswith("re_")}
    assert refunds == {source for source, row in balance.items() if row["amount"] < 0}
    assert 100 < len(refunds) < 300
    assert len(amounts) == 4_000 - 11 + 12


def test_refunds_have_faults_of_every_kind() -> None:
    _, truth = made(request(faults=Faults(1_000, 500, 500, 500, 500, 500)))
    found = {(line["status"], line["source_id"][:3]) for line in truth}
    assert found == set(product(STATUSES[1:], ("ch_", "re_")))


def test_the_same_request_gives_the_same_rows_whatever_the_size_of_files() -> None:
    tables, truth = made(request())
    again, same_truth = made(request(batch=4_000))
    assert truth == same_truth
    for entity, rows in tables.items():
        assert sorted(map(str, rows.to_pylist())) == sorted(map(str, again[entity].to_pylist()))


def test_days_and_seeds_share_no_id() -> None:
    others = [request(), request(seed=6), request(day=date(2026, 11, 1)), request(seed=0), request(seed=9_999)]
    ids = [
        set(tables[BALANCE]["id"].to_pylist()) | set(tables[TRANSACTION]["id"].to_pylist())
        for tables, _ in map(made, others)
    ]
    assert all(left.isdisjoint(right) for left, right in combinations(ids, 2))
    assert max(id_ for found in ids for id_ in found if isinstance(id_, int)) < 2**53


def test_no_column_is_a_float_and_all_digits_are_there() -> None:
    tables, _ = made(request())
    assert not [column for rows in tables.values() for column in rows.schema if pa.types.is_floating(column.type)]
    assert {int(DIGITS[BY_CODE[code]]) for code in tables[BALANCE]["currency"].to_pylist()} == {0, 2, 3}


def test_everything_happened_before_the_end_of_the_day() -> None:
    tables, _ = made(request(faults=Faults(drift=4_000)))
    assert max(tables[TRANSACTION]["createddate"].to_pylist()).date() <= DAY


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"rows": FAULTS.total - 1}, "100 faults do not fit 99 rows", id="too many faults"),
        pytest.param({"rows": 0}, "--rows is 0", id="no rows"),
        pytest.param({"rows": MOST_ROWS + 1}, "more than 10,000,000", id="too many rows"),
        pytest.param({"batch": 0}, "--batch is 0", id="no batch"),
        pytest.param({"seed": 10_000}, "--seed is 10000", id="seed"),
        pytest.param({"faults": Faults(mismatch=-1)}, "--mismatch is -1", id="negative"),
        pytest.param({"day": date(1999, 12, 31)}, "--date is 1999-12-31", id="day"),
    ],
)
def test_what_cannot_be_made_is_refused(wrong: dict, said: str) -> None:
    with pytest.raises(ReconciliationError, match=said):
        request(**wrong)


def test_as_many_faults_as_rows_fit() -> None:
    _, truth = made(request(rows=FAULTS.total))
    assert len(truth) == FAULTS.total


def test_options_of_a_company_are_refused_before_the_subcommand() -> None:
    done = CliRunner().invoke(app, ["generate", "--seed", "3", "reconciliation"])
    assert done.exit_code == 2
    assert "write --seed after reconciliation" in done.output
