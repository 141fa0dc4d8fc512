"""Conditions of dbt's SQL that cost a large scan its filter by keys, without a word from Trino."""

import re

from tests.dbt import PROJECT

# Trino filters a scan's rows by a join's keys only where it can evaluate the other conditions column by column, and
# `not` it cannot.
_UNDOES_THE_FILTER = re.compile(r"\bnot\s+(\w+\.)?is_deleted\b", re.IGNORECASE)


def test_living_rows_are_asked_for_as_trino_evaluates_by_column() -> None:
    files = [file for folder in ("models", "macros", "tests") for file in (PROJECT / folder).rglob("*.sql")]
    texts = {str(file.relative_to(PROJECT)): file.read_text() for file in files}
    assert any("is_deleted = false" in text for text in texts.values())
    assert [name for name, text in texts.items() if _UNDOES_THE_FILTER.search(text)] == []
