"""How a build enters its table: every statement between the queue and the published rows, as Redshift text.

Build (one transaction): keys move from `pending` to `taken`, the stage is filled from the rows of the taken keys.
Audit: whoever audits reads the stage. Publish (one transaction): checks, images of what changes, queues of the
consumers, delete and merge, `taken` emptied.

A table that holds nothing (`first`) is filled itself, without a stage: each row is written once. Build, audit and
publish are one transaction then, which is rolled back where the audit says so.

Concurrency. The move is what makes a key safe that is queued again while its build waits for the audit: it lands in
`pending` and outlives the publish. The queue is appended to without a look at what stands in it, since under snapshot
isolation that look could miss a key which a build is just taking; doubles vanish when the keys are taken. One build of
one table at a time, and no publish of a table between build and publish of one that reads it by Match (rows still in
the stage cannot be matched): the flow goes in the graph's order, one run at a time in an environment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sqlglot import exp

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from sql import ddl, scd2
from sql.dialect import SqlError, to_redshift
from sql.graph import Graph
from sql.increment import scoped, span, spanned
from sql.memo import memoised
from sql.plan import Statement
from sql.queues import enqueue, take

COUNTS = ("inserted_count", "updated_count", "deleted_count")

# Below this many keys a share says nothing: one of three customers may move.
MIN_KEYS_FOR_SHARE = 100


def build_stage(
    contract: Contract,
    graph: Graph,
    registry: Registry,
    *,
    full: bool,
    first: bool = False,
    first_open: str = scd2.FIRST_OPEN,
    in_span: bool = False,
) -> list[Statement]:
    """Take the waiting keys and fill the stage with their rows (all rows if `full`, or if there is no increment).

    `first`: the table holds nothing, and is filled itself.
    """
    table = contract.table
    read = [registry[source].names for source in sorted(graph.upstream(table)) if source in registry]
    select = memoised(
        *("stage", graph.text(table), contract, read, full, first_open, in_span),
        make=lambda: to_redshift(_select(contract, graph, registry, full=full, first_open=first_open, in_span=in_span)),
    )
    taken = [*take(contract), *(key_span(contract, full=full) if in_span else ())]
    if first:
        return [*taken, _insert(contract, f"({select}) AS made")]
    fill = f"INSERT INTO {table.stage} ({', '.join(contract.names)})\n{select}"
    return [*taken, *empty_stage(contract), Statement("stage", fill)]


def key_span(contract: Contract, *, full: bool) -> list[Statement]:
    """Ask for the span of the keys that a publish is about: those taken, or those of a loaded table's stage."""
    if ddl.is_queued(contract):
        column, _ = ddl.queue_column(contract)
        return [] if _is_full(contract, full) else [Statement("span", span(column, contract.table.taken))]
    return [Statement("span", span(contract.key[0], contract.table.stage))] if contract.key else []


def _select(
    contract: Contract, graph: Graph, registry: Registry, *, full: bool, first_open: str, in_span: bool
) -> exp.Query:
    table = contract.table
    select = graph.select(table)
    expected = scd2.log_columns(contract) if contract.load.strategy == "scd2" else contract.names
    if sorted(select.named_selects) != sorted(expected) or (
        contract.load.strategy != "scd2" and tuple(select.named_selects) != expected
    ):
        found = ", ".join(select.named_selects)
        raise SqlError([f"{table.sql_file}:1: the SELECT gives ({found}), the contract has ({', '.join(expected)})"])
    if not _is_full(contract, full):
        select = scoped(select, contract, registry, in_span=in_span)
    if contract.load.strategy == "scd2":
        select = scd2.versions(select, contract, first_open=first_open)
    return select


def empty_stage(contract: Contract) -> list[Statement]:
    """A new, empty stage table, whatever stood there."""
    return [
        Statement("stage", ddl.drop_table(contract.table.stage)),
        Statement("stage", ddl.create_stage(contract)),
    ]


def load_stage_dedupe(contract: Contract, *, in_span: bool = False) -> list[Statement]:
    """For a loaded table: delete stage rows that the target has already, equal or later (append: the key is enough).

    Rows deleted are the duplicates of the ledger. A stage row replaces a standing one only if its
    (`versioned_by`, `row_hash`) is greater; of an append table, if it is earlier by `sequence`.
    """
    stage, load = contract.table.stage, contract.load
    if not contract.key:
        return []
    ours = stage.partition(".")[2]
    same = _equal(contract.key, ours, "t")
    stale = ""
    if load.strategy == "append":
        if load.sequence:
            stale = f" AND ({_not_later(list(load.sequence), 't', ours)})"
    else:
        has_hash = "row_hash" in contract.by_name
        order = [c for c in (load.versioned_by, "row_hash" if has_hash else None) if c]
        if not order:
            return []
        stale = f" AND ({_not_later(order, ours, 't')})"
    near = _near(f"t.{contract.key[0]}", in_span)
    sql = f"DELETE FROM {stage} USING {contract.table} AS t WHERE {same}{near}{stale}"
    return [*(key_span(contract, full=False) if in_span else ()), Statement("dedupe", sql)]


