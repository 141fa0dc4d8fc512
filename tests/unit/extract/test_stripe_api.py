"""The bytes of a pulled file: of one window the same, of two never."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

from tieout.extract.stripe_api import _write

UNTIL = datetime(2026, 11, 20, 2, tzinfo=UTC)
CUSTOMER = {"object": "customer", "id": "cus_1", "delinquent": False}


def written(path: Path, until: datetime) -> bytes:
    assert _write(path, iter([CUSTOMER]), until) == 1
    return path.read_bytes()


def test_the_same_objects_of_one_window_are_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "a", UNTIL) == written(tmp_path / "b", UNTIL)


def test_the_same_objects_of_two_windows_are_not_one_delivery(tmp_path: Path) -> None:
    one, other = written(tmp_path / "a", UNTIL), written(tmp_path / "a", UNTIL.replace(day=22))
    assert one != other
    assert gzip.decompress(one) == gzip.decompress(other) == b'{"delinquent":false,"id":"cus_1","object":"customer"}\n'
