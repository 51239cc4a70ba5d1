"""Rules as Polars expressions over one row (and, for unique, one column). No Great Expectations here.

NULL is SQL's: a row whose value is NULL neither keeps nor breaks a rule, except `not_null` and conditions that ask.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial, reduce
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from contracts.polars_types import polars_type
from contracts.types import ColumnType
from expectations.parsing import BLANKS, DEFAULT_TYPES, blank_to_null, parse
from expectations.rules import Rule

Schema = Mapping[str, pl.DataType]
References = Mapping[str, pl.LazyFrame]

_COMPARE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}


class Unsupported(ValueError):
    """A rule that an engine cannot check: it is an error, never a rule that passed."""


def read(rule: Rule, column: str, schema: Schema) -> pl.Expr:
    """A column as the rule sees it: blank text of a raw table is NULL."""
    return read_column(column, schema.get(column, pl.String()), blank_is_null=rule.blank_is_null)


def read_column(name: str, dtype: pl.DataType, *, blank_is_null: bool) -> pl.Expr:
    """A column; with `blank_is_null` its blank text is NULL."""
    value = pl.col(name)
    return blank_to_null(value) if blank_is_null and isinstance(dtype, pl.String) else value


def summable(value: pl.Expr, dtype: pl.DataType | None) -> pl.Expr:
    """Wide enough for a sum: Polars adds 32-bit integers in 32 bits, and starts anew from the other end."""
    narrow = isinstance(dtype, pl.Boolean | pl.Int32 | pl.UInt32)
    return value.cast(pl.Int64) if narrow else value


def broken(rule: Rule, schema: Schema | None = None) -> pl.Expr:
    """True where a row breaks the rule, never NULL. `schema` (of the frame) gives bounds and literals their type.

    Every row kind but foreign_key, which needs the frame that it refers to (see `anti_join`).
    """
    schema = schema or {}
    if rule.kind == "not_null":
        return _columns(rule, schema)[0].is_null()
    if rule.kind == "unique":
        return duplicated(_columns(rule, schema))
    return _breaks(rule, schema).fill_null(False)


def _breaks(rule: Rule, schema: Schema) -> pl.Expr:
    """As `broken`, but NULL where the rule says nothing."""
    args = rule.args
    if rule.kind == "condition":
        return ~_condition(rule, schema)
    if rule.kind == "compare":
        left, right = _columns(rule, schema)
        kept: pl.Expr = _COMPARE[args["operator"]](left, right)
        return ~kept
    if rule.kind not in ("parses_as", "in_set", "matches", "between", "length", "byte_length"):
        raise Unsupported(f"{rule.id}: a {rule.kind} rule is not an expression over one row")
    value, dtype = _columns(rule, schema)[0], schema.get(rule.columns[0])
    if rule.kind == "parses_as":
        return _parsed(rule, schema).is_null() & value.is_not_null()
    if rule.kind == "in_set":
        return ~value.is_in(_typed_values(rule, args["values"], dtype))
    if rule.kind == "matches":
        return ~value.str.contains(readable_pattern(args["pattern"]))
    if rule.kind == "byte_length":
        return value.str.len_bytes() > pl.lit(int(args["max"]))
    if rule.kind == "length":
        return _outside(value.str.len_chars(), args, lambda bound: pl.lit(int(bound)))
    if "logical" in args:
        value, dtype = _parsed(rule, schema), polars_type(_read_type(rule))
    return _outside(value, args, lambda bound: _literal(rule, bound, dtype))


def evaluated(rule: Rule, schema: Schema | None = None) -> pl.Expr:
    """How many rows the rule says something about: an aggregate."""
    schema = schema or {}
    if rule.kind == "not_null":
        return pl.len()
    if rule.kind == "condition":
        return _condition(rule, schema).count()
    columns = _columns(rule, schema)
    if rule.kind == "between" and "logical" in rule.args:
        return _parsed(rule, schema).count()
    if len(columns) == 1:
        return columns[0].count()
    return pl.all_horizontal(c.is_not_null() for c in columns).sum()


# Look-around, back references, atomic groups, conditions: Python's regular expressions have them, Rust's have not.
_SUSPECT = re.compile(r"\(\?(<?[=!]|>|\(|P=)|\\[1-9]")


def readable_pattern(pattern: str) -> str:
    """The pattern, if Polars reads it; raise Unsupported with its words if not."""
    # Tried on no text first: inside the streaming engine a bad pattern panics beside the error that it raises.
    if _SUSPECT.search(pattern):
        try:
            pl.Series([""]).str.contains(pattern)
        except pl.exceptions.PolarsError as error:
            raise Unsupported(f"pattern {pattern!r}: {' '.join(str(error).split())}") from error
    return pattern


def anti_join(rule: Rule, frame: pl.LazyFrame, references: References) -> pl.LazyFrame:
    """The rows of `frame` whose complete key does not stand in the table that the rule refers to."""
    keys = list(rule.columns)
    complete = frame.filter(pl.all_horizontal(pl.col(k).is_not_null() for k in keys))
    return complete.join(_reference_keys(rule, references, frame), on=keys, how="anti")


def mark_missing(rule: Rule, frame: pl.LazyFrame, references: References, mark: str) -> pl.LazyFrame:
    """`frame` with a boolean column `mark`: whether the row's complete key stands nowhere in the referred table."""
    keys = list(rule.columns)
    known = _reference_keys(rule, references, frame).with_columns(pl.lit(False).alias(mark))
    joined = frame.join(known, on=keys, how="left", maintain_order="left")
    complete = pl.all_horizontal(pl.col(k).is_not_null() for k in keys)
    return joined.with_columns((pl.col(mark).is_null() & complete).alias(mark))


