"""Paging, exactness, patience and errors of the reader, against a server on the loopback that does page and fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
import stripe
from tests.stripe_server import KEY, Account, stripe_server

from tieout.errors import ConfigError, ExtractionError
from tieout.extract import stripe_client
from tieout.extract.stripe_client import StripeReader


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr(stripe_client, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.02)
    with stripe_server() as account:
        yield account


@pytest.fixture
def reader(account: Account) -> StripeReader:
    return StripeReader(KEY, account.url)


def charge(number: int, created: int = 1000, **more: object) -> dict:
    return {"id": f"ch_{number:04}", "object": "charge", "created": created, "amount": number, **more}


def test_a_list_is_read_to_its_end_page_by_page_with_its_filters(account: Account, reader: StripeReader) -> None:
    account.put("charges", *(charge(number, created=1000 + number) for number in range(250)))
    found = list(reader.list("charges", created={"gte": 1010, "lt": 1245}))
    assert [o["amount"] for o in found] == list(range(244, 9, -1))
    asked = account.asked("charges")
    assert [params.get("starting_after") for params in asked] == [None, "ch_0145", "ch_0045"]
    assert all(
        (params["limit"], params["created[gte]"], params["created[lt]"]) == ("100", "1010", "1245") for params in asked
    )


def test_an_empty_list_and_a_last_page_that_is_full(account: Account, reader: StripeReader) -> None:
    assert list(reader.list("charges")) == []
    account.put("charges", *(charge(number) for number in range(100)))
    assert len(list(reader.list("charges"))) == 100
    assert len(account.asked("charges")) == 2


def test_numbers_are_exact(account: Account, reader: StripeReader) -> None:
    amount = 2**60 + 1
    account.put(
        "charges", charge(1, amount=amount, exchange_rate="number:1.10", tiny="number:0.1000000000000000055511")
    )
    for found in (next(reader.list("charges")), reader.retrieve("charges", "ch_0001")):
        assert found["amount"] == amount
        assert [str(found["exchange_rate"]), str(found["tiny"])] == ["1.10", "0.1000000000000000055511"]
        assert isinstance(found["exchange_rate"], Decimal)


def test_what_is_not_there_is_none(reader: StripeReader) -> None:
    assert reader.retrieve("charges", "ch_none") is None


@pytest.mark.parametrize("status", [400, 404])
def test_an_object_deleted_between_pages_is_told_as_that(account: Account, reader: StripeReader, status: int) -> None:
    account.put("charges", *(charge(number) for number in range(150)))
    found = reader.list("charges")
    for _ in range(100):
        next(found)
    gone = {"message": "No such charge: 'ch_0099'", "type": "invalid_request_error", "param": "starting_after"}
    account.failures.append((status, {}, {"error": {**gone, "code": "resource_missing"}}))
    with pytest.raises(ExtractionError, match=r"a page of charges was deleted .* No such charge.*Run the day again"):
        next(found)


def test_too_many_requests_and_passing_failures_are_waited_for(account: Account, reader: StripeReader) -> None:
    account.put("charges", charge(1))
    account.fail(429)
    account.fail(429)
    account.fail(500)
    account.fail(503)
    assert [o["id"] for o in reader.list("charges")] == ["ch_0001"]
    assert len(account.requests) == 5


def test_a_429_that_names_a_time_is_waited_for_that_long(account: Account, reader: StripeReader) -> None:
    account.fail(429, retry_after="1")
    started = time.monotonic()
    assert list(reader.list("charges")) == []
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (429, r"still answers charges with 429 .* after 7 waits: HTTP 429, made to fail.*run the day again later"),
        (500, r"Stripe fails at charges, 5 retries included: HTTP 500, made to fail.*Run the day again later"),
        (400, r"Stripe refuses a request for charges: HTTP 400, made to fail"),
        (404, r"http\S+ has no list of charges: HTTP 404.*Check TIEOUT_STRIPE_API_URL"),
    ],
)
def test_a_failure_for_good_says_what_and_what_to_do(
    account: Account, reader: StripeReader, status: int, says: str
) -> None:
    account.broken["charges"] = status
    with pytest.raises(ExtractionError, match=says) as raised:
        list(reader.list("charges"))
    assert KEY not in str(raised.value)


def test_a_key_that_is_wrong_or_may_not_read_is_told_without_it(account: Account, reader: StripeReader) -> None:
    wrong = "sk_live_thisIsWrong"
    with pytest.raises(ConfigError, match=r"does not know the key of TIEOUT_STRIPE_API_KEY \(401 at charges\)") as e:
        list(StripeReader(wrong, account.url).list("charges"))
    assert wrong not in str(e.value) and e.value.__cause__ is None
    account.broken["payouts"] = 403
    with pytest.raises(ConfigError, match=r"may not read payouts \(403\): .*\[key\].*Give the restricted key") as e:
        list(reader.list("payouts"))
    assert KEY not in str(e.value)


def test_an_address_where_nobody_listens(account: Account) -> None:
    reader = StripeReader(KEY, "http://127.0.0.1:9")
    with pytest.raises(ExtractionError, match=r"cannot be reached at .* 5 retries included.*Check the network"):
        list(reader.list("charges"))
