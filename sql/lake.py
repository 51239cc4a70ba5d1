"""Lake transforms: a curated table's SELECT over the lake's files, one statement for DuckDB and for Spark."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from sql.dialect import parse_select, to_redshift, to_spark
from sql.graph import Graph
from sql.increment import scoped
from sql.memo import memoised


def lake_view(source: TableId) -> str:
    """The view that shows all rows of a clean table's files, those that were delivered again too."""
    return f"lake.{source.layer}__{source.name}"


def flat(name: str) -> str:
    """A view's name where views have no schema, as in a Spark session."""
    return name.replace(".", "__")


def lake_select(table: TableId, registry: Registry, graph: Graph) -> exp.Query:
    """The rows of the taken keys: reads `lake_view` of each source and the frame of taken keys, in Redshift's dialect.

    Each source comes first, as CTEs of which the last is the rows that stand; the table's own SELECT reads those.
    """
    contract = registry[table]
    select = scoped(graph.select(table), contract, registry)
    sources = sorted(graph.upstream(table))
    names = {str(source) for source in sources}
    for scan in list(select.find_all(exp.Table)):
        if f"{scan.db}.{scan.name}" in names:
            cte = exp.to_table(flat(f"{scan.db}.{scan.name}"))
            cte.set("alias", exp.TableAlias(this=exp.to_identifier(scan.alias_or_name)))
            scan.replace(cte)
    standing = [cte for source in sources for cte in _standing(registry[source], contract).items()]
    for name, text in reversed(standing):
        select = select.with_(name, as_=parse_select(text, str(table.sql_file)))
        # First, as what follows reads it.
        ctes = select.args["with_"].expressions
        ctes.insert(0, ctes.pop())
    return select


def lake_text(table: TableId, registry: Registry, graph: Graph) -> str:
    """The same statement as Redshift's text."""
    read = [registry[source] for source in sorted(graph.upstream(table))]
    return memoised(
        *("lake", graph.text(table), registry[table], read),
        make=lambda: to_redshift(lake_select(table, registry, graph)),
    )


def spark_select(table: TableId, registry: Registry, graph: Graph) -> str:
    """The same statement as Spark SQL text, over views whose names are `flat`; SqlError where Spark cannot say it."""
    select = lake_select(table, registry, graph)
    for scan in list(select.find_all(exp.Table)):
        if scan.db:
            scan.set("this", exp.to_identifier(flat(f"{scan.db}.{scan.name}")))
            scan.set("db", None)
    return to_spark(select)


def _standing(source: Contract, reader: Contract) -> dict[str, str]:
    """The rows of a clean table that stand: batches may hold a row again, and the greatest (version, hash) wins.

    Of the keys that have a row with a key which the reader has taken; all their rows compete, as the one that stands
    may be another's now. Texts of CTEs by name, in the order in which they read each other.
    """
    view, increment = lake_view(source.table), reader.load.increment
    stands = flat(str(source.table))
    competing, doubled = f"{stands}__competing", f"{stands}__doubled"
    columns, key = ", ".join(_quoted(source.names)), _quoted(source.key)
    order = ", ".join(f"{c} DESC NULLS LAST" for c in _quoted(c for c in (source.load.versioned_by, "row_hash") if c))
    rank = f"ROW_NUMBER() OVER (PARTITION BY {', '.join(key)} ORDER BY {order}) AS row_rank"
    taken, on = "TRUE", increment.sources.get(str(source.table)) if increment else None
    if increment and isinstance(on, str):
        same = " AND ".join(f"found.{c} = delivered.{c}" for c in key)
        wanted = f'found."{on}" IN (SELECT "{increment.key}" FROM {reader.table.taken})'
        taken = f"EXISTS (SELECT 1 FROM {view} AS found WHERE {same} AND {wanted})"
    is_doubled = f"SELECT 1 FROM {doubled} WHERE " + " AND ".join(f"{doubled}.{c} = delivered.{c}" for c in key)
    ranked = f"SELECT {columns}, {rank} FROM {competing} AS delivered WHERE EXISTS ({is_doubled})"
    once = f"SELECT {columns} FROM {competing} AS delivered WHERE NOT EXISTS ({is_doubled})"
    return {
        # Named, so that the files are read once for the three uses.
        competing: f"SELECT {columns} FROM {view} AS delivered WHERE {taken}",
        # Few keys come twice: to rank these alone costs a tenth of ranking all.
        doubled: f"SELECT {', '.join(key)} FROM {competing} GROUP BY {', '.join(key)} HAVING COUNT(*) > 1",
        stands: f"{once} UNION ALL SELECT {columns} FROM ({ranked}) AS ranked WHERE row_rank = 1",
    }


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]
