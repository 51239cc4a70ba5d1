"""The portable subset, rule by rule: what means the same on Redshift, DuckDB and (for curated tables) Spark."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import Dialect, exp

from sql.dialect import ALLOWED_ANONYMOUS, BINDS, divides_decimals, operand_casts


@dataclass(frozen=True, slots=True)
class Fault:
    """A node that breaks a rule, and what to write instead."""

    rule: str
    node: exp.Expr
    message: str


# Functions that were compared on the engines (tests/sql/test_dialect.py): a new one gets a row there first.
_FUNCTIONS: frozenset[type[exp.Expr]] = frozenset(
    {
        # operators and conditions that sqlglot counts as functions
        exp.And,
        exp.Or,
        exp.Case,
        exp.If,
        exp.Cast,
        exp.TryCast,
        exp.Exists,
        # NULL
        exp.Coalesce,
        exp.Nullif,
        exp.Nvl2,
        exp.DecodeCase,
        # numbers
        exp.Abs,
        exp.Ceil,
        exp.Floor,
        exp.Round,
        exp.Sign,
        exp.Sqrt,
        exp.Pow,
        exp.Exp,
        exp.Ln,
        exp.Greatest,
        exp.Least,
        exp.FromBase,
        # text
        exp.Lower,
        exp.Upper,
        exp.Trim,
        exp.Length,
        exp.Left,
        exp.Right,
        exp.Substring,
        exp.Replace,
        exp.Pad,
        exp.SplitPart,
        exp.StrPosition,
        exp.MD5,
        exp.RegexpLike,
        exp.RegexpExtract,
        # time
        exp.TimestampTrunc,
        exp.DateTrunc,
        exp.TsOrDsAdd,
        exp.TsOrDsDiff,
        exp.Extract,
        exp.LastDay,
        exp.ConvertTimezone,
        exp.TimeToStr,
        # aggregates
        exp.Count,
        exp.Sum,
        exp.Min,
        exp.Max,
        exp.Avg,
        exp.Stddev,
        exp.StddevSamp,
        exp.StddevPop,
        exp.LogicalAnd,
        exp.LogicalOr,
        exp.GroupConcat,
        # windows
        exp.RowNumber,
        exp.Rank,
        exp.DenseRank,
        exp.PercentRank,
        exp.CumeDist,
        exp.Ntile,
        exp.Lag,
        exp.Lead,
        exp.FirstValue,
        exp.LastValue,
    }
)
# What one may well try, and what to write instead.
_INSTEAD: dict[type[exp.Expr], str] = {
    exp.CurrentTimestamp: "the result would depend on the clock; take :run_at",
    exp.CurrentDate: "the result would depend on the clock; take :run_at",
    exp.CurrentTime: "the result would depend on the clock; take :run_at",
    exp.Rand: "the result would be another one every time",
    exp.AnyValue: "any value is another one every time; take MIN or MAX",
    exp.ApproxDistinct: "each engine approximates in its own way; take COUNT(DISTINCT ...)",
    exp.Concat: "with a NULL, engines differ; write ||",
    exp.RegexpReplace: "Redshift replaces all matches, DuckDB the first",
    exp.Date: "write CAST(... AS DATE)",
    exp.StrToDate: "parse text in the clean layer",
    exp.StrToTime: "parse text in the clean layer",
    exp.Trunc: "write FLOOR, or CAST(... AS DATE)",
    exp.Log: "its base is 10 or e by engine; write LN(x) / LN(10)",
    exp.Initcap: "engines differ in what a word is",
}
# Not functions for sqlglot, and not portable.
_BANNED: dict[type[exp.Expr], tuple[str, str]] = {
    exp.SimilarTo: ("SIMILAR TO", "write ~ with a regular expression"),
    exp.NullSafeEQ: ("IS NOT DISTINCT FROM", "Redshift has it not; write a = b OR (a IS NULL AND b IS NULL)"),
    exp.NullSafeNEQ: ("IS DISTINCT FROM", "Redshift has it not; compare and test IS NULL"),
    exp.Filter: ("FILTER", "Redshift has it not; write CASE inside the aggregate"),
    exp.AtTimeZone: ("AT TIME ZONE", "write CONVERT_TIMEZONE('UTC', zone, instant)"),
    exp.Lateral: ("LATERAL", "Redshift has it not"),
    exp.TableSample: ("TABLESAMPLE", "the result would be another one every time"),
    exp.Pivot: ("PIVOT", "write CASE inside aggregates"),
    exp.RegexpILike: ("~*", "write ~ with LOWER(...)"),
}
# WEEK: Redshift does not say which weeks it counts; an ISO week is (DOY of its Thursday - 1) / 7 + 1. SECOND: sqlglot
# reads DATE_PART as EXTRACT, but on Redshift only DATE_PART has the fraction.
_EXTRACT = frozenset(["YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "DOY", "DOW"])
_DIFFERENCE = frozenset(["YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"])
_WITHOUT_FRAME = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead)
# A quotient of decimals(p1, s1) and (p2, s2) has s1 + p2 - s2 + 1 decimals on Redshift, but 38 digits at most: of those
# it keeps 38 - (p1 - s1) - s2 behind the point, and 4 where that is less.
_MOST_DIGITS = 38
_DIVISOR_DECIMALS = 4
_SPARE_DECIMALS = 3
_MOST_DECIMALS = 6
_RESERVED = frozenset(Dialect.get_or_raise("redshift").generator_class.RESERVED_KEYWORDS)


def faults(select: exp.Expr, *, spark: bool = False) -> Iterator[Fault]:
    """Every place where a SELECT leaves the subset, by syntax alone; `spark` for a table of the lake."""
    for node in select.walk():
        for rule in _RULES:
            for message in rule.check(node):
                yield Fault(rule.name, node, message)
        if spark:
            for message in _on_spark(node):
                yield Fault("function", node, message)


def is_reserved(name: str) -> bool:
    """Whether Redshift takes a name without quotes for a keyword."""
    return name.lower() in _RESERVED


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    check: Callable[[exp.Expr], Iterator[str]]


def _star(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
        yield "name the columns instead of *"


def _function(node: exp.Expr) -> Iterator[str]:
    if type(node) in _BANNED:
        name, instead = _BANNED[type(node)]
        yield f"{name} is not in the portable subset: {instead}"
    if not isinstance(node, exp.Func) or type(node) in _FUNCTIONS:
        return
    if isinstance(node, exp.Anonymous) and node.name.upper() in ALLOWED_ANONYMOUS:
        return
    name = node.sql_name() if not isinstance(node, exp.Anonymous) else node.name.upper()
    instead = _INSTEAD.get(type(node), "sql/portable.py lists what is")
    yield f"{name} is not in the portable subset: {instead}"


def _arguments(node: exp.Expr) -> Iterator[str]:
    """Functions that are portable with some arguments only."""
    unit = str(node.args.get("unit") or "").upper()
    if isinstance(node, exp.Extract) and node.name.upper() not in _EXTRACT:
        yield f"EXTRACT({node.name.upper()}) differs by engine; {', '.join(sorted(_EXTRACT))} do not"
    if isinstance(node, exp.RegexpExtract) and any(node.args.get(a) for a in ("position", "occurrence", "parameters")):
        yield "REGEXP_SUBSTR is portable with a text and a pattern only: DuckDB would leave the rest out"
    if isinstance(node, exp.TsOrDsDiff) and unit not in _DIFFERENCE:
        yield f"DATEDIFF({unit}) differs by engine; {', '.join(sorted(_DIFFERENCE))} do not"
    if isinstance(node, exp.TimeToStr) and re.search(r"[A-Za-z]", re.sub(r"%[YmdHMSf]", "", node.text("format"))):
        yield "TO_CHAR is portable with YYYY MM DD HH24 MI SS US only"
    if isinstance(node, exp.GroupConcat) and not isinstance(node.parent, exp.WithinGroup):
        yield "LISTAGG without WITHIN GROUP (ORDER BY ...) lists in any order"
    if isinstance(node, exp.Placeholder) and node.name not in BINDS:
        yield f"unknown bind :{node.name}; there are {', '.join(':' + b for b in BINDS)}"


def _division(node: exp.Expr) -> Iterator[str]:
    if not isinstance(node, exp.Div):
        return
    casts = [c for side in (node.this, node.expression) for c in operand_casts(side)]
    if not casts:
        yield "cast one side: integers divide differently by engine"
    if not divides_decimals(node):
        return
    scale = _pinned_scale(node)
    if scale is None:
        yield (
            "cast the result, right around the quotient, to a decimal or a whole number, or take its FLOOR or CEIL: "
            "a quotient of decimals has another type on each engine"
        )
    elif (kept := max(4, _MOST_DIGITS - _whole_digits(node.this) - _DIVISOR_DECIMALS)) < scale + _SPARE_DECIMALS:
        yield (
            f"cast the dividend to fewer digits before the point: Redshift may keep {kept} decimals of this quotient, "
            f"to round to {scale} takes {scale + _SPARE_DECIMALS}"
        )
    for cast in casts:
        if cast.to.this == exp.DataType.Type.DECIMAL and _decimals(cast.to) > _MOST_DECIMALS:
            yield f"an operand has at most {_MOST_DECIMALS} decimals: DuckDB would round further ones"


def _pinned_scale(node: exp.Expr) -> int | None:
    """The decimals of what is right around a quotient: CAST, ROUND inside of a CAST, FLOOR, CEIL; None of others."""
    at = node.parent
    while isinstance(at, exp.Paren):
        at = at.parent
    if isinstance(at, exp.Floor | exp.Ceil):
        return 0
    if isinstance(at, exp.Round):
        decimals = at.args.get("decimals") or exp.Literal.number(0)
        return int(decimals.name) if decimals.is_int and isinstance(at.parent, exp.Cast) else None
    if isinstance(at, exp.Cast) and (at.to.this in exp.DataType.INTEGER_TYPES or at.to.expressions):
        return _decimals(at.to)
    return None


def _decimals(of: exp.DataType) -> int:
    return int(of.expressions[1].name) if len(of.expressions) > 1 else 0


def _whole_digits(side: exp.Expr) -> int:
    """The digits before the point of an operand, as Redshift counts them; of a bare column, those of a bigint."""
    if isinstance(side, exp.Cast) and side.to.this == exp.DataType.Type.DECIMAL and side.to.expressions:
        return int(side.to.expressions[0].name) - _decimals(side.to)
    if isinstance(side, exp.Mul):
        return _whole_digits(side.this) + _whole_digits(side.expression) + 1
    if isinstance(side, exp.Add | exp.Sub):
        return max(_whole_digits(side.this), _whole_digits(side.expression)) + 1
    if isinstance(side, exp.Paren | exp.Neg | exp.Abs):
        return _whole_digits(side.this)
    if isinstance(side, exp.Literal) and side.is_int:
        return 10
    return 19


def _average(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Avg):
        of = node.this
        if not (isinstance(of, exp.Cast) and of.to.this in exp.DataType.FLOAT_TYPES):
            yield "write AVG(CAST(... AS DOUBLE PRECISION)): of other types each engine makes another type"


def _window(node: exp.Expr) -> Iterator[str]:
    if not isinstance(node, exp.Window):
        return
    of = node.this.this if isinstance(node.this, exp.IgnoreNulls | exp.RespectNulls) else node.this
    spec = node.args.get("spec")
    if isinstance(of, exp.AggFunc) and not isinstance(of, _WITHOUT_FRAME) and node.args.get("order") and spec is None:
        yield "an aggregate over an ordered window needs a frame on Redshift: ROWS BETWEEN ... AND ..."
    if spec is not None and spec.args.get("kind") != "ROWS":
        yield "Redshift knows frames of ROWS only"
    if of.find(exp.Distinct) is not None:
        yield "Redshift has no DISTINCT inside a window function"
    if isinstance(of, _WITHOUT_FRAME) and not node.args.get("order"):
        yield f"{of.sql_name()} without ORDER BY is another one every time"


def _limit(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Query) and node.args.get("limit") and not node.args.get("order"):
        yield "LIMIT without ORDER BY takes any rows"
    if isinstance(node, exp.Distinct) and node.args.get("on"):
        yield "Redshift has no DISTINCT ON; number the rows"


def _join(node: exp.Expr) -> Iterator[str]:
    if not isinstance(node, exp.Join):
        return
    on = node.args.get("on")
    if node.method.upper() == "NATURAL":
        yield "name the columns that a join is on; NATURAL changes with the tables"
    elif node.kind.upper() != "CROSS" and on is None and not node.args.get("using"):
        yield "a join without a condition; write CROSS JOIN if all pairs are meant"
    elif node.side.upper() == "FULL" and on is not None and on.find(exp.EQ) is None:
        yield "Redshift makes a FULL JOIN on equality only"


def _subquery(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Not) and isinstance(node.this, exp.In) and node.this.args.get("query"):
        yield "NOT IN (SELECT ...) is empty as soon as there is a NULL; write NOT EXISTS"


def _name(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Identifier) and not node.quoted:
        if is_reserved(node.name):
            yield f"{node.name} is a reserved word of Redshift"
        elif not re.fullmatch(r"[a-z_][a-z0-9_]*", node.name) and not isinstance(node.parent, exp.DataType):
            yield f"{node.name} is not snake_case"
    if isinstance(node, exp.Column) and node.db:
        yield f"name the column by its table's alias, not as {node.sql()}"


def _on_spark(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Extract) and node.name.upper() == "DOW":
        yield "EXTRACT(DOW) counts from 1 on Spark"
    if isinstance(node, exp.GroupConcat):
        yield "Spark 3.5 has no LISTAGG"


_RULES = (
    _Rule("star", _star),
    _Rule("function", _function),
    _Rule("function", _arguments),
    _Rule("division", _division),
    _Rule("average", _average),
    _Rule("window", _window),
    _Rule("limit", _limit),
    _Rule("join", _join),
    _Rule("not-in", _subquery),
    _Rule("name", _name),
)
