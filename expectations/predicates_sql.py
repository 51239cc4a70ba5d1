"""Rules as Redshift SQL over one relation: a whole suite is one SELECT of one row.

Counts of rows and aggregates come from one scan; unique and foreign_key rules are sub-queries of one row each, joined
to it. The relation's columns come along as NULLs (a join on false), so that one statement also tells the columns and
their types. The text is put together from fragments: as one sqlglot tree it took eight times as long to make.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import polars as pl
import sqlglot
from sqlglot import exp

from expectations.conditions import parse_condition
from expectations.expressions import Unsupported
from expectations.measured import Measured, of_columns, of_table, of_types
from expectations.parsing_sql import blank_to_null_sql, reads_sql, value_sql
from expectations.predicates import other_types, rule_columns
from expectations.rules import Rule

_PREFIX = "gate_"
_ROWS = "gate_rows"
Named = Callable[[str], str]


@dataclass(frozen=True)
class SuiteSelect:
    """One SELECT that measures every rule, and where in its one row each answer stands."""

    rules: Sequence[Rule]
    text: str
    places: Sequence[tuple[str, str]]

    def read(self, answer: pl.DataFrame) -> tuple[int, list[Measured], pl.Schema]:
        """The relation's rows, each rule measured, and the relation's schema."""
        if answer.height != 1:
            raise Unsupported(f"the audit query gave {answer.height} rows instead of one")
        row = answer.row(0, named=True)
        schema = pl.Schema({name: dtype for name, dtype in answer.schema.items() if not name.startswith(_PREFIX)})
        found = zip(self.rules, self.places, strict=True)
        return int(row[_ROWS]), [_measured(rule, row, *places, schema) for rule, places in found], schema


def suite_select(rules: Sequence[Rule], relation: str, *, name_of: Named = str) -> SuiteSelect:
    """Write the SELECT; `name_of` gives the relation of a table that a foreign key refers to."""
    table = _table(relation)
    # What several rules ask for (how many values a column has) is counted once.
    counts: dict[str, str] = {"COUNT(*)": _ROWS}
    scalars: list[str] = []
    joins: list[str] = []
    places: list[tuple[str, str]] = []

    def counted(expression: str) -> str:
        return counts.setdefault(expression, f"{_PREFIX}{len(counts)}")

    for rule in rules:
        evaluated = counted(_evaluated(rule)) if rule.of_row else _ROWS
        found = f"{_PREFIX}u{len(joins)}"
        if rule.kind == "unique":
            groups = f"SELECT COUNT(*) AS n FROM {table} {_duplicated(rule)}"
            joins.append(f"SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) AS {found} FROM ({groups}) AS d")
        elif rule.kind == "foreign_key":
            joins.append(f"SELECT COUNT(*) AS {found} FROM {table} AS r WHERE {_missing(rule, name_of)}")
        elif rule.of_row:
            found = counted(f"COUNT(CASE WHEN {broken_sql(rule)} THEN 1 END)")
        elif rule.kind == "aggregate":
            found = counted(_aggregate(rule))
        elif rule.kind == "sql":
            found = f"{_PREFIX}q{len(scalars)}"
            scalars.append(f"({parse_query(rule, relation)}) AS {found}")
        places.append((evaluated, found))
    names = ["m.*", *(f"u{i}.*" for i in range(len(joins))), *scalars, "s.*"]
    joined = "".join(f" CROSS JOIN ({query}) AS u{i}" for i, query in enumerate(joins))
    measures = ", ".join(f"{expression} AS {alias}" for expression, alias in counts.items())
    text = (
        f"SELECT {', '.join(names)} FROM (SELECT {measures} FROM {table}) AS m{joined}"
        f" LEFT JOIN (SELECT * FROM {table} LIMIT 0) AS s ON 1 = 0"
    )
    return SuiteSelect(tuple(rules), text, tuple(places))


def _measured(rule: Rule, row: dict[str, Any], evaluated: str, found: str, schema: pl.Schema) -> Measured:
    if rule.of_row:
        return Measured(rule, int(row[evaluated]), int(row[found]))
    if rule.kind == "columns":
        return of_columns(rule, schema.names())
    if rule.kind == "types":
        return of_types(rule, other_types(rule, schema))
    return of_table(rule, int(row[_ROWS]) if rule.kind == "row_count" else row[found])


def sample_select(
    rules: Sequence[Rule], relation: str, *, booleans: Collection[str] = (), most: int = 20, name_of: Named = str
) -> str:
    """Up to `most` broken rows of each row rule, as text: columns `gate_rule` (its place) and `value_0`, `value_1`, …

    Of rows that share a key, the key comes once.
    """
    width = max(len(rule_columns(rule)) for rule in rules)
    parts = []
    for place, rule in enumerate(rules):
        values = [_text(_shown(rule, column), column in booleans) for column in rule_columns(rule)]
        values += ["CAST(NULL AS VARCHAR(65535))"] * (width - len(values))
        named = ", ".join(f"{value} AS value_{i}" for i, value in enumerate(values))
        rows = f"SELECT {place} AS gate_rule, {named} FROM {_table(relation)} AS r {_where_broken(rule, name_of)}"
        parts.append(f"SELECT * FROM ({rows} LIMIT {int(most)}) AS s{place}")
    return " UNION ALL ".join(parts)


def read_samples(rules: Sequence[Rule], answer: pl.DataFrame) -> list[list[dict[str, Any]]]:
    """The rows of `sample_select`, by rule."""
    found: list[list[dict[str, Any]]] = [[] for _ in rules]
    for row in answer.iter_rows(named=True):
        place = int(row["gate_rule"])
        columns = rule_columns(rules[place])
        found[place].append({column: row[f"value_{i}"] for i, column in enumerate(columns)})
    return found


def broken_sql(rule: Rule) -> str:
    """A condition that is true where a row breaks the rule (row kinds that need no other row or table)."""
    values, args = [_read(rule, column) for column in rule.columns], rule.args
    match rule.kind:
        case "not_null":
            return f"{values[0]} IS NULL"
        case "parses_as":
            return f"NOT {reads_sql(values[0], args['logical'], args['formats'])}"
        case "in_set":
            known = ", ".join(_literal(v) for v in args["values"] if v is not None)
            return f"{values[0]} NOT IN ({known})" if known else f"{values[0]} IS NOT NULL"
        case "matches":
            return f"NOT {values[0]} ~ {_literal(args['pattern'])}"
        case "between" if "logical" in args:
            return _outside(value_sql(values[0], args["logical"], args["formats"]), _bounds_as_read(rule))
        case "between":
            return _outside(values[0], args)
        case "length":
            return _outside(f"LENGTH({values[0]})", args)
        case "byte_length":
            return f"OCTET_LENGTH({values[0]}) > {int(args['max'])}"
        case "compare":
            return f"NOT ({values[0]} {args['operator'].replace('!=', '<>')} {values[1]})"
        case "condition":
            return f"NOT ({_condition(args['sql'], rule.blank_is_null)})"
    raise Unsupported(f"{rule.id}: a {rule.kind} rule is not a condition over one row")


def query_of(rule: Rule) -> tuple[str, dict[str, Any]]:
    """A rule about one table as ODCS's `type: sql` has it: a query over ${table}, and what its number must be."""
    table = "${table}"
    if rule.kind == "unique":
        return f"SELECT COUNT(*) FROM (SELECT 1 AS twice FROM {table} {_duplicated(rule)}) AS d", {"mustBe": 0}
    if rule.kind == "aggregate":
        low, high = rule.args.get("min"), rule.args.get("max")
        bounds: dict[str, Any] = {"mustBeGreaterOrEqualTo": low} if high is None else {"mustBeLessOrEqualTo": high}
        both = low is not None and high is not None
        return f"SELECT {_aggregate(rule)} FROM {table}", {"mustBeBetween": [low, high]} if both else bounds
    broken = f"COUNT(CASE WHEN {broken_sql(rule)} THEN 1 END)"
    if rule.mostly < 1:
        share = f"CAST({broken} AS DOUBLE PRECISION) / NULLIF({_evaluated(rule)}, 0)"
        return f"SELECT {share} FROM {table}", {"mustBeLessOrEqualTo": round(1 - rule.mostly, 12)}
    return f"SELECT {broken} FROM {table}", {"mustBe": 0}


