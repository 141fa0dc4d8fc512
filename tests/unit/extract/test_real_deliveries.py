"""Extracts that nobody on this project made: every row is loaded, exactly. Skipped where the data is not beside us."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from tieout.extract.readers import read_file
from tieout.sources import PROJECT_ROOT, load_source, load_table

DATA = PROJECT_ROOT.parent / "shared" / "data"
CURRENCIES = {"USD": 2}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"NOT TESTED ON REAL EXTRACTS: {DATA} is not there")

STRIPE = {
    "balance_transactions": "balance_transaction",
    "charges": "charge",
    "refunds": "refund",
    "payouts": "payout",
    "payout_balance_transactions": "payout_balance_transaction",
    "disputes": "dispute",
    "invoices": "invoice",
    "customers": "customer",
}
# What the API tells by a parameter of a list is no object of its.
OBJECTS = {table: name for table, name in STRIPE.items() if table != "payout_balance_transactions"}
NETSUITE = {
    "transaction": "transaction",
    "transactionline": "transaction_line",
    "transactionaccountingline": "tran_acct_line",
    "account": "account",
    "subsidiary": "subsidiary",
    "currency": "currency",
    "accountingperiod": "accounting_period",
    "customer": "customer",
}
FILES = [
    *(("stripe", table, DATA / f"stripe_fivetran_seeds/{name}_data.csv") for table, name in STRIPE.items()),
    *(
        ("netsuite", table, DATA / f"netsuite_fivetran_seeds/netsuite2_{name}_data.csv")
        for table, name in NETSUITE.items()
    ),
]


def test_every_described_table_has_a_real_extract() -> None:
    assert set(STRIPE) == {table.name for table in load_source("stripe").tables}
    assert set(NETSUITE) == {table.name for table in load_source("netsuite").tables}


@pytest.mark.parametrize(("source", "name", "file"), FILES, ids=[f"{s}.{n}" for s, n, _ in FILES])
def test_a_connectors_csv(source: str, name: str, file: Path) -> None:
    table = load_table(source, name)
    with file.open("rb") as stream:
        (chunk,) = read_file(table, file.name, stream, CURRENCIES)
    assert chunk.rejected == []
    with file.open(newline="") as text:
        expected = list(csv.DictReader(text))
    rows = chunk.rows.to_pylist()
    assert len(rows) == len(expected)
    for row, delivered in zip(rows, expected, strict=True):
        rest = json.loads(row["_rest"] or "{}")
        for column, value in delivered.items():
            described = table.delivered.get(column)
            loaded = row[described.name] if described else rest.get(column)
            if isinstance(loaded, bool):
                assert loaded == (value.lower() in ("t", "true"))
            elif isinstance(loaded, int | Decimal):
                assert loaded == Decimal(value)
            elif isinstance(loaded, str):
                assert loaded == value or json.loads(loaded) == json.loads(value)
            elif loaded is None:
                assert value == ""
            else:
                date, _, clock = value.partition(" ")
                assert str(loaded)[:19] == f"{date} {clock.zfill(8)}"


def test_no_id_of_a_connector_is_lost() -> None:
    """A connector's names for the API's columns are known: no id of another described object stays in _rest."""
    lost = set()
    for source, name, file in FILES:
        if source == "stripe":
            with file.open("rb") as stream:
                (chunk,) = read_file(load_table(source, name), file.name, stream, CURRENCIES)
            lost |= {(name, other) for other in chunk.others if other.endswith("_id")}
    assert not {other for _, other in lost} & {"charge_id", "customer_id", "balance_transaction_id", "payout_id"}, lost


@pytest.mark.parametrize(("table", "resource"), OBJECTS.items())
def test_stripes_own_example_objects(table: str, resource: str) -> None:
    example = json.loads((DATA / "stripe_openapi/fixtures3.json").read_text())["resources"][resource]
    page = {"object": "list", "url": "/v1/x", "has_more": False, "data": [example, example]}
    for name, data in (("a.jsonl", json.dumps(example)), ("a.json", json.dumps(page, indent=2))):
        (chunk,) = read_file(load_table("stripe", table), name, io.BytesIO(data.encode()), CURRENCIES)
        assert chunk.rejected == []
        row = chunk.rows.to_pylist()[0]
        for column in load_table("stripe", table).columns:
            if column.type in ("text", "bigint", "boolean"):
                assert row[column.name] == example.get(column.name)
            if column.type == "unix_time":
                loaded = row[column.name]
                assert (loaded and loaded.timestamp()) == example[column.name]
