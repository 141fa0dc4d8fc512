"""Pulls of Stripe's API to landing and on to Bronze, from stripe-mock and from a server that pages and changes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import SecretStr
from tests.lake import empty_landing, fresh_app_database, fresh_lake
from tests.stripe_mock import stripe_mock
from tests.stripe_server import KEY, Account, stripe_server

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.quarantine import ensure_quarantine
from tieout.errors import ConfigError, ExtractionError
from tieout.extract import stripe_api
from tieout.extract.json_text import parse
from tieout.extract.pull import pull, pull_and_extract
from tieout.extract.stripe_api import Pulled, Window
from tieout.extract.stripe_client import StripeReader
from tieout.extract.stripe_objects import OBJECTS
from tieout.settings import get_settings
from tieout.sources import load_source

pytestmark = pytest.mark.integration

DAY_1, DAY_2, DAY_3 = "2026-11-18", "2026-11-19", "2026-11-20"
# Data intervals run from 02:00 to 02:00.
NOON_1, NOON_2 = (int(datetime(2026, 11, day, 12, tzinfo=UTC).timestamp()) for day in (18, 19))
LONG_AGO = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp())
NOW = datetime(2026, 11, 21, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def empty_lake(stack: object) -> list[tuple]:
    fresh_app_database()
    fresh_lake()
    ensure_quarantine(connections.iceberg_catalog())
    with connections.postgres("iceberg") as catalog:
        return catalog.execute("select * from iceberg_tables").fetchall()


@pytest.fixture
def lake(empty_lake: list[tuple]) -> None:
    """The empty lake as it was first made, and nothing delivered."""
    with connections.postgres("iceberg") as catalog, catalog.cursor() as cursor:
        cursor.execute("truncate iceberg_tables")
        cursor.executemany(f"insert into iceberg_tables values ({', '.join(['%s'] * len(empty_lake[0]))})", empty_lake)
    empty_landing()


@pytest.fixture
def account(lake: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account of the settings, with two charges of the first day and a payout."""
    with stripe_server() as account:
        use(monkeypatch, account.url)
        account.put("charges", charge("ch_1"), charge("ch_2"), charge("ch_old", LONG_AGO))
        account.put("balance_transactions", movement("txn_1"), movement("txn_2"))
        account.put("payouts", payout("po_1", "pending"))
        yield account


def use(monkeypatch: pytest.MonkeyPatch, url: str, key: str = KEY) -> None:
    settings = get_settings().model_copy(update={"stripe_api_url": url, "stripe_api_key": SecretStr(key)})
    for module in ("stripe_api", "stripe_client"):
        monkeypatch.setattr(f"tieout.extract.{module}.get_settings", lambda: settings)


def charge(id_: str, created: int = NOON_1, **more: object) -> dict:
    return {
        **{"id": id_, "object": "charge", "created": created, "amount": 1050, "amount_refunded": 0, "currency": "usd"},
        **{"status": "succeeded", "paid": True, "refunded": False, "disputed": False, "balance_transaction": None},
        **more,
    }


def movement(id_: str, created: int = NOON_1, available_on: int = NOON_1, **more: object) -> dict:
    return {
        **{"id": id_, "object": "balance_transaction", "created": created, "available_on": available_on},
        **{"amount": 1050, "fee": 61, "net": 989, "currency": "usd", "type": "charge", "reporting_category": "charge"},
        **{"source": "ch_1", "status": "pending", "exchange_rate": "number:1.1020", "description": None, **more},
    }


def payout(id_: str, status: str, created: int = NOON_1, **more: object) -> dict:
    return {
        **{"id": id_, "object": "payout", "created": created, "amount": 989, "currency": "usd", "status": status},
        **{"arrival_date": created + 86400, "automatic": True, "reconciliation_status": "completed", **more},
    }


def pull_day(day: str, now: datetime = NOW) -> dict[str, Pulled]:
    return {pulled.table: pulled for pulled in stripe_api.pull(Batch.of(day, "test"), now)}


def landed(pulled: Pulled) -> list[dict]:
    """The objects of a file, in its order."""
    s3 = connections.s3_client()
    body = s3.get_object(Bucket=connections.LANDING_BUCKET, Key=pulled.file)["Body"].read()
    return [parse(line) for line in gzip.decompress(body).decode().splitlines()]


def ids(pulled: Pulled) -> list[str]:
    return [found["id"] for found in landed(pulled)]


def files() -> dict[str, tuple[str, datetime]]:
    """{key: (hash of its bytes as S3 has it, when it was written)} of all that landed."""
    s3 = connections.s3_client()
    listed = s3.list_objects_v2(Bucket=connections.LANDING_BUCKET, Prefix="stripe/").get("Contents", [])
    return {item["Key"]: (item["ETag"], item["LastModified"]) for item in listed}


def test_the_first_pull_has_all_up_to_the_end_of_the_interval(account: Account) -> None:
    account.put("charges", charge("ch_next", NOON_2))
    pulled = pull_day(DAY_1)
    assert ids(pulled["charges"]) == ["ch_1", "ch_2", "ch_old"]
    assert pulled["charges"].file == f"stripe/charges/{DAY_1}/api-20261119T020000Z.jsonl.gz"
    assert (pulled["charges"].rows, pulled["charges"].reason) == (3, "there is no earlier pull")
    assert account.asked("events") == []


