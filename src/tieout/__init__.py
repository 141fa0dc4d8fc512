"""Tieout: a finance lakehouse whose every number ties out to its source, to the cent."""

import os
import sys

# Arrow reads this when it is loaded. Its default allocator keeps what each thread has freed: an extraction takes a
# quarter more memory with it, at the same speed. Arrow has jemalloc on Linux alone.
if sys.platform == "linux":
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