def _read(rule: Rule, column: str, table: str = "") -> str:
    """A column as the rule sees it: blank text of a raw table, whose columns are all text, is NULL."""
    name = f"{table}{_name(column)}"
    return blank_to_null_sql(name) if rule.blank_is_null else name


def _bounds_as_read(rule: Rule) -> dict[str, Any]:
    """The bounds of a date or an instant as such; the contract's YAML has them as text."""
    types: dict[str, Callable[[str], Any]] = {"date": date.fromisoformat, "timestamp": datetime.fromisoformat}
    read = types.get(rule.args["logical"])
    try:
        given = {side: rule.args.get(side) for side in ("min", "max")}
        return rule.args | {side: read(str(v)) for side, v in given.items() if read and v is not None}
    except ValueError as error:
        raise Unsupported(f"{rule.id} ({rule.where}): a bound is not a {rule.args['logical']}: {error}") from error


def _evaluated(rule: Rule) -> str:
    if rule.kind == "not_null":
        return "COUNT(*)"
    if rule.kind == "condition":
        condition = _condition(rule.args["sql"], rule.blank_is_null)
        return f"COUNT(CASE WHEN {condition} THEN 1 WHEN NOT ({condition}) THEN 1 END)"
    if rule.kind == "between" and "logical" in rule.args:
        reads = reads_sql(_read(rule, rule.columns[0]), rule.args["logical"], rule.args["formats"])
        return f"COUNT(CASE WHEN {reads} THEN 1 END)"
    if len(rule.columns) == 1:
        return f"COUNT({_read(rule, rule.columns[0])})"
    return f"COUNT(CASE WHEN {_complete(rule)} THEN 1 END)"


