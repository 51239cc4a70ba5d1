"""One dialect for all SQL text: Redshift's. DuckDB and Spark get what sqlglot makes of it, or an error: no guess."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeGuard

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, TokenError, UnsupportedError

from contracts.ids import BI_SCHEMA, LAYERS, STAGE_SCHEMA, physical_schema
from sql.memo import memoised


def _quotients() -> tuple[str, ...]:
    """Macros for numerator / denominator * factor as a whole number: DuckDB divides decimals as DOUBLE.

    The DOUBLE decides where it can: with some ten roundings of 1.2E-16 it is off by less than 2E-4 below 1E11. Nearer
    than 1E-3 to where the result jumps, or above, whole numbers decide, which takes 20 times as long. Operands have at
    most 6 decimals.
    """
    over, under = (
        f"CAST(CAST({side} AS DECIMAL(38, 6)) * 1000000 AS HUGEINT)" for side in ("numerator", "denominator")
    )
    near = "(CAST(numerator AS DOUBLE) * CAST(factor AS DOUBLE) / CAST(denominator AS DOUBLE))"
    # `//` cuts off towards nought.
    rounded = f"(2 * factor * {over} + SIGN({over}) * ABS({under})) // (2 * {under})"
    less = f"CASE WHEN factor * {over} % {under} <> 0 AND SIGN({over}) <> SIGN({under}) THEN 1 ELSE 0 END"
    kinds = (
        ("rounded_quotient", f"ABS({near} - FLOOR({near}) - 0.5)", f"ROUND({near})", rounded),
        ("floored_quotient", f"ABS({near} - ROUND({near}))", f"FLOOR({near})", f"factor * {over} // {under} - {less}"),
    )
    return tuple(
        f"CREATE OR REPLACE TEMP MACRO {name}(numerator, denominator, factor) AS "
        f"CASE WHEN ABS({near}) < 1E11 AND {distance} > 1E-3 THEN CAST({quick} AS HUGEINT) ELSE {exact} END"
        for name, distance, quick, exact in kinds
    )


# What makes DuckDB mean what Redshift means. NULLs: sqlglot writes NULLS FIRST where Redshift would put them first and
# leaves NULLS LAST out as DuckDB's own default: 'postgres' here would turn DESC NULLS LAST round. The last two settings
# are no matter of meaning. Without the first DuckDB (1.0 to 2.0, two or more threads) loses rows silently when an empty
# INSERT and a large one fill the same table in one transaction; without the second (2.0.0) it takes wrong ranges for
# some sums, and what filters or sorts them is silently wrong (tests/sql/test_duckdb_row_loss.py, test_duckdb_sums.py).
SESSION: tuple[str, ...] = (
    "SET integer_division = true",
    "SET ieee_floating_point_ops = false",
    "SET error_on_division_by_zero = true",
    "SET default_null_order = 'nulls_last'",
    "SET TimeZone = 'UTC'",
    "SET preserve_insertion_order = false",
    "SET disabled_optimizers = 'statistics_propagation'",
    *_quotients(),
)

_MACRO = re.compile(r"CREATE OR REPLACE TEMP MACRO (\w+)")

# Values that a run binds, and the type each has.
BINDS: dict[str, str] = {"run_at": "timestamp", "reporting_currency": "varchar(3)"}

# Functions that sqlglot does not know. OCTET_LENGTH counts bytes of text on Redshift and Spark, on DuckDB it is STRLEN.
ALLOWED_ANONYMOUS: frozenset[str] = frozenset({"OCTET_LENGTH"})

# What an operand's type goes through unchanged in kind.
ARITHMETIC = (exp.Mul, exp.Add, exp.Sub, exp.Div, exp.Neg, exp.Paren, exp.Nullif, exp.Coalesce, exp.Sum, exp.Abs)

_SCHEMAS = frozenset((*LAYERS, STAGE_SCHEMA, BI_SCHEMA))
_ONLY_ON_REDSHIFT = (
    exp.DistStyleProperty,
    exp.DistKeyProperty,
    exp.SortKeyProperty,
    exp.EncodeColumnConstraint,
    # DuckDB enforces a primary key, also against a row deleted earlier in the same transaction; Redshift only notes it.
    exp.PrimaryKey,
)


class SqlError(ValueError):
    """What is wrong with SQL text, as `file:line: message`; several faults come as several lines."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(self.faults))


