"""A difference as Markdown for a comment on a pull request: first what a reviewer must know, the details folded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import unified_diff

from sql.lineage import Reached
from tasks.diff.model import Advice, Change, Diff, Level, SqlChange, TableDiff

# A comment is found again by this, and replaced.
MARKER = "<!-- dw diff -->"
# GitHub takes 65,536 characters; it counts as JavaScript does, where some characters are two.
LONGEST = 65_000
_SIGNS = {Level.BREAKING: "🔴", Level.ADDITIVE: "🟢", Level.NEUTRAL: "🔵", Level.NONE: "⚪"}
_MEANS = {
    Level.BREAKING: "who relies on these tables may be let down",
    Level.ADDITIVE: "something comes, nothing goes",
    Level.NEUTRAL: "promises are the same; values or words differ",
    Level.NONE: "nothing that a contract promises",
}
_CASES = "tests/cases/"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&@])")


def markdown(diff: Diff) -> str:
    """The whole report, cut to what a comment can hold: the longest details go first, and that is said."""
    for details in (_SQL_AND_STATEMENTS, _STATEMENTS, _CHANGES):
        text = _report(diff, details)
        if _length(text) <= LONGEST:
            return text
    head = _report(diff, ())
    return head if _length(head) <= LONGEST else _cut(head)


Details = tuple[Callable[[TableDiff], Iterator[str]], ...]


def _report(diff: Diff, details: Details) -> str:
    lines = [MARKER, f"### {_SIGNS[diff.level]} Contracts and SQL: {_title(diff)}", ""]
    lines += [f"`{diff.base}` → `{diff.head}`", ""]
    lines += _attention(diff)
    if diff.tables:
        lines += ["| table | | change | version | next run |", "|---|---|---|---|---|"]
        lines += [_row(table) for table in diff.tables]
        lines.append("")
    if details and any(table.changes or table.sql for table in diff.tables):
        lines += _folded("What changed, table by table", _each(diff.tables, details))
    if diff.reached:
        lines += _folded(f"What reads it: {_readers(diff.reached)} downstream", _reach(diff.reached))
    if diff.others:
        lines += _folded(
            "Reconciliation checks and deployments", [_other(o.what, o.name, o.kind, o.text) for o in diff.others]
        )
    if diff.checks or diff.tests:
        names = (file.removeprefix(_CASES).removesuffix(".yaml") for file in diff.tests)
        body = [f"- test cases in `{_CASES}`: {', '.join(f'`{name}`' for name in names)}"] if diff.tests else []
        body += [f"- reconciliation checks: {', '.join(f'`{name}`' for name in diff.checks)}"] if diff.checks else []
        lines += _folded("What checks it", body)
    if not details and diff.tables:
        lines.append("_Details were left out: `dw diff` prints them._")
    return "\n".join(lines).rstrip() + "\n"


def _title(diff: Diff) -> str:
    if diff.is_empty:
        return "no difference"
    if not diff.tables:
        return "no table differs"
    return f"{diff.level}, {_count(len(diff.tables), 'table')} ({_MEANS[diff.level]})"


def _attention(diff: Diff) -> list[str]:
    """What must not be overlooked."""
    lines = [f"- ⛔ a fault in `{fault.side}`: {_plain(fault.text)}" for fault in diff.faults]
    lines += [
        f"- ⛔ `{table.table}`: {_plain(table.advice.fault)}"
        for table in diff.tables
        if table.advice and table.advice.fault
    ]
    for table in diff.tables:
        names = [change.name for change in table.changes if change.verdict == "refused"]
        if names:
            told = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
            lines.append(f"- ⛔ `{table.table}`: the migration of a full table refuses {told}; the next run would stop")
    lines += [f"- ⛔ too narrow: {_plain(text)}" for text in diff.narrow]
    if diff.restated:
        told = ", ".join(f"`{name}`" for name in diff.restated)
        lines.append(f"- ⏳ computed whole by the next run: {told}")
    return [*lines, ""] if lines else []


def _row(table: TableDiff) -> str:
    summary = [f"{_SIGNS[table.level]} {table.level if table.changes or table.sql else 'none'}"]
    told = [f"{_subject(change)} {_plain(change.text)}" for change in table.changes[:3]]
    if len(table.changes) > 3:
        told.append(f"… {len(table.changes) - 3} more")
    if table.sql:
        told.append(_sql_summary(table.sql))
    version = _version(table.advice) if table.advice else ""
    if not told:
        told.append("only the version")
    next_run = [v for v in ("in place", "copy", "refused") if any(c.verdict == v for c in table.changes)]
    if table.is_restated:
        next_run.append("computed whole")
    return f"| `{table.table}` | {summary[0]} | {'<br>'.join(told)} | {version} | {', '.join(next_run)} |"


def _version(advice: Advice) -> str:
    if advice.fault:
        return f"⛔ {advice.new}" + (f", wanted {advice.wanted}" if advice.wanted else "")
    return advice.new if advice.old == advice.new else f"{advice.old} → {advice.new}"


def _sql_summary(change: SqlChange) -> str:
    if not change.is_of_meaning:
        return "SQL: comments or layout only"
    told = ["other rows"] if change.is_of_rows else []
    if change.columns:
        names = ", ".join(f"`{name}`" for name in change.columns[:5])
        more = f" and {len(change.columns) - 5} more" if len(change.columns) > 5 else ""
        told.append(f"other values in {names}{more}")
    return f"SQL: {'; '.join(told)}"


def _each(tables: Iterable[TableDiff], details: Details) -> Iterator[str]:
    for table in tables:
        if table.changes or table.sql:
            yield f"#### `{table.table}`"
            for detail in details:
                yield from detail(table)
            yield ""


def _changes(table: TableDiff) -> Iterator[str]:
    for change in table.changes:
        verdict = f" **{change.verdict}**" if change.verdict else ""
        note = f" — {_plain(change.note)}" if change.note else ""
        yield f"- {_SIGNS[change.level]} {_subject(change)} {_plain(change.text)}{verdict}{note}"
    if table.sql:
        yield f"- {_SIGNS[Level.NEUTRAL] if table.sql.is_of_meaning else _SIGNS[Level.NONE]} {_sql_summary(table.sql)}"


def _statements(table: TableDiff) -> Iterator[str]:
    if table.statements and table.kind == "changed":
        yield from ("", *_fenced("sql", [f"{statement};" for statement in table.statements]))


def _sql_diff(table: TableDiff) -> Iterator[str]:
    if table.sql and table.sql.is_of_meaning:
        old, new = table.sql.old.splitlines(), table.sql.new.splitlines()
        lines = list(unified_diff(old, new, lineterm="", n=2))[2:]
        yield from ("", *_fenced("diff", lines))


_CHANGES: Details = (_changes,)
_STATEMENTS: Details = (_changes, _statements)
_SQL_AND_STATEMENTS: Details = (_changes, _statements, _sql_diff)


def _readers(reached: Iterable[Reached]) -> str:
    words = {"notebook": "notebook", "bi": "view"}
    counts = Counter(words.get(one.table.layer, "table") for one in reached)
    return ", ".join(_count(counts[what], what) for what in ("table", "view", "notebook") if counts[what])


def _reach(reached: Iterable[Reached]) -> Iterator[str]:
    by_rows = [one for one in reached if not one.columns]
    by_columns = [one for one in reached if one.columns]
    if by_columns:
        yield from ("| table | columns made of it | through |", "|---|---|---|")
    for one in by_columns:
        names = ", ".join(f"`{name}`" for name in one.columns)
        through = ", ".join(f"`{by}`" for by in one.through[:4])
        more = f" and {len(one.through) - 4} more" if len(one.through) > 4 else ""
        yield f"| `{one.table}` | {names}{'; other rows too' if one.is_of_rows else ''} | {through}{more} |"
    if by_rows:
        yield from ("", f"Rows may differ in: {', '.join(f'`{one.table}`' for one in by_rows)}")


def _other(what: str, name: str, kind: str, text: str) -> str:
    return f"- {what} `{_code(name)}` {kind}{f': {_plain(text)}' if text else ''}"


def _folded(title: str, body: Iterable[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *body, "", "</details>", ""]


def _fenced(language: str, lines: Sequence[str]) -> list[str]:
    """A block whose fence is longer than any run of backticks inside."""
    runs = [len(run) for line in lines for run in re.findall(r"`+", line)]
    fence = "`" * max([3, *(run + 1 for run in runs)])
    return [f"{fence}{language}", *lines, fence]


def _subject(change: Change) -> str:
    return "" if change.subject == "table" else f"{change.subject} `{_code(change.name)}`"


def _code(text: str) -> str:
    return text.replace("`", "'").replace("|", "¦")


def _plain(text: str) -> str:
    """Text of contracts as text: it makes no mark-up, mentions nobody and ends no table."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("\\@", "@\u200b")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str) -> str:
    """Whole lines, as many as fit; where a folded part is cut it is closed."""
    kept, room = [], LONGEST - 200
    for line in text.splitlines():
        room -= _length(line) + 1
        if room < 0:
            break
        kept.append(line)
    open_parts = sum(line == "<details>" for line in kept) - sum(line == "</details>" for line in kept)
    return "\n".join([*kept, *["", "</details>"] * open_parts, "", "_Cut here: `dw diff` prints the rest._"]) + "\n"
