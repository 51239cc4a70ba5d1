"""One statement of Redshift as PostgreSQL text, or the error that Redshift would answer; each text is read once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from redshift_standin import commands, refusals, translation
from redshift_standin.errors import RedshiftError, syntax
from redshift_standin.loading import CopyFrom, parse_copy
from redshift_standin.unloading import Unload, parse_unload

# Text literals, quoted names and comments are one piece each; the last group is what is looked for.
_PIECES = r"'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/"
_BIND = re.compile(rf"{_PIECES}|\$(\d+)", re.DOTALL)
_END = re.compile(rf"{_PIECES}|(;)", re.DOTALL)
# sqlglot reads these as other functions, which Redshift has.
_FOREIGN = re.compile(rf"{_PIECES}|\b(STRING_AGG|GROUP_CONCAT|GEN_RANDOM_UUID|UUID|STRFTIME|LIST)\s*\(", re.I | re.S)
_COMMENT = re.compile(r"('(?:[^'\\]|\\.|'')*'|\"[^\"]*\")|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Statement:
    """What PostgreSQL is given for one statement. `alone`: what must not stand in a transaction."""

    text: str
    alone: str = ""
    commits: bool = False
    copy: CopyFrom | None = None
    unload: Unload | None = None


def split(text: str) -> list[str]:
    """The statements of a text, without the semicolons between them."""
    ends = [match.start() for match in _END.finditer(text) if match.group(1)]
    found = [text[a + 1 : b] for a, b in zip([-1, *ends], [*ends, len(text)], strict=True)]
    return [piece for piece in found if without_comments(piece)]


def without_comments(text: str) -> str:
    return _COMMENT.sub(lambda match: match.group(1) or " ", text).strip()


@lru_cache(maxsize=4096)
def rewrite(text: str) -> Statement:
    """What PostgreSQL is given; raise RedshiftError where Redshift would refuse the text."""
    plain = without_comments(text)
    if not plain:
        return Statement("")
    word = re.match(r"\w*", plain)
    first = word.group().upper() if word else ""
    if first == "COPY":
        copy = parse_copy(plain)
        return Statement(copy.target_text, copy=copy)
    if first == "UNLOAD":
        unload = parse_unload(plain)
        select = rewrite(unload.select)
        return Statement(f"COPY ({select.text}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)", unload=unload)
    if first == "EXPLAIN":
        return Statement(f"EXPLAIN {rewrite(plain[len(first) :]).text}")
    if (known := commands.command(first, plain)) is not None:
        return Statement(known.text, known.alone)
    return _parsed(plain, first)


def _parsed(plain: str, first: str) -> Statement:
    masked = _BIND.sub(lambda match: f":p{match.group(1)}" if match.group(1) else match.group(), plain)
    if foreign := next(filter(None, (match.group(1) for match in _FOREIGN.finditer(masked))), ""):
        raise RedshiftError("42883", f"function {foreign.lower()} does not exist")
    if first in ("CREATE", "ALTER"):
        masked = commands.without_physical(masked)
    try:
        trees = sqlglot.parse(masked, read="redshift")
    except ParseError as error:
        near = error.errors[0].get("highlight") if error.errors else ""
        raise syntax(str(near or "end of input")) from error
    except TokenError as error:
        raise syntax(plain[-20:]) from error
    tree = trees[0]
    if len(trees) != 1 or tree is None:
        raise RedshiftError("42601", "cannot insert multiple commands into a prepared statement")
    refusals.check(tree)
    alone = "ALTER TABLE ALTER COLUMN" if refusals.alters_column(tree) else ""
    return Statement(translation.to_postgres(tree), alone, commits=isinstance(tree, exp.TruncateTable))