def publish(
    contract: Contract,
    registry: Registry,
    graph: Graph,
    *,
    full: bool,
    first: bool = False,
    unique: bool = False,
    unbuilt: Collection[TableId] = (),
    in_span: bool = False,
) -> list[Statement]:
    """The whole publish of a stage, in order, for one transaction; nothing in it depends on the engine.

    `first`: the table held nothing (`any_row`) before this transaction filled it. All that it holds is new: there is
    nothing to compare, and no image but the table itself. `unique`: the audit has found no key twice, which is not
    asked again. Consumers that are `unbuilt` are told one key, as they will be computed whole. `in_span`: the
    rows that stand are looked for in the span of the keys (see `sql/increment.py`).
    """
    table = contract.table
    plan = list(_checks(contract, filled(table, first=first), unique=unique))
    if not first:
        plan += key_span(contract, full=full) if in_span else []
        plan += _images(contract, full=full, in_span=in_span)
        plan += _closing_check(contract)
    plan.append(Statement("count", _first_counts(contract) if first else row_counts(contract)))
    plan += enqueue(contract, registry, graph, images(table, first=first), unbuilt, first=first)
    if not first:
        plan += _apply(contract)
    if ddl.is_queued(contract):
        plan.append(Statement("clear", f"DELETE FROM {table.taken}"))
    made = [] if first else [table.changes, table.stage]
    return [*plan, *(Statement("clear", ddl.drop_table(name)) for name in made)]


def any_row(contract: Contract) -> str:
    """SELECT of a row if the table holds any; it reads a value, for the reason that `count_rows` gives."""
    return f"SELECT {contract.names[0]} FROM {contract.table} LIMIT 1"


def filled(table: TableId, *, first: bool) -> str:
    """Where the rows that came stand until they are published: the stage, or the table that held nothing."""
    return str(table) if first else table.stage


def images(table: TableId, *, first: bool) -> str:
    """Where a publish finds the rows that it adds (and, unless it is the first, those it replaces)."""
    return str(table) if first else table.changes


def count_rows(name: str, column: str) -> str:
    """SELECT of one number: the rows of a table that a scan sees; `column` is any of its columns.

    While DuckDB has its row loss (see SESSION), COUNT(*) and COUNT(column) are answered from statistics that count the
    lost rows too. A CASE has to look at each row.
    """
    return f"SELECT COALESCE(SUM(CASE WHEN {column} IS NULL THEN 1 ELSE 1 END), 0) AS row_count FROM {name}"


def row_counts(contract: Contract) -> str:
    """SELECT of one row, inserted_count, updated_count, deleted_count, from the images, before they are applied.

    It reads values, for the reason that `count_rows` gives.
    """
    changes = contract.table.changes
    is_after, is_before = (f"CASE WHEN change_image = '{image}' THEN 1 ELSE 0 END" for image in ("after", "before"))
    if contract.key:
        rows = (
            f"SELECT MAX({is_after}) AS after_count, MAX({is_before}) AS before_count "
            f"FROM {changes} GROUP BY {', '.join(contract.key)}"
        )
    else:
        rows = f"SELECT {is_after} AS after_count, {is_before} AS before_count FROM {changes}"
    return (
        "SELECT COALESCE(SUM(CASE WHEN before_count = 0 THEN 1 ELSE 0 END), 0) AS inserted_count, "
        "COALESCE(SUM(CASE WHEN before_count = 1 AND after_count = 1 THEN 1 ELSE 0 END), 0) AS updated_count, "
        "COALESCE(SUM(CASE WHEN after_count = 0 THEN 1 ELSE 0 END), 0) AS deleted_count "
        f"FROM ({rows}) AS image"
    )


def _first_counts(contract: Contract) -> str:
    rows = count_rows(str(contract.table), contract.names[0])
    return f"SELECT row_count AS inserted_count, 0 AS updated_count, 0 AS deleted_count FROM ({rows}) AS counted"


def _is_full(contract: Contract, full: bool) -> bool:
    return full or contract.load.increment is None or contract.load.strategy == "replace"


