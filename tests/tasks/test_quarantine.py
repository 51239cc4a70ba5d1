"""Rows set aside: what was delivered, which rules it broke, and where it came from."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hand_made import deliver, raw_things

from tasks import quarantine
from tasks.batches import Batch
from tasks.lake import LakeFile

DELIVERED = pl.LazyFrame({"source_line": [2, 3, 4], "id": ["1", None, 'say "hi"'], "name": ["a", "", "ü\n"]})

COLUMNS = {"r1": ("id",), "r2": ("name", "id")}


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return deliver(tmp_path / "inbox", raw_things(tmp_path), "id,name\n1,a\n")


def broken(**rules: list[str]) -> pl.DataFrame:
    """`line_4=["r"]`: line 4 broke rule r."""
    rows = [(int(line.removeprefix("line_")), ids) for line, ids in rules.items()]
    return pl.DataFrame(rows, schema={"source_line": pl.Int64, "rule_ids": pl.List(pl.String)}, orient="row")


def test_the_payload_is_what_was_delivered_on_that_line(batch: Batch) -> None:
    found = quarantine.payload_part(DELIVERED, batch.contract, broken(line_4=["r2"], line_3=["r1", "r2"]), COLUMNS)
    payloads = {line: json.loads(text) for line, text in found.select("source_line", "payload").rows()}
    assert payloads == {3: {"id": None, "name": ""}, 4: {"id": 'say "hi"', "name": "ü\n"}}
    assert dict(found.select("source_line", "rule_ids").rows()) == {3: ["r1", "r2"], 4: ["r2"]}


def test_beside_each_rule_stands_what_it_observed_as_delivered(batch: Batch) -> None:
    rules = broken(line_4=["r2", "gone"], line_2=["r1"], line_3=["r2", "r1"])
    found = quarantine.payload_part(DELIVERED, batch.contract, rules, COLUMNS)
    assert dict(found.select("source_line", "observed").rows()) == {
        2: ["id=1"],
        3: ["name=, id=NULL", "id=NULL"],
        4: ['name=ü\n, id=say "hi"', ""],
    }


def test_a_malformed_record_keeps_its_text_and_the_reason(batch: Batch) -> None:
    malformed = pl.DataFrame({"source_line": [7], "text": ["1,2,3"], "reason": ["3 fields where the header has 2"]})
    assert quarantine.malformed_part(batch.contract, malformed).rows() == [
        (7, ["raw.things.malformed"], ["3 fields where the header has 2"], "1,2,3")
    ]


def test_rows_set_aside_come_by_line_and_say_where_they_came_from(batch: Batch) -> None:
    parts = [
        pl.DataFrame(
            {"source_line": [9, 2], "rule_ids": [["r1"], ["r2"]], "observed": [["x"], ["y"]], "payload": ["9", "2"]}
        ),
        pl.DataFrame({"payload": ["5"], "rule_ids": [["r1", "r3"]], "observed": [["x", "z"]], "source_line": [5]}),
    ]
    found = quarantine.quarantined(batch, "run-1", parts)
    assert found.schema == quarantine.SCHEMA
    assert found.select("source_line", "payload").rows() == [(2, "2"), (5, "5"), (9, "9")]
    assert found.select("attempt", "fingerprint").unique().rows() == [(1, None)]
    origin = found.select("table_name", "batch_id", "run_id", "contract_version", "file_name").unique().rows()
    assert origin == [("raw.things", batch.batch_id, "run-1", "1.0.0", "things.csv")]


def test_a_row_counts_for_every_rule_that_it_broke() -> None:
    rows = pl.DataFrame({"rule_ids": [["r1", "r2"], ["r2"], []]})
    assert quarantine.per_rule(rows) == {"r1": 1, "r2": 2}


def test_a_file_from_before_attempts_were_counted_reads_as_a_first_attempt(tmp_path: Path) -> None:
    old = {"table_name": "raw.things", "source_line": 2, "rule_ids": ["r1"], "payload": "{}"}
    pl.DataFrame([old]).write_parquet(tmp_path / "rows.parquet")
    found = quarantine.read(LakeFile.local(tmp_path / "rows.parquet"))
    assert found.schema == quarantine.SCHEMA
    assert found.select("source_line", "attempt", "observed").rows() == [(2, 1, None)]
