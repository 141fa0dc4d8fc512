"""Prophet, as a model of daily cash."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from tieout.ml.models import History, lacks

if TYPE_CHECKING:
    import pandas as pd
    import prophet

YEAR = 365
SEED = 1
MAX_ITERATIONS = 10_000
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Prophet:
    """Prophet's trend with weekly, monthly and, from two years of history on, yearly seasons. Daily series only.

    Only the mean is asked of it: the intervals come from the backtest's errors, which know how cash jumps.
    """

    name: str = "prophet"
    min_days: int = 120
    changepoints: int = 10

    def enough(self, history: History) -> str:
        return lacks(history, self.min_days)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        logging.getLogger("cmdstanpy").setLevel(logging.WARNING)  # two lines a fit otherwise
        logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # says that plotly is not installed
        import pandas as pd
        import prophet

        if history.first_day is None:
            raise ValueError("Prophet needs to know which day a series starts on")
        model = prophet.Prophet(
            n_changepoints=self.changepoints,
            weekly_seasonality=True,
            yearly_seasonality=5 if len(history) >= 2 * YEAR else False,
            daily_seasonality=False,
            uncertainty_samples=0,
        )
        model.add_seasonality("monthly", period=30.4375, fourier_order=5)
        model.stan_backend = _Backend(model.stan_backend)
        model.make_all_seasonality_features = lambda frame: _features(model, frame)
        past = pd.date_range(history.first_day, periods=len(history))
        model.fit(pd.DataFrame({"ds": past, "y": history.values}))
        return _mean(model, pd.date_range(history.first_day + timedelta(days=len(history)), periods=horizon))


class _Backend:
    """Prophet's way to its solver, with the input written at once: Prophet's own JSON writer, number by number, takes
    longer than the solver itself."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.stan_fit = None

    def fit(self, stan_init: dict[str, Any], stan_data: dict[str, Any]) -> dict[str, np.ndarray]:
        """The parameters of the largest posterior density, each of shape (1, its size), as Prophet wants them."""
        initial, data = self.backend.prepare_data(stan_init, stan_data)
        with TemporaryDirectory(prefix="tieout-prophet-") as folder:
            paths = {"data": Path(folder) / "data.json", "inits": Path(folder) / "inits.json"}
            for path, content in zip(paths.values(), (data, initial), strict=True):
                path.write_text(json.dumps(content, default=_listed))
            found = self._optimum({name: str(path) for name, path in paths.items()}, folder)
        values = self.backend.stan_to_dict_numpy(found.column_names, found.optimized_params_np)
        return {name: value.reshape((1, -1)) for name, value in values.items()}

    def _optimum(self, files: dict[str, str], folder: str) -> Any:
        arguments = {"seed": SEED, "iter": MAX_ITERATIONS, "output_dir": folder}
        try:
            return self.backend.model.optimize(**files, **arguments, algorithm="LBFGS")
        except RuntimeError:  # its line search failed; as Prophet itself does
            return self.backend.model.optimize(**files, **arguments, algorithm="Newton")


def _features(model: prophet.Prophet, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[float], pd.DataFrame, dict]:
    """What Prophet's own method of that name gives, without telling which column is of which season: that matters to
    its plots only, and takes a fifth of a fit."""
    import pandas as pd

    seasons = model.seasonalities.values()
    columns = pd.DataFrame(_seasons(model, frame))
    scales = [season["prior_scale"] for season in seasons for _ in range(2 * season["fourier_order"])]
    added = pd.DataFrame(
        {"additive_terms": np.ones(len(scales), int), "multiplicative_terms": np.zeros(len(scales), int)}
    )
    return columns, scales, added, {"additive": list(model.seasonalities), "multiplicative": []}


def _seasons(model: prophet.Prophet, frame: pd.DataFrame) -> np.ndarray:
    """Sines and cosines of each day of the frame, which has no gaps, in Prophet's order."""
    first = frame["ds"].iloc[0].toordinal() - EPOCH
    return np.hstack([_waves(first, len(frame), s["period"], s["fourier_order"]) for s in model.seasonalities.values()])


# Of both flows, of each origin of their backtest and of the days ahead.
@lru_cache(maxsize=64)
def _waves(first: int, days: int, period: float, order: int) -> np.ndarray:
    """Prophet.fourier_series of so many days from the first on, which is counted from 1970-01-01."""
    turns = np.pi * 2 * (first + np.arange(days, dtype=np.float64))
    waves = np.empty((days, 2 * order))
    for i in range(order):
        waves[:, 2 * i] = np.sin((i + 1) / period * turns)
        waves[:, 2 * i + 1] = np.cos((i + 1) / period * turns)
    waves.flags.writeable = False
    return waves


def _listed(value: Any) -> Any:
    """Arrays and frames as lists, numpy's numbers as numbers: what JSON has no word for."""
    return np.asarray(value).tolist()


def _mean(model: prophet.Prophet, days: pd.DatetimeIndex) -> np.ndarray:
    """Trend plus seasons of each day: ``yhat`` of Prophet's predict, without its parts one by one."""
    import pandas as pd

    frame = model.setup_dataframe(pd.DataFrame({"ds": days}))
    seasons = _seasons(model, frame) @ model.params["beta"][0]
    return np.asarray(model.predict_trend(frame)) + seasons * model.y_scale
