"""What analysts wait for: each query of `queries/`, warm and cold, and how much of its tables it has to read.

A query's first comment says its kind and what it answers; its binds take values that the warehouse itself gives, other
ones each time. It goes through the read-only connection that `dw query` opens, as DuckDB's text, and ends with a frame.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from processes import machine
from rich.console import Console
from rich.table import Table
from sqlglot import exp

from contracts.ids import TableId
from contracts.registry import Registry
from sql.dialect import binds_of, parse_select, to_duckdb
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse

FOLDER = Path(__file__).with_name("queries")
# What 95 of 100 executions on a warm file stay below.
AIM_MS = {"aggregate": 200, "lookup": 20, "yoy": 1_000, "cohort": 1_000, "funnel": 1_000}
ROW_GROUP = 122_880
# Of the row groups that a perfect order would spare, this share may be read all the same: late rows lie elsewhere.
SPARED_IN_VAIN = 0.1
# Values of binds. Keys that are hashes give any rows in an order that is always the same.
PARAMETERS = (
    "SELECT calendar_date AS day FROM core.dim_date WHERE calendar_date IN (SELECT order_date FROM core.fact_sales) "
    "ORDER BY MD5(CAST(calendar_date AS VARCHAR(10))) LIMIT 30",
    "SELECT month_date AS month_start, CAST(DATEADD(month, 1, month_date) AS DATE) AS month_end FROM core.dim_date "
    "WHERE calendar_date IN (SELECT order_date FROM core.fact_sales) "
    "GROUP BY month_date ORDER BY MD5(CAST(month_date AS VARCHAR(10)))",
    "SELECT customer_id, effective_from AS instant FROM core.dim_customer ORDER BY customer_key LIMIT 30",
    "SELECT product_id FROM core.dim_product WHERE is_current ORDER BY product_key LIMIT 30",
    "SELECT order_id FROM core.fact_sales GROUP BY order_id ORDER BY MD5(order_id) LIMIT 30",
    "SELECT session_id, session_date FROM core.fact_sessions WHERE event_count > 3 ORDER BY session_id LIMIT 30",
)


@dataclass(frozen=True)
class Query:
    """One file of `queries/`: what it answers, of which kind it is, its SELECT in Redshift's dialect."""

    name: str
    kind: str
    meaning: str
    select: exp.Query

    @property
    def binds(self) -> set[str]:
        return binds_of(self.select)

    def bound(self, values: Mapping[str, Any]) -> exp.Query:
        """The SELECT with literals in the place of its binds."""
        return self.select.transform(
            lambda node: _literal(values[node.name]) if isinstance(node, exp.Placeholder) else node
        )


@dataclass(frozen=True)
class Scan:
    """What one scan of a table read; `row_count` rows came out of it."""

    table: str
    filters: str
    row_count: int
    scanned_rows: int
    scanned_groups: int
    groups: int

    def is_spared(self, sort_key: Sequence[str]) -> bool | None:
        """Whether row groups were left out as the sort key promises; None where the filter does not name its column."""
        if not sort_key or not re.search(rf"\b{sort_key[0]}\b", self.filters):
            return None
        # Rows that lie one after the other begin within a row group.
        fewest = min(self.groups, math.ceil(self.row_count / ROW_GROUP) + 1)
        return self.scanned_groups - fewest <= SPARED_IN_VAIN * (self.groups - fewest)


@dataclass(frozen=True)
class Result:
    """One query's figures; `scanned_share` of the rows of the tables that it names were read."""

    bench: str
    name: str
    kind: str
    p50_ms: float
    p95_ms: float
    cpu_p50_ms: float
    cold_p50_ms: float | None
    cold_p95_ms: float | None
    scanned_share: float
    aim_ms: int
    met: bool


