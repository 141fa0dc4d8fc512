import hashlib

import numpy as np

from tieout.generate.draws import Draws

ROWS = np.arange(100_000, dtype=np.int64)


def test_a_draw_depends_on_seed_stream_and_row_alone() -> None:
    whole = Draws(7, ROWS).below("x", 1000)
    parts = [Draws(7, part).below("x", 1000) for part in np.array_split(ROWS, 7)]
    assert (np.concatenate(parts) == whole).all()
    assert (Draws(7, ROWS[::-1]).below("x", 1000) == whole[::-1]).all()
    assert (Draws(7, ROWS).at(ROWS % 2 == 0).below("x", 1000) == whole[::2]).all()


def test_seeds_and_streams_differ() -> None:
    one = Draws(7, ROWS).bits("x")
    assert (one != Draws(8, ROWS).bits("x")).all()
    assert (one != Draws(7, ROWS).bits("y")).all()
    assert len(np.unique(one)) == len(ROWS)


def test_draws_are_known_numbers() -> None:
    """A seed means the same company on every machine and in every version."""
    assert Draws(1, np.array([0, 1, 2**40])).below("pinned", 1_000_000).tolist() == [138412, 843546, 574067]


def test_draws_are_splitmix64() -> None:
    """Against Vigna's reference, https://prng.di.unimi.it/splitmix64.c, whose state steps by the golden ratio."""
    mask = 2**64 - 1
    key = int.from_bytes(hashlib.blake2b(b"7/x", digest_size=8).digest(), "big")

    def reference(serial: int) -> int:
        z = (key + serial * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    assert Draws(7, ROWS[:1000]).bits("x").tolist() == [reference(serial) for serial in range(1000)]


def test_between_holds_both_ends() -> None:
    drawn = Draws(7, ROWS).between("x", -2, 2)
    assert np.unique(drawn).tolist() == [-2, -1, 0, 1, 2]


def test_shares_are_kept() -> None:
    draws = Draws(7, ROWS)
    # Five standard deviations of a binomial with n = 100,000.
    assert abs(draws.chance("x", 2500).sum() - 25_000) < 5 * (100_000 * 0.25 * 0.75) ** 0.5
    counts = np.bincount(draws.pick("y", [1, 2, 7]), minlength=3)
    assert (abs(counts - np.array([10_000, 20_000, 70_000])) < 5 * 145).all()
    assert not draws.chance("x", 0).any() and draws.chance("x", 10_000).all()


def test_an_empty_set_of_rows_draws_nothing() -> None:
    assert len(Draws(7, ROWS[:0]).pick("x", [1, 2])) == 0
