"""What the train parts of M4's weekly series choose: models, their combinations, and the weight of past errors.

python -m benchmarks.forecast --choose. It reads no test part and nothing of the city. Every third series is taken,
which keeps it to minutes. Each candidate is told by its distance from the setting in use and by the standard error of
that distance over the series: what lies within two of them is not told apart.
"""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from tieout.ml.combination import BetterHalf, Median
from tieout.ml.conformal import DECAY, bounds
from tieout.ml.intervals import Past
from tieout.ml.models import History, Model, Naive, Remembered, expect, lacks
from tieout.ml.regular import MONTHLY, WEEKLY, WEEKS_A_YEAR
from tieout.ml.seasonality import Deseasonalized, is_seasonal
from tieout.ml.smoothing import DampedTrend, Ses, Theta
from tieout.ml.tables import LEVELS
from tieout.ml.threads import one_thread

SAMPLE = 3
WEEKS, WEEKLY_ORIGINS = 13, 4
# Weeks added up to periods of four: thirteen a year, three of them known, as three of the city's twelve months are.
FOUR_WEEKS, PERIODS, KNOWN = 4, 13, 3
YEARS = 12
# Series on which what takes a second is measured.
ARIMA_SAMPLE = 60
DECAYS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
PASTS = (2, 3, 4, 6, 8, 12)
TARGETS = 3


