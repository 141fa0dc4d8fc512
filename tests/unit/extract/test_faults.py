"""Every reason that quarantine can give is explained to readers."""

from tieout.extract import faults
from tieout.sources import PROJECT_ROOT


def test_every_reason_code_is_documented() -> None:
    codes = {value for name, value in vars(faults).items() if name.isupper() and isinstance(value, str)}
    page = (PROJECT_ROOT / "docs" / "landing.md").read_text()
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_a_long_value_is_cut_in_a_message() -> None:
    assert faults.quoted("x" * 500) == repr("x" * 79 + "…")
