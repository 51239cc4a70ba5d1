"""What reads tables and makes none: checks, views for BI, the SQL of notebooks, as SELECTs that say their place."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlglot import Tokenizer, TokenType, exp
from sqlglot.errors import TokenError

from contracts.ids import BI_SCHEMA, LAYERS, ConsumerId, Node
from contracts.registry import Registry
from sql.dialect import SqlError, parse_select
from sql.graph import node_of
from sql.reconcile import Check
from sql.views import views

FOLDER = "notebooks"
_TOKENS = Tokenizer(dialect="redshift")
_SCHEMAS = (*LAYERS, BI_SCHEMA)


@dataclass(frozen=True)
class Query:
    """One SELECT in Redshift's dialect, and where it stands: a file, of a notebook with the cell."""

    text: str
    where: str

    @cached_property
    def select(self) -> exp.Query:
        """The text, parsed; not to be changed. SqlError with its place."""
        return parse_select(self.text, self.where)

    @cached_property
    def scans(self) -> frozenset[Node]:
        """The tables and views that it reads."""
        ctes = {cte.alias for cte in self.select.find_all(exp.CTE)}
        try:
            return frozenset(node_of(t) for t in self.select.find_all(exp.Table) if t.db or t.name not in ctes)
        except ValueError as error:
            raise SqlError([f"{self.where}: {error}"]) from error


@dataclass(frozen=True)
class Consumer:
    """A check, view or notebook, its file, and all that it asks of tables."""

    id: ConsumerId
    file: str
    queries: tuple[Query, ...]


def checks_as_consumers(checks: Iterable[Check]) -> tuple[Consumer, ...]:
    """Reconciliation checks, each arm a query."""
    return tuple(
        Consumer(ConsumerId("reconciliation", check.name), check.file, (Query(check.text, check.file),))
        for check in checks
    )


def views_as_consumers(registry: Registry) -> tuple[Consumer, ...]:
    """The views for BI; one that has no column yet is told by the lint."""
    return tuple(
        Consumer(ConsumerId("bi", view.name.partition(".")[2]), view.contract.file, (Query(view.text, view.name),))
        for view in views(registry)
        if view.columns
    )


def read_notebooks(root: Path) -> tuple[Consumer, ...]:
    """The notebooks of a repository (.ipynb and .py) that ask something of tables; SqlError with all their faults."""
    found, faults = read_sound(root)
    if faults:
        raise SqlError(faults)
    return found


def read_sound(root: Path) -> tuple[tuple[Consumer, ...], list[str]]:
    """The notebooks that can be read, and the faults of the others."""
    found: list[Consumer] = []
    faults: list[str] = []
    for path in sorted((root / FOLDER).glob("*")):
        if path.suffix not in (".ipynb", ".py"):
            continue
        file = path.relative_to(root).as_posix()
        try:
            queries = tuple(_queries(path.read_text(encoding="utf-8", errors="replace"), file))
        except SqlError as error:
            faults += error.faults
        else:
            if queries:
                found.append(Consumer(ConsumerId("notebook", path.stem), file, queries))
    return tuple(found), faults


def _queries(text: str, file: str) -> Iterator[Query]:
    for code, where in _cells(text, file):
        magic, _, body = code.partition("\n")
        if magic.startswith("%%sql"):
            yield _query(body, where)
            continue
        yield from _strings("\n".join("" if _is_magic(line) else line for line in code.split("\n")), where)


def _query(text: str, where: str) -> Query:
    query = Query(text, where)
    _ = query.scans  # a text that cannot be parsed is told here
    return query


def _is_magic(line: str) -> bool:
    return line.lstrip().startswith(("%", "!"))


def _cells(text: str, file: str) -> Iterator[tuple[str, str]]:
    """The code of a notebook's cells, or of a whole script, and the place of each."""
    if file.endswith(".py"):
        yield text, file
        return
    try:
        cells: list[dict[str, Any]] = json.loads(text)["cells"]
        for number, cell in enumerate(cells, start=1):
            if cell["cell_type"] == "code":
                yield "".join(cell["source"]), f"{file}: cell {number}"
    except (ValueError, KeyError, TypeError) as error:
        raise SqlError([f"{file}:1: not a notebook of Jupyter: {error!r}"]) from error


def _strings(code: str, where: str) -> Iterator[Query]:
    """The string literals that are a query over tables of ours, whichever function is given them."""
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise SqlError([f"{where}:{error.lineno or 1}: not Python: {error.msg}"]) from error
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            if is_query(text):
                raise SqlError([f"{where}:{node.lineno}: SQL is a plain string with binds (:name), here an f-string"])
        elif isinstance(node, ast.Constant) and is_query(str(node.value)):
            yield _query(str(node.value), where)


def is_query(text: str) -> bool:
    """Whether a text begins as a query does and reads from a schema of ours: prose that begins with "with" does not."""
    try:
        tokens = _TOKENS.tokenize(text)
    except TokenError:
        return False
    if not tokens or tokens[0].token_type not in (TokenType.SELECT, TokenType.WITH):
        return False
    return any(
        one.token_type in (TokenType.FROM, TokenType.JOIN)
        and schema.text.lower() in _SCHEMAS
        and dot.token_type is TokenType.DOT
        for one, schema, dot in zip(tokens, tokens[1:], tokens[2:], strict=False)
    )
