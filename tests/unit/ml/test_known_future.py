"""Open items beside a statistical model, expected values by hand."""

from datetime import date, timedelta

import numpy as np
import pytest

from tieout.ml.cash import CANDIDATES
from tieout.ml.forecast import forecast_flow
from tieout.ml.known_future import KnownFuture
from tieout.ml.models import History, SeasonalMean
from tieout.ml.open_items import QUARTER, WEEKS, OpenItems, statement

DAY = date(2026, 11, 20)
MODEL = KnownFuture(SeasonalMean())


def history(expected: dict[int, float | list[float]], values: np.ndarray | None = None) -> History:
    """expected: {quarters back: what each of the 13 weeks after was expected to bring}; 10.00 a day unless given, from
    a month before the oldest of them on."""
    values = np.full(max([1, *expected]) * QUARTER + 30, 10.0) if values is None else values
    items = {DAY - timedelta(days=QUARTER * back): np.resize(weeks, WEEKS) * 1.0 for back, weeks in expected.items()}
    return History(values, 7, DAY - timedelta(days=len(values) - 1), OpenItems(items))


def weeks_of(found: np.ndarray) -> list[float]:
    return found.reshape(-1, 7).sum(axis=1).round(6).tolist()


def test_the_rest_of_a_week_is_what_was_not_known_before():
    # 70 came in a week, 35 of it was known: half of the model's 70 is still to be invoiced
    found = MODEL.predict(history({1: 35, 0: [70, 0, 7] + [0] * 10}), QUARTER)
    assert weeks_of(found) == [105, 35, 42] + [35] * 10
    assert found[:7].round(6).tolist() == [15] * 7


def test_the_known_share_differs_by_week_ahead():
    # three weeks together: weeks 0 to 2 of both quarters had 210, 210, 140 of 140, 210, 210 known
    found = MODEL.predict(history({2: [140, 140, 0] + [0] * 10, 1: [70, 70, 0] + [0] * 10, 0: 0}), QUARTER)
    # week 0: (210 + 0) of 2 * 140 came, week 1: 420 of 420, week 2: 210 of 420, week 3 and on: none
    assert weeks_of(found) == [0, 0, 35] + [70] * 10


def test_what_was_expected_beyond_what_came_is_cut():
    # twice of what came was expected: half of what is open comes, and nothing else
    found = MODEL.predict(history({1: 140, 0: [140] + [0] * 12}), QUARTER)
    assert weeks_of(found) == [70] + [0] * 12


def test_days_follow_the_inner_model_and_are_even_where_it_expects_nothing():
    mondays = np.resize([0, 0, 0, 70, 0, 0, 0], QUARTER + 28)
    found = MODEL.predict(history({1: 35, 0: 70}, mondays), 7)
    assert found.round(6).tolist() == [0, 0, 0, 105, 0, 0, 0]
    quiet = np.r_[np.full(QUARTER + 28, 10.0), np.zeros(56)]
    assert MODEL.predict(history({1: 0, 0: 14}, quiet), 7).round(6).tolist() == [2.0] * 7


def test_a_horizon_that_ends_within_a_week_is_cut_there():
    whole, part = (MODEL.predict(history({1: 35, 0: 70}), horizon) for horizon in (QUARTER, 90))
    assert part.tolist() == whole[:90].tolist()


def test_nothing_after_the_last_day_is_looked_at():
    later = history({0: 9999, 1: 50, 2: 35, 3: 12})
    cut = len(later) - QUARTER
    known = MODEL.predict(later.before(cut), QUARTER)
    other = history({0: 1, 1: 50, 2: 35, 3: 12}, np.r_[later.values[:cut], np.full(QUARTER, 555.0)])
    assert known.tolist() == MODEL.predict(other.before(cut), QUARTER).tolist()


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ({}, "needs invoices or bills that were open a quarter before"),
        ({0: 5}, "needs invoices or bills that were open a quarter before"),
        ({1: 5}, "no invoice or bill was open"),
        ({0: 5, 1: 5}, ""),
    ],
    ids=["nothing", "no quarter before", "nothing open", "both"],
)
def test_it_says_what_is_missing(expected, reason):
    assert MODEL.enough(history(expected)) == reason


def test_a_series_without_documents_says_so():
    assert MODEL.enough(History(np.full(400, 1.0), 7, DAY)) == "no invoice or bill was ever open"


def test_it_is_chosen_where_open_items_tell_and_not_where_they_mislead():
    random = np.random.default_rng(3)
    weekly = random.lognormal(4, 1, 9 * WEEKS).round(2)  # nothing in the past tells the next week
    values = np.repeat(weekly / 7, 7)
    told = {back: weekly[len(weekly) - WEEKS * back :][:WEEKS].tolist() for back in range(1, 9)}
    flow = forecast_flow(history(told | {0: 50}, values), CANDIDATES)
    assert flow.model.name == "open_items" and "open_items" not in flow.reason
    misled = {back: random.lognormal(4, 1, WEEKS).tolist() for back in range(9)}
    flow = forecast_flow(history(misled, values), CANDIDATES)
    assert flow.model.name != "open_items" and "open_items" in flow.reason


def test_the_statement_names_its_day_alone():
    assert f"date '{DAY}'" in statement(DAY) and "{" not in statement(DAY)