def read_queries(folder: Path = FOLDER) -> list[Query]:
    """Every query, by kind and name. Raises ValueError where a first comment names no kind, SqlError."""
    found = []
    for file in sorted(folder.glob("*.sql")):
        text = file.read_text(encoding="utf-8")
        said = re.match(r"-- (\w+): (.+)\n", text)
        if said is None or said[1] not in AIM_MS:
            raise ValueError(f"{file}:1: begin with `-- kind: what it answers`; kinds are {', '.join(AIM_MS)}")
        found.append(Query(file.stem, said[1], said[2], parse_select(text, str(file))))
    return sorted(found, key=lambda query: (list(AIM_MS).index(query.kind), query.name))


def parameters(warehouse: DuckDBWarehouse) -> list[dict[str, Any]]:
    """Values for all binds, as many sets as any of PARAMETERS gives; shorter ones begin again."""
    frames = [warehouse.read(select).to_dicts() for select in PARAMETERS]
    longest = max(map(len, frames))
    cycles = [itertools.islice(itertools.cycle(rows), longest) for rows in frames]
    return [{name: value for row in rows for name, value in row.items()} for rows in zip(*cycles, strict=True)]


def texts(query: Query, values: Sequence[Mapping[str, Any]]) -> list[str]:
    """The query as DuckDB's text, once for each set of values that makes another one."""
    return list(dict.fromkeys(to_duckdb(query.bound(each)) for each in values))


def warm(warehouse: DuckDBWarehouse, statements: Sequence[str], executions: int) -> list[tuple[float, float]]:
    """Milliseconds of each execution, on the clock and of CPU, after one of each statement that is not counted."""
    for statement in statements:
        warehouse.native(statement)
    return [_timed(warehouse, each) for each in itertools.islice(itertools.cycle(statements), executions)]


def cold(settings: Settings, statements: Sequence[str], executions: int) -> list[float]:
    """Milliseconds from opening the file to the frame, each in a process of its own, no page of the file cached."""
    found = []
    for statement in itertools.islice(itertools.cycle(statements), executions):
        _forget(settings.warehouse_file)
        command = [sys.executable, __file__, "--home", str(settings.home), "--threads", str(settings.threads), "--once"]
        ended = subprocess.run(command, input=statement, capture_output=True, text=True, check=True)
        found.append(float(ended.stdout))
    return found


def scans(warehouse: DuckDBWarehouse, statement: str) -> list[Scan]:
    """The scans of tables in the profile of one execution."""
    profile = json.loads(warehouse.native(f"EXPLAIN (ANALYZE, FORMAT json) {statement}").row(0)[1])
    return [
        Scan(
            ".".join(node["extra_info"]["Table"].split(".")[-2:]),
            str(node["extra_info"].get("Filters", "")),
            node["intermediate_rows"],
            node["rows_scanned"],
            node["row_groups_scanned"],
            node["total_row_groups_to_scan"],
        )
        for top in profile["operator"]
        for node in _operators(top)
        if node["type"] == "TABLE_SCAN" and "Table" in node["extra_info"]
    ]


def measure(
    settings: Settings, queries: Iterable[Query], *, executions: int, cold_executions: int
) -> Iterator[tuple[Result, list[Scan]]]:
    """Each query's figures and the scans of its first execution."""
    for query in queries:
        with _opened(settings) as warehouse:
            statements = texts(query, parameters(warehouse))
            times, cpu = zip(*warm(warehouse, statements, executions), strict=True)
            found = scans(warehouse, statements[0])
            row_counts = {it.table: _row_count(warehouse, it.table) for it in found}
        first = cold(settings, statements, cold_executions)
        rows = sum(row_counts[it.table] for it in found)
        p95 = _percentile(times, 95)
        yield (
            Result(
                "queries",
                query.name,
                query.kind,
                _percentile(times, 50),
                p95,
                _percentile(cpu, 50),
                _percentile(first, 50) if first else None,
                _percentile(first, 95) if first else None,
                round(sum(it.scanned_rows for it in found) / rows, 4) if rows else 0.0,
                AIM_MS[query.kind],
                p95 < AIM_MS[query.kind],
            ),
            found,
        )


