"""Physical column types: the small set that Redshift, DuckDB, Spark and Polars all mean the same by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_PLAIN = {"smallint", "integer", "bigint", "double precision", "boolean", "date", "timestamp"}
_VARCHAR = re.compile(r"^varchar\((\d+)\)$")
_DECIMAL = re.compile(r"^decimal\((\d+),\s*(\d+)\)$")
_INTEGER_BITS = {"smallint": 16, "integer": 32, "bigint": 64}
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
    """A physical type: `kind`, with `length` in BYTES for varchar, `precision` and `scale` for decimal.

    A varchar whose length nobody knows has none.
    """

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

    @property
    def form(self) -> str:
        """How a value is written, whatever the room for it: exact numbers by their decimals, others by their kind."""
        return self.kind if self._exact is None else f"exact({self._exact[0]})"

    def holds(self, other: ColumnType) -> bool:
        """Whether every value of the other type is one of this type, unchanged; a length nobody knows is no bar."""
        mine, theirs = self._exact, other._exact
        if mine and theirs:
            (scale, least, most), (other_scale, other_least, other_most) = mine, theirs
            return other_scale <= scale and least <= other_least and other_most <= most
        if self.is_text and other.is_text:
            return self.length is None or other.length is None or other.length <= self.length
        return self.kind == other.kind

    @property
    def _exact(self) -> tuple[int, Fraction, Fraction] | None:
        """Decimals, least and greatest value of an exact number's type."""
        if (bits := _INTEGER_BITS.get(self.kind)) is not None:
            return 0, Fraction(-(2 ** (bits - 1))), Fraction(2 ** (bits - 1) - 1)
        if self.kind == "decimal" and self.precision is not None:
            scale = self.scale or 0
            most = Fraction(10**self.precision - 1, 10**scale)
            return scale, -most, most
        return None

    def __str__(self) -> str:
        if self.kind == "varchar":
            return "varchar" if self.length is None else f"varchar({self.length})"
        if self.kind == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return self.kind
