"""The upkeep goes on with the next table when one cannot be looked after."""

import pytest
from trino.exceptions import TrinoUserError

from tieout.bronze import maintenance
from tieout.bronze.maintenance import Upkeep

GONE = TrinoUserError({"errorName": "TABLE_NOT_FOUND", "message": "Table 'lake.silver.a__dbt_tmp' does not exist"})


def test_a_table_that_goes_meanwhile_is_left_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"lake.silver.a": iter([(9, 5), (1, 2)]), "lake.silver.b": iter([(3, 3), (1, 1)])}

    def count(table: str) -> tuple[int, int]:
        if table not in counts:
            raise GONE
        return next(counts[table])

    monkeypatch.setattr(maintenance, "_tables", lambda: ["lake.silver.a", "lake.silver.a__dbt_tmp", "lake.silver.b"])
    monkeypatch.setattr(maintenance, "_count", count)
    monkeypatch.setattr(maintenance, "_execute", lambda statement, retention_days: None)
    monkeypatch.setattr(maintenance, "_remove_view_leftovers", lambda retention_days: 0)
    assert maintenance.maintain() == [
        Upkeep("lake.silver.a", 9, 1, 5, 2),
        Upkeep("lake.silver.a__dbt_tmp", 0, 0, 0, 0, f"TABLE_NOT_FOUND: {GONE.message}"),
        Upkeep("lake.silver.b", 3, 1, 3, 1),
    ]
