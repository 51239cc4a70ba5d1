"""Runs the pipeline in child processes that die, or stop, at an event that the caller names by its number.

An event is whatever changes a home folder: a step, a statement sent to the warehouse, a file opened, renamed or
removed. What is slow to load is loaded once, before the first child is forked; no thread may have been started by then,
so this process itself reads no table. Requests come in on standard input, one JSON object a line; answers go out.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from small_shop import load_day, open_home

import expectations.compiler
import expectations.gate
import tasks.warehouse.duckdb
from contracts.ids import TableId
from expectations.gate import Gate
from sql.dialect import to_duckdb
from tasks.backfill import backfill, plan
from tasks.docs import publish
from tasks.status import status
from tasks.workspace import Workspace

Event = Callable[[str, str], None]


def main(asked: Path) -> None:
    asked.touch()
    with asked.open("rb") as learnt:
        for line in sys.stdin:
            request = json.loads(line)
            if pid := request.get("resume"):
                os.kill(pid, signal.SIGCONT)
            else:
                pid = _child(request, asked)
            _, status = os.waitpid(pid, os.WUNTRACED)
            code = None if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)
            sys.stdout.write(json.dumps({"pid": pid, "code": code}) + "\n")
            sys.stdout.flush()
            _warm(learnt.read())


def _child(request: dict[str, Any], asked: Path) -> int:
    started = [name for task in Path("/proc/self/task").iterdir() if (name := (task / "comm").read_text().strip())]
    if pool := [name for name in started if re.fullmatch(r"polars-\d+", name)]:
        # A child would wait for ever for threads that it does not have.
        raise RuntimeError(f"Polars ran in the process that forks: {', '.join(pool)}; see _warm")
    if pid := os.fork():
        return pid
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    code = 1
    try:
        _record(os.open(asked, os.O_WRONLY | os.O_APPEND), request["repository"])
        event = _counted(log, request)
        _run(Path(request["home"]), Path(request["repository"]), event, request.get("parallel"))
        code = 0
    except BaseException:
        os.write(log, f"error\t{json.dumps(traceback.format_exc())}\n".encode())
    finally:
        os._exit(code)


def _run(home: Path, repository: Path, event: Event, parallel: int | None) -> None:
    """What `dw run` does, or `dw backfill` of all days where `parallel` is given, without Prefect."""
    _watch_files(home, event)
    _watch_warehouse(event)
    space = open_home(home, repository)
    space.on_step = lambda step, what: event("step", f"{step} {what}")
    space.gate.directory = home / "gx"
    try:
        failures = _backfill(space, parallel) if parallel else _day_by_day(space)
        event("step", "site")
        publish(space)
    finally:
        space.close()
    event("end", "")
    if failures:
        raise RuntimeError("\n".join(failures))


def _day_by_day(space: Workspace) -> list[str]:
    return [failure for day in space.deliveries.days() for failure in load_day(space, day).failures]


def _backfill(space: Workspace, parallel: int) -> list[str]:
    space.begin()
    inbox, days = space.deliveries, space.deliveries.days()
    known = status(inbox, space.warehouse, space.registry, space.graph)
    return backfill(space, plan(inbox, known, days[0], days[-1]), None, parallel).failures


def _counted(log: int, request: dict[str, Any]) -> Event:
    """Write each event down; at the one asked for, give this process the signal, at once or after `delay` seconds."""
    pid, number = os.getpid(), 0
    wanted = tuple(request["at"]) if request.get("at") else None

    def event(kind: str, what: str) -> None:
        nonlocal number
        what = " ".join(what.split())[:100]
        os.write(log, f"{kind}\t{what}\n".encode())
        number += wanted in (None, (kind, what))
        if number == request.get("number") and wanted in (None, (kind, what)):
            if delay := request.get("delay"):
                threading.Timer(delay, os.kill, (pid, request["signal"])).start()
            else:
                os.kill(pid, request["signal"])

    return event


_FILES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.copyfile", "shutil.rmtree"}


def _watch_files(home: Path, event: Event) -> None:
    """What Python itself does to files of the home; engines write theirs unseen, hence the delays."""
    prefix = str(home)

    def hook(name: str, args: tuple[Any, ...]) -> None:
        if name in _FILES and str(args[0]).startswith(prefix):
            event(name.removeprefix("os."), str(args[0])[len(prefix) :])

    sys.addaudithook(hook)
    sink = pl.LazyFrame.sink_parquet

    def watched(self: pl.LazyFrame, path: Any, **options: Any) -> Any:
        event("sink", str(path).removeprefix(prefix))
        return sink(self, path, **options)

    pl.LazyFrame.sink_parquet = watched  # type: ignore[method-assign]


class _Watched:
    """A connection that tells of each statement before it is sent, and of each commit once it is done."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, event: Event) -> None:
        self._connection, self._event = connection, event

    def execute(self, text: str, *args: Any) -> Any:
        self._event("commit" if text in ("BEGIN", "COMMIT", "ROLLBACK") else "statement", text)
        result = self._connection.execute(text, *args)
        if text == "COMMIT":
            self._event("committed", "")
        return result

    def sql(self, text: str, **options: Any) -> Any:
        self._event("query", text)
        return self._connection.sql(text, **options)

    def close(self) -> None:
        self._event("close", "")
        self._connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _watch_warehouse(event: Event) -> None:
    connect = duckdb.connect
    duckdb.connect = lambda *args, **options: _Watched(connect(*args, **options), event)  # type: ignore[assignment]


# Two pure functions take most of a run's time, and the next child would ask them the same: what a child asks is written
# down, and asked again here once it has ended, so that all later children find the answers in the caches they inherit.


def _record(asked: int, repository: str) -> None:
    to_duckdb, suite = tasks.warehouse.duckdb.to_duckdb, Gate._suite

    def transpiled(statement: Any, **options: Any) -> str:
        if isinstance(statement, str):
            os.write(asked, f"{json.dumps([statement])}\n".encode())
        return to_duckdb(statement, **options)

    def prepared(self: Gate, contract: Any, rules: Any, engine: type) -> Any:
        wanted = list(rules)
        question = [repository, str(contract.table), [rule.id for rule in wanted], engine.__name__]
        os.write(asked, f"{json.dumps(question)}\n".encode())
        return suite(self, contract, wanted, engine)

    tasks.warehouse.duckdb.to_duckdb = transpiled
    Gate._suite = prepared  # type: ignore[method-assign, assignment]


def _warm(asked: bytes) -> None:
    for line in dict.fromkeys(asked.splitlines()):
        match json.loads(line):
            case [statement]:
                to_duckdb(statement)
            case [repository, table, ids, engine]:
                gate = open_home(Path(), Path(repository)).gate
                contract = gate.registry[TableId.parse(table)]
                rules = {rule.id: rule for rule in gate._rules_of(contract)}
                # Polars tried the patterns in the child that asked.
                expectations.compiler.readable_pattern = str
                gate._suite(contract, [rules[i] for i in ids], getattr(expectations.gate, engine))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
