"""Every fact says whose it is, in which currency, and how it came to base currency.

The columns are read from the YAML; that a table has these columns and no others is a test of test_dbt_incremental.py.
"""

import pytest
import yaml

from tieout.dbt_sources import MODELS

CURRENCY = {"currency", "base_currency", "fx_rate", "fx_rate_type", "fx_rate_date"}
# What a fact has not, and why.
WITHOUT = {
    # An organization's ratios over all its currencies at once: the facts it is made from have each amount's own.
    "fact_kpi_daily": CURRENCY - {"base_currency"},
}
COLUMNS = {
    model["name"]: {column["name"] for column in model["columns"]}
    for path in sorted((MODELS / "gold").glob("*.yml"))
    for model in yaml.safe_load(path.read_text()).get("models", [])
    if model["name"].startswith("fact_")
}


@pytest.mark.parametrize("fact", COLUMNS)
def test_a_fact_has_its_organization_currency_rate_and_base_currency(fact):
    assert {"org_id", *CURRENCY} - COLUMNS[fact] == WITHOUT.get(fact, set())


@pytest.mark.parametrize("fact", COLUMNS.keys() - WITHOUT.keys())
def test_and_amounts_in_both(fact):
    base = {name for name in COLUMNS[fact] if name.startswith("base_") and name != "base_currency"}
    assert base
    assert {name.removeprefix("base_") for name in base} <= COLUMNS[fact]


def test_every_fact_is_looked_at():
    assert COLUMNS.keys() == {path.stem for path in (MODELS / "gold").glob("fact_*.sql")}
    assert {"stripe_currency", "netsuite_currency"} <= COLUMNS["fact_reconciliation"]