def report(settings: Settings, found: Sequence[tuple[Result, list[Scan]]], console: Console) -> None:
    """Print the account: times beside aims, then what was read where a sort key should have spared it."""
    registry = Registry.read(settings.repository)
    told = Table(title=f"Queries, {settings.threads} threads; {machine()}", title_justify="left")
    for name in (
        "query",
        "kind",
        "p50 ms",
        "p95 ms",
        "CPU ms",
        "aim",
        "",
        "cold p50",
        "cold p95",
        "rows read",
        "row groups read",
    ):
        told.add_column(name, justify="left" if name in ("query", "kind", "", "row groups read") else "right")
    for result, of_query in found:
        groups = ", ".join(f"{it.table.partition('.')[2]} {it.scanned_groups}/{it.groups}" for it in of_query)
        told.add_row(
            result.name,
            result.kind,
            *(f"{ms:,.1f}" for ms in (result.p50_ms, result.p95_ms, result.cpu_p50_ms)),
            f"{result.aim_ms:,}",
            "met" if result.met else "[bold]missed[/]",
            *("" if ms is None else f"{ms:,.0f}" for ms in (result.cold_p50_ms, result.cold_p95_ms)),
            f"{result.scanned_share:.1%}",
            groups,
        )
    console.print(told)
    met = sum(result.met for result, _ in found)
    console.print(f"{met} of {len(found)} aims are met.")
    promised = [
        (result, it, spared)
        for result, of_query in found
        for it in of_query
        if (spared := it.is_spared(registry[TableId.parse(it.table)].sort_key)) is not None
    ]
    console.print(
        f"{sum(spared for *_, spared in promised)} of {len(promised)} filters by a sort key spare row groups."
    )
    for result, it, spared in promised:
        if not spared:
            console.print(
                f"  {result.name}: {it.table} gives {it.row_count:,} rows, and {it.scanned_groups} of {it.groups} "
                f"row groups are read: its rows do not lie in the order of its sort key"
            )


def _opened(settings: Settings) -> DuckDBWarehouse:
    warehouse = open_warehouse(settings, read_only=True)
    assert isinstance(warehouse, DuckDBWarehouse)
    return warehouse


def _literal(value: Any) -> exp.Expr:
    kinds = {datetime: "timestamp", date: "date"}
    literal = exp.Literal.string(str(value))
    return exp.cast(literal, kinds[type(value)], dialect="redshift") if type(value) in kinds else literal


def _timed(warehouse: DuckDBWarehouse, statement: str) -> tuple[float, float]:
    started, cpu = time.perf_counter(), time.process_time()
    warehouse.native(statement)
    return (time.perf_counter() - started) * 1_000, (time.process_time() - cpu) * 1_000


def _once(settings: Settings, statement: str) -> float:
    """Milliseconds of opening the warehouse and one execution; everything is imported before."""
    pl.DataFrame({"a": [1]}).to_arrow()
    started = time.perf_counter()
    with _opened(settings) as warehouse:
        warehouse.native(statement)
        return (time.perf_counter() - started) * 1_000


def _forget(file: Path) -> None:
    """Drop the file's pages from the cache of the system."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def _operators(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("children", ()):
        yield from _operators(child)


def _row_count(warehouse: DuckDBWarehouse, table: str) -> int:
    return int(warehouse.native(f"SELECT COUNT(*) AS row_count FROM {table}").item())


def _percentile(values: Sequence[float], percent: int) -> float:
    if len(values) == 1:
        return round(values[0], 2)
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 2)


def main() -> None:
    """Measure the queries on a home that holds a warehouse."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="a home with a warehouse; it is only read")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--executions", type=int, default=30, help="warm executions of each query")
    parser.add_argument("--cold", type=int, default=5, help="cold executions of each query")
    parser.add_argument("--only", default="", help="queries whose name holds this")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    settings = Settings(home=asked.home, threads=asked.threads)
    if asked.once:
        sys.stdout.write(f"{_once(settings, sys.stdin.read())}\n")
        return
    queries = [query for query in read_queries() if asked.only in query.name]
    found = list(measure(settings, queries, executions=asked.executions, cold_executions=asked.cold))
    report(settings, found, Console(width=150))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(result) for result, _ in found], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