def _complete(rule: Rule, table: str = "") -> str:
    return " AND ".join(f"{_read(rule, column, table)} IS NOT NULL" for column in rule.columns)


def _duplicated(rule: Rule) -> str:
    keys = ", ".join(_read(rule, column) for column in rule.columns)
    return f"WHERE {_complete(rule)} GROUP BY {keys} HAVING COUNT(*) > 1"


def _missing(rule: Rule, name_of: Named) -> str:
    pairs = zip(rule.columns, rule.args["to_columns"], strict=True)
    same = " AND ".join(f"p.{_name(there)} = {_read(rule, here, 'r.')}" for here, there in pairs)
    there = _table(name_of(rule.args["table"]))
    return f"{_complete(rule, 'r.')} AND NOT EXISTS (SELECT 1 FROM {there} AS p WHERE {same})"


def _where_broken(rule: Rule, name_of: Named) -> str:
    if rule.kind == "unique":
        return _duplicated(rule)
    return f"WHERE {_missing(rule, name_of) if rule.kind == 'foreign_key' else broken_sql(rule)}"


def _aggregate(rule: Rule) -> str:
    column = _read(rule, rule.columns[0])
    double = f"CAST({column} AS DOUBLE PRECISION)"
    functions = {
        "sum": f"SUM({column})",
        "mean": f"AVG({double})",
        "min": f"MIN({column})",
        "max": f"MAX({column})",
        "stddev": f"STDDEV_SAMP({double})",
        "distinct_count": f"COUNT(DISTINCT {column})",
    }
    return functions[rule.args["function"]]


def parse_query(rule: Rule, relation: str) -> str:
    """The query of a `sql` rule over a relation."""
    try:
        # Read and written again, so that no comment and no second statement can swallow what follows.
        trees = sqlglot.parse(str(rule.args["query"]).replace("${table}", relation), read="redshift")
    except sqlglot.errors.SqlglotError as error:
        raise Unsupported(f"{rule.id} ({rule.where}): not SQL: {error}") from error
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise Unsupported(f"{rule.id} ({rule.where}): the rule is not one query")
    if trees[0].find(exp.Placeholder, exp.Parameter):
        raise Unsupported(f"{rule.id} ({rule.where}): a rule takes no binds; what it says must not depend on the run")
    return trees[0].sql("redshift", comments=False)


def _outside(value: str, args: dict[str, Any]) -> str:
    sides = []
    if args.get("min") is not None:
        sides.append(f"{value} {'<=' if args.get('min_exclusive') else '<'} {_literal(args['min'])}")
    if args.get("max") is not None:
        sides.append(f"{value} {'>=' if args.get('max_exclusive') else '>'} {_literal(args['max'])}")
    if not sides:
        raise Unsupported("an interval without a bound checks nothing")
    return " OR ".join(sides)


def _shown(rule: Rule, column: str) -> str:
    # Of groups only what they are grouped by can be shown; elsewhere a blank is shown as it came.
    return _read(rule, column) if rule.kind == "unique" else _name(column)


def _text(value: str, is_boolean: bool) -> str:
    # Redshift does not cast a boolean to text.
    return f"CASE WHEN {value} THEN 'true' ELSE 'false' END" if is_boolean else f"CAST({value} AS VARCHAR(65535))"


@lru_cache(maxsize=4096)
def _condition(sql: str, blank_is_null: bool) -> str:
    tree = parse_condition(sql)
    return (tree.transform(_without_blanks) if blank_is_null else tree).sql("redshift", comments=False)


def _without_blanks(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Column):
        return sqlglot.parse_one(blank_to_null_sql(_name(node.name)), read="redshift")
    return node


@lru_cache(maxsize=4096)
def _name(column: str) -> str:
    return exp.to_identifier(column, quoted=True).sql("redshift")


@lru_cache(maxsize=1024)
def _table(relation: str) -> str:
    return exp.to_table(relation, dialect="redshift").sql("redshift")


def _literal(value: Any) -> str:
    return exp.convert(value).sql("redshift")
