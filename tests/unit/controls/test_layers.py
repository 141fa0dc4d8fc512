"""The queries that measure the lake's layers, as texts."""

from tieout.controls.layers import newest_versions
from tieout.sources import load_table


def test_of_a_table_that_is_its_key_alone_each_key_is_a_version():
    query = newest_versions(load_table("stripe", "payout_balance_transactions"))
    assert query.startswith('select distinct "payout", "balance_transaction" from (select ')
    assert "row()" not in query


def test_the_other_columns_come_from_the_last_version():
    query = newest_versions(load_table("planning", "budgets"))
    assert "max_by(row(" in query
    assert 'newest[1] as "amount_signed"' in query
