"""A reconciliation of 1.5 million items on either side, from files to Gold, proven fault by fault.

python -m benchmarks.reconciliation_scale [seed …] [--rows N]. For every seed (1, 2 and 3 unless given) both sides are
generated with 500 missing and 1,000 mismatched items, and with drift, duplicates and metadata noise on top where the
seed is even. They are delivered, verified, extracted, validated, built up to fact_reconciliation with its tests, and
tied out. The faults that are found must be the injected ones, id by id, and no other. The stack is one of the
benchmark's own, in .tieout-bench, and is removed; a seed starts with an empty lake.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from benchmarks import _memory, _report
from benchmarks._stack import own_stack

DAY = date(2026, 10, 31)
ROWS, FILE_ROWS = 1_500_000, 150_000
SEEDS = (1, 2, 3)
# Test budget of the whole way, both sides together: 3 million rows.
MOST_SECONDS = 600
MOST_MIB = 400
BUILT = "fact_reconciliation"


def main(seeds: list[int], rows: int) -> None:
    figures: list[_report.Figure] = []
    with own_stack():
        for seed in seeds:
            figures += one_seed(seed, rows)
    _report.record("reconciliation_scale", f"Reconciling {rows:,} items on either side", figures)


def one_seed(seed: int, rows: int) -> list[_report.Figure]:
    """Everything for one seed, on an empty lake. Prints each stage; raises if a fault was missed or invented."""
    from tests.lake import fresh_app_database, fresh_lake

    from tieout.batch import Batch
    from tieout.bronze.validation import validate_bronze
    from tieout.extract.postgres import extract_app_db
    from tieout.generate.reconciliation import Faults, Request
    from tieout.generate.reconciliation_delivery import deliver
    from tieout.orchestration.dbt_build import dbt_build

    fresh_app_database()
    fresh_lake()
    noise = {"drift": 700, "duplicates": 300, "metadata": 200, "currency": 100} if seed % 2 == 0 else {}
    batch = Batch.of(str(DAY), "bench")
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - started
        print(f"  {name:<34} {seconds[name]:7.1f} s {both / seconds[name]:>12,.0f} rows/s", flush=True)

    both = 2 * rows
    print(f"seed {seed}: {rows:,} items, faults: 500 missing, 1,000 mismatched{', and noise' if noise else ''}")
    with stage("generate both sides"):
        delivered = deliver(Request(rows, FILE_ROWS, seed, DAY, Faults(500, 1_000, **noise)))
    with stage("extract the app database"):
        extract_app_db(batch)
    with stage("verify and extract NetSuite"):
        memory = extract_in_own_process("netsuite")
    with stage("verify and extract Stripe"):
        memory = max(memory, extract_in_own_process("stripe"))
    with stage("validate Bronze"):
        validate_bronze(batch)
    with stage("dbt build of the reconciliation"):
        records = dbt_build(batch, select=[f"+{BUILT}"], quiet=True)
    for name, took in sorted(
        ((name.rsplit(".", 1)[-1], sum(node[2] for node in record["nodes"])) for name, record in records.items()),
        key=lambda cost: -cost[1],
    )[:6]:
        print(f"      {name:<34} {took:7.1f} s with its tests")
    with stage("tie out"):
        compared = tie_out_of(batch)
    wrong = differences(delivered.truth)
    whole = sum(seconds.values())
    verdict = "exact" if not wrong else f"{len(wrong)} WRONG, as {wrong[:3]}"
    print(
        f"  whole way {whole:.1f} s; {delivered.faults.total():,} faults: {verdict}; {compared} comparisons tied; "
        f"extraction's memory at most {memory:,.0f} MiB",
        flush=True,
    )
    if wrong:
        raise SystemExit(f"seed {seed}: faults were missed or invented")
    landed = delivered.rows.total() / (seconds["verify and extract NetSuite"] + seconds["verify and extract Stripe"])
    return [
        _report.Figure(f"seed {seed}: faults missed or invented", len(wrong), "", "≤ 0", not wrong),
        _report.Figure(f"seed {seed}: whole way", whole, "s", f"≤ {MOST_SECONDS}", whole <= MOST_SECONDS),
        _report.Figure(f"seed {seed}: generated", delivered.rows_a_second, "rows/s", None, None),
        _report.Figure(f"seed {seed}: landing to Bronze", landed, "rows/s", None, None),
        _report.Figure(f"seed {seed}: extraction's memory", memory, "MiB", f"≤ {MOST_MIB}", memory <= MOST_MIB),
        _report.Figure(f"seed {seed}: dbt build", seconds["dbt build of the reconciliation"], "s", None, None),
    ]


def extract_in_own_process(source: str) -> int:
    """Peak MiB of a process that does nothing but extract what was delivered of a source, as a task does."""
    command = [sys.executable, "-m", "benchmarks.reconciliation_scale", "--extract", source]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout.split()[-1])


def extract(source: str) -> None:
    from tieout.batch import Batch
    from tieout.extract.landing import extract_landing

    extract_landing(source, Batch.of(str(DAY), "bench"))
    print(_memory.peak_mib())


def tie_out_of(batch) -> int:
    """How many comparisons of the tables that were built tie; raises if one does not."""
    from tieout.controls.layers import relations
    from tieout.controls.tie_out import measure
    from tieout.sources import load_sources

    present = relations()
    built = {(t.source, t.name) for s in load_sources().values() for t in s.tables if t.silver in present}
    built.add(("lake", BUILT))
    compared = [row for row in measure(batch).comparisons if (row.source, row.entity) in built]
    if drifts := [row for row in compared if row.status == "drift"]:
        raise SystemExit(f"tie-out found drift: {drifts[:3]}")
    return len(compared)


def differences(truth) -> list[tuple[str, str]]:
    """(status, reconciliation_id) that only the truth or only Gold has; a perfect match is no fault."""
    from tieout import connections

    found = connections.query(
        f"select status, reconciliation_id from lake.gold_candidate.{BUILT} where status <> 'perfect_match'"
    )
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    injected = {(line["status"], line["reconciliation_id"]) for line in lines}
    assert len(found) == len(set(found)), "a row is there twice"
    return sorted(injected ^ set(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=list(SEEDS))
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--extract", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.extract:
        extract(given.extract)
    else:
        main(given.seeds, given.rows)
