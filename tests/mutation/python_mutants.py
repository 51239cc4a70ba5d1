"""Mutants of a Python module: one small change each, made in its text; SQL in its strings is changed, too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Mutant:
    """A whole file with one change, and what the change is."""

    line: int
    what: str
    text: str


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    new: str


_COMPARED = {
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}  # fmt: skip
_COUNTED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.BitOr: ("|", "&"), ast.BitAnd: ("&", "|")
}  # fmt: skip

# SQL in strings: words are capitals there, and prose is not.
_IS_SQL = re.compile(r"\b(SELECT|FROM|WHERE|CASE|PARTITION|DELETE|INSERT|MERGE|NULL|NULLS|DESC|AND|OR|OVER|IN)\b")
_SQL = [
    (r"\bAND\b", "OR"), (r"\bOR\b", "AND"), (r"\bNOT EXISTS\b", "EXISTS"), (r"(?<!NOT )\bEXISTS\b", "NOT EXISTS"),
    (r"\bIS NOT NULL\b", "IS NULL"), (r"\bIS NULL\b", "IS NOT NULL"), (r"\bNOT IN\b", "IN"),
    (r"(?<!NOT )\bIN(?= \()", "NOT IN"), (r"\bWHERE NOT\b", "WHERE"), (r"\bMAX\(", "MIN("), (r"\bMIN\(", "MAX("),
    (r"\bSUM\(", "MAX("), (r"\bLAG\(", "LEAD("), (r"\bLEAD\(", "LAG("), (r"\bFIRST_VALUE\(", "LAST_VALUE("),
    (r" DESC\b", " ASC"), (r"\bNULLS LAST\b", "NULLS FIRST"), (r"\bDISTINCT ", ""), (r"\bEXCEPT\b", "INTERSECT"),
    (r"\bUNION ALL\b", "UNION"), (r"\bTRUE\b", "FALSE"), (r"\bFALSE\b", "TRUE"), (r"'after'", "'before'"),
    (r"'before'", "'after'"), (r"\bTHEN 1 ELSE 0\b", "THEN 0 ELSE 1"), (r"\bTHEN 0 ELSE 1\b", "THEN 1 ELSE 0"),
    (r" = ", " <> "), (r" >= ", " > "), (r" > ", " >= "), (r" <= ", " < "), (r" < ", " <= "), (r" - ", " + "),
    (r" \+ ", " - "), (r" 0\b", " 1"), (r" 1\b", " 2"), (r"\bUNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING\b",
    "UNBOUNDED PRECEDING AND CURRENT ROW"),
]  # fmt: skip


def mutants(text: str) -> Iterator[Mutant]:
    """Every mutant of a module that is still Python, from its first line to its last."""
    found = sorted(set(_edits(text)), key=lambda edit: (edit.start, edit.end, edit.new))
    seen = {text}
    for edit in found:
        changed = text[: edit.start] + edit.new + text[edit.end :]
        try:
            ast.parse(changed)
        except SyntaxError:
            continue
        if changed in seen:
            continue
        seen.add(changed)
        old = " ".join(text[edit.start : edit.end].split())
        yield Mutant(text.count("\n", 0, edit.start) + 1, f"{old[:90]!r} → {edit.new.strip()[:90]!r}", changed)


def _edits(text: str) -> Iterator[_Edit]:
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line.encode()))
    raw = text.encode()

    def at(line: int, column: int) -> int:
        return len(raw[: lines[line - 1] + column].decode())

    def span(node: ast.AST) -> tuple[int, int]:
        start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        return at(*start), at(*end)

    def between(left: ast.AST, right: ast.AST, old: str, new: str) -> Iterator[_Edit]:
        start, end = span(left)[1], span(right)[0]
        if found := re.search(rf"(?<![\w]){re.escape(old)}(?![\w=])", text[start:end]):
            yield _Edit(start + found.start(), start + found.end(), new)

    for node in _own(ast.parse(text)):
        match node:
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                for operator, (one, other) in zip(ops, pairwise([left, *comparators]), strict=True):
                    yield from between(one, other, *_COMPARED[type(operator)])
            case ast.BoolOp(op=operator, values=values):
                words = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                for one, other in pairwise(values):
                    yield from between(one, other, *words)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _COUNTED:
                yield from between(left, right, *_COUNTED[type(operator)])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield _Edit(span(node)[0], span(operand)[0], "")
            # What compares is turned round where it compares.
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if not _is_turned(test):
                start, end = span(test)
                yield _Edit(start, end, f"not ({text[start:end]})")
            case ast.comprehension(ifs=tests):
                for start, end in map(span, tests):
                    yield _Edit(start, end, "True")
            case ast.Constant(value=bool() as value):
                yield _Edit(*span(node), str(not value))
            case ast.Constant(value=int() as number):
                yield _Edit(*span(node), str(number + 1))
            case ast.Constant(value=str()) | ast.JoinedStr():
                yield from _in_sql(text, *span(node))
            case ast.Raise():
                yield _Edit(*span(node), "pass")
            case ast.Continue():
                yield _Edit(*span(node), "break")
            case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
                yield _Edit(*span(value), "None")
            case ast.Expr(value=ast.YieldFrom() | ast.Yield()):
                yield _Edit(*span(node), "yield from ()")
            case ast.Expr(value=ast.Call()) | ast.AugAssign():
                yield _Edit(*span(node), "pass")


def _is_turned(test: ast.expr) -> bool:
    return isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and len(test.ops) == 1)


def _own(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes whose change may change what the module does: no docstrings, annotations, or parts of f-strings."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list") or isinstance(tree, ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Import | ast.ImportFrom):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
                continue
            yield child
            yield from _own(child)


def _in_sql(text: str, start: int, end: int) -> Iterator[_Edit]:
    part = text[start:end]
    if not _IS_SQL.search(part):
        return
    for pattern, new in _SQL:
        for found in re.finditer(pattern, part):
            yield _Edit(start + found.start(), start + found.end(), new)
