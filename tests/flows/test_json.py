"""`--json`: one document on standard output and nothing else, with the keys that docs/command-line.md tells."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from command_line import Dw, Said
from small_shop import Shop
from typer.main import get_command

from contracts.registry import REPOSITORY
from flows import alert_commands, operate_commands, run_command
from flows.cli import app
from flows.run_command import Ended
from flows.screen import console
from tasks.alerts import Alert, Told
from tasks.report import Failure, RunReport
from tasks.settings import Settings

_ROW = re.compile(r"^\| `dw ([\w ]+)` \| (object|one [\w ]+) \| (.*) \|$", re.MULTILINE)
DOCUMENTED = {
    command: (what, set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", keys))))
    for command, what, keys in _ROW.findall((REPOSITORY / "docs/command-line.md").read_text(encoding="utf-8"))
}
FIRST, LAST = "2026-01-05", "2026-01-06"
# What follows the command; those that change the warehouse work on a copy of it.
ARGUMENTS = {
    "explain": "core.fact_sales",
    "lineage": "core.fact_sales",
    "impact": "core.fact_sales",
    "diff": "{repository} {repository}",
    "validate": "{file}",
    "backfill": f"--from {FIRST} --to {LAST}",
    "rebuild": "core.dim_channel",
    "quarantine show": "--limit 3",
}
CHANGING = {"rebuild", "redrive", "maintain", "migrate"}


def with_json(command: Any, path: str = "") -> Iterator[str]:
    """Every command that has the option."""
    for name, inner in getattr(command, "commands", {}).items():
        if any("--json" in parameter.opts for parameter in inner.params):
            yield f"{path}{name}"
        yield from with_json(inner, f"{path}{name} ")


@pytest.fixture(scope="module")
def changed(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that tests may change."""
    return shop.copy(shop.home, tmp_path_factory.mktemp("json") / "home")


@pytest.fixture
def ask(
    dw: Dw, shop: Shop, changed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], Said]:
    """Run a command with --json. The flow of `run` and `backfill` is one that prints what metrics of aws mode would."""

    def flow(source: str, days: list[Any], work: object, builds: int | None = None) -> Ended:
        print('{"_aws": {}}')  # noqa: T201
        console.print("a line of somebody")
        report = RunReport(failures=[Failure("2026-01-05: stopped", "day-stopped", table="raw.orders")])
        for each in shop.reports:
            report.merge(each)
        return Ended(report, Settings(), tuple(days), "index.html", 1.5)

    monkeypatch.setattr(run_command, "run_flow", flow)
    monkeypatch.setattr(operate_commands, "run_flow", flow)
    alert = Alert("warning", "test", "a text", "local", "shop")
    monkeypatch.setattr(alert_commands, "told", lambda settings: [Told(alert, datetime(2026, 1, 5), 2, None)])

    def run(command: str) -> Said:
        home = changed if command in CHANGING else shop.after_one_day if command == "backfill" else shop.home
        monkeypatch.setenv("DW_HOME", str(home))
        file = next(iter(shop.delivery.files.values()))
        said = ARGUMENTS.get(command, "").format(repository=REPOSITORY, file=file)
        return dw(*command.split(), *shlex.split(said), "--json")

    return run


@pytest.mark.parametrize("command", DOCUMENTED)
def test_standard_output_holds_one_document_with_the_keys_that_are_told(
    ask: Callable[[str], Said], command: str
) -> None:
    said = ask(command)
    assert said.code in (0, 1, 3), said.err
    assert "Traceback" not in said.err
    body = json.loads(said.out)
    what, keys = DOCUMENTED[command]
    assert isinstance(body, dict if what == "object" else list)
    rows = [body] if isinstance(body, dict) else body
    assert rows
    for row in rows:
        assert row.keys() == keys
    if command in ("run", "backfill"):
        assert "a line of somebody" in said.err
        assert body.get("run", body).keys() == DOCUMENTED["run"][1]


def test_every_command_with_json_is_documented() -> None:
    assert set(with_json(get_command(app))) == DOCUMENTED.keys()


def test_the_account_of_a_run_has_the_figures_of_the_ledger(ask: Callable[[str], Said], shop: Shop) -> None:
    body = json.loads(ask("run").out)
    rows = {row["table"]: row for row in body["tables"]}
    assert rows.keys() == {f"raw.{table}" for _, table in shop.delivery.files}
    for row in rows.values():
        accounted = sum(row[name] for name in ("loaded", "duplicate", "quarantined", "excluded"))
        assert row["delivered"] == accounted, row
    assert (body["is_failed"], ask("run").code) == (True, 1)
    assert body["failures"][0]["table"] == "raw.orders"
    assert {score["of"] for score in body["scores"]} == {"delivered", "warehouse"}
