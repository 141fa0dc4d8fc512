"""What tie-out makes of two sides' numbers, and what it says of a drift."""

from datetime import date
from decimal import Decimal

from tieout.batch import Batch
from tieout.controls import ops, tie_out
from tieout.controls.layers import Held, Outcome
from tieout.sources import load_table

BATCH = Batch.of("2026-11-20", "run")


def compare(left, right):
    return tie_out._compare(BATCH, "source_silver", ("source", "silver"), ("app_db", "payments"), left, right)


def statuses(rows):
    return {row.measure: row.status for row in rows}


def test_equal_numbers_tie():
    assert statuses(compare({"rows": Decimal(2)}, {"rows": Decimal("2.0000")})) == {"rows": "tied"}


def test_a_cent_is_a_drift():
    [row] = compare({"sum:amount:EUR": Decimal("10.0000")}, {"sum:amount:EUR": Decimal("9.9900")})
    assert (row.status, row.difference) == ("drift", Decimal("0.0100"))


def test_a_currency_that_only_one_side_has_is_compared_with_zero():
    rows = compare({"sum:amount:EUR": Decimal(1)}, {"sum:amount:USD": Decimal(0)})
    assert statuses(rows) == {"sum:amount:EUR": "drift", "sum:amount:USD": "tied"}


def test_differences_of_checksums_are_exact():
    [row] = compare({"checksum": Decimal(10**33 + 1)}, {"checksum": Decimal(10**33)})
    assert row.difference == 1


def test_a_side_that_could_not_be_measured_drifts():
    [row] = compare({"rows": Decimal(1)}, None)
    assert (row.status, row.right_value, row.difference) == ("drift", None, None)
    [row] = compare(None, None)
    assert (row.measure, row.status) == ("rows", "drift")


def outcomes(outcome, held):
    part = ("stripe", "charges", "charges/a.jsonl")
    rows = tie_out._compare_outcomes(BATCH, {part: outcome} if outcome else {}, {part: held} if held else {})
    return {row.measure.split(":")[0]: row.status for row in rows}


def test_every_line_of_a_file_is_kept_or_quarantined():
    assert set(outcomes(Outcome(10, 8, 2, 0), Held(upserts=8, quarantined=2)).values()) == {"tied"}


def test_a_losing_version_is_kept_and_quarantined_but_seen_once():
    assert set(outcomes(Outcome(10, 10, 1, 0), Held(upserts=10, quarantined=1, conflicts=1)).values()) == {"tied"}


def test_a_line_that_vanished_is_a_drift():
    assert outcomes(Outcome(10, 8, 1, 0), Held(upserts=8, quarantined=1))["rows_seen"] == "drift"


def test_rows_that_nobody_loaded_are_a_drift():
    assert outcomes(None, Held(upserts=3))["rows_kept"] == "drift"


def test_a_file_refused_as_a_whole_is_its_outcomes_business():
    assert outcomes(None, Held(quarantined=1)) == {}


def test_the_message_names_table_measure_values_rows_and_remedy():
    drifts = compare(
        {"rows": Decimal(2), "sum:amount:EUR": Decimal("100.0000")},
        {"rows": Decimal(2), "sum:amount:EUR": Decimal("90.0000")},
    )
    rows = [ops.DriftRow("run", date(2026, 11, 20), "app_db", "payments", f"key-{n}", "different") for n in range(4)]
    message = tie_out._message(tie_out.TieOutReport(BATCH, tuple(drifts), tuple(rows)))
    assert "found drift in 1 of 2 comparisons; nothing of this run is published" in message
    assert (
        "app_db.payments: sum:amount:EUR (source_silver): source 100.0000, silver 90.0000, difference 10.0000"
        in message
    )
    assert "different key-0, different key-1, different key-2, …" in message
    assert "lake.ops.repairs" in message


def test_what_a_build_did_not_come_to_is_not_compared():
    charges, payouts = load_table("stripe", "charges"), load_table("stripe", "payouts")
    payments, invoices = load_table("app_db", "payments"), load_table("app_db", "ar_invoices")
    tables = [charges, payouts, payments, invoices]
    assert tie_out._comparable(tables, ()) == tables
    assert tie_out._comparable(tables, {charges.silver}) == [payouts, payments, invoices]
    # a repair would bring the invoices to a later moment than the payments
    assert tie_out._comparable(tables, {payments.silver}) == [charges, payouts]
