from datetime import date

import numpy as np
import pytest

from tieout.generate.moments import day_number, end_of, month_of
from tieout.generate.plan import Plan, PlanError

START, END = date(2025, 1, 15), date(2026, 3, 31)


def test_blocks_cover_each_month_once() -> None:
    plan = Plan.of(500_000, 7, START, END)
    blocks = list(plan.blocks(0, end_of(day_number(END))))
    serials = np.concatenate([block.serial for block in blocks])
    assert len(np.unique(serials)) == len(serials)
    assert {block.month for block in blocks} == set(range(month_of(plan.start), 2026 * 12 + 3))


def test_a_block_does_not_depend_on_where_the_walk_begins() -> None:
    plan = Plan.of(100_000, 7, START, END)
    whole = {(b.side, b.month, b.serial[0]): b.serial.tolist() for b in plan.blocks(0, end_of(day_number(END)))}
    for block in plan.blocks(2026 * 12, end_of(day_number(END))):
        assert whole[block.side, block.month, block.serial[0]] == block.serial.tolist()


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        pytest.param("enormous", "scale 'enormous' is not known: use a number of rows or one of tiny", id="name"),
        pytest.param(0, "use 1 or more", id="none"),
        pytest.param("99_000_000_000", "lengthen the span", id="too much"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(scale: int | str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Plan.of(scale, 7, START, END)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(PlanError, match="is before start"):
        Plan.of("demo", 7, END, START)