def parse_select(text: str, file: str) -> exp.Query:
    """Read the one SELECT (or UNION of SELECTs) of a file; raise SqlError with file:line on anything else."""
    tree = _parse(text, file)
    if not isinstance(tree, exp.Query):
        raise SqlError([f"{file}:{line_of(tree)}: a file holds one SELECT, this is {type(tree).__name__.upper()}"])
    return tree


def parse_statement(text: str, file: str = "<sql>") -> exp.Expr:
    """Read one statement of any kind within the portable subset; raise SqlError on anything else."""
    return _parse(text, file)


def to_duckdb(sql: str | exp.Expr, environment: str = "") -> str:
    """One Redshift statement as DuckDB text, schemas named for the environment; SqlError where that cannot be said."""
    return _cached(sql, "duckdb", environment) if isinstance(sql, str) else _render(sql, "duckdb", environment)


def macros_of(text: str) -> list[str]:
    """The macros of SESSION that a DuckDB text calls, for whoever runs it elsewhere."""
    return [macro for macro in SESSION if (name := _MACRO.match(macro)) and f"{name[1]}(" in text.lower()]


def to_spark(sql: str | exp.Expr, environment: str = "") -> str:
    """One Redshift statement as Spark SQL text; SqlError where Spark cannot say it."""
    return _cached(sql, "spark", environment) if isinstance(sql, str) else _render(sql, "spark", environment)


def to_redshift(sql: str | exp.Expr, environment: str = "") -> str:
    """One statement as Redshift text with binds `:name`; text without an environment goes through verbatim."""
    if isinstance(sql, str):
        return sql if not environment else _cached(sql, "redshift", environment)
    return _render(sql, "redshift", environment)


def line_of(node: exp.Expr) -> int:
    """The line of the file on which a node stands: its own, or that of the nearest node which knows; else 1."""
    at: exp.Expr | None = node
    while at is not None:
        lines = [n.meta["line"] for n in at.walk() if "line" in n.meta]
        if lines:
            return int(min(lines))
        at = at.parent
    return 1


def binds_of(tree: exp.Expr) -> set[str]:
    """The names of the binds that a statement takes."""
    return {p.name for p in tree.find_all(exp.Placeholder)}


def _parse(text: str, file: str) -> exp.Expr:
    try:
        trees = [t for t in sqlglot.parse(text, read="redshift") if t is not None]
    except ParseError as error:
        # A ParseError carries the place; the text of the message repeats it and underlines with terminal codes.
        raise SqlError(
            [f"{file}:{e.get('line') or 1}: {e.get('description')} near {e.get('highlight')!r}" for e in error.errors]
            or [f"{file}:1: {error}"]
        ) from error
    except TokenError as error:
        raise SqlError([f"{file}:1: {error}"]) from error
    if len(trees) != 1:
        raise SqlError([f"{file}:1: one statement at a time, here are {len(trees)}"])
    if faults := [f"{file}:{line_of(node)}: {message}" for node, message in _outside(trees[0])]:
        raise SqlError(faults)
    return trees[0]


