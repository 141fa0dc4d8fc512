"""Arrow goes without pandas once asked to, and what needs pandas still gets it."""

import subprocess
import sys

SCRIPT = """
import sys
from tieout.extract.memory import leave_pandas_out
leave_pandas_out()
import pyarrow as pa
import pyarrow.dataset
pa.array([1, 2])
assert "pandas" not in sys.modules
assert list(pa.table({"a": [1]}).to_pandas()["a"]) == [1]
assert "pandas" in sys.modules
"""


def test_pandas_is_left_out_and_can_still_be_had() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
