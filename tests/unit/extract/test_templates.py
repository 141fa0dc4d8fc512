"""The templates in docs/templates are what config/sources says, and can be delivered as they are."""

import csv
import io

import pytest

from tieout.extract.readers import read_file
from tieout.settings import PROJECT_ROOT
from tieout.sources import load_source

TEMPLATES = PROJECT_ROOT / "docs" / "templates"
each_table = pytest.mark.parametrize("table", load_source("wealth").tables, ids=lambda table: table.name)


@each_table
def test_a_template_has_every_described_column_and_no_other(table) -> None:
    header = next(csv.reader((TEMPLATES / f"{table.name}.csv").open(newline="")))
    assert header == [column.name for column in table.columns]


@each_table
def test_every_row_of_a_template_is_taken(table) -> None:
    body = (TEMPLATES / f"{table.name}.csv").read_bytes()
    chunks = list(read_file(table, f"{table.name}.csv", io.BytesIO(body), {"USD": 2}))
    assert [line for chunk in chunks for line in chunk.rejected] == []
    assert sum(chunk.rows.num_rows for chunk in chunks) == body.count(b"\n") - 1 > 0
    assert not any(chunk.others for chunk in chunks)


def test_what_the_page_says_of_a_column_is_what_is_described() -> None:
    page = (PROJECT_ROOT / "docs" / "landing.md").read_text()
    for table in load_source("wealth").tables:
        for column in table.columns:
            assert f"| `{column.name}` |" in page, f"{table.name}.{column.name} is not on the page"
