"""A contract drafted from a file: what is read from the data, what is left to a person, and that the data keep it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.ids import TableId
from contracts.model import Contract
from tasks.draft.drafting import Drafted, from_file, read, write
from tasks.draft.facts import snake
from tasks.draft.file import table_of
from tasks.reading import UnreadableFile

RAW = TableId("raw", "things")
NAMES = ["order_id", "Customer ID", "amount", "is_new", "email", "born", "at", "note"]
# Everything that two readings could both want, beside plain dirt.
TEXTS = st.sampled_from(
    [
        *("", " ", "0", "1", "007", "+4", "-3", "12", "1.50", "-0.001", ".5", "1e5", "99999999999999999999", "3."),
        *("2024-01-05", "1850-01-05", "5/1/2024", "25/1/2024", "1/25/2024", "05.01.2024", "2024-02-30", "0000-01-01"),
        *("2024-01-05T10:00:00Z", "2024-01-05 10:00:00", "2024-01-05 10:00", "2024-01-05T10:00:00+05:30"),
        *("true", "False", "yes", "no", "t", "f", "x", " x ", "é" * 70, 'a "b", c', "a\nb", "a@b.org", "NULL", "nan"),
    ]
)
COLUMNS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    """A few rows, now and then so often that ranges and lists of values are guessed."""
    names = draw(COLUMNS)
    pools = {name: draw(st.lists(TEXTS, min_size=1, max_size=3)) for name in names}
    rows = draw(st.lists(st.tuples(*(st.sampled_from(pools[name]) for name in names)), min_size=1, max_size=6))
    times = draw(st.sampled_from([1, 1, 60]))
    return pl.DataFrame(rows * times, schema=dict.fromkeys(names, pl.String), orient="row")


def deliver(frame: pl.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".jsonl":
        frame.write_ndjson(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(frame.write_csv(separator=";", quote_style="always").encode()))
    else:
        path.write_text(frame.write_csv(quote_style="always"), encoding="utf-8")
    return path


def drafted(frame: pl.DataFrame, folder: Path, table: TableId = RAW, file: str = "things.csv") -> Drafted:
    return from_file(deliver(frame, folder / file), table)


def of(column: str, values: list[str], folder: Path, layer: str = "mart", times: int = 1) -> tuple[Drafted, Any]:
    """A draft of one column, and that column of its contract."""
    found = drafted(pl.DataFrame({column: values * times}), folder, TableId(layer, "things"))
    return found, found.contract.by_name[column if layer == "raw" else snake(column)]


@settings(max_examples=120)
@given(frames(), st.sampled_from(["raw", "clean", "mart"]), st.sampled_from(["csv", "csv.gz", "jsonl", "parquet"]))
def test_the_data_keep_what_is_drafted_from_them(
    tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame, layer: str, ending: str
) -> None:
    folder = tmp_path_factory.mktemp("draft")
    found = drafted(frame, folder, TableId(layer, "things"), f"things.{ending}")
    assert found.passes, (found.text, found.broken, found.verdict)
    assert found.contract.status == "draft"
    assert read(found.text, found.draft.table) == found.contract


@pytest.mark.parametrize(
    ("column", "values", "type_", "note"),
    [
        ("quantity", ["1", "-20", "3"], "integer", "whole numbers"),
        ("quantity", ["1", "3000000000"], "bigint", "whole numbers"),
        ("quantity", ["1", "30000000000000000000"], "varchar(64)", "so an id"),
        ("price", ["1.50", "1200.125"], "decimal(18,3)", "4 digits before the point and 3 behind it"),
        ("price", ["1.50", "1e5"], "varchar(64)", ""),
        ("quantity", ["1", "007"], "varchar(64)", "leading zeros"),
        ("order_id", ["1", "2"], "varchar(64)", "id or code"),
        ("zip", ["10115", "10117"], "varchar(64)", "id or code"),
        ("sold", ["2024-01-05", "2024-01-06"], "date", "ISO 8601"),
        ("sold", ["25/01/2024", "03/01/2024"], "date", "%d/%m/%Y"),
        ("sold", ["02/01/2024", "03/01/2024"], "varchar(64)", "reads as %d/%m/%Y and as %m/%d/%Y"),
        ("sold", ["2024-01-05T10:00:00Z", "2024-01-05T10:00:00+02:00"], "timestamp", "all have a zone"),
        ("sold", ["2024-01-05 10:00:00", "2024-01-06 10:00:00"], "timestamp", "none has a zone: review"),
        ("sold", ["2024-01-05T10:00:00Z", "2024-01-06 10:00:00"], "timestamp", "1 of them with a zone"),
        ("paid", ["yes", "no", "yes"], "boolean", "true (2) or false"),
        ("paid", ["f", "f"], "varchar(64)", ""),
        ("paid", ["1", "0"], "integer", "whole numbers"),
        ("is_paid", ["1", "0"], "boolean", "true (1) or false"),
        ("note", ["x" * 100, ""], "varchar(256)", ""),
        ("note", ["", " "], "varchar(64)", "no value was seen"),
    ],
)
def test_types_are_read_strictly(tmp_path: Path, column: str, values: list[str], type_: str, note: str) -> None:
    found, made = of(column, values, tmp_path)
    assert str(made.type) == type_
    assert note in found.text
    assert found.passes


def test_one_text_of_another_kind_after_the_head_keeps_a_column_text(tmp_path: Path) -> None:
    found, made = of("quantity", ["1"] * 25_000 + ["none"], tmp_path)
    assert (str(made.type), found.passes) == ("varchar(64)", True)


def test_what_nearly_reads_is_told(tmp_path: Path) -> None:
    found, _ = of("sold", ["2024-01-05"] * 19 + ["soon"], tmp_path)
    assert "19 of the first 20 values read as date, the others do not" in found.text


def test_required_lists_and_ranges_are_what_many_rows_say(tmp_path: Path) -> None:
    few, _ = of("state", ["paid", "sent"], tmp_path)
    assert "enum" not in few.text
    many, made = of("state", ["paid", "sent"], tmp_path, times=100)
    assert (made.enum, made.required) == (("paid", "sent"), True)
    assert "review: only 2 different values in 200" in many.text
    _, gaps = of("state", ["paid", ""], tmp_path, times=100)
    assert not gaps.required
    assert of("quantity", ["1", "5"], tmp_path, times=100)[1].options == {"minimum": 0}
    assert of("quantity", ["-1", "5"], tmp_path, times=100)[1].options == {}
    assert of("tax_pct", ["1", "5"], tmp_path, times=100)[1].options == {"minimum": 0, "maximum": 100}
    assert of("sold", ["2024-01-05"], tmp_path, times=100)[1].options == {"minimum": "1900-01-01"}
    assert of("sold", ["1820-01-05"], tmp_path, times=100)[1].options == {}


@pytest.mark.parametrize(
    ("column", "values", "mask"),
    [
        ("First Name", ["Asha"], "redact"),
        ("phone_number", ["+4930123"], "partial"),
        ("contact", ["a@b.org", "c@d.org", "?"], "email"),
        ("birthDate", ["1988-04-17"], "redact"),
        ("ip_address", ["10.0.0.1"], "hash"),
        ("product_name", ["Cup"], None),
        ("file_name", ["a.csv"], None),
    ],
)
def test_personal_data_are_guessed_marked_and_not_told(
    tmp_path: Path, column: str, values: list[str], mask: str | None
) -> None:
    found, made = of(column, values, tmp_path, times=60)
    assert made.mask == mask
    assert ("taken for personal data" in found.text) is (mask is not None)
    if mask:
        assert not any(value in found.text for value in values if len(value) > 1)


def test_keys(tmp_path: Path) -> None:
    frame = pl.DataFrame({"line": ["1", "2", "1", "2"], "order_id": ["a", "a", "b", "b"], "sum": ["1", "1", "1", "1"]})
    assert drafted(frame, tmp_path, TableId("mart", "things")).contract.key == ("line", "order_id")
    single = drafted(frame.with_columns(id=pl.Series(["1", "2", "3", "4"])), tmp_path, TableId("clean", "things"))
    assert single.contract.key == ("id",)
    assert single.contract.load.strategy == "upsert"
    twice = drafted(pl.concat([frame, frame]), tmp_path, TableId("clean", "things"))
    assert (twice.contract.key, twice.contract.load.strategy) == (("row_hash",), "append")
    raw = drafted(frame, tmp_path)
    assert raw.contract.key == ()
    assert "line and order_id together stand nowhere twice" in raw.text


def test_how_it_is_delivered_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "Einkäufe 2024.csv.gz"
    path.write_bytes(gzip.compress("Straße;Ort\nÄ;Köln\n".encode("cp1252")))
    found = from_file(path, TableId("clean", "purchases"))
    assert found.draft.columns[0].source == "Straße"
    raw = from_file(path, table_of(path)).contract
    assert raw.delivery is not None
    said = raw.delivery.model_dump(exclude_defaults=True)
    assert said == {
        "file": path.name,
        "format": "csv",
        "compression": "gzip",
        "delimiter": ";",
        "encoding": "windows-1252",
    }
    assert str(raw.table) == "raw.eink_ufe_2024"


def test_a_record_that_is_cut_off_is_told_and_does_not_pass(tmp_path: Path) -> None:
    path = tmp_path / "things.csv"
    path.write_text("a,b\n1,2\n3\n", encoding="utf-8")
    found = from_file(path, RAW)
    assert not found.passes
    assert "Left out: 1 record with another number of fields" in found.text


def test_a_value_that_no_column_holds_is_told(tmp_path: Path) -> None:
    found, _ = of("note", ["x" * 70_000], tmp_path, layer="raw")
    assert [m.rule.kind for m in found.broken] == ["byte_length"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\x28\xb5\x2f\xfd....", "zstd is not read"),
        (b"PK\x03\x04....", "zip is not read"),
        (b"a,,b\n1,2,3\n", "a column of the header has no name"),
        (b"a,a\n1,2\n", "twice"),
        (b"\x1f\x8b\x08broken", "gzip stream"),
        (b"PAR1broken", "columns cannot be read"),
        (b'a,b\n"1,2\n', "opens a quote"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "things.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=message):
        from_file(path, RAW)


def test_a_contract_that_is_there_stays(tmp_path: Path) -> None:
    assert write(tmp_path, RAW, "one").read_text() == "one"
    with pytest.raises(ValueError, match="is there already"):
        write(tmp_path, RAW, "two")
    assert (tmp_path / RAW.contract_file).read_text() == "one"


def test_a_draft_has_no_rows_to_go_by(tmp_path: Path) -> None:
    path = tmp_path / "things.csv"
    path.write_text("a,b\n", encoding="utf-8")
    contract: Contract = from_file(path, RAW).contract
    assert [(c.name, c.required) for c in contract.columns] == [("a", False), ("b", False)]
