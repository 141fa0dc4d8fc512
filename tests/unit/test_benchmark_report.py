from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks import _report
from benchmarks._report import Figure, margin, shown


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_report, "RESULTS", tmp_path / "benchmarks")
    monkeypatch.setattr(_report, "PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(_report, "PLOT", tmp_path / "benchmarks.png")
    return tmp_path


def test_what_was_recorded_is_in_the_table_the_page_and_the_plot(
    places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _report.record(
        "fast", "Something fast", [Figure("time", 1.5, "s", "≤ 2 s", True), Figure("rows", 12000, "", None, None)]
    )
    _report.record("slow", "Something slow", [Figure("times faster", 7.1, "×", "≥ 8", False)])
    stored = json.loads((places / "benchmarks" / "fast.json").read_text())
    assert stored["figures"][0] == {"what": "time", "value": 1.5, "unit": "s", "target": "≤ 2 s", "reached": True}
    assert stored["machine"]["cores"] and stored["versions"]["Trino"] and str(places) not in json.dumps(stored)
    _report.main()
    page, table = (places / "benchmarks.md").read_text(), capsys.readouterr().out
    for line in ("| time | 1.50 s | ≤ 2 s | yes |", "| rows | 12,000 |  |  |", "| times faster | 7.10 × | ≥ 8 | no |"):
        assert line in page
    assert "Something slow" in page and "7.10 ×" in table
    assert (places / "benchmarks.png").read_bytes().startswith(b"\x89PNG")


def test_recording_again_replaces(places: Path) -> None:
    _report.record("fast", "First", [])
    _report.record("fast", "Second", [])
    assert [result.title for result in _report.load()] == ["Second"]


def test_without_results_it_says_what_to_run(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _report.main()
    assert "run `make bench`" in capsys.readouterr().err
    assert not (places / "benchmarks.md").exists()


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        (1.5, "≤ 3 s", 2),
        (16, "≥ 8", 2),
        (6, "< 3", 0.5),
        (5_000, "> 1,000 rows/s", 5),
        (0, "= 0", None),
        (1, None, None),
    ],
)
def test_a_margin_is_how_many_times_better_than_the_target(value: float, target: str | None, expected: float) -> None:
    assert margin(Figure("x", value, "", target, None)) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 s"), (1234567.8, "1,234,568 s"), (123.45, "123.5 s"), (1.5, "1.50 s"), (0.0012, "0.0012 s")],
)
def test_values_have_as_many_digits_as_help(value: float, text: str) -> None:
    assert shown(Figure("x", value, "s", None, None)) == text
