"""What bad input gets, file by file: what is loaded, what is put aside with which reason, what is refused whole."""

import gzip
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tieout.extract import csv_file, json_file, lines, parquet_file, readers
from tieout.extract.chunks import Chunk
from tieout.extract.faults import UnreadableFile
from tieout.sources import load_table

PAYOUTS = load_table("stripe", "payouts")
LINES = load_table("netsuite", "transactionline")
CURRENCIES = {"USD": 2, "JPY": 0, "KWD": 3}

HEADER = "transaction,id,mainline,taxline,subsidiary,entity,item,foreignamount,netamount,memo,linelastmodifieddate"


def payout(number: int, **changes: object) -> dict:
    """A payout as Stripe's API gives it."""
    return {
        "id": f"po_{number}",
        "object": "payout",
        "amount": 1100,
        "currency": "usd",
        "status": "paid",
        "arrival_date": 1234567890,
        "created": 1234567890,
        **changes,
    }


def jsonl(*rows: dict | str) -> bytes:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def csv(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in (HEADER, *rows)).encode()


def line(number: int, amount: str = "10.00", memo: str = "") -> str:
    return f"{number},0,T,F,1,7,,{amount},,{memo},2026-11-20 8:05:00"


def read(name: str, data: bytes, table=None) -> Chunk:
    """All of a file as one chunk."""
    table = table or (LINES if "csv" in name else PAYOUTS)
    chunks = list(readers.read_file(table, name, io.BytesIO(data), CURRENCIES))
    if not chunks:
        return Chunk(pa.RecordBatch.from_pydict({"id": []}), [])
    rows = pa.Table.from_batches([chunk.rows for chunk in chunks]).combine_chunks().to_batches()
    rejected = [rejected for chunk in chunks for rejected in chunk.rejected]
    return Chunk(rows[0] if rows else chunks[0].rows, rejected, frozenset().union(*(c.others for c in chunks)))


def kept(chunk: Chunk, *columns: str) -> list[tuple]:
    return [tuple(row[column] for column in columns) for row in chunk.rows.to_pylist()]


def put_aside(chunk: Chunk) -> list[tuple[int | None, str]]:
    return [(rejected.line, rejected.code) for rejected in chunk.rejected]


def refused(name: str, data: bytes, table=None) -> tuple[str, str]:
    with pytest.raises(UnreadableFile) as error:
        read(name, data, table)
    return error.value.code, str(error.value)


# ---------------------------------------------------------------- good deliveries


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.JSONL.gz", "a.json", "a.json.gz"])
def test_json_lines(name: str) -> None:
    data = jsonl(payout(1), "", payout(2, metadata={"b": 1, "a": "x"}))
    chunk = read(name, gzip.compress(data) if name.endswith(".gz") else data)
    assert kept(chunk, "id", "amount", "metadata", "_line") == [
        ("po_1", 1100, None, 1),
        ("po_2", 1100, '{"a":"x","b":1}', 3),
    ]
    assert chunk.others == {"object"}
    assert chunk.rows.column("_rest").to_pylist() == ['{"object":"payout"}'] * 2


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"object": "list", "has_more": False, "data": rows}])
def test_a_list_as_the_api_returns_it(wrap, indent: int | None) -> None:
    chunk = read("page.json", json.dumps(wrap([payout(1), payout(2)]), indent=indent).encode())
    assert kept(chunk, "id", "_line") == [("po_1", 1), ("po_2", 2)]


def test_a_long_list_on_one_line() -> None:
    rows = [payout(number) for number in range(1000)]
    assert read("page.json", json.dumps({"data": rows, "object": "list"}).encode()).rows.num_rows == 1000


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_csv(bom: str, end: str) -> None:
    data = bom + end.join([HEADER + ",custom", line(1, "-0.0100", '"a, ""b"""') + ",x", line(2, "") + ","])
    chunk = read("a.csv", data.encode())
    assert kept(chunk, "transaction", "mainline", "foreignamount", "memo", "_line", "_rest") == [
        (1, True, Decimal("-0.0100"), 'a, "b"', 2, '{"custom":"x"}'),
        (2, True, None, None, 3, None),
    ]


