"""A new computed table as three files, contract, SELECT and case: true to the reader, marked where only people know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from contracts.ids import TableId
from contracts.model import Column
from contracts.registry import Registry
from contracts.types import ColumnType

MARK = "TODO:"
LAYERS = ("core", "mart")
_SAMPLES = {"boolean": "true", "date": "2026-01-05", "timestamp": "2026-01-05 10:00:00", "varchar": "a"}


@dataclass(frozen=True)
class Draft:
    """What is known of a new table: `columns` in order, of which some are the `key`; `reads` are what it is made of.

    `known`: columns of these names in the tables that are read, of which meaning, type and mask are taken.
    """

    table: TableId
    title: str
    domain: str
    purpose: str
    grain: str
    columns: Mapping[str, ColumnType]
    key: tuple[str, ...]
    reads: tuple[TableId, ...]
    known: Mapping[str, tuple[TableId, Column]]


def draft(
    registry: Registry,
    table: TableId,
    *,
    columns: Sequence[str],
    key: Sequence[str] = (),
    reads: Sequence[TableId] = (),
    title: str = "",
    domain: str = "",
    purpose: str = "",
    grain: str = "",
) -> Draft:
    """A draft of `name` or `name:type` columns; the key is the first of them if none is named.

    Raises ValueError for a layer that SQL does not fill, a type that nobody knows, a key that is no column.
    """
    if table.layer not in LAYERS:
        raise ValueError(
            f"{table} is no table of {' or '.join(LAYERS)}: `dw import` drafts contracts of delivered files"
        )
    known = {c.name: (read, c) for read in reversed(reads) for c in registry[read].columns}
    typed: dict[str, ColumnType] = {}
    for text in columns:
        name, _, kind = (part.strip() for part in text.partition(":"))
        if not kind and name not in known:
            raise ValueError(
                f"column {name} has no type: no table that is read has it; write {name}:bigint, for example"
            )
        if name in typed:
            raise ValueError(f"column {name} stands twice")
        typed[name] = ColumnType.parse(kind) if kind else known[name][1].type
    if not typed:
        raise ValueError("a table has at least one column")
    chosen = tuple(key) or (next(iter(typed)),)
    if strange := [name for name in chosen if name not in typed]:
        raise ValueError(f"the key names {', '.join(strange)}, which is no column; there are {', '.join(typed)}")
    words = table.name.replace("_", " ")
    return Draft(
        table,
        title or words.capitalize(),
        domain or (words.split()[0] if table.layer == "mart" else "sales"),
        purpose or f"{MARK} what it is for, and for whom.",
        grain or f"One row per {', '.join(name.removesuffix('_id').replace('_', ' ') for name in chosen)}.",
        typed,
        chosen,
        tuple(reads),
        {name: known[name] for name in typed if name in known},
    )


def files(made: Draft) -> dict[PurePosixPath, str]:
    """The three files by their place in the repository."""
    return {
        made.table.contract_file: "\n".join(_contract(made)) + "\n",
        made.table.sql_file: "\n".join(_select(made)) + "\n",
        made.table.case_file: "\n".join(_case(made)) + "\n",
    }


def write(root: Path, made: Draft) -> list[Path]:
    """Write the files; returns their places. Raises FileExistsError, before anything is written, where one stands."""
    texts = {root / place: text for place, text in files(made).items()}
    for path in texts:
        if path.exists():
            raise FileExistsError(f"{path} is there already; nothing was written")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as handle:
            handle.write(text)
    return list(texts)


def unfilled(root: Path, tables: Iterable[TableId]) -> Iterator[str]:
    """`file:line` of each place in contracts, SQL and cases that still waits to be written."""
    for table in sorted(tables):
        for place in (table.contract_file, table.sql_file, table.case_file):
            if not (root / place).is_file():
                continue
            for number, line in enumerate((root / place).read_text(encoding="utf-8").splitlines(), start=1):
                _, mark, rest = line.partition(MARK)
                if mark:
                    told = rest.strip().rstrip('"')
                    yield f"{place}:{number}: still to be written: {told}"


def _text(value: str) -> str:
    """A text as YAML reads it: as it stands where that is safe."""
    plain = value and value[0].isalpha() and ": " not in value and " #" not in value and not value.endswith(":")
    return value if plain else json.dumps(value, ensure_ascii=False)


def _contract(made: Draft) -> Iterator[str]:
    yield "apiVersion: v3.2.0"
    yield "kind: DataContract"
    yield f"id: {made.table}"
    yield f"name: {_text(made.title)}"
    yield "version: 1.0.0"
    yield "status: active"
    yield f"domain: {_text(made.domain)}"
    yield "description:"
    yield f"  purpose: {_text(made.purpose)}"
    yield "schema:"
    yield f"  - name: {made.table.name}"
    yield "    physicalType: table"
    yield f"    description: {_text(f'{MARK} what a row tells.')}"
    yield f"    dataGranularityDescription: {_text(made.grain)}"
    yield "    customProperties:"
    yield "      - {property: load, value: {strategy: replace, window: all}}"
    yield "    properties:"
    for name, type_ in made.columns.items():
        yield f"      - name: {name}"
        yield f"        physicalType: {type_}"
        yield f"        logicalType: {type_.logical}"
        if name in made.key:
            yield "        primaryKey: true"
            yield f"        primaryKeyPosition: {made.key.index(name) + 1}"
            yield "        required: true"
        _, column = made.known.get(name, (None, None))
        yield f"        description: {_text((column and column.description) or f'{MARK} what it means.')}"
        if column and column.classification:
            yield f"        classification: {column.classification}"
        if column and column.mask:
            yield "        customProperties:"
            yield f"          - {{property: mask, value: {column.mask}}}"


def _select(made: Draft) -> Iterator[str]:
    first = made.reads[0] if made.reads else None
    yield f"-- {made.grain}"
    for other in made.reads[1:]:
        yield f"-- {MARK} join {other}."
    yield "SELECT"
    last = list(made.columns)[-1]
    for name, type_ in made.columns.items():
        comma = "" if name == last else ","
        if name in made.known and made.known[name][0] == first:
            yield f"    {name}{comma}"
        else:
            yield f"    CAST(NULL AS {str(type_).upper()}) AS {name}{comma} -- {MARK} how it is made."
    yield f"FROM {first}" if first else f"FROM core.dim_date -- {MARK} what it is made of."


def _case(made: Draft) -> Iterator[str]:
    first = made.reads[0] if made.reads else TableId("core", "dim_date")
    mine = {n: t for n, t in made.columns.items() if n in made.known and made.known[n][0] == first}
    row = ", ".join(f"{name}: {_sample(type_)}" for name, type_ in mine.items())
    result = ", ".join(f"{n}: {_sample(t) if n in mine else 'null'}" for n, t in made.columns.items())
    yield f"# {MARK} rows that show what is easy to get wrong, and what they should give."
    yield f"- name: {_text(made.grain.rstrip('.'))}"
    yield "  given:"
    yield f"    {first}:"
    yield f"      - {{{row}}}"
    yield "  expect:"
    yield f"    - {{{result}}}"


def _sample(type_: ColumnType) -> str:
    return _SAMPLES.get(type_.kind, "1")
