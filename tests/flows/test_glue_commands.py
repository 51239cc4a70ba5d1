"""`dw glue bundle`: files that a deployment copies, the same each time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Dw

from contracts.registry import REPOSITORY


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_bundle_holds_the_script_and_each_curated_table_and_is_the_same_each_time(dw: Dw, tmp_path: Path) -> None:
    tables = [path.stem for path in (REPOSITORY / "sql" / "curated").glob("*.sql")]
    said = dw("glue", "bundle", str(tmp_path))
    assert (said.code, said.err) == (0, "")
    first = contents(tmp_path)
    files = {f"curated/{table}.{kind}" for table in tables for kind in ("spark.sql", "json")}
    assert first.keys() == {"glue_job.py"} | files
    assert all(name in said.out for name in first)
    (tmp_path / "curated" / "gone.spark.sql").write_text("a table that is gone")
    (tmp_path / "notes.txt").write_text("not ours")
    assert dw("glue", "bundle", str(tmp_path)).code == 0
    assert contents(tmp_path) == first | {"notes.txt": b"not ours"}


def test_the_sql_of_the_bundle_is_the_whole_transform_and_its_schemas_are_the_contracts(dw: Dw, tmp_path: Path) -> None:
    dw("glue", "bundle", str(tmp_path))
    sql = (tmp_path / "curated" / "web_sessions.spark.sql").read_text()
    assert "FROM lake__clean__web_events AS delivered" in sql
    assert "ROW_NUMBER() OVER (PARTITION BY `event_id` ORDER BY `row_hash` DESC)" in sql
    assert "FROM stage__taken__curated__web_sessions" in sql
    assert "DATE_ADD(MINUTE, 30, previous_event_at)" in sql
    schemas = json.loads((tmp_path / "curated" / "web_sessions.json").read_text())
    assert schemas["taken"] == {
        "view": "stage__taken__curated__web_sessions", "columns": {"visitor_id": "string"}
    }  # fmt: skip
    assert schemas["sources"]["lake__clean__web_events"]["event_at"] == "timestamp_ntz"
    assert list(schemas["output"])[:4] == ["session_id", "visitor_id", "customer_id", "started_at"]


def test_the_script_imports_nothing_of_ours(dw: Dw, tmp_path: Path) -> None:
    dw("glue", "bundle", str(tmp_path))
    told = "import sys, glue_job; print([m for m in sys.modules if m.split('.')[0] in " \
        "('tasks', 'sql', 'contracts', 'expectations', 'flows', 'polars', 'boto3')])"  # fmt: skip
    pytest.importorskip("pyspark", reason="PySpark is not installed: make spark")
    ran = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {told}"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert ran.stdout.strip() == "[]"


def test_a_select_that_spark_cannot_say_stops_the_check(
    dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "repository"
    for folder in ("contracts", "sql"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setenv("DW_REPOSITORY", str(root))
    sql = root / "sql" / "curated" / "web_sessions.sql"
    device = "MIN(CASE WHEN event_position = first_position THEN device END) AS device"
    text = sql.read_text()
    assert device in text
    sql.write_text(text.replace(device, "LISTAGG(device, ',') WITHIN GROUP (ORDER BY event_id) AS device"))
    said = dw("check")
    assert said.code == 1
    assert "function: Spark 3.5 has no LISTAGG" in said.err
