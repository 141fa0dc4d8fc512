import re
import uuid

import numpy as np
import pytest

from tieout.generate.draws import Draws
from tieout.generate.ids import numbered, stripe_ids, uuids

ROWS = np.arange(5_000, dtype=np.int64)
CREATED = 1_763_000_000_000_000 + ROWS * 1_000


def test_uuids_are_version_7_of_their_moment() -> None:
    made = [uuid.UUID(text) for text in uuids(Draws(7, ROWS), "x", CREATED).to_pylist()]
    assert {(value.version, value.variant) for value in made} == {(7, uuid.RFC_4122)}
    assert [value.int >> 80 for value in made] == (CREATED // 1000).tolist()
    assert len(set(made)) == len(made) and made == sorted(made)


def test_uuids_differ_by_stream_and_seed_not_by_company() -> None:
    one = uuids(Draws(7, ROWS), "x", CREATED).to_pylist()
    assert not set(one) & set(uuids(Draws(7, ROWS), "y", CREATED).to_pylist())
    assert not set(one) & set(uuids(Draws(8, ROWS), "x", CREATED).to_pylist())
    assert uuids(Draws(7, ROWS[10:20]), "x", CREATED[10:20]).to_pylist() == one[10:20]


def test_stripe_ids_look_like_stripe_s() -> None:
    made = stripe_ids(Draws(7, ROWS), "charge", "ch").to_pylist()
    # As ch_3MmlLrLkdIwHu7ix0snN0B15 in Stripe's documentation.
    assert all(re.fullmatch(r"ch_3[0-9A-Za-z]{23}", value) for value in made)
    assert len(set(made)) == len(made)


def test_document_numbers() -> None:
    assert numbered("INV", (np.array([202601]), 6), (np.array([42]), 7)).to_pylist() == ["INV-202601-0000042"]
    with pytest.raises(AssertionError, match="wider than its 2 digits"):
        numbered("X", (np.array([100]), 2))


def test_no_rows() -> None:
    assert len(uuids(Draws(7, ROWS[:0]), "x", CREATED[:0])) == 0
    assert len(numbered("X", (ROWS[:0], 3))) == 0
