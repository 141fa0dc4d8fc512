"""Models of weekly and of monthly series, as chosen on the train parts of the M4 competition's weekly series."""

from __future__ import annotations

from tieout.ml.autoregression import Autoregression
from tieout.ml.combination import BetterHalf, Median
from tieout.ml.models import SeasonalNaive
from tieout.ml.seasonality import Deseasonalized
from tieout.ml.shares import SeasonalShares
from tieout.ml.smoothing import DampedTrend, Ses, Theta

WEEKS_A_YEAR = 365.25 / 7
MONTHS_A_YEAR = 12

WEEKLY = Median(
    (
        Autoregression("changes", differenced=True),
        Autoregression("levels", differenced=False),
        Deseasonalized(Autoregression("", differenced=True), "deseasonalized_changes"),
        Deseasonalized(Autoregression("", differenced=False), "deseasonalized_levels"),
        Deseasonalized(DampedTrend(), "deseasonalized_damped_trend"),
    )
)
MONTHLY = BetterHalf(
    (
        SeasonalNaive(),
        *(
            SeasonalShares(f"seasonal_shares_{decay}{'_growing' if growing else ''}", decay, growing)
            for decay in (0.4, 0.6, 0.8)
            for growing in (True, False)
        ),
        Deseasonalized(Ses(), "ses"),
        Deseasonalized(DampedTrend(), "damped_trend"),
        Deseasonalized(Theta(), "theta"),
    )
)