def test_a_table_of_many_pages_lands_whole_and_exactly(account: Account) -> None:
    account.put("balance_transactions", *(movement(f"txn_{n:04}", NOON_1 - n, amount=n) for n in range(3, 1003)))
    pulled = pull_day(DAY_1)["balance_transactions"]
    pages = [asked for asked in account.asked("balance_transactions") if "payout" not in asked]
    assert pulled.rows == 1002 and len(pages) == 11
    # The number's text is what the API wrote: a float would have lost the zero.
    assert {str(found["exchange_rate"]) for found in landed(pulled)} == {"1.1020"}


def test_the_next_pull_has_what_is_new_and_what_events_say_has_changed(account: Account) -> None:
    pull_day(DAY_1)
    account.put("charges", charge("ch_3", NOON_2), charge("ch_4", NOON_2 + 86400))
    refunded = charge("ch_old", LONG_AGO, amount_refunded=1050, refunded=True)
    account.put("charges", refunded)
    account.event("charge.refunded", NOON_2, {**refunded, "amount_refunded": 500})
    account.event("charge.dispute.created", NOON_2, {"id": "dp_1", "object": "dispute", "charge": "ch_gone"})
    account.event("charge.updated", NOON_2 + 86400, charge("ch_2", LONG_AGO))  # of the window to come
    pulled = pull_day(DAY_2)
    # The overlap of a day reads the first day's again; the old charge is as the API has it, not as the event had it.
    assert ids(pulled["charges"]) == ["ch_3", "ch_1", "ch_2", "ch_old"]
    assert landed(pulled["charges"])[-1]["amount_refunded"] == 1050
    assert pulled["charges"].window == Window(
        datetime(2026, 11, 18, 2, tzinfo=UTC), datetime(2026, 11, 20, 2, tzinfo=UTC)
    )
    asked = account.asked("events")[0]
    assert {value for name, value in asked.items() if name.startswith("types")} == set(OBJECTS["charges"].changes)


def test_a_dispute_brings_its_charge(account: Account) -> None:
    pull_day(DAY_1)
    account.put("charges", charge("ch_old", LONG_AGO, disputed=True))
    account.event("charge.dispute.created", NOON_2, {"id": "dp_1", "object": "dispute", "charge": "ch_old"})
    assert landed(pull_day(DAY_2)["charges"])[-1]["disputed"] is True


def test_what_was_deleted_is_as_it_was_and_marked(account: Account, lake: None) -> None:
    reader = StripeReader(KEY, account.url)
    window = Window(datetime(2026, 11, 18, 2, tzinfo=UTC), datetime(2026, 11, 20, 2, tzinfo=UTC))
    old = {"id": "cus_1", "object": "customer", "created": LONG_AGO, "email": "a@example.com"}
    account.put("customers", {"id": "cus_1", "object": "customer", "deleted": True, "created": LONG_AGO})
    account.event("customer.updated", NOON_1, old)
    account.event("customer.deleted", NOON_2, old)
    assert list(stripe_api._objects(reader, "customers", window)) == [{**old, "deleted": True}]


