"""config/controls.yml is read whole, and names tables that dbt makes."""

import re

import pytest

from tieout.controls.identities import load_identities
from tieout.errors import ConfigError
from tieout.sources import PROJECT_ROOT

SIDE = "{layer: silver, from: lake.silver.t, measures: {rows: count(*)}}"


def read(tmp_path, body):
    file = tmp_path / "controls.yml"
    file.write_text(f"identities:\n  one:\n    entity: e\n    description: d\n{body}")
    return load_identities(file)


def test_an_identity_has_two_sides(tmp_path):
    [identity] = read(tmp_path, f"    left: {SIDE}\n    right: {SIDE.replace('silver', 'gold')}\n")
    assert (identity.left.layer, identity.right.layer) == ("silver", "gold")
    assert identity.measures == ("rows",)
    assert identity.left.where == "true"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(f"    left: {SIDE}\n", "missing entries.*right", id="one-side"),
        pytest.param(f"    left: {SIDE}\n    right: {SIDE}\n    typo: 1\n", "unknown entries.*typo", id="unknown"),
        pytest.param(
            f"    left: {SIDE}\n    right: {SIDE.replace('rows', 'number')}\n", "same measures", id="measures-differ"
        ),
        pytest.param(f"    left: {SIDE}\n    right: {{layer: gold, from: t}}\n", "right: .*measures", id="no-measures"),
    ],
)
def test_an_identity_that_is_not_whole_is_refused(tmp_path, body, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, body)


def test_every_named_table_is_a_model():
    models = {file.stem for file in (PROJECT_ROOT / "dbt" / "models").rglob("*.sql")}
    named = set()
    for identity in load_identities():
        named |= set(re.findall(r"lake\.\w+\.(\w+)", f"{identity.left.relation} {identity.right.relation}"))
    assert named <= models