def _reference_keys(rule: Rule, references: References, frame: pl.LazyFrame) -> pl.LazyFrame:
    table = rule.args["table"]
    if table not in references:
        raise Unsupported(f"{rule.id}: refers to {table}, which was not given to look it up in")
    schema = frame.collect_schema()
    keys = zip(rule.args["to_columns"], rule.columns, strict=True)
    wanted = [pl.col(there).cast(schema[here]).alias(here) for there, here in keys]
    return references[table].select(wanted).unique()


def _columns(rule: Rule, schema: Schema) -> list[pl.Expr]:
    return [read(rule, column, schema) for column in rule.columns]


def parsed_column(column: str, logical: str, formats: Sequence[str] = ()) -> str:
    """The name of a column that holds how another one reads, as its default type: rules read it where it is there."""
    return f"__{column} as {logical} {' '.join(formats)}"


def _parsed(rule: Rule, schema: Schema) -> pl.Expr:
    column, logical, formats = rule.columns[0], rule.args["logical"], rule.args.get("formats") or ()
    if (known := parsed_column(column, logical, formats)) in schema:
        return pl.col(known)
    return parse(read(rule, column, schema), logical, formats, _read_type(rule))


def _read_type(rule: Rule) -> ColumnType:
    return DEFAULT_TYPES[rule.args["logical"]]


def _condition(rule: Rule, schema: Schema) -> pl.Expr:
    from expectations.conditions import columns_read, polars_condition

    sql, blank = rule.args["sql"], {}
    if rule.blank_is_null:
        texts = [c for c in columns_read(sql) if isinstance(schema.get(c, pl.String()), pl.String)]
        blank = {c: f"CASE WHEN TRIM(\"{c}\", '{BLANKS}') <> '' THEN \"{c}\" END" for c in texts}
    return polars_condition(sql, schema, blank)


def _outside(value: pl.Expr, args: Mapping[str, Any], literal: Callable[[Any], pl.Expr]) -> pl.Expr:
    sides: list[pl.Expr] = []
    low, high = args.get("min"), args.get("max")
    if low is not None:
        sides.append(value <= literal(low) if args.get("min_exclusive") else value < literal(low))
    if high is not None:
        sides.append(value >= literal(high) if args.get("max_exclusive") else value > literal(high))
    if not sides:
        raise Unsupported("an interval without a bound checks nothing")
    return reduce(operator.or_, sides)