def _checks(contract: Contract, rows: str, *, unique: bool) -> Iterator[Statement]:
    load = contract.load
    named = [*contract.key, load.date, load.partition, load.increment.key if load.increment else None]
    columns = list(dict.fromkeys(c for c in named if c))
    if columns:
        some = " OR ".join(f"{c} IS NULL" for c in columns)
        yield Statement(
            "check",
            f"SELECT COALESCE(SUM(CASE WHEN {some} THEN 1 ELSE 0 END), 0) AS row_count FROM {rows}",
            f"{contract.table}: NULL in {', '.join(columns)}: rows are merged by these",
        )
    if contract.key and not unique:
        key = ", ".join(contract.key)
        yield Statement(
            "check",
            f"SELECT COALESCE(SUM(row_count), 0) AS row_count FROM (SELECT COUNT(*) AS row_count FROM {rows} "
            f"GROUP BY {key} HAVING COUNT(*) > 1) AS doubled",
            f"{contract.table}: several rows of one ({key}) came",
        )


def _scope(contract: Contract, full: bool, in_span: bool) -> str:
    """The WHERE clause for the target's rows (alias t) that the stage speaks for; empty: all of them."""
    table, load = contract.table, contract.load
    if load.strategy == "replace":
        return ""
    if ddl.is_queued(contract):
        if _is_full(contract, full):
            return ""
        column, _ = ddl.queue_column(contract)
        return f" WHERE t.{column} IN (SELECT {column} FROM {table.taken}){_near(f't.{column}', in_span)}"
    near = _near(f"t.{contract.key[0]}", in_span)
    return f" WHERE EXISTS (SELECT 1 FROM {table.stage} AS s WHERE {_equal(contract.key, 's', 't')}){near}"


def _near(column: str, in_span: bool) -> str:
    return f" AND {spanned(column)}" if in_span else ""


def _images(contract: Contract, *, full: bool, in_span: bool) -> Iterator[Statement]:
    """`changes`: the stage's rows that the target has not (after), the target's that the stage has not (before)."""
    table = contract.table
    names, of_target = ", ".join(contract.names), ", ".join(f"t.{n}" for n in contract.names)
    insert = f"INSERT INTO {table.changes} ({names}, change_image)\n"
    yield Statement("changes", ddl.drop_table(table.changes))
    yield Statement("changes", ddl.create_changes(contract))
    if _only_inserts(contract):
        same = _equal(contract.key, "s", "t")
        yield Statement(
            "changes",
            f"{insert}SELECT {names}, {_image('after')} FROM {table.stage} AS s "
            f"WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {same}{_near(f't.{contract.key[0]}', in_span)})",
        )
        return
    stage = f"SELECT {names} FROM {table.stage}"
    target = f"SELECT {of_target} FROM {table} AS t{_scope(contract, full, in_span)}"
    yield Statement(
        "changes",
        f"{insert}SELECT {names}, {_image('after')} FROM ({stage} EXCEPT {target}) AS a\n"
        f"UNION ALL\nSELECT {names}, {_image('before')} FROM ({target} EXCEPT {stage}) AS b",
    )


def _only_inserts(contract: Contract) -> bool:
    """Whether a row that stands is never touched again."""
    return contract.load.strategy == "append" and not contract.load.sequence


def _image(which: str) -> str:
    # A bare literal has no type on Redshift, which a UNION may not resolve.
    return f"CAST('{which}' AS VARCHAR(8)) AS change_image"


def _closing_check(contract: Contract) -> Iterator[Statement]:
    """Refuse a run that closes the current version of too many keys: that is a fault upstream, no change of heart."""
    if contract.load.strategy != "scd2":
        return
    table, (key,), share = contract.table, contract.key, contract.load.max_closed_share
    durable, _ = ddl.queue_column(contract)
    # To complete an inferred member, or to drop one that nobody mentions any longer, is no change of heart.
    delivered = " AND b.is_inferred = FALSE" if "is_inferred" in contract.by_name else ""
    # NOT EXISTS, no LEFT JOIN: DuckDB 2.0.0 folds `SUM(CASE WHEN a.x IS NULL ...) > n` to false if no `a` can match.
    yield Statement(
        "check",
        "SELECT CASE WHEN standing.key_count >= "
        f"{MIN_KEYS_FOR_SHARE} AND closed.key_count > {share} * standing.key_count THEN closed.key_count ELSE 0 END "
        f"AS row_count, standing.key_count AS standing_count "
        f"FROM (SELECT COUNT(DISTINCT b.{durable}) AS key_count FROM {table.changes} AS b "
        f"WHERE b.change_image = 'before' AND b.is_current = TRUE{delivered} AND NOT EXISTS ("
        f"SELECT 1 FROM {table.changes} AS a WHERE a.{key} = b.{key} AND a.change_image = 'after' "
        "AND a.is_current = TRUE)) AS closed CROSS JOIN ("
        f"SELECT COUNT(DISTINCT {durable}) AS key_count FROM {table} WHERE is_current = TRUE) AS standing",
        f"{table}: this run would close the current version of {{row_count}} of {{standing_count}} keys, more than "
        f"{share:.0%} (maxClosedShare). Where that is right, `dw rebuild {table} --max-closed-share 1` lets it pass "
        f"once; {contract.file} says what always may",
    )