def test_a_value_with_line_ends_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = csv(line(1), line(2, memo='"two\nlines"'), line(3))
    for block_bytes in (7, 30, 100, 4096):
        monkeypatch.setattr(lines, "BLOCK_BYTES", block_bytes)
        monkeypatch.setattr(lines.LineBlocks.__init__, "__defaults__", (block_bytes,))
        chunk = read("a.csv", data)
        assert kept(chunk, "transaction", "memo", "_line") == [(1, None, 2), (2, "two\nlines", 3), (3, None, 5)]
        assert not chunk.rejected


def test_parquet() -> None:
    table = pa.table(
        {
            "transaction": pa.array([1, 2], pa.int32()),
            "id": pa.array([0, 0], pa.int64()),
            "mainline": pa.array([True, False]),
            "taxline": pa.array(["F", None]),
            "subsidiary": pa.array([1, 1]),
            "entity": pa.nulls(2),
            "item": pa.array([None, 5], pa.int64()),
            "foreignamount": pa.array([Decimal("1.25"), None], pa.decimal128(38, 2)),
            "netamount": pa.array([1, 2]),
            "memo": pa.array(["a", "b"]).dictionary_encode(),
            "linelastmodifieddate": pa.array([0, None], pa.timestamp("ms")),
            "custom": pa.array([{"at": 5}, None]),
        }
    )
    for name in ("a.parquet", "a.parquet.gz"):
        chunk = read(name, in_parquet(table, name), LINES)
        assert kept(chunk, "transaction", "mainline", "foreignamount", "netamount", "memo", "_line", "_rest") == [
            (1, True, Decimal("1.2500"), Decimal("1.0000"), "a", 1, '{"custom":{"at":5}}'),
            (2, False, None, Decimal("2.0000"), "b", 2, None),
        ]


def in_parquet(table: pa.Table, name: str = "a.parquet") -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return gzip.compress(out.getvalue()) if name.endswith(".gz") else out.getvalue()


# ---------------------------------------------------------------- lines that cannot be loaded


@pytest.mark.parametrize(
    ("bad", "code", "says"),
    [
        ('{"id": "po_2", ', "malformed_line", "character"),
        ("not json", "malformed_line", "no JSON object"),
        ("[1, 2]", "malformed_line", "expected an object"),
        (payout(2, status="\ud83d"), "malformed_line", "half a character"),
        (payout(2, other="\ud83d"), "malformed_line", "half a character"),
        (json.dumps(payout(2))[:-1] + ', "amount": 5}', "malformed_line", "amount occurs twice"),
        (payout(2, amount=1.5), "bad_value", "amount: '1.5' is no whole number"),
        (payout(2, amount=True), "bad_value", "amount: 'true' is no whole number"),
        (payout(2, amount=10**17), "amount_out_of_range", "fit numeric(19,4)"),
        (payout(2, amount=-(10**17)), "amount_out_of_range", "fit numeric(19,4)"),
        (payout(2, amount=10**18, currency="kwd"), "amount_out_of_range", "fit numeric(19,4)"),
        (payout(2, amount=10**15, currency="jpy"), "amount_out_of_range", "fit numeric(19,4)"),
        (payout(2, amount=2**63), "amount_out_of_range", "64 bits"),
        (payout(2, amount=None), "bad_value", "amount: it may not be empty"),
        (payout(2, currency="xxx"), "unknown_currency", "'xxx' is not in app_db.currencies"),
        (payout(None, id=None), "missing_key", "id: the key is empty"),
        (payout(2, id={"expanded": 1}), "bad_value", "id: expected text"),
        (payout(2, status=5), "bad_value", "status: expected text, found '5'"),
        (payout(2, created="yesterday"), "bad_value", "created: 'yesterday' is no time"),
        ({"id": "po_2"}, "bad_value", "currency: it may not be empty"),
    ],
)
def test_a_bad_line_is_put_aside_and_the_rest_is_loaded(bad: dict | str, code: str, says: str) -> None:
    data = jsonl(payout(1), bad, payout(3))
    chunk = read("a.jsonl", data)
    assert kept(chunk, "id", "_line") == [("po_1", 1), ("po_3", 3)]
    (rejected,) = chunk.rejected
    assert (rejected.line, rejected.code) == (2, code)
    assert says in rejected.reason
    assert rejected.raw == data.decode().split("\n")[1]


