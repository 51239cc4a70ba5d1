"""What one SELECT says that another does not, by meaning."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from contracts.ids import TableId
from sql.graph import Graph
from sql.meaning import Meaning
from tasks.diff.model import SqlChange


def sql_change(
    table: TableId, old: Graph, new: Graph, before: Meaning | None, after: Meaning | None
) -> SqlChange | None:
    """None where both texts are one to the letter. A SELECT that names what is not there is compared as written."""
    if table not in old or table not in new or old.text(table) == new.text(table):
        return None
    trees = old.select(table), new.select(table)
    texts = [tree.sql("redshift", pretty=True, comments=False) for tree in trees]
    clauses = tuple(_clauses(*trees))
    if before is None or after is None:
        is_other = texts[0] != texts[1]
        names = {name for tree in trees for name in tree.named_selects}
        return SqlChange(tuple(sorted(names)) if is_other else (), clauses, is_other, *texts)
    columns = tuple(
        name
        for name, part in after.columns.items()
        if name not in before.columns or before.columns[name].mark != part.mark
    )
    is_of_rows = before.rows.mark != after.rows.mark
    gone = tuple(name for name in before.columns if name not in after.columns)
    is_other = bool(columns or gone) or is_of_rows
    return SqlChange((*columns, *gone), clauses if is_other else (), is_of_rows, *texts)


def _clauses(old: exp.Query, new: exp.Query) -> Iterator[str]:
    """The clauses and columns that differ, query by query; of unions and renamed CTEs the texts alone tell."""
    before, after = _queries(old), _queries(new)
    for name in [n for n in before if n not in after]:
        yield f"{name} is gone"
    for name, query in after.items():
        at = f"{name}: " if name else ""
        if name not in before:
            yield f"{name} is new"
            continue
        yield from (f"{at}{text}" for text in _of_query(before[name], query))


def _queries(tree: exp.Query) -> dict[str, exp.Query]:
    return {**{cte.alias: cte.this for cte in tree.ctes}, "": tree}


def _of_query(old: exp.Query, new: exp.Query) -> Iterator[str]:
    if not (isinstance(old, exp.Select) and isinstance(new, exp.Select)):
        if _sql(_without_ctes(old)) != _sql(_without_ctes(new)):
            yield "the query"
        return
    before, after = ({e.alias_or_name: _sql(e.unalias()) for e in q.selects} for q in (old, new))
    for name in [*before, *(n for n in after if n not in before)]:
        if before.get(name) != after.get(name):
            yield f"{name}: {_turn(before.get(name), after.get(name))}"
    for clause in ("from_", "where", "group", "having", "qualify", "distinct", "limit"):
        first, second = (_sql(q.args.get(clause)) for q in (old, new))
        if first != second:
            yield _turn(first, second)
    joins, others = ({j.alias_or_name: _sql(j) for j in q.args.get("joins") or ()} for q in (old, new))
    for name in [*joins, *(n for n in others if n not in joins)]:
        if joins.get(name) != others.get(name):
            yield _turn(joins.get(name), others.get(name))


def _without_ctes(query: exp.Query) -> exp.Query:
    copy = query.copy()
    copy.set("with_", None)
    return copy


def _turn(old: str | None, new: str | None) -> str:
    if not old or not new:
        return f"+ {new}" if new else f"- {old}"
    return f"{old} → {new}"


def _sql(node: exp.Expr | None) -> str | None:
    return node.sql("redshift", comments=False).strip() if node is not None else None
