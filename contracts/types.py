"""Physical column types: the small set that Redshift, DuckDB, Spark and Polars all mean the same by."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN = {"smallint", "integer", "bigint", "double precision", "boolean", "date", "timestamp"}
_VARCHAR = re.compile(r"^varchar\((\d+)\)$")
_DECIMAL = re.compile(r"^decimal\((\d+),\s*(\d+)\)$")
_LOGICAL = {
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "double precision": "number",
    "decimal": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "varchar": "string",
}


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A physical type: `kind`, with `length` in BYTES for varchar, `precision` and `scale` for decimal."""

    kind: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    @classmethod
    def parse(cls, text: str) -> ColumnType:
        """Read `varchar(64)`, `decimal(18,2)`, `timestamp` (a UTC instant) …; raise ValueError with what is allowed."""
        text = " ".join(text.lower().split())
        if text in _PLAIN:
            return cls(text)
        if match := _VARCHAR.match(text):
            length = int(match[1])
            if not 1 <= length <= 65_535:
                raise ValueError(f"varchar length {length} is outside 1..65535")
            return cls("varchar", length=length)
        if match := _DECIMAL.match(text):
            precision, scale = int(match[1]), int(match[2])
            if not (1 <= precision <= 38 and 0 <= scale <= precision):
                raise ValueError(f"decimal({precision},{scale}) is outside decimal(1..38, 0..precision)")
            return cls("decimal", precision=precision, scale=scale)
        allowed = ", ".join(sorted(_PLAIN | {"varchar(n)", "decimal(p,s)"}))
        raise ValueError(f"unknown physical type {text!r}; one of {allowed}")

    @property
    def logical(self) -> str:
        """The ODCS logical type that values of this physical type have."""
        return _LOGICAL[self.kind]

    @property
    def is_text(self) -> bool:
        return self.kind == "varchar"

    def __str__(self) -> str:
        if self.kind == "varchar":
            return f"varchar({self.length})"
        if self.kind == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return self.kind