@pytest.mark.parametrize("amount", [10**17 - 1, -(10**17) + 1])
def test_the_largest_amounts_that_fit_are_loaded(amount: int) -> None:
    assert kept(read("a.jsonl", jsonl(payout(1, amount=amount))), "amount") == [(amount,)]


@pytest.mark.parametrize(
    ("bad", "code", "says"),
    [
        ("1,2,3", "malformed_line", "expected 11 values, found 3"),
        (line(2) + ",surplus", "malformed_line", "expected 11 values, found 12"),
        (line(2, memo='"x"y'), "malformed_line", "expected after"),
        (line(2, memo="caf\udce9"), "malformed_line", "no UTF-8"),
        (line(2, "12.00001"), "bad_value", "foreignamount: '12.00001' has more than 4 decimals"),
        (line(2, "1000000000000000"), "amount_out_of_range", "foreignamount"),
        (line(2, '"1,000.00"'), "bad_value", "foreignamount"),
        (line(2).replace("2,0,", ",0,"), "missing_key", "transaction: the key is empty"),
        (line(2).replace(",T,F,", ",maybe,F,"), "bad_value", "mainline: 'maybe' is no boolean"),
        (line(2).replace("2026-11-20", "2026-11-31"), "bad_value", "linelastmodifieddate"),
    ],
)
def test_a_bad_line_of_csv(bad: str, code: str, says: str) -> None:
    data = "\n".join([HEADER, line(1), bad, line(3, memo='"two\nlines"'), line(4)]).encode("utf-8", "surrogateescape")
    chunk = read("a.csv", data)
    assert kept(chunk, "transaction", "_line") == [(1, 2), (3, 4), (4, 6)]
    (rejected,) = chunk.rejected
    assert (rejected.line, rejected.code) == (3, code)
    assert says in rejected.reason
    assert rejected.raw == bad.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def test_a_quote_that_is_never_closed_costs_its_own_line_only() -> None:
    chunk = read("a.csv", csv(line(1), line(2, memo='"open'), *(line(number) for number in range(3, 3000))))
    assert put_aside(chunk) == [(3, "malformed_line")]
    assert chunk.rejected[0].reason == "a quote is never closed"
    assert chunk.rows.num_rows == 2998


def test_two_stray_quotes_do_not_swallow_what_lies_between() -> None:
    rows = [line(number, memo='"stray' if number in (10, 50) else "") for number in range(1, 100)]
    chunk = read("a.csv", csv(*rows))
    assert put_aside(chunk) == [(11, "malformed_line"), (51, "malformed_line")]
    assert chunk.rows.num_rows == 97


def test_blank_lines_are_no_rows_and_keep_their_number() -> None:
    chunk = read("a.csv", csv(line(1), "", line(2), "", ""))
    assert kept(chunk, "transaction", "_line") == [(1, 2), (2, 4)]
    assert not chunk.rejected


def test_several_faults_of_a_line_are_said_at_once() -> None:
    (rejected,) = read("a.csv", csv(line(1, "x").replace(",T,", ",?,"))).rejected
    assert (
        rejected.reason
        == "mainline: '?' is no boolean: expected true, false, T or F; foreignamount: 'x' is no decimal number"
    )


