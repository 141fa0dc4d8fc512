"""One thread of linear algebra a process: forecasts are shared out over processes, and their matrices are small.

With a thread for each core an optimizer's step on a few numbers waits longer for the threads than it computes: eight
times as long where other processes keep the cores busy.
"""

from __future__ import annotations

from contextlib import AbstractContextManager


def one_thread() -> AbstractContextManager[object]:
    """Within it, numpy's and scipy's linear algebra runs on one thread."""
    import scipy.linalg  # noqa: F401 - what is not loaded cannot be limited
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")
