"""A company's life at any scale from one seed: the app database, what lands in files, and the truth.

How it goes: a plan (plan.py) fixes seed, start and volumes. Every document has a serial number, and its whole life,
past and to come, is drawn from the seed and that number alone (draws.py, documents.py, settlements.py). What the
database holds on a day is how those lives look on that day (rows.py); what a day brings is the difference. So
`advance` needs no memory of what `generate` did, and living N days more gives the same company as generating it
with N days more at once.

Money is integer minor units until columns.py makes it decimal. Nothing here is read by the pipeline.

Deliberately absent: journals in base currency (each is in its document's currency) and exchange gains and losses.
"""

from tieout.generate.rates import FaultRates, Rates
from tieout.generate.run import GenerateError, Summary, advance, generate
from tieout.generate.truth import ANOMALIES, DELETES, FAULTS, LATE_ROWS, PAYOUT_FAULTS, read_truth

__all__ = [
    "ANOMALIES",
    "DELETES",
    "FAULTS",
    "LATE_ROWS",
    "PAYOUT_FAULTS",
    "FaultRates",
    "GenerateError",
    "Rates",
    "Summary",
    "advance",
    "generate",
    "read_truth",
]