def test_a_row_of_parquet_that_cannot_be_loaded_is_shown_as_json() -> None:
    table = pa.table(
        {name: pa.array([1, 2]) for name in ("transaction", "id", "subsidiary", "entity", "item", "netamount")}
        | {name: pa.array([True, False]) for name in ("mainline", "taxline")}
        | {"foreignamount": pa.array([Decimal("0.00001"), Decimal("1.00000")]), "memo": pa.nulls(2)}
        | {"linelastmodifieddate": pa.array([0, 2**61], pa.timestamp("us"))}
    )
    chunk = read("a.parquet", in_parquet(table), LINES)
    assert put_aside(chunk) == [(1, "bad_value"), (2, "bad_value")]
    assert json.loads(chunk.rejected[0].raw, parse_float=Decimal)["foreignamount"] == Decimal("0.00001")


def test_a_long_line_is_cut_in_quarantine() -> None:
    (rejected,) = read("a.jsonl", jsonl(payout(1), '{"id": "' + "x" * 100_000)).rejected
    assert len(rejected.raw) < 66_000


def test_where_blocks_end_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [line(n, memo='"a\nb"' if n % 7 == 0 else "") for n in range(60)]
    rows[20], rows[41] = "broken", line(41, memo='"open')
    whole = read("a.csv", csv(*rows))
    objects = [payout(n) if n % 9 else "broken" for n in range(60)]
    whole_json = read("a.jsonl", jsonl(*objects))
    for block_bytes in (5, 64, 333):
        monkeypatch.setattr(lines.LineBlocks.__init__, "__defaults__", (block_bytes,))
        again = read("a.csv", csv(*rows))
        assert (again.rows, again.rejected) == (whole.rows, whole.rejected)
        again = read("a.jsonl", jsonl(*objects))
        assert (again.rows, again.rejected) == (whole_json.rows, whole_json.rejected)


# ---------------------------------------------------------------- files that are refused


def test_an_empty_file_has_no_rows() -> None:
    for name in ("a.jsonl", "a.csv", "a.json.gz"):
        assert read(name, b"").seen == 0
    assert read("a.jsonl.gz", gzip.compress(b"")).seen == 0
    assert read("a.csv", csv()).seen == 0
    assert read("a.json", b'{"object": "list", "data": []}').seen == 0


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.parquet", b""), ("a.parquet.gz", b""), ("a.parquet.gz", gzip.compress(b""))],
    ids=["plain", "gzip", "gzip of nothing"],
)
def test_a_parquet_without_bytes_is_refused(name: str, data: bytes) -> None:
    """It has no schema that a manifest could be held against, and is an upload that broke off."""
    code, says = refused(name, data)
    assert code == "not_as_named"
    assert "its name says Parquet" in says
    assert "deliver it again" in says


def test_a_parquet_without_rows_has_none() -> None:
    assert read("a.parquet", in_parquet(pa.table({name: pa.nulls(0) for name in payout(1)})), PAYOUTS).seen == 0


@pytest.mark.parametrize("cut", [2, 30, 200, -9, -1])
def test_a_truncated_gzip_is_refused(cut: int) -> None:
    data = gzip.compress(jsonl(*(payout(number) for number in range(100))))
    code, says = refused("a.jsonl.gz", data[:cut])
    assert code == "truncated"
    assert "deliver it again" in says


def test_a_damaged_gzip_is_refused() -> None:
    data = bytearray(gzip.compress(jsonl(payout(1))))
    data[-6] ^= 0xFF
    assert refused("a.jsonl.gz", bytes(data))[0] == "truncated"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", gzip.compress(b"{}")),
        ("a.jsonl.gz", b'{"id": 1}'),
        ("a.csv", jsonl(payout(1))),
        ("a.jsonl", csv(line(1))),
        ("a.json", csv(line(1))),
        ("a.csv", in_parquet(pa.table({"id": [1]}))),
        ("a.jsonl", in_parquet(pa.table({"id": [1]}))),
        ("a.parquet", jsonl(payout(1))),
        ("a.parquet", in_parquet(pa.table({"id": [1]}))[:-10]),
        ("a.csv", b"PK\x03\x04\x14\x00\x00\x00"),
        ("a.csv", csv(line(1)).decode().encode("utf-16")),
        ("a.csv.gz", gzip.compress(gzip.compress(csv()))),
        ("a.json", b'{"id": "po_1",\n "amount": 5}'),
        ("a.json", b'{"object": "list",\n "data": [{]}'),
    ],
    ids=[
        "gzip without .gz",
        ".gz without gzip",
        "json as csv",
        "csv as jsonl",
        "csv as json",
        "parquet as csv",
        "parquet as jsonl",
        "jsonl as parquet",
        "truncated parquet",
        "excel as csv",
        "utf-16",
        "gzip twice",
        "one object over several lines",
        "broken list",
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, data: bytes) -> None:
    assert refused(name, data)[0] == "not_as_named"


