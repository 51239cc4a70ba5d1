"""Personal data stay in the data zones: what a run prints, logs, records and renders holds none of the planted values.

The contracts are made stricter for it, so that every kind of rule fails on a personal column and samples it.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl
import pytest
from command_line import Dw, Said
from personal_delivery import BAD, GOOD, deliver, personal_rules, pieces, stricter_repository
from small_shop import query, read_repository, tables
from typer import Typer

from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry
from expectations.masking import masked
from expectations.rules import Rule
from flows.cli import app
from sql.lineage import Lineage
from tasks.notebook_run import is_installed

# Where personal data belong, and what is therefore not searched. Everything else below the home folder is.
DATA_ZONES = {
    "inbox/": "what the shop delivered",
    "lake/raw/": "the same, kept as it came",
    "lake/clean/": "rows that were accepted",
    "lake/curated/": "tables computed on the lake",
    "lake/quarantine/": "rows and files that were not accepted; the notes beside them (*.json) are searched",
    "warehouse.duckdb": "tables of clean, core and mart; those of audit are searched",
}
# Command lines whose output is searched, besides `run`; those that write come last, on a copy.
READING: tuple[tuple[str, ...], ...] = (
    ("check",),
    *(("explain", name) for name in ("raw.customers", "clean.customers", "core.dim_customer")),
    *(("render", "core.dim_customer", "--part", part) for part in ("select", "ddl", "merge", "view")),
    ("bi", "views"),
    ("bi", "views", "--json"),
    ("bi", "semantic"),
    ("bi", "role", "--owner", "pipeline", "--user", "superset"),
    ("status",),
    ("status", "--json"),
    ("reconcile",),
    ("reconcile", "--json"),
    ("migrate",),
    ("migrate", "--json"),
    ("quality",),
    ("quality", "--json"),
    ("quarantine", "list"),
    ("quarantine", "list", "--json"),
    ("quarantine", "show", "--limit", "1000"),
    ("alerts", "list"),
    ("alerts", "list", "--json"),
    ("cost",),
    ("cost", "--json"),
    ("check", "--json"),
    ("explain", "clean.customers", "--json"),
    ("quarantine", "show", "--limit", "1000", "--json"),
    ("doctor", "--json"),
)
WRITING: tuple[tuple[str, ...], ...] = (
    ("quarantine", "discard", "--table", "raw.web_events", "--reason", "a test", "--yes"),
    ("redrive", "--json"),
    ("redrive",),
    ("rebuild", "core.dim_geography", "--json"),
    ("maintain", "--json"),
    ("alerts", "test"),
    ("backup",),
    ("site",),
    ("bi", "export"),
)
NOT_SEARCHED = {
    "query": "shows the data that it is asked for",
    "generate": "makes data up, and reads none",
    "backfill": "the flow of run, which is searched",
    "export": "leaves personal columns out, as its own tests look after; with an option it is meant to have them",
    "new": "writes contracts and SQL, and reads no data",
    "glue bundle": "writes SQL and schemas, and reads no data",
    "lineage": "follows contracts and SQL, and reads no data",
    "impact": "the same",
    "diff": "compares contracts and SQL, and reads no data",
    "contract export": "writes contracts, and reads no data",
    "contract import": "writes contracts, and reads no data",
    "import": "tells counts and names of columns; its own tests look for values of columns that it takes for personal",
    "deploy": "registers files of the repository with Prefect",
    "ui": "shows what Prefect's database holds, which is searched as a file",
    "watch": "tells states of flow runs that Prefect knows",
    "restore": "moves files of a backup, and names none of what they hold",
    "undelete": "names the keys of objects",
}


@dataclass(frozen=True)
class Done:
    home: Path
    repository: Path
    said: Said


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """`dw run` over two days, through Prefect, with all that it can log; on the second the dimension is stopped."""
    root = tmp_path_factory.mktemp("personal")
    home, repository = root / "home", stricter_repository(root / "repository")
    deliver(home / "inbox")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "DW_"))}
    environment |= {"DW_HOME": str(home), "DW_REPOSITORY": str(repository), "DW_THREADS": "1", "DW_DEBUG": "1"}
    environment |= {"PREFECT_LOGGING_LEVEL": "DEBUG", "PREFECT_SERVER_LOGGING_LEVEL": "INFO", "COLUMNS": "200"}
    ran = subprocess.run(
        [sys.executable, "-m", "flows.cli", "run"], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    return Done(home, repository, Said(ran.returncode, ran.stdout, ran.stderr))


# What is searched, and for what


def leaks(outputs: dict[str, str]) -> dict[str, list[str]]:
    """By output: the pieces that it shows, with what stands around the first."""
    wanted = sorted(pieces())
    found = {}
    for name, text in outputs.items():
        lower = text.lower()
        if shown := [piece for piece in wanted if piece in lower]:
            at = lower.index(shown[0])
            found[name] = [lower[max(0, at - 120) : at + 80], *shown]
    return found


def written(home: Path) -> dict[str, str]:
    """All files below the home folder but those of the data zones, as text."""
    out = {}
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        name = path.relative_to(home).as_posix()
        is_note = name.startswith("lake/quarantine/") and name.endswith(".json")
        if is_note or not name.startswith(tuple(DATA_ZONES)):
            data = path.read_bytes()
            out[name] = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", "replace")
    return out


def audited(home: Path) -> dict[str, str]:
    """The audit tables of the warehouse, as text."""
    return {name: "\n".join(map(str, frame.rows())) for name, frame in tables(home, ("audit",)).items()}


def test_nothing_that_a_run_prints_or_logs_shows_a_personal_value(done: Done) -> None:
    assert done.said.code == 1
    for stopped in ("clean.customers", "core.dim_customer"):
        assert f"{stopped} is blocked" in done.said.out, stopped
    assert "prefect" in done.said.err.lower() + done.said.out.lower()
    assert leaks({"stdout": done.said.out, "stderr": done.said.err}) == {}


def test_no_file_outside_the_data_zones_shows_a_personal_value(done: Done) -> None:
    outputs = written(done.home)
    for kind in (
        "prefect/prefect.db",
        "site/data_docs/raw.customers.lake.html",
        "gx/results/clean/customers.lake.json",
    ):
        assert kind in outputs, sorted(outputs)
    assert any(name.endswith("rejected.json") for name in outputs)
    assert leaks(outputs) == {}


def test_no_audit_table_shows_a_personal_value(done: Done) -> None:
    outputs = audited(done.home)
    assert all(outputs[f"audit.{name}"] for name in ("load_ledger", "quality_result", "quarantine"))
    assert leaks(outputs) == {}


@pytest.fixture
def at_home(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(done.home))
    monkeypatch.setenv("DW_REPOSITORY", str(done.repository))


@pytest.mark.usefixtures("at_home")
def test_no_command_that_reads_shows_a_personal_value(done: Done, dw: Dw) -> None:
    said = {" ".join(line): dw(*line) for line in READING}
    first = min((done.home / "inbox").glob("2*"))
    for path in sorted(p for table in GOOD for p in first.glob(f"{table}*")):
        said[f"validate {path.name}"] = dw("validate", str(path))
        said[f"validate --json {path.name}"] = dw("validate", str(path), "--json")
    assert "***" in said["quarantine show --limit 1000"].out
    assert "***" in said["validate --json customers.csv.gz"].out
    assert {line: one.err for line, one in said.items() if one.code not in (0, 1)} == {}
    assert leaks({line: one.out + one.err for line, one in said.items()}) == {}


@pytest.mark.usefixtures("at_home")
def test_no_command_that_writes_shows_or_records_a_personal_value(
    done: Done, dw: Dw, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(done.home, tmp_path / "home"))
    monkeypatch.setenv("DW_HOME", str(home))
    said = {" ".join(line): dw(*line) for line in WRITING}
    assert {line: one.err for line, one in said.items() if one.code not in (0, 1)} == {}
    outputs = {line: one.out + one.err for line, one in said.items()} | written(home) | audited(home)
    assert "a test" in outputs["audit.quarantine_action"]
    if is_installed():
        wanted = {"site/notebooks/03_customers_cohorts_rfm.html", "cache/notebooks/06_data_quality.json"}
        assert wanted <= outputs.keys()
    found = leaks(outputs)
    # Of what the views for BI show, the list of places has the postal codes of addresses too (PLACES below).
    shown = found.pop("reports.duckdb", ["", ""])[1:]
    assert all(piece in GOOD["customers"]["postal_code"].lower() for piece in shown)
    assert found == {}


def test_every_command_is_searched_or_named_with_the_reason_why_not() -> None:
    searched = {
        " ".join(line[:2] if line[0] in ("quarantine", "alerts", "bi") else line[:1]) for line in (*READING, *WRITING)
    }
    assert set(commands(app)) == searched | {"run", "validate"} | NOT_SEARCHED.keys()


def commands(of: Typer, before: str = "") -> Iterator[str]:
    for command in of.registered_commands:
        yield before + (command.name or getattr(command.callback, "__name__", ""))
    for group in of.registered_groups:
        yield from commands(cast(Typer, group.typer_instance), f"{before}{group.name} ")


# That the search could find something


def test_the_search_finds_a_piece_of_a_planted_value() -> None:
    assert list(leaks({"a log": "sent to ZUZQARABELLE", "another": "sent to z***@q***"})) == ["a log"]


def test_every_personal_column_is_planted() -> None:
    registry, _ = read_repository()
    delivered = {c.table.name: c.masks.keys() for c in registry.layer("raw") if c.masks}
    assert delivered == {table: good.keys() for table, good in GOOD.items()}


def test_the_planted_values_went_through_the_run(done: Done) -> None:
    clean = query(done.home, "SELECT * FROM clean.customers WHERE customer_id LIKE 'X%'")
    good = GOOD["customers"]
    for column in good:
        accepted = {str(value).lower() for value in clean[column]}
        assert good[column].lower() in accepted, column
    aside = pl.concat([pl.read_parquet(p) for p in (done.home / "lake" / "quarantine").rglob("*.parquet")])
    payloads = "\n".join(aside["payload"])
    for column in ("email", "birth_date"):
        assert all(value in payloads for value in BAD[column]), column


def test_every_rule_on_a_personal_column_failed_and_was_sampled(done: Done) -> None:
    registry = Registry.read(done.repository)
    results = query(done.home, "SELECT DISTINCT rule_id FROM audit.quality_result WHERE NOT is_success")
    failed = set(results["rule_id"])
    wanted = {rule.id for table in GOOD for rule in personal_rules(table, registry) if not unreachable(rule, registry)}
    assert wanted <= failed, sorted(wanted - failed)
    assert {rule.split(".")[-1] for rule in failed if rule.startswith("core.dim_customer.stricter")}
    samples = json.loads((done.home / "gx/results/clean/customers.lake.json").read_text())
    assert "***" in json.dumps(samples)


def unreachable(rule: Rule, registry: Registry) -> bool:
    """Whether no row can break it here: it blocks, so that its result is no row of the table; or what is too long for a
    clean column was too long for the delivered one."""
    layer, table, column, *_ = rule.id.split(".")
    if rule.verdict == "block":
        return True
    raw = registry[TableId("raw", table)].by_name
    return layer == "clean" and rule.kind == "byte_length" and (raw[column].type.length or 0) <= rule.args["max"]


@pytest.mark.xfail(strict=True, reason="masks go by column: a value in a column where it does not belong is not known")
def test_a_personal_value_in_the_wrong_column_is_masked() -> None:
    contract = read_repository()[0][TableId("clean", "customers")]
    email = GOOD["customers"]["email"]
    assert email not in str(masked({"loyalty_tier": email}, contract.masks))


# Marks in the contracts

DERIVED = {"customer_key", "geography_key", "effective_from", "effective_to", "is_current"}
PLACES = {"core.dim_geography.postal_code"}


def test_a_column_made_from_a_personal_one_is_personal_too() -> None:
    """But for keys and intervals, whose lineage names it, and the list of places, which knows no person."""
    registry, graph = read_repository()
    lineage = Lineage(graph, registry)
    made = {
        found
        for contract in registry.layer("clean")
        for column in contract.masks
        for found in lineage.downstream(contract.table, column)
    }
    bare = {str(at) for at in made if at.column not in registry[at.table].masks and at.column not in DERIVED}
    assert made
    assert bare == PLACES
