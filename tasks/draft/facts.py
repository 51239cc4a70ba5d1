"""What was seen of a column, and what follows from it: its type, what must hold, and whether it looks personal."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from contracts.model import Mask
from contracts.types import ColumnType

# Below this many rows a range or a list of values says more of chance than of the data.
FEW_ROWS = 100
# At most so many different values are a list, and each must have been seen so often on average.
MOST_VALUES, LEAST_REPEATED = 12, 20
_LONGEST_VALUE = 40
EARLIEST = "1900-01-01"
_IDENTIFIER = re.compile(
    r"(^|_)(id|ids|uuid|guid|key|code|sku|ean|isbn|iban|no|nr|num|number|ref|reference|zip|postcode|postal_code|phone|"
    r"mobile|fax|account|card|hash)$"
)
_FLAG = re.compile(r"^(is|has|can|was|should)_|(^|_)(flag|active|enabled|deleted|opt_in|optin)$")
_SHARE = re.compile(r"(^|_)(pct|percent|percentage)$")
# What a name tells of personal data, and how samples should show it; the first that is found counts.
_PERSONAL: tuple[tuple[Mask, str, str], ...] = (
    ("email", "an e-mail address", r"(^|_)(e_?mail|mail)(_address)?$"),
    ("partial", "a telephone number", r"(^|_)(phone|mobile|telephone|tel|fax|cell)(_(number|no))?$"),
    (
        "redact",
        "a person's name",
        r"(^|_)(first|last|given|family|middle|full|sur|maiden|nick|contact|customer|user|person|employee)_?name$"
        r"|^name$|^surname$",
    ),
    ("redact", "a date of birth", r"(^|_)(birth_?(date|day)|date_of_birth|dob)$"),
    ("hash", "a network address", r"(^|_)(ip|ip_?address|ipv[46])$"),
    ("redact", "an address", r"(^|_)(street|address|address_?line_?[0-9]?|house_number)$"),
    ("partial", "a postal code", r"(^|_)(zip|zip_?code|post_?code|postal_?code)$"),
    ("redact", "a number of a person, card or account", r"(^|_)(ssn|tax_?id|passport|iban|card_?number|national_?id)$"),
)


@dataclass(frozen=True)
class Facts:
    """One column as it was seen. `type`, `logical`, `formats`: how its values read; `values`: all of them, where few.

    `distinct` is about right, `is_unique` is certain. `least`, `most`: of numbers. `comment`: what the source says.
    `notes` say what a type was seen from; `source`: the name in the source, where ours is another.
    """

    name: str
    rows: int
    filled: int
    type: ColumnType
    logical: str
    formats: tuple[str, ...] = ()
    distinct: int | None = None
    is_unique: bool = False
    values: tuple[str, ...] = ()
    least: Any = None
    most: Any = None
    is_early: bool = False
    emails: int = 0
    comment: str = ""
    is_required: bool = False
    key_position: int | None = None
    notes: tuple[str, ...] = ()
    source: str | None = None
    other: dict[str, Any] = field(default_factory=dict)

    @property
    def personal(self) -> tuple[Mask, str] | None:
        """How samples should show it, and why, if it looks like personal data; a person decides."""
        if self.filled and 2 * self.emails >= self.filled:
            return "email", f"{self.emails:,} of {self.filled:,} values have the form of an e-mail address"
        for mask, what, pattern in _PERSONAL:
            if re.search(pattern, snake(self.name)):
                return mask, f"its name is that of {what}"
        return None

    @property
    def has_all(self) -> bool:
        return 0 < self.rows == self.filled

    @property
    def is_listed(self) -> bool:
        """Whether the values that were seen make a list of allowed ones."""
        few = 0 < len(self.values) <= MOST_VALUES and self.filled >= LEAST_REPEATED * len(self.values)
        short = all(len(value) <= _LONGEST_VALUE and value == value.strip() for value in self.values)
        return self.rows >= FEW_ROWS and few and short and self.logical == "string" and self.personal is None

    @property
    def range(self) -> dict[str, Any]:
        """Bounds that are wide and sure, as ODCS's logicalTypeOptions."""
        if self.rows < FEW_ROWS or not self.filled or self.personal:
            return {}
        if self.logical in ("date", "timestamp"):
            midnight = " 00:00:00" if self.logical == "timestamp" else ""
            return {} if self.is_early else {"minimum": f"{EARLIEST}{midnight}"}
        if self.logical not in ("integer", "number") or self.least is None or self.least < 0:
            return {}
        is_share = bool(_SHARE.search(self.name)) and self.most is not None and self.most <= 100
        return {"minimum": 0, **({"maximum": 100} if is_share else {})}


def is_identifier(name: str) -> bool:
    """Whether a name is that of an id or a code: its digits are no amount, so they stay text."""
    return bool(_IDENTIFIER.search(snake(name)))


def is_flag(name: str) -> bool:
    """Whether a name asks yes or no, so that 0 and 1 answer it."""
    return bool(_FLAG.search(snake(name)))


def snake(name: str) -> str:
    """A delivered name in our spelling: `Customer ID` and `customerId` are customer_id."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = re.sub(r"[^0-9a-z]+", "_", parted.lower()).strip("_")
    return plain if re.match(r"[a-z]", plain) else f"column_{plain}".rstrip("_")


def room(longest: int) -> int:
    """The length of a text column whose longest value has so many bytes: twice that, by powers of two."""
    length = 64
    while length < min(2 * longest, 65_535):
        length *= 2
    return min(length, 65_535)