@pytest.mark.parametrize("name", ["method", "currency", "arrival_date", "other"])
def test_text_in_a_parquet_that_is_no_utf8_is_refused(name: str) -> None:
    table = pa.Table.from_pylist([payout(1), payout(2)])
    latin = pa.array([b"caf\xe9", b"tea"]).view(pa.string())
    position = table.schema.get_field_index(name)
    table = table.append_column(name, latin) if position < 0 else table.set_column(position, name, latin)
    code, says = refused("a.parquet", in_parquet(table))
    assert code == "not_as_named"
    assert "Invalid UTF8 sequence" in says and "deliver it again" in says


def test_a_csv_without_its_header_is_refused() -> None:
    code, says = refused("a.csv", f"{line(1)}\n{line(2)}\n".encode())
    assert code == "missing_header"
    assert "expected transaction, id" in says
    assert "found '1,0,T" in says


@pytest.mark.parametrize("header", [HEADER.replace(",", ";"), HEADER + ",memo", '"transaction'])
def test_a_header_that_cannot_be_read_is_refused(header: str) -> None:
    assert refused("a.csv", f"{header}\n".encode())[0] == "missing_header"


@pytest.mark.parametrize(
    ("name", "data", "table"),
    [
        ("a.csv", csv(line(1)).replace(b"netamount", b"net_amount"), LINES),
        ("a.jsonl", jsonl(*({k: v for k, v in payout(n).items() if k != "status"} for n in range(3))), PAYOUTS),
        ("a.json", json.dumps([{"id": "po_1"}]).encode(), PAYOUTS),
        ("a.parquet", in_parquet(pa.table({"id": ["po_1"]})), PAYOUTS),
    ],
)
def test_a_missing_required_column_is_refused_by_name(name: str, data: bytes, table) -> None:
    code, says = refused(name, data, table)
    assert code == "missing_column"
    assert f"{table.identifier}: expected column" in says
    assert ("netamount" if table is LINES else "status") in says
    assert f"config/sources/{table.source}.yml" in says


def test_a_retyped_column_is_refused_with_what_was_expected_and_found() -> None:
    columns = payout(1, amount=11.0) | {"object": None}
    code, says = refused("a.parquet", in_parquet(pa.Table.from_pylist([columns])), PAYOUTS)
    assert code == "retyped_column"
    assert "amount: expected int64 (or text), found double" in says


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINE_LIMIT_BYTES", 1000)
    assert refused("a.jsonl", b'{"id": "' + b"x" * 2000)[0] == "too_large"


def test_a_document_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_file, "DOCUMENT_LIMIT_BYTES", 1000)
    assert refused("a.json", json.dumps([payout(n) for n in range(100)]).encode())[0] == "too_large"