def _literal(rule: Rule, bound: Any, dtype: pl.DataType | None) -> pl.Expr:
    return pl.lit(typed(bound, dtype, rule.id))


def typed(value: Any, dtype: pl.DataType | None, what: str) -> Any:
    """A written value (of a contract, a suite) as the column's type has it: decimals exact, dates as dates.

    Raises Unsupported, naming `what`, where it is none.
    """
    try:
        if isinstance(dtype, pl.Decimal):
            return Decimal(str(value))
        if isinstance(dtype, pl.Date):
            return date.fromisoformat(str(value))
        if isinstance(dtype, pl.Datetime):
            instant = datetime.fromisoformat(str(value))
            # Polars compares instants of one zone only.
            return instant.astimezone(ZoneInfo(dtype.time_zone)) if instant.tzinfo and dtype.time_zone else instant
        if isinstance(dtype, pl.String):
            return str(value)
        if dtype is None and isinstance(value, str):
            return datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
    except (ValueError, ArithmeticError) as error:
        raise Unsupported(f"{what}: {value!r} is not a value of {dtype or 'a date or timestamp'}") from error
    if dtype is not None and dtype.is_numeric() and not isinstance(value, int | float | Decimal):
        raise Unsupported(f"{what}: {value!r} is not a value of {dtype}")
    return value


def values_of(values: Iterable[Any], dtype: pl.DataType, what: str) -> pl.Series:
    """Those of the written values that a column of this type can hold."""
    known = [typed(v, dtype, what) for v in values if v is not None]
    if isinstance(dtype, pl.Decimal):
        # Polars would cut the digits that the type does not hold, and let another value pass.
        known = [v for v in known if v == round(v, dtype.scale)]
    elif dtype.is_integer():
        known = [int(v) for v in known if v % 1 == 0]
    return pl.Series(known, dtype=dtype)


def _typed_values(rule: Rule, values: Sequence[Any], dtype: pl.DataType | None) -> Any:
    if dtype is None:
        return [v for v in values if v is not None]
    return pl.lit(values_of(values, dtype, rule.id).implode(), dtype=pl.List(dtype))


def duplicated(keys: Sequence[pl.Expr], *, nulls_equal: bool = False) -> pl.Expr:
    """True in each row of a group of equal keys; a key with NULL in it equals none, or with `nulls_equal` its like."""
    judge = partial(duplicated_rows, nulls_equal=nulls_equal)
    return pl.map_batches(keys, judge, return_dtype=pl.Boolean(), is_elementwise=False, returns_scalar=False)


def duplicated_rows(keys: Sequence[pl.Series], *, nulls_equal: bool = False) -> pl.Series:
    """Which rows share their key with another row.

    A sort of hashes finds the candidates, and only these are compared as values: of 5 million distinct texts that takes
    0.7 s where `is_duplicated` takes 5.
    """
    names = [f"k{i}" for i in range(len(keys))]
    frame = pl.DataFrame([key.alias(name) for name, key in zip(names, keys, strict=True)])
    rows = frame.height
    complete = frame.select(pl.all_horizontal(pl.col(n).is_not_null() | nulls_equal for n in names)).to_series()
    hashes = (frame[names[0]] if len(names) == 1 else frame.to_struct("k")).hash()
    hashes = hashes.filter(complete) if not complete.all() else hashes
    ordered = hashes.sort()
    repeated = ordered.filter(ordered == ordered.shift(1)).unique()
    if repeated.is_empty():
        return pl.repeat(False, rows, dtype=pl.Boolean, eager=True)
    places = frame.with_row_index("row").filter(complete).filter(hashes.is_in(repeated.implode()))
    rows_broken = places.filter(places.select(names).is_duplicated())["row"]
    return pl.select(pl.int_range(rows, dtype=pl.UInt32).is_in(rows_broken.implode())).to_series()
