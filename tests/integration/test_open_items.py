"""What open documents are expected to bring, computed by the real Trino over small Silver tables made by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tieout.connections import execute
from tieout.ml import lake
from tieout.ml.history import load_series
from tieout.ml.open_items import QUARTER, WEEKS, load_open_items, statement

pytestmark = pytest.mark.integration

SCHEMA = "lake.open_items_test"
DAY = date(2019, 7, 1)
BEFORE = DAY - timedelta(days=QUARTER)
LONG_AGO = BEFORE - timedelta(days=200)
# Its first week ahead is the week from the due date on, told by the middle of that week.
DUE = 4
MONEY = "decimal(19,4)"

TABLES = {
    "ar_invoices": {
        **{"invoice_id": "varchar", "org_id": "varchar", "currency": "varchar", "customer_id": "varchar"},
        **{"invoice_date": "date", "due_date": "date", "total_amount": MONEY, "status": "varchar", "voided_on": "date"},
    },
    "ap_bills": {
        **{"bill_id": "varchar", "org_id": "varchar", "currency": "varchar", "supplier_id": "varchar"},
        **{"bill_date": "date", "due_date": "date", "total_amount": MONEY, "status": "varchar", "voided_on": "date"},
    },
    "payments": {"payment_id": "varchar", "status": "varchar", "reversed_on": "date"},
    "payment_allocations": {
        **{"payment_id": "varchar", "invoice_id": "varchar", "bill_id": "varchar"},
        **{"allocated_on": "date", "amount": MONEY},
    },
    "credit_notes": {
        **{"invoice_id": "varchar", "bill_id": "varchar", "status": "varchar", "issued_on": "date", "amount": MONEY},
    },
    "currencies": {"currency_code": "varchar", "minor_unit": "integer"},
    "bank_accounts": {"org_id": "varchar", "currency": "varchar", "opening_balance": MONEY, "opened_on": "date"},
    "bank_transactions": {
        **{"org_id": "varchar", "currency": "varchar", "transfer_group_id": "varchar"},
        **{"booked_on": "date", "amount": MONEY},
    },
}


class Books:
    """Rows of Silver, collected and then inserted at once."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple]] = {entity: [] for entity in TABLES}

    def document(self, key, org, party, due, amount, *, issued=None, bill=False, status="approved", voided=None):
        row = (key, org, "USD", party, issued or due - timedelta(days=28), due, amount, status, voided)
        self.rows["ap_bills" if bill else "ar_invoices"].append(row)

    def paid(self, key, amount, day, *, bill=False, status="succeeded", reversed_on=None):
        payment = f"p-{len(self.rows['payments'])}"
        self.rows["payments"].append((payment, status, reversed_on))
        self.rows["payment_allocations"].append((payment, None if bill else key, key if bill else None, day, amount))

    def habit(self, org, party, days, count=10, bill=False):
        """Documents of long ago, all paid whole so many days after they were due."""
        for number in range(count):
            due = LONG_AGO + timedelta(days=number)
            key = f"{org}/{party}/{number}/{days}/{bill}"
            self.document(key, org, party, due, "100", bill=bill)
            self.paid(key, "100", due + timedelta(days=days), bill=bill)

    def insert(self) -> None:
        for entity, columns in TABLES.items():
            values = ", ".join(
                "(" + ", ".join(self.literal(v, t) for v, t in zip(row, columns.values(), strict=True)) + ", false)"
                for row in self.rows[entity]
            )
            if values:
                execute(f"insert into {SCHEMA}.stg_app_db__{entity} values {values}")

    @staticmethod
    def literal(value, type_: str) -> str:
        return f"cast(null as {type_})" if value is None else f"cast('{value}' as {type_})"


@pytest.fixture(scope="module", autouse=True)
def silver(stack):
    real = lake.SILVER
    lake.SILVER = SCHEMA
    execute(f"create schema if not exists {SCHEMA}")
    for entity, columns in TABLES.items():
        listed = ", ".join(f"{name} {type_}" for name, type_ in {**columns, "is_deleted": "boolean"}.items())
        execute(f"drop table if exists {SCHEMA}.stg_app_db__{entity}")
        execute(f"create table {SCHEMA}.stg_app_db__{entity} ({listed})")
    books().insert()
    yield
    for entity in TABLES:
        execute(f"drop table {SCHEMA}.stg_app_db__{entity}")
    execute(f"drop schema {SCHEMA}")
    lake.SILVER = real