class BrokenStore(io.BytesIO):
    """A store that goes away after the first read."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        if self.reads > 1:
            raise OSError("connection lost")
        return super().read(size)


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.jsonl", jsonl(payout(1))), ("a.jsonl.gz", gzip.compress(jsonl(payout(1)))), ("a.parquet", b"PAR1" * 10)],
)
def test_a_store_that_fails_is_no_fault_of_the_file(name: str, data: bytes) -> None:
    with pytest.raises(OSError, match="connection lost"):
        list(readers.read_file(PAYOUTS, name, BrokenStore(data), CURRENCIES))


def test_rows_come_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "ROWS_PER_CHUNK", 10)
    monkeypatch.setattr(csv_file, "RECORD_LINES_LIMIT", 10)
    data = in_parquet(pa.Table.from_pylist([payout(n) for n in range(25)]))
    chunks = list(readers.read_file(PAYOUTS, "a.parquet", io.BytesIO(data), CURRENCIES))
    assert [chunk.rows.num_rows for chunk in chunks] == [10, 10, 5]
    assert chunks[2].rows.column("_line").to_pylist() == [21, 22, 23, 24, 25]


# ---------------------------------------------------------------- other names


REFUNDS = load_table("stripe", "refunds")
PARTS = load_table("stripe", "payout_balance_transactions")


def refund(number: int, **names: object) -> dict:
    return {"id": f"re_{number}", "amount": 5, "currency": "usd", "status": "succeeded", "created": 1234567890, **names}


def as_csv(rows: list[dict]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return "".join(
        ",".join(map(str, line)) + "\n" for line in [names, *([r.get(n, "") for n in names] for r in rows)]
    ).encode()


def as_parquet(rows: list[dict]) -> bytes:
    names = dict.fromkeys(name for row in rows for name in row)
    out = io.BytesIO()
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), out)
    return out.getvalue()


FORMATS = pytest.mark.parametrize(
    ("name", "write"), [("a.jsonl", lambda rows: jsonl(*rows)), ("a.csv", as_csv), ("a.parquet", as_parquet)]
)


@FORMATS
def test_a_column_comes_under_its_own_name_or_another(name: str, write) -> None:
    rows = [
        refund(1, charge="ch_1"),
        refund(2, charge_id="ch_2"),
        refund(3, charge="ch_3", charge_id="ch_3"),
        refund(4, charge="ch_4", charge_id="ch_other"),
        refund(5),
    ]
    chunk = read(name, write(rows), REFUNDS)
    assert kept(chunk, "id", "charge", "_rest") == [
        ("re_1", "ch_1", None), ("re_2", "ch_2", None), ("re_3", "ch_3", None), ("re_5", None, None)
    ]  # fmt: skip
    assert chunk.others == frozenset()
    (rejected,) = chunk.rejected
    assert (rejected.line, rejected.code) == (4 + ("csv" in name), "bad_value")
    assert rejected.reason.startswith("charge: charge is 'ch_4', charge_id is 'ch_other'")


@FORMATS
def test_a_key_and_a_required_column_may_come_under_another_name(name: str, write) -> None:
    rows = [
        {"payout_id": "po_1", "balance_transaction_id": "txn_1"},
        {"payout_id": None if "csv" not in name else "", "balance_transaction_id": "txn_2"},
    ]
    chunk = read(name, write(rows), PARTS)
    assert kept(chunk, "payout", "balance_transaction") == [("po_1", "txn_1")]
    assert [(rejected.code, rejected.reason) for rejected in chunk.rejected] == [
        ("missing_key", "payout_id: the key is empty")
    ]
    both = [{"payout_id": "po_1", "balance_transaction": "txn_1", "balance_transaction_id": "txn_1"}]
    assert kept(read(name, write([*both, {**both[0], "payout_id": "po_2"}]), PARTS), "payout") == [("po_1",), ("po_2",)]
    code, message = refused(name, write([{"payout_id": "po_1", "transaction": "txn_1"}]), PARTS)
    assert code == "missing_column"
    assert "expected column balance_transaction" in message


def test_both_names_empty_is_a_missing_key() -> None:
    rows = [
        {"payout": None, "payout_id": None, "balance_transaction": "txn_1"},
        {"payout": "po_1", "balance_transaction": "txn_1"},
    ]
    assert put_aside(read("a.jsonl", jsonl(*rows), PARTS)) == [(1, "missing_key")]
