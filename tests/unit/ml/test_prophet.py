"""The shortened way to Prophet gives what Prophet itself gives."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import prophet
import pytest

from tieout.ml.models import History
from tieout.ml.prophet import Prophet

LAST = date(2026, 11, 20)


def cash(days: int) -> np.ndarray:
    random = np.random.default_rng(5)
    week = np.resize([0, 0, 100, 120, 130, 140, 300], days)
    return np.round(week * random.lognormal(0, 0.5, days) * (1 + 0.2 * np.sin(np.arange(days) / 58)), 2)


@pytest.mark.parametrize("days", [150, 800], ids=["without yearly season", "with yearly season"])
def test_it_is_prophets_own_forecast(days):
    first = LAST - timedelta(days=days - 1)
    model = prophet.Prophet(
        n_changepoints=10,
        weekly_seasonality=True,
        yearly_seasonality=5 if days > 730 else False,
        daily_seasonality=False,
        uncertainty_samples=0,
    )
    model.add_seasonality("monthly", period=30.4375, fourier_order=5)
    model.fit(pd.DataFrame({"ds": pd.date_range(first, periods=days), "y": cash(days)}), seed=1)
    theirs = model.predict(pd.DataFrame({"ds": pd.date_range(LAST + timedelta(days=1), periods=91)}))["yhat"]
    ours = Prophet().predict(History(cash(days), 7, first), 91)
    assert ours == pytest.approx(theirs.to_numpy(), rel=1e-9, abs=1e-9)


def test_a_series_that_never_changes_is_forecast_to_go_on():
    assert Prophet().predict(History(np.full(150, 7.0), 7, LAST), 3) == pytest.approx([7.0] * 3, abs=1e-6)


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Prophet().predict(History(cash(200), 7, LAST), 7)
    assert list(tmp_path.iterdir()) == []
