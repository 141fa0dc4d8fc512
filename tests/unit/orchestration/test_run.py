from __future__ import annotations

from typing import Any

import pytest

from tieout.orchestration.run import error_in


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], "it was ended from outside", id="no log"),
        pytest.param([{"event": "all is well", "level": "info"}], "it was ended from outside", id="no error"),
        pytest.param(
            [
                {"event": "first", "level": "error"},
                {"event": "last\n of all", "level": "error"},
                {"event": "bye", "level": "info"},
            ],
            "last of all",
            id="the last error, in one line",
        ),
        pytest.param(
            [
                {
                    "event": "Task failed with exception",
                    "level": "error",
                    "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "payments drifts by 0.01"}],
                },
                {"event": "a library's warning", "level": "error", "logger": "task.stderr"},
            ],
            "payments drifts by 0.01",
            id="the exception's message",
        ),
        pytest.param(
            [{"event": "x", "level": "error", "error_detail": [{"exc_type": "KeyError", "exc_value": ""}]}],
            "KeyError",
            id="an exception without a message",
        ),
    ],
)
def test_a_failed_task_is_told_by_the_last_error_of_its_log(lines: list[dict[str, Any]], expected: str) -> None:
    assert expected in error_in(lines)
