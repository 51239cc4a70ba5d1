"""Reading a delivered file: what can be read is numbered as it stands, what cannot is told with file and reason."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hand_made import contract, raw_things
from hypothesis import given
from hypothesis import strategies as st

from contracts.model import Contract
from tasks import reading
from tasks.reading import Delivered, UnreadableFile, read_delivered

CONTRACT_FILE = "contracts/raw/things.yaml"


def read(folder: Path, content: bytes | str, *columns: str, **delivery: Any) -> Delivered:
    return read_as(raw_things(folder, *columns, **delivery), folder, content)


def read_as(contract: Contract, folder: Path, content: bytes | str) -> Delivered:
    assert contract.delivery is not None
    path = folder / contract.delivery.file
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_delivered(path, contract, folder / "scratch")


def rows(delivered: Delivered) -> list[tuple[Any, ...]]:
    return delivered.rows.collect().rows()


def malformed(delivered: Delivered) -> list[tuple[int, str]]:
    return delivered.malformed.select("source_line", "text").rows()


def refused(folder: Path, content: bytes | str, *columns: str, **delivery: Any) -> str:
    with pytest.raises(UnreadableFile) as caught:
        read(folder, content, *columns, **delivery)
    return str(caught.value)


# Columns that came later


def of_two_versions(folder: Path, **delivery: Any) -> Contract:
    return raw_things(folder, "id", {"name": "owner", "since": "1.0.0"}, "name", **delivery)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_from_before_a_column_came_has_it_empty(tmp_path: Path, kind: str) -> None:
    contents: dict[str, bytes] = {
        "csv": b"name,id\na,1\n",
        "jsonl": b'{"name": "a", "id": "1"}\n',
        "parquet": parquet(name=["a"], id=["1"]),
    }
    made = of_two_versions(tmp_path, file=f"things.{kind}", format=kind)
    delivered = read_as(made, tmp_path, contents[kind])
    assert rows(delivered) == [(2 if kind == "csv" else 1, "1", None, "a")]
    assert delivered.rows.collect_schema() == pl.Schema(
        {"source_line": pl.Int64, "id": pl.String, "owner": pl.String, "name": pl.String}
    )
    assert (delivered.ignored, delivered.absent) == ((), ("owner",))


def test_a_file_of_now_has_it(tmp_path: Path) -> None:
    delivered = read_as(of_two_versions(tmp_path), tmp_path, "owner,name,id\nAsha,a,1\n")
    assert rows(delivered) == [(2, "1", "Asha", "a")]
    assert delivered.absent == ()


def test_any_other_column_must_be_there_though_its_values_need_not(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="column 'name' is missing; found id, owner"):
        read_as(of_two_versions(tmp_path), tmp_path, "id,owner\n1,\n")


# CSV: the file as a whole


def test_csv_rows_are_text_numbered_with_the_header_as_record_one(tmp_path: Path) -> None:
    delivered = read(tmp_path, "id,name\n01,NULL\n2,\n")
    assert rows(delivered) == [(2, "01", "NULL"), (3, "2", "")]
    assert delivered.malformed.is_empty()
    assert delivered.ignored == ()


@pytest.mark.parametrize("content", ["id,name\n", "id,name", "id,name\r\n"])
def test_a_csv_with_only_a_header_has_no_rows(tmp_path: Path, content: str) -> None:
    delivered = read(tmp_path, content)
    assert rows(delivered) == []
    assert malformed(delivered) == []


@pytest.mark.parametrize(
    "content",
    ["id,name\r\n1,a\r\n2,b\r\n", "id,name\n1,a\n2,b", '"id","name"\n"1","a"\n2,b\n', "\ufeffid,name\n1,a\n2,b\n"],
    ids=["windows line ends", "no last line end", "quoted", "byte order mark"],
)
def test_the_same_csv_in_other_clothes(tmp_path: Path, content: str) -> None:
    assert rows(read(tmp_path, content)) == [(2, "1", "a"), (3, "2", "b")]


def test_columns_are_found_by_name_and_others_are_told(tmp_path: Path) -> None:
    delivered = read(tmp_path, "more,name,id,less\nx,a,1,y\n")
    assert rows(delivered) == [(2, "1", "a")]
    assert delivered.ignored == ("more", "less")


def test_another_delimiter_leaves_commas_in_the_text(tmp_path: Path) -> None:
    assert rows(read(tmp_path, "id;name\n1;a,b\n", delimiter=";")) == [(2, "1", "a,b")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\nid,name\n1,a\n", "column 'id', 'name' is missing"),
        (b"1,a\n2,b\n", "column 'id', 'name' is missing; its first line is no header; expected"),
        (b"id;name\n1;a\n", "column 'id', 'name' is missing; found id;name"),
        (b"ID,name\n1,a\n", "column 'id' is missing; found ID, name"),
        (b"id,nom\n1,a\n", "column 'name' is missing; found id, nom"),
        (b"id,name,id\n1,a,2\n", "the header names column 'id' twice"),
        (b'id,name,"ex\ntra"\n1,a,b\n', "the header has a line break inside a column's name"),
        (b"id,name\r1,a\r2,b\r", "the header cannot be read"),
        (bytes(range(256)), "column 'id', 'name' is missing"),
        (b'id,name\n1,a\n2,"b\n3,c\n4,d\n', "record 3 opens a quote that nothing closes"),
        (b'id,name\n1,a\n2,x,"b\n3,c', "record 3 opens a quote that nothing closes"),
        (b'id,name\n"1,a\n2,b\n3,c\n', "record 2 opens a quote that nothing closes"),
    ],
    ids=[
        "no byte",
        "only a byte order mark",
        "a blank first line",
        "no header",
        "another delimiter",
        "another case",
        "a column missing",
        "a column twice",
        "a line break in the header",
        "old Macintosh line ends",
        "no text",
        "an open quote",
        "an open quote in a malformed record",
        "an open quote that leaves too few fields",
    ],
)
def test_a_csv_that_is_none_is_refused_with_what_was_expected(tmp_path: Path, content: bytes, said: str) -> None:
    message = refused(tmp_path, content)
    assert message.startswith(f"things.csv: {said}")
    assert message.endswith(f"expected csv with id, name ({CONTRACT_FILE})")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,name\n1,é\n".encode("latin-1"), "byte 0xe9 at offset 10"),
        ("id,naïve\n1,a\n".encode("latin-1"), "byte 0xef at offset 5"),
        ("id,name\n1,a\n".encode("utf-16"), "byte 0xff at offset 0"),
        ("id,name\n1,é".encode()[:-1], "byte 0xc3 at offset 10"),
    ],
    ids=["in a row", "in the header", "UTF-16", "a character cut in two at the end"],
)
def test_bytes_that_are_no_utf8_are_told_with_their_place(tmp_path: Path, content: bytes, said: str) -> None:
    message = refused(tmp_path, content)
    assert message == (f"things.csv: not utf-8 text: {said}; set `encoding` in {CONTRACT_FILE} or deliver utf-8")


def test_the_place_of_a_bad_byte_counts_from_the_start_of_a_long_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Blocks of 16 bytes, so that "€" (three bytes) and the bad byte lie across and behind block borders.
    monkeypatch.setattr(reading, "_CHUNK", 16)
    good = ("id,name\n" + "1,€€€€€\n" * 4).encode() + b"2,x"
    assert f"byte 0xff at offset {len(good)};" in refused(tmp_path, good + b"\xff\n")
    good = ("id,name\n" + "1,€€€€€\n" * 4).encode("cp1252") + b"2,x"
    assert f"byte 0x81 at offset {len(good)};" in refused(tmp_path, good + b"\x81\n", encoding="windows-1252")


def test_windows_1252_is_read_where_the_contract_says_so(tmp_path: Path) -> None:
    delivered = read(tmp_path, "id,name\n1,Müller – 5 €\n".encode("cp1252"), encoding="windows-1252")
    assert rows(delivered) == [(2, "1", "Müller – 5 €")]


# Compression


def test_gzip_is_read_where_the_contract_says_so(tmp_path: Path) -> None:
    packed = gzip.compress(b"id,name\n1,a\n") + gzip.compress(b"2,b\n")
    assert rows(read(tmp_path, packed, file="things.csv.gz", compression="gzip")) == [(2, "1", "a"), (3, "2", "b")]


def test_gzip_where_plain_is_promised_and_the_reverse(tmp_path: Path) -> None:
    packed = gzip.compress(b"id,name\n1,a\n")
    assert refused(tmp_path, packed) == f"things.csv: the file is gzip but its contract says plain ({CONTRACT_FILE})"
    message = refused(tmp_path, "id,name\n1,a\n", file="things.csv.gz", compression="gzip")
    assert message == f"things.csv.gz: the file is not gzip but its contract says gzip ({CONTRACT_FILE})"


PACKED = gzip.compress(b"id,name\n" + b"".join(b"%d,%d\n" % (i, i * 7919 % 1000) for i in range(3000)))


@pytest.mark.parametrize(
    "content",
    [PACKED[:15], PACKED[:-20], PACKED[:-8] + bytes(8), PACKED[:300] + b"\xff" * 40 + PACKED[340:], PACKED + b"more"],
    ids=["cut in the header", "cut off", "wrong checksum", "damaged inside", "something behind the end"],
)
def test_a_broken_gzip_stream_loads_nothing(tmp_path: Path, content: bytes) -> None:
    message = refused(tmp_path, content, file="things.csv.gz", compression="gzip")
    assert message.startswith("things.csv.gz: the gzip stream is broken or cut off (")
    assert message.endswith("nothing of it was loaded, deliver it again")


def test_a_gzip_file_filled_up_with_zero_bytes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_CHUNK", 4)
    (tmp_path / "file.gz").write_bytes(gzip.compress(b"id,name\n") + gzip.compress(b"1,a\n") + bytes(512))
    assert b"".join(reading._unpacked(tmp_path / "file.gz")) == b"id,name\n1,a\n"


@given(content=st.binary(max_size=60), place=st.integers(0, 90), byte=st.integers(0, 255), cut=st.integers(0, 90))
def test_a_gzip_file_holds_what_python_reads_of_it_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int, byte: int, cut: int
) -> None:
    packed = bytearray(gzip.compress(content) * 2)
    packed[min(place, len(packed) - 1)] = byte
    path = tmp_path_factory.mktemp("gzip") / "file.gz"
    path.write_bytes(packed[: max(len(packed) - cut, 1)])

    def told(unpack: Callable[[], bytes]) -> bytes | str:
        try:
            return unpack()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch, gzip.open(path) as by_python:
        patch.setattr(reading, "_CHUNK", 16)
        assert told(lambda: b"".join(reading._unpacked(path))) == told(by_python.read)


def test_gzip_of_nothing_is_an_empty_file(tmp_path: Path) -> None:
    message = refused(tmp_path, gzip.compress(b""), file="things.csv.gz", compression="gzip")
    assert message.startswith("things.csv.gz: the file is empty once decompressed; expected csv with id, name")


# CSV: records


def test_records_with_too_few_or_too_many_fields_are_set_aside_with_their_number(tmp_path: Path) -> None:
    delivered = read(tmp_path, "id,name\n1\n2,b\n3,c,d\n4,e\n")
    assert delivered.malformed.rows() == [
        (2, "1", "1 fields where the header has 2"),
        (4, "3,c,d", "3 fields where the header has 2"),
    ]
    assert rows(delivered) == [(3, "2", "b"), (5, "4", "e")]


def test_a_line_break_inside_quotes_is_text_and_counts_as_no_record(tmp_path: Path) -> None:
    delivered = read(tmp_path, 'id,name\n1,"a\nb"\n2\n3,"c\r\nd"\n4,"x\ny",z\n5,"say ""hi"", ok"\n')
    assert rows(delivered) == [(2, "1", "a\nb"), (4, "3", "c\r\nd"), (6, "5", 'say "hi", ok')]
    assert malformed(delivered) == [(3, "2"), (5, '4,"x\ny",z')]


def test_blank_lines_are_no_records(tmp_path: Path) -> None:
    delivered = read(tmp_path, "id,name\n1,a\n\n2\n\n3,c\n\n")
    assert rows(delivered) == [(2, "1", "a"), (4, "3", "c")]
    assert malformed(delivered) == [(3, "2")]


def test_a_value_that_looks_like_the_mark_at_the_end_is_a_value(tmp_path: Path) -> None:
    delivered = read(tmp_path, "id,name\n1,\x04\n\x04,\x04,\x04\n2,b\n")
    assert rows(delivered) == [(2, "1", "\x04"), (4, "2", "b")]
    assert malformed(delivered) == [(3, "\x04,\x04,\x04")]


FIELD = st.sampled_from(["", "a", "b\nc", 'd"e', "f,g", "é"])
RECORDS = st.lists(st.lists(FIELD, min_size=1, max_size=4), max_size=12)


@given(records=RECORDS, block=st.sampled_from([32, 64, 8 << 20]))
def test_every_csv_record_is_a_row_or_malformed_under_its_own_number(
    tmp_path_factory: pytest.TempPathFactory, records: list[list[str]], block: int
) -> None:
    text = io.StringIO()
    # QUOTE_ALL, so that a record of one empty field is no blank line.
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["id", "name"], *records])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_CHUNK", block)
        delivered = read(tmp_path_factory.mktemp("csv"), text.getvalue())
    numbered = list(enumerate(records, start=2))
    assert rows(delivered) == [(line, *fields) for line, fields in numbered if len(fields) == 2]
    assert delivered.malformed.get_column("source_line").to_list() == [n for n, fields in numbered if len(fields) != 2]


# JSON lines

JSONL = {"file": "things.jsonl", "format": "jsonl"}


def test_json_values_are_read_as_text_and_a_missing_key_is_null(tmp_path: Path) -> None:
    delivered = read(
        tmp_path,
        '{"id":"1","name":"a\\n\\u00e9"}\n{"id":2,"name":null}\n{"name":true}\n{"id":2.5,"name":{"x":[1]}}\n',
        **JSONL,
    )
    assert rows(delivered) == [(1, "1", "a\né"), (2, "2", None), (3, None, "true"), (4, "2.5", '{"x": [1]}')]
    assert delivered.malformed.is_empty()


@pytest.mark.parametrize(
    "content",
    [
        '\ufeff{"id":"1","name":"a"}\n{"id":"2","name":"b"}\n',
        '{"id":"1","name":"a"}\r\n{"id":"2","name":"b"}\r\n',
        '\n\n{"id":"1","name":"a"}\n  \n{"id":"2","name":"b"}',
    ],
    ids=["byte order mark", "windows line ends", "blank lines, which are no records"],
)
def test_the_same_json_lines_in_other_clothes(tmp_path: Path, content: str) -> None:
    assert rows(read(tmp_path, content, **JSONL)) == [(1, "1", "a"), (2, "2", "b")]


def test_gzipped_json_lines(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"id":"1","name":"a"}\n')
    delivered = read(tmp_path, packed, file="things.jsonl.gz", format="jsonl", compression="gzip")
    assert rows(delivered) == [(1, "1", "a")]


def test_unknown_json_keys_are_told_whatever_they_hold(tmp_path: Path) -> None:
    content = '{"id":"1","name":"a","more":{"x":1}}\n{"id":"2","name":"b","more":{"x":[1]},"less":0}\n'
    delivered = read(tmp_path, content, **JSONL)
    assert rows(delivered) == [(1, "1", "a"), (2, "2", "b")]
    assert delivered.ignored == ("more", "less")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id":"2","na', "not JSON: "),
        (b'{"id":"2","name":"b"}{"id":"9","name":"z"}', "not JSON: Extra data"),
        (b"{'id':'2'}", "not JSON: "),
        (b"[1,2]", "a JSON list, not an object"),
        (b'"text"', "a JSON str, not an object"),
        (b"null", "a JSON NoneType, not an object"),
        (b'{"id":"2","name":"\xe9"}', "not JSON: 'utf-8' codec can't decode byte 0xe9"),
        (b'{"id":NaN,"name":"b"}', "not JSON: NaN is no JSON number"),
        (b'{"id":1e999,"name":"b"}', "not JSON: 1e999 is no JSON number"),
        (b'{"id":"2","name":"a\tb"}', "not JSON: Invalid control character"),
    ],
    ids=["cut", "two objects", "single quotes", "list", "text", "null", "no UTF-8", "NaN", "infinite", "raw tab"],
)
def test_a_broken_json_line_is_set_aside_and_the_others_keep_their_numbers(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    content = b'{"id":"1","name":"a"}\n' + line + b'\n\n{"id":"3","name":"c"}\n' + line
    delivered = read(tmp_path, content, **JSONL)
    assert rows(delivered) == [(1, "1", "a"), (3, "3", "c")]
    told = delivered.malformed.rows()
    assert [(number, text) for number, text, _ in told] == [(n, line.decode("utf-8", "replace")) for n in (2, 4)]
    assert all(why.startswith(reason) for _, _, why in told)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"\n \n\n", "no column is there"),
        (b'{"foo":1}\n{"bar":2}\n', "no column is there; found foo, bar"),
        (b"id,name\n1,a\n", "no line is a JSON object; the first: not JSON"),
        (b'[{"id":"1","name":"a"},\n{"id":"2","name":"b"}]\n', "no line is a JSON object; the first: not JSON"),
    ],
    ids=["no byte", "blank lines", "other keys", "CSV", "one list"],
)
def test_json_lines_that_are_none_are_refused_with_what_was_expected(tmp_path: Path, content: bytes, said: str) -> None:
    message = refused(tmp_path, content, **JSONL)
    assert message.startswith(f"things.jsonl: {said}")
    assert message.endswith(f"expected jsonl with id, name ({CONTRACT_FILE})")


GOOD_LINE = st.tuples(st.sampled_from(["x", "é", "1"]), st.sampled_from([None, "y", ""]))
BAD_LINE = st.sampled_from(["{", "7", "[]", '{"id": }', "nope"])


@given(
    lines=st.lists(st.one_of(GOOD_LINE, BAD_LINE, st.just("")), max_size=10),
    sizes=st.sampled_from([(64, 64, 8), (7, 1, 1), (30, 200, 20), (reading._BLOCK, reading._PIECE, reading._FEW)]),
    end=st.sampled_from(["", "\n", "\r\n"]),
)
def test_every_json_line_is_a_row_or_malformed_under_its_own_number(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Any], sizes: tuple[int, int, int], end: str
) -> None:
    # The first line is good, else there may be nothing to read at all.
    lines = [("first", None), *lines]
    written = [json.dumps({"id": x[0], "name": x[1]}) if isinstance(x, tuple) else x for x in lines]
    with pytest.MonkeyPatch.context() as patch:
        for name, size in zip(("_BLOCK", "_PIECE", "_FEW"), sizes, strict=True):
            patch.setattr(reading, name, size)
        patch.setattr(reading, "_CHUNK", max(sizes[0] // 2, 3))
        delivered = read(tmp_path_factory.mktemp("jsonl"), "\n".join(written) + end, **JSONL)
    numbered = list(enumerate((line for line in lines if line), start=1))
    assert rows(delivered) == [(n, *line) for n, line in numbered if isinstance(line, tuple)]
    assert malformed(delivered) == [(n, line) for n, line in numbered if isinstance(line, str)]


# Parquet

PARQUET = {"file": "things.parquet", "format": "parquet"}


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-3, "-3"),
        (2.5, "2.5"),
        (True, "true"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 1, 5), "2026-01-05"),
        (time(1, 2, 3), "01:02:03"),
        (datetime(2026, 1, 5, 9, 0, 0, 123), "2026-01-05T09:00:00.000123Z"),
        (datetime(2026, 1, 5, 9, tzinfo=ZoneInfo("Asia/Kolkata")), "2026-01-05T03:30:00.000000Z"),
        (b"bytes", "bytes"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_typed_parquet_columns_are_read_as_text_and_instants_as_utc(tmp_path: Path, value: Any, text: str) -> None:
    delivered = read(tmp_path, parquet(id=[value, None], name=["a", "b"]), **PARQUET)
    assert rows(delivered) == [(1, text, "a"), (2, None, "b")]


def test_parquet_columns_are_found_by_name_and_others_are_told(tmp_path: Path) -> None:
    delivered = read(tmp_path, parquet(more=[1], name=["a"], id=["1"]), **PARQUET)
    assert rows(delivered) == [(1, "1", "a")]
    assert delivered.ignored == ("more",)


def test_a_parquet_file_without_rows_has_none(tmp_path: Path) -> None:
    assert rows(read(tmp_path, parquet(id=[], name=[]), **PARQUET)) == []


WHOLE = parquet(id=[f"id {i}" for i in range(500)], name=["a"] * 500)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"id,name\n1,a\n", "not a Parquet file that can be read"),
        (WHOLE[: len(WHOLE) // 2], "not a Parquet file that can be read"),
        (WHOLE[:4] + b"\xff" * 200 + WHOLE[204:], "not a Parquet file that can be read"),
        (parquet(id=["1"]), "column 'name' is missing; found id"),
        (parquet(id=[[1, 2]], name=["a"]), "not a Parquet file that can be read: cannot cast List type"),
        (parquet(id=[timedelta(1)], name=["a"]), "not a Parquet file that can be read: casting from Duration"),
        (parquet(id=[b"\xe9"], name=["a"]), "not a Parquet file that can be read: invalid utf8"),
    ],
    ids=["no byte", "CSV", "cut off", "damaged page", "a column missing", "a list", "a duration", "bytes, no text"],
)
def test_parquet_that_cannot_be_read_is_refused_with_what_was_expected(
    tmp_path: Path, content: bytes, said: str
) -> None:
    message = refused(tmp_path, content, **PARQUET)
    assert message.startswith(f"things.parquet: {said}")
    assert message.endswith(f"expected parquet with id, name ({CONTRACT_FILE})")


def test_a_table_that_is_not_delivered_cannot_be_read(tmp_path: Path) -> None:
    clean = contract(tmp_path, "clean.things", ["id"])
    path = tmp_path / "things.csv"
    path.write_text("id\n1\n")
    with pytest.raises(UnreadableFile, match=r"clean\.things is not a delivered table"):
        read_delivered(path, clean, tmp_path / "scratch")
