"""Texts at every border read on the stand-in as they read on Polars: the same SQL that DuckDB is held to."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import redshift_connector

from redshift_standin import Standin

sys.path.insert(0, str(Path(__file__).parents[1] / "expectations"))

from nasty_texts import texts_of
from test_parsing_sql import CASES, IDS

from contracts.types import ColumnType
from expectations.parsing import parse
from expectations.parsing_sql import reads_sql, value_sql


@pytest.fixture(scope="module")
def session(running_standin: Standin) -> Iterator[redshift_connector.Connection]:
    running_standin.reset()
    settings = {name: getattr(running_standin, name) for name in ("host", "port", "user", "password", "database")}
    with redshift_connector.connect(**settings) as connection:
        connection.autocommit = True
        connection.run("CREATE TABLE given (place INTEGER, text_value VARCHAR(65535))")
        yield connection


@pytest.mark.parametrize(("logical", "formats", "type_"), CASES, ids=IDS)
def test_texts_at_every_border_read_alike(
    session: redshift_connector.Connection, logical: str, formats: tuple[str, ...], type_: str
) -> None:
    kind = ColumnType.parse(type_)
    # PostgreSQL's text holds no NUL, and its doubles refuse a number that is nearer to 0 than any of them.
    texts = [t for t in texts_of(logical) if "\0" not in t and not re.match(r"0[.]0{300}", t)]
    here = pl.DataFrame({"t": texts}).select(parse(pl.col("t"), logical, formats, kind)).to_series().to_list()
    escaped = ("'" + text.replace("\\", "\\\\").replace("'", "''") + "'" for text in texts)
    session.run("DELETE FROM given")
    session.run(f"INSERT INTO given VALUES {', '.join(f'({n}, {text})' for n, text in enumerate(escaped))}")
    ask = reads_sql("text_value", logical, formats, kind), value_sql("text_value", logical, formats, kind)
    there = session.run(f"SELECT {ask[0]} AS a, {ask[1]} AS b FROM given ORDER BY place")
    expected = [[value is not None, value] for value in here]
    assert [(t, e, f) for t, e, f in zip(texts, expected, there, strict=True) if e != list(f)] == []