def _outside(tree: exp.Expr) -> Iterator[tuple[exp.Expr, str]]:
    """What sqlglot has read without understanding it: it would go to the other engines unchanged."""
    for node in tree.walk():
        if isinstance(node, exp.Command):
            yield node, f"{node.name.upper()} is not in the portable subset (sqlglot reads it as an opaque command)"
        elif isinstance(node, exp.Anonymous) and node.name.upper() not in ALLOWED_ANONYMOUS:
            yield node, f"function {node.name.upper()} is not in the portable subset"
        elif isinstance(node, exp.Heredoc | exp.Parameter):
            yield node, "positional binds and $-quotes are not portable: write :name"
        elif isinstance(node, exp.Placeholder) and not node.this:
            yield node, "a bind has a name: write :name"
        elif isinstance(node, exp.FromBase) and node.expression.name != "16":
            yield node, "STRTOL is portable with base 16 only"


def _cached(text: str, dialect: str, environment: str) -> str:
    return memoised(dialect, environment, text, make=lambda: _written(_parse(text, "<sql>"), dialect, environment))


def _render(tree: exp.Expr, dialect: str, environment: str) -> str:
    return _written(tree.copy(), dialect, environment)


def _written(tree: exp.Expr, dialect: str, environment: str) -> str:
    """The text of a tree, which is used up: every copy of a tree costs as much as writing it."""
    tree = _name_schemas(tree, environment)
    for rewrite in _REWRITES[dialect]:
        tree = rewrite(tree)
    try:
        return tree.sql(dialect=dialect, copy=False, pretty=True, unsupported_level=ErrorLevel.RAISE)
    except (UnsupportedError, ValueError) as error:
        raise SqlError([f"<sql>:{line_of(tree)}: not portable to {dialect}: {error}"]) from error


def _name_schemas(tree: exp.Expr, environment: str) -> exp.Expr:
    """Every schema of ours gets its physical name (`core` is `dev_core` in `dev`)."""
    if environment:
        for table in tree.find_all(exp.Table):
            if table.db in _SCHEMAS:
                table.set("db", exp.to_identifier(physical_schema(table.db, environment)))
        for column in tree.find_all(exp.Column):
            if column.db in _SCHEMAS:
                column.set("db", exp.to_identifier(physical_schema(column.db, environment)))
    return tree


def _plain_tables(tree: exp.Expr) -> exp.Expr:
    """CREATE or ALTER TABLE without what only Redshift knows: distribution, sort key, encoding, primary key."""
    if isinstance(tree, exp.Create | exp.Alter):
        for node in [n for n in tree.walk() if isinstance(n, _ONLY_ON_REDSHIFT)]:
            constraint = node.parent if isinstance(node.parent, exp.ColumnConstraint) else node
            constraint.pop()
    return tree


def _hexadecimal(make: Callable[[exp.Expr], exp.Expr]) -> Callable[[exp.Expr], exp.Expr]:
    def rewrite(tree: exp.Expr) -> exp.Expr:
        return tree.transform(lambda node: make(node.this) if isinstance(node, exp.FromBase) else node, copy=False)

    return rewrite


def _hex_on_duckdb(digits: exp.Expr) -> exp.Expr:
    return exp.cast(exp.DPipe(this=exp.Literal.string("0x"), expression=digits.copy()), "bigint")


def _hex_on_spark(digits: exp.Expr) -> exp.Expr:
    conv = exp.func("CONV", digits.copy(), exp.Literal.number(16), exp.Literal.number(10))
    return exp.cast(conv, "bigint")


def _bytes_on_duckdb(tree: exp.Expr) -> exp.Expr:
    for node in list(tree.find_all(exp.Anonymous)):
        if node.name.upper() == "OCTET_LENGTH":
            node.set("this", "STRLEN")
    return tree


def operand_casts(side: exp.Expr) -> Iterator[exp.Cast]:
    """The casts that decide the type of an operand."""
    if isinstance(side, exp.Cast):
        yield side
    elif isinstance(side, ARITHMETIC):
        for child in side.iter_expressions():
            yield from operand_casts(child)


def divides_decimals(node: exp.Div) -> bool:
    """Whether a quotient is one of decimals, as its casts say: one side is a decimal, and none is a float."""
    kinds = {cast.to.this for side in (node.this, node.expression) for cast in operand_casts(side)}
    return exp.DataType.Type.DECIMAL in kinds and not kinds & exp.DataType.FLOAT_TYPES