def _apply(contract: Contract) -> Iterator[Statement]:
    """Bring the images into the target. Afterwards `changes` may hold its after images only."""
    table, load = contract.table, contract.load
    insert = _insert(contract, table.changes, " WHERE change_image = 'after'")
    if _only_inserts(contract):
        yield insert
    elif load.strategy == "snapshot":
        # Whole partitions: a delete by partition and a plain insert touch each day's blocks once.
        days = f"{load.partition} IN (SELECT {load.partition} FROM {table.changes})"
        yield Statement("delete", f"DELETE FROM {table} WHERE {days}")
        yield _insert(contract, table.stage, f" WHERE {days}")
    elif load.strategy == "replace":
        same = _equal(contract.key, table.name, "c") if contract.key else _identical(contract.names, table.name, "c")
        yield Statement(
            "delete",
            f"DELETE FROM {table} USING {table.changes} AS c WHERE c.change_image = 'before' AND {same}",
        )
        yield insert
    else:
        yield from _merge(contract)


def _merge(contract: Contract) -> Iterator[Statement]:
    """Delete what has no successor under the same key and date, then MERGE the after images.

    A row whose date changed is deleted under its old date and inserted under the new one: MERGE could not find it.
    """
    table, on = contract.table, _merge_key(contract)
    changes = table.changes
    yield Statement(
        "delete",
        f"DELETE FROM {table} USING {changes} AS c WHERE c.change_image = 'before' AND {_equal(on, table.name, 'c')} "
        f"AND NOT EXISTS (SELECT 1 FROM {changes} AS a WHERE a.change_image = 'after' AND {_equal(on, 'a', 'c')})",
    )
    # Redshift merges from a table only, never from a subquery: the table is made to hold what is merged.
    yield Statement("delete", f"DELETE FROM {changes} WHERE change_image = 'before'")
    names = ", ".join(contract.names)
    rest = [n for n in contract.names if n not in on]
    if not rest:
        yield _insert(contract, changes)
        return
    yield Statement(
        "merge",
        f"MERGE INTO {table} USING {changes} AS s ON {_equal(on, table.name, 's')}\n"
        f"WHEN MATCHED THEN UPDATE SET {', '.join(f'{n} = s.{n}' for n in rest)}\n"
        f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({', '.join(f's.{n}' for n in contract.names)})",
    )


def _insert(contract: Contract, rows: str, where: str = "") -> Statement:
    """The one INSERT of a publish into its table.

    What analysts read is written in the order of its sort key: DuckDB then reads the row groups of the days asked for
    only, and Redshift has less to vacuum. A snapshot comes by whole partitions, and a first one is too large to sort.
    There must be no second INSERT with an order in the transaction: where the first is empty, DuckDB loses the rows of
    the other, for an order of its own overrules `preserve_insertion_order = false` (see SESSION).
    """
    table, names = contract.table, ", ".join(contract.names)
    is_sorted = contract.sort_key and table.layer in ("core", "mart") and contract.load.strategy != "snapshot"
    order = f" ORDER BY {', '.join(contract.sort_key)}" if is_sorted else ""
    return Statement("insert", f"INSERT INTO {table} ({names}) SELECT {names} FROM {rows}{where}{order}")


def _merge_key(contract: Contract) -> tuple[str, ...]:
    date = contract.load.date
    return contract.key if date is None or date in contract.key else (*contract.key, date)


def _equal(columns: Iterable[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{c} = {right}.{c}" for c in columns)


def _identical(columns: Iterable[str], left: str, right: str) -> str:
    """Equal in every column, NULL to NULL; Redshift has no IS NOT DISTINCT FROM."""
    both = (f"({left}.{c} = {right}.{c} OR ({left}.{c} IS NULL AND {right}.{c} IS NULL))" for c in columns)
    return " AND ".join(both)


def _not_later(columns: list[str], ours: str, theirs: str) -> str:
    """`theirs` >= `ours`, column by column (Redshift compares no row values with >=); NULL is the earliest."""
    head, *tail = columns
    later = f"{theirs}.{head} > {ours}.{head} OR ({ours}.{head} IS NULL AND {theirs}.{head} IS NOT NULL)"
    same = f"({ours}.{head} = {theirs}.{head} OR ({ours}.{head} IS NULL AND {theirs}.{head} IS NULL))"
    return f"{later} OR ({same}{f' AND ({_not_later(tail, ours, theirs)})' if tail else ''})"
