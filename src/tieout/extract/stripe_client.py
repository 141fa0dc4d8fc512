"""Reading Stripe's API through its own package, to the exact text of every number, and patiently.

The package turns JSON numbers with a point into floats. Its paging, retries and errors are used; the objects are read
anew from the bodies of its responses, where an exchange rate is still what Stripe wrote. It is imported when something
is pulled: extraction without a key does without its memory.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tieout.errors import ConfigError, ExtractionError
from tieout.extract.json_text import parse
from tieout.settings import get_settings

if TYPE_CHECKING:
    from stripe import RateLimitError, StripeError

log = logging.getLogger(__name__)

PAGE_SIZE = 100
# The package's own retries: connection errors, conflicts and 5xx, half a second to five apart.
NETWORK_RETRIES = 5
# Of a 429, which the package does not try again: from one second doubled to 32.
RATE_LIMIT_RETRIES = 7
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 32.0

_KEY = re.compile(r"\b[rs]k_[A-Za-z0-9_*]+")

Object = dict[str, Any]


class StripeReader:
    """Lists and objects of one Stripe account. Numbers are int or Decimal."""

    def __init__(self, key: str, url: str) -> None:
        from stripe import StripeClient

        # It tells of every request, twice.
        logging.getLogger("stripe").setLevel(logging.WARNING)
        addresses = {"api": url.rstrip("/")}
        self._client = StripeClient(key, base_addresses=addresses, max_network_retries=NETWORK_RETRIES)

    @classmethod
    def of_settings(cls) -> StripeReader:
        """The account of TIEOUT_STRIPE_API_KEY. Raises ConfigError where it is not set."""
        settings = get_settings()
        key = settings.stripe_api_key.get_secret_value()
        if not key:
            raise ConfigError(
                "TIEOUT_STRIPE_API_KEY is empty, so Stripe's objects come from delivered files only: to pull them, set "
                f"it to a restricted key that may read, in the environment or in {settings.secrets_file}"
            )
        return cls(key, settings.stripe_api_url)

    def list(self, service: str, **params: Any) -> Iterator[Object]:
        """Every object of a list, page by page, in the order of the API: newest first."""
        endpoint = getattr(self._client.v1, service)
        try:
            page = _patiently(service, lambda: endpoint.list(params={**params, "limit": PAGE_SIZE}))
            while not page.is_empty:
                yield from _exact(page)["data"]
                page = _patiently(service, page.next_page)
        except _Gone as error:
            raise ExtractionError(
                f"{get_settings().stripe_api_url} has no list of {service}: {error}. Check TIEOUT_STRIPE_API_URL"
            ) from None

    def retrieve(self, service: str, id_: str) -> Object | None:
        """One object as it is, None where there is none any more."""
        endpoint = getattr(self._client.v1, service)
        try:
            return _exact(_patiently(service, lambda: endpoint.retrieve(id_)))
        except _Gone:
            return None


class _Gone(Exception):
    """The API knows no such object."""


def _exact(answer: Any) -> Object:
    return parse(answer.last_response.body)


def _patiently(service: str, call: Callable[[], Any]) -> Any:
    """The answer, waiting while there are too many requests. Raises ConfigError or ExtractionError otherwise."""
    import stripe

    for attempt in range(RATE_LIMIT_RETRIES + 1):
        try:
            return call()
        except stripe.RateLimitError as error:
            if attempt == RATE_LIMIT_RETRIES:
                raise ExtractionError(
                    f"Stripe still answers {service} with 429 (too many requests) after {attempt} waits: "
                    f"{_said(error)}. Something else uses up the account's limit; run the day again later"
                ) from None
            wait = _wait_seconds(attempt, error)
            log.info("Stripe has too many requests: waiting %.1f s", wait)
            time.sleep(wait)
        except stripe.AuthenticationError:
            # What Stripe says of a wrong key holds parts of it.
            raise ConfigError(
                f"Stripe does not know the key of TIEOUT_STRIPE_API_KEY (401 at {service}): take a restricted key that "
                f"may read from the account's dashboard, and set it in the environment or {get_settings().secrets_file}"
            ) from None
        except stripe.PermissionError as error:
            raise ConfigError(
                f"the key of TIEOUT_STRIPE_API_KEY may not read {service} (403): {_said(error)}. Give the restricted "
                "key read access to it in the account's dashboard"
            ) from None
        except stripe.InvalidRequestError as error:
            if error.param == "starting_after":
                raise ExtractionError(
                    f"the last object of a page of {service} was deleted before the next page was read, and Stripe "
                    f"cannot go on from it: {_said(error)}. Run the day again"
                ) from None
            if error.http_status == 404:
                raise _Gone(_said(error)) from None
            raise ExtractionError(f"Stripe refuses a request for {service}: {_said(error)}") from None
        except stripe.APIConnectionError as error:
            raise ExtractionError(
                f"Stripe cannot be reached at {get_settings().stripe_api_url} for {service}, {NETWORK_RETRIES} retries "
                f"included: {_said(error)}. Check the network and TIEOUT_STRIPE_API_URL, then run the day again"
            ) from None
        except stripe.StripeError as error:
            raise ExtractionError(
                f"Stripe fails at {service}, {NETWORK_RETRIES} retries included: {_said(error)}. Run the day again "
                "later; https://status.stripe.com says whether others see it too"
            ) from None
    raise AssertionError("unreachable")


def _wait_seconds(attempt: int, error: RateLimitError) -> float:
    """Doubling, with chance so that several pulls do not meet again; never less than Stripe asks for."""
    wait = min(FIRST_WAIT_SECONDS * 2**attempt, LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1)
    asked = (error.headers or {}).get("retry-after", "")
    return max(wait, min(float(asked), LONGEST_WAIT_SECONDS)) if asked.isdigit() else wait


def _said(error: StripeError) -> str:
    """The error in one line, with what Stripe's support asks for and without any key."""
    text = " ".join((error.user_message or type(error).__name__).split())
    status = f"HTTP {error.http_status}, " if error.http_status else ""
    request = f" (request {error.request_id})" if error.request_id else ""
    return _KEY.sub("[key]", f"{status}{text}{request}")