@dataclass(frozen=True)
class Arima:
    """ARIMA(p, 1, q) by AIC, p and q up to 2: the smallest search that is one."""

    name: str = "arima_by_aic"
    most: int = 2

    def enough(self, history: History) -> str:
        return lacks(history, 24)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        from statsmodels.tsa.arima.model import ARIMA

        orders = [(p, 1, q) for p in range(self.most + 1) for q in range(self.most + 1)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fits = [ARIMA(history.values, order=order).fit(method="innovations_mle") for order in orders]
        return min(fits, key=lambda fit: fit.aic).forecast(horizon)


@dataclass(frozen=True)
class Mean:
    """The step-wise mean of the members."""

    members: tuple[Model, ...]
    name: str = "mean"

    def enough(self, history: History) -> str:
        return Median(self.members).enough(history)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        able = [member for member in self.members if not member.enough(history)]
        return np.mean([member.predict(history, horizon) for member in able], axis=0)


def _kept(*models: Model) -> tuple[Model, ...]:
    """Models that are members of several candidates: what they forecast is kept for all of them."""
    return tuple(model if isinstance(model, Remembered) else Remembered(model) for model in models)


IN_USE = "in use"
_FIVE = _kept(*WEEKLY.members)
_PLAIN = _kept(DampedTrend(), Theta(), Ses())
_SEASONAL = _kept(Deseasonalized(Theta(), "deseasonalized_theta"), Deseasonalized(Ses(), "deseasonalized_ses"))
WEEKLY_CANDIDATES: dict[str, Model] = {
    IN_USE: Median(_FIVE),
    "mean of the five": Mean(_FIVE),
    **{f"median without {one.name}": Median(tuple(m for m in _FIVE if m is not one)) for one in _FIVE},
    "median with theta and ses": Median((*_FIVE, *_SEASONAL)),
    "median of all ten": Median((*_FIVE, *_PLAIN, *_SEASONAL)),
    **{model.name: model for model in (*_FIVE, *_PLAIN, *_SEASONAL)},
    "naive": Naive(),
}
_TEN = _kept(*MONTHLY.members)
YEARLY_CANDIDATES: dict[str, Model] = {
    IN_USE: BetterHalf(_TEN),
    "mean of all ten": Mean(_TEN),
    "median of all ten": Median(_TEN),
    **{model.name: model for model in _TEN},
}
# A series' backtest: predictions and errors of each candidate, origins x steps, and the scale of MASE.
Errors = dict[str, Past]


def choose(train: list[np.ndarray]) -> None:
    sample = train[::SAMPLE]
    with ProcessPoolExecutor(2) as pool:
        weekly = [found for found in pool.map(_weekly, sample) if found]
        yearly = [found for found in pool.map(_yearly, sample) if found]
        arima = [found for found in pool.map(_arima, train[::ARIMA_SAMPLE]) if found]
    _print_models(f"{len(weekly)} weekly series, last {WEEKLY_ORIGINS} times {WEEKS} weeks", weekly, WEEKLY_ORIGINS)
    _print_models(f"{len(yearly)} series of four weeks with a season, {PERIODS - KNOWN} of a year's 13", yearly, YEARS)
    _print_models(f"{len(arima)} weekly series, last {WEEKS} weeks", [errors for errors, _ in arima], 1)
    for name, seconds in (("arima_by_aic", 1), (IN_USE, 0)):
        print(f"  {name}: {np.mean([taken[seconds] for _, taken in arima]):.2f} s a forecast")
    _print_decays([errors[IN_USE] for errors in weekly], [errors[IN_USE] for errors in yearly])


def _weekly(values: np.ndarray) -> Errors | None:
    """From the last four origins all candidates, from up to twelve before them the one in use, for its intervals."""
    history = History(values, WEEKS_A_YEAR)
    back = range(max(PASTS) + 1, 0, -1)
    cuts = [len(values) - WEEKS * n for n in back if not WEEKLY.enough(history.before(max(len(values) - WEEKS * n, 0)))]
    if len(cuts) < WEEKLY_ORIGINS:
        return None
    with one_thread():
        return _errors(WEEKLY_CANDIDATES, history, cuts, WEEKS, WEEKLY_ORIGINS)


def _yearly(values: np.ndarray) -> Errors | None:
    periods = len(values) // FOUR_WEEKS
    sums = values[len(values) - periods * FOUR_WEEKS :].reshape(periods, FOUR_WEEKS).sum(axis=1)
    if periods < 4 * PERIODS or not (sums > 0).all() or not is_seasonal(np.log(sums), PERIODS):
        return None
    horizon = PERIODS - KNOWN
    history = History(sums, PERIODS)
    cuts = [periods - horizon - PERIODS * back for back in range(max(PASTS) + TARGETS, -1, -1)]
    with one_thread():
        return _errors(YEARLY_CANDIDATES, history, [c for c in cuts if c >= 2 * PERIODS + KNOWN], horizon, YEARS)


def _arima(values: np.ndarray) -> tuple[Errors, tuple[float, float]]:
    history, cut, taken = History(values, WEEKS_A_YEAR), len(values) - WEEKS, []
    errors: Errors = {}
    with one_thread():
        for name, model in ((IN_USE, WEEKLY), ("arima_by_aic", Arima())):
            started = time.process_time()
            errors |= _errors({name: model}, history, [cut], WEEKS, 1)
            taken.append(time.process_time() - started)
    return errors, (taken[0], taken[1])


def _errors(candidates: dict[str, Model], history: History, cuts: list[int], horizon: int, compared: int) -> Errors:
    """Origin by origin, so that a member's forecast is kept while it is asked for."""
    predictions: dict[str, list[np.ndarray]] = defaultdict(list)
    for cut in cuts:
        for name, model in candidates.items():
            if name == IN_USE or cut in cuts[-compared:]:
                predictions[name].append(expect(model, history.before(cut), horizon))
    actual = np.stack([history.values[cut : cut + horizon] for cut in cuts])
    found = {name: np.stack(rows) for name, rows in predictions.items()}
    return {name: Past(rows, actual[-len(rows) :] - rows) for name, rows in found.items()}


def _print_models(title: str, series: list[Errors], compared: int) -> None:
    print(f"\n{title:<64}{'sMAPE':>8}{'WAPE':>8}   difference of WAPE to the one in use")
    base = np.array([_wape(errors[IN_USE], compared) for errors in series])
    for name in series[0]:
        wapes = np.array([_wape(errors[name], compared) for errors in series])
        more, error = (wapes - base).mean(), (wapes - base).std() / np.sqrt(len(series))
        percent = np.mean([_smape(errors[name], compared) for errors in series])
        print(f"  {name:<62}{percent:>8.3f}{wapes.mean():>8.3f}   {more:>+7.3f} ± {error:.3f}")


def _wape(past: Past, origins: int) -> float:
    actual = (past.predictions + past.errors)[-origins:]
    return 100 * float(np.abs(past.errors[-origins:]).sum() / np.abs(actual).sum())


def _smape(past: Past, origins: int) -> float:
    sizes = np.abs(past.predictions) + np.abs(past.predictions + past.errors)
    return float((200 * np.abs(past.errors) / np.maximum(sizes, 1e-300))[-origins:].mean())


def _print_decays(weekly: list[Past], yearly: list[Past]) -> None:
    """How near the promised coverage each weight comes, from few and from many backtests."""
    print(f"\n{'weight of a backtest beside the one after it':<48}{'coverage, weeks':>20}{'years':>16}   mean distance")
    for decay in DECAYS:
        shares = {
            (kind, level): [_coverage(pasts, count, level, decay) for count in PASTS]
            for kind, pasts in enumerate((weekly, yearly))
            for level in LEVELS
        }
        distance = np.mean([np.abs(np.array(found) - level).mean() for (_, level), found in shares.items()])
        told = [" / ".join(f"{np.mean(shares[kind, level]):.1f}" for level in LEVELS) for kind in range(2)]
        print(f"  {f'{decay}' + (', in use' if decay == DECAY else ''):<46}{told[0]:>20}{told[1]:>16}{distance:>16.2f}")


def _coverage(pasts: list[Past], count: int, level: int, decay: float) -> float:
    """Share of steps, in %, within the interval that the ``count`` backtests before them give."""
    inside = []
    for past in pasts:
        for target in _targets(past, count):
            before = slice(target - count, target)
            seen = Past(past.predictions[before], past.errors[before])
            low, high = bounds(past.predictions[target], seen, level, decay)
            actual = past.predictions[target] + past.errors[target]
            inside.append((low <= actual) & (actual <= high))
    return 100 * float(np.mean(inside))


def _targets(past: Past, count: int) -> Iterator[int]:
    origins = len(past.errors)
    yield from range(max(count, origins - TARGETS), origins)