def _exact_quotients(tree: exp.Expr) -> exp.Expr:
    """CAST to a decimal or a whole number, ROUND, FLOOR or CEIL right around a quotient of decimals, without DOUBLE."""
    # An inner quotient stands behind the outer one.
    for quotient in reversed(list(tree.find_all(exp.Div))):
        if not divides_decimals(quotient):
            continue
        around = _around(quotient)
        if isinstance(around, exp.Floor | exp.Ceil) and not around.args.get("decimals"):
            around.replace(_stepped(quotient, up=isinstance(around, exp.Ceil)))
        elif isinstance(around, exp.Round):
            decimals = around.args.get("decimals") or exp.Literal.number(0)
            if not decimals.is_int or int(decimals.name) < 0:
                continue
            cast, scale = _around(around), int(decimals.name)
            if _is_number(cast) and _scale(cast.to) == scale:
                cast.replace(_rounded(quotient, cast.to, scale))
            else:
                around.replace(_rounded(quotient, exp.DataType.build(f"decimal(38, {scale})"), scale))
        elif _is_number(around):
            around.replace(_rounded(quotient, around.to, _scale(around.to)))
    return tree


def _around(node: exp.Expr) -> exp.Expr | None:
    at = node.parent
    while isinstance(at, exp.Paren):
        at = at.parent
    return at


def _is_number(node: exp.Expr | None) -> TypeGuard[exp.Cast]:
    """Whether a node is a CAST to a decimal of so many digits, or to a whole number."""
    if type(node) is not exp.Cast:
        return False
    return node.to.this in exp.DataType.INTEGER_TYPES or (
        node.to.this == exp.DataType.Type.DECIMAL and bool(node.to.expressions)
    )


def _scale(of: exp.DataType) -> int:
    return int(of.expressions[1].name) if len(of.expressions) > 1 else 0


def _rounded(quotient: exp.Div, to: exp.DataType, scale: int) -> exp.Expr:
    whole = _macro("rounded_quotient", quotient.this, quotient.expression, scale)
    if not scale:
        return exp.cast(whole, to.copy())
    unit = exp.cast(exp.Literal.number(f"{10.0**-scale:.{scale}f}"), f"decimal({scale + 1}, {scale})")
    wide = exp.cast(whole, f"decimal({to.expressions[0].name}, 0)")
    return exp.cast(exp.Mul(this=wide, expression=unit), to.copy())


def _stepped(quotient: exp.Div, *, up: bool) -> exp.Expr:
    """FLOOR, or CEIL: the negative of the floor of the negative."""
    if not up:
        return _macro("floored_quotient", quotient.this, quotient.expression, 0)
    minus = exp.Neg(this=exp.paren(quotient.this.copy()))
    return exp.paren(exp.Neg(this=_macro("floored_quotient", minus, quotient.expression, 0)))


def _macro(name: str, numerator: exp.Expr, denominator: exp.Expr, scale: int) -> exp.Expr:
    factor = exp.cast(exp.Literal.number(10**scale), "hugeint", dialect="duckdb")
    return exp.Anonymous(this=name, expressions=[numerator.copy(), denominator.copy(), factor])


def _named_binds(tree: exp.Expr) -> exp.Expr:
    """sqlglot would write `%(name)s`, where every % in the text then counts as a bind."""
    return tree.transform(
        lambda node: exp.Var(this=f":{node.name}") if isinstance(node, exp.Placeholder) else node, copy=False
    )


_REWRITES: dict[str, tuple[Callable[[exp.Expr], exp.Expr], ...]] = {
    "duckdb": (_exact_quotients, _plain_tables, _hexadecimal(_hex_on_duckdb), _bytes_on_duckdb),
    "spark": (_plain_tables, _hexadecimal(_hex_on_spark)),
    "redshift": (_named_binds,),
}