def test_a_gap_beyond_the_events_is_a_whole_pull_and_says_so(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    pull_day(DAY_1)
    later = NOW + timedelta(days=40)
    pulled = pull_day("2026-12-20", later)
    assert pulled["charges"].window.since is None
    assert pulled["charges"].reason == "the pull before ended on 2026-11-19, and Stripe keeps events for 30 days only"
    assert "stripe.charges: 3 objects until 2026-12-21 02:00 UTC, whole: the pull before" in caplog.text
    # No event tells of a balance transaction, so that none is missed.
    assert pulled["balance_transactions"].reason is None


def test_a_day_again_lands_the_same_bytes_and_changes_in_its_own_file(account: Account) -> None:
    pull_day(DAY_1)
    pull_day(DAY_2)
    before = files()
    pull_day(DAY_2)
    assert files() == before
    account.put("charges", charge("ch_1", refunded=True))
    changed = pull_day(DAY_2)["charges"]
    assert files().keys() == before.keys()
    assert [key for key, state in files().items() if state[0] != before[key][0]] == [changed.file]


def test_a_pull_that_fails_lands_nothing_and_the_next_one_misses_nothing(account: Account) -> None:
    pull_day(DAY_1)
    before = files()
    account.put("charges", charge("ch_3", NOON_2))
    account.broken["payouts"] = 400
    with pytest.raises(ExtractionError, match="Stripe refuses a request for payouts"):
        pull_day(DAY_2)
    assert files() == before
    account.broken.clear()
    assert "ch_3" in ids(pull_day(DAY_3)["charges"])


def test_a_day_that_has_not_ended_is_pulled_up_to_now_and_on_from_there(account: Account) -> None:
    now = datetime(2026, 11, 18, 11, 30, 7, 5, tzinfo=UTC)
    assert ids(pull_day(DAY_1, now)["charges"]) == ["ch_old"]
    whole = pull_day(DAY_1)["charges"]
    assert ids(whole) == ["ch_1", "ch_2"] and whole.window.since == datetime(2026, 11, 17, 11, 30, 7, tzinfo=UTC)
    with pytest.raises(ConfigError, match=r"starts at 2026-11-25 02:00:00.*yet to come"):
        pull_day("2026-11-25")


def test_balance_transactions_come_again_when_they_become_available(account: Account) -> None:
    late = NOON_2 + 2 * 86400
    account.put(
        "balance_transactions",
        movement("txn_old", LONG_AGO, LONG_AGO),
        movement("txn_soon", NOON_1 - 7 * 86400, NOON_2),
        movement("txn_late", NOON_1 - 7 * 86400, late),
    )
    pull_and_extract("stripe", Batch.of(DAY_1, "test"))
    account.put("balance_transactions", movement("txn_soon", NOON_1 - 7 * 86400, NOON_2, status="available"))
    first = pull_day(DAY_2)["balance_transactions"]
    assert ids(first) == ["txn_1", "txn_2", "txn_soon"]
    pull_and_extract("stripe", Batch.of(DAY_2, "test"))
    statuses = "select status from lake.bronze.stripe__balance_transactions where id = 'txn_soon' order by _batch"
    assert connections.query(statuses) == [("pending",), ("available",)]
    assert ids(pull_day(DAY_2)["balance_transactions"]) == ids(first)


def test_automatic_payouts_say_what_they_paid_out_once_that_is_complete(account: Account) -> None:
    account.put(
        "payouts",
        payout("po_paid", "paid"),
        payout("po_failed", "failed"),
        payout("po_manual", "paid", automatic=False, reconciliation_status="not_applicable"),
        payout("po_counting", "paid", reconciliation_status="in_progress"),
    )
    account.put(
        "balance_transactions",
        movement("txn_1", _payout="po_paid"),
        movement("txn_2", _payout="po_paid"),
        movement("txn_3", _payout="po_failed"),
        movement("txn_4", _payout="po_counting"),
    )
    window = Window(None, datetime(2026, 11, 19, 2, tzinfo=UTC))
    rows = stripe_api._objects(StripeReader(KEY, account.url), "payout_balance_transactions", window)
    assert [(row["payout"], row["balance_transaction"]) for row in rows] == [
        ("po_failed", "txn_3"),
        ("po_paid", "txn_1"),
        ("po_paid", "txn_2"),
    ]


def test_a_source_is_pulled_where_a_key_is_set_and_only_there(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = pull_and_extract("stripe", Batch.of(DAY_1, "test"))
    loaded = {outcome.entity: outcome.rows_kept for outcome in outcomes if outcome.status == "loaded"}
    assert loaded["charges"] == 3 and loaded["balance_transactions"] == 2
    # A table of which there is nothing has an outcome that says so.
    [refunds] = [outcome for outcome in outcomes if outcome.entity == "refunds"]
    assert (refunds.status, refunds.reason) == ("skipped", "empty: it holds no rows")
    exact = connections.query("select distinct exchange_rate from lake.bronze.stripe__balance_transactions")
    assert exact == [(Decimal("1.1020000000"),)]
    requests = len(account.requests)
    use(monkeypatch, account.url, key="")
    assert [o.reason for o in pull_and_extract("stripe", Batch.of(DAY_2, "test")) if o.entity == "charges"] == [
        "no delivery"
    ]
    assert len(account.requests) == requests
    with pytest.raises(ConfigError, match="TIEOUT_STRIPE_API_KEY is empty"):
        pull("stripe", DAY_2)
    with pytest.raises(ConfigError, match="netsuite has no API to pull: only stripe has"):
        pull("netsuite", DAY_2)


def test_every_table_of_stripes_own_mock_lands_and_is_read_back(lake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with stripe_mock() as url:
        # It asks for a key of a test account, any.
        use(monkeypatch, url, "sk_test_123")
        outcomes = pull_and_extract("stripe", Batch.of(DAY_1, "test"))
        everything = Window(None, NOW)
        reader = StripeReader("sk_test_123", url)
        for table, kind in OBJECTS.items():
            objects = list(stripe_api._objects(reader, table, everything))
            assert objects and all(found["object"] == kind.name and found["id"] for found in objects), table
            assert reader.retrieve(kind.service, objects[0]["id"])["object"] == kind.name
        assert all(event["data"]["object"] for event in reader.list("events", types=["charge.refunded"]))
    described = {table.name: table for table in load_source("stripe").tables}
    kept = {o.entity: (o.status, o.rows_seen, o.rows_kept, o.reason) for o in outcomes}
    assert kept.keys() == described.keys()
    for name, table in described.items():
        rows = connections.query(f"select count(*), count(distinct {table.key[0]}) from {table.bronze}")
        assert kept[name][0] == "loaded" or name not in OBJECTS, kept[name]
        assert rows[0][0] == kept[name][1] == kept[name][2], kept[name]