def books() -> Books:
    made = Books()
    soon, soon_before = DAY + timedelta(days=DUE), BEFORE + timedelta(days=DUE)

    # One customer pays in the second week after the due date, another in the first.
    made.habit("habits", "slow", days=8)
    made.habit("habits", "prompt", days=1)
    made.document("h-1", "habits", "slow", soon, "1000")
    made.document("h-2", "habits", "prompt", soon, "100")
    made.paid("h-2", "30", DAY - timedelta(days=1))
    made.rows["credit_notes"].append(("h-2", None, "issued", DAY, "10"))
    made.rows["credit_notes"].append(("h-2", None, "void", DAY, "10"))
    made.document("h-3", "habits", "stranger", soon, "8")

    # As of a quarter ago: what happened since must not count, and what counts today must not then.
    made.habit("past", "prompt", days=1)
    made.document("p-1", "past", "prompt", soon_before, "200")
    made.paid("p-1", "200", BEFORE + timedelta(days=1))
    made.document("p-2", "past", "prompt", soon_before, "30", status="void", voided=BEFORE + timedelta(days=9))
    made.document("p-3", "past", "prompt", soon_before, "7777", issued=BEFORE + timedelta(days=1))
    made.paid("p-3", "7777", BEFORE + timedelta(days=3))
    made.document("p-4", "past", "prompt", soon_before, "5000")
    made.paid("p-4", "5000", BEFORE, status="reversed", reversed_on=BEFORE + timedelta(days=20))
    made.document("p-5", "past", "prompt", soon_before, "1")
    made.paid("p-5", "1", BEFORE, status="failed")
    made.document("p-6", "past", "prompt", soon_before, "6000", status="void", voided=BEFORE)
    made.document("p-7", "past", "prompt", soon_before, "6000", status="draft")

    # Bills of a supplier that is paid in halves: one a week early, one in the week of the due date.
    for number in range(10):
        due = LONG_AGO + timedelta(days=number)
        made.document(f"b-{number}", "bills", "s-1", due, "100", bill=True)
        made.paid(f"b-{number}", "50", due - timedelta(days=7), bill=True)
        made.paid(f"b-{number}", "50", due, bill=True)
    made.document("b-open", "bills", "s-1", soon + timedelta(days=7), "64", bill=True)
    made.rows["currencies"].append(("USD", 2))
    made.rows["bank_accounts"].append(("bills", "USD", "500", LONG_AGO))
    made.rows["bank_transactions"].append(("bills", "USD", None, DAY - timedelta(days=9), "-50"))
    return made


def expected(org: str, flow: str = "inflow", day: date = DAY) -> list[Decimal]:
    """Exact sums of the weeks ahead that the statement gives, rounded to the cent."""
    found = {row["week_ahead"]: row["expected"] for row in lake.rows(statement(DAY)) if wanted(row, org, flow, day)}
    return [found[week].quantize(Decimal("0.01")) for week in sorted(found)]


def wanted(row: dict, org: str, flow: str, day: date) -> bool:
    return (row["org_id"], row["flow"], row["origin"]) == (org, flow, day)


def weeks(*amounts: str) -> list[Decimal]:
    return [*map(Decimal, amounts), *[Decimal("0.00")] * (WEEKS - len(amounts))]


def test_habits_are_shrunk_to_the_organizations():
    # In week 0 of 20 documents 10 were paid: a half. slow: (0 + 10 / 2) / (10 + 10), prompt: (10 + 10 / 2) / 20,
    # a stranger: (0 + 10 / 2) / 10. In week 1 all that were left were paid, whoever owes.
    # 1000 / 4 + 60 * 3 / 4 + 8 / 2 = 299, and 750 + 15 + 4 = 769
    assert expected("habits") == weeks("299.00", "769.00")


def test_a_past_day_sees_what_had_happened_by_then():
    # 200 + 30 + 1: paid since, void since, never paid
    assert expected("past", day=BEFORE) == weeks("231.00")
    # p-4 was reversed and is open, as is p-5: 12 weeks old, an age at which none was ever paid
    assert expected("past") == weeks("0.00")


def test_bills_flow_out_and_parts_count_as_parts():
    # due in a week: half in the week before, all of the rest in the week of the due date
    assert expected("bills", "outflow") == weeks("32.00", "32.00")


def test_they_come_by_series_as_models_want_them():
    found = load_open_items(DAY)
    assert set(found) == {("habits", "USD", "inflow"), ("past", "USD", "inflow"), ("bills", "USD", "outflow")}
    assert found["bills", "USD", "outflow"].on(DAY)[:3] == pytest.approx([32, 32, 0], abs=1e-6)
    assert found["bills", "USD", "outflow"].on(BEFORE).tolist() == [0.0] * WEEKS


def test_a_series_brings_them_to_its_models():
    [series] = load_series(DAY)
    assert (series.org_id, series.balance) == ("bills", Decimal(450))
    outflow = series.history("outflow")
    assert outflow.open_items.on(DAY)[:3] == pytest.approx([32, 32, 0], abs=1e-6)
    assert outflow.before(3).open_items is outflow.open_items and outflow.before(3).values.tolist() == [50, 0, 0]
    assert series.history("inflow").open_items is None
