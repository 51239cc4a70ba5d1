"""The comparison with other tools: their projects hold every table and check, and make the rows that we make."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import peer_projects
import peers
import pytest
import yaml
from processes import Cost
from rich.console import Console
from small_shop import Shop, read_repository

from contracts.ids import TableId
from expectations.rules import rules_of
from tasks.warehouse.duckdb import DuckDBWarehouse

SCRIPTS = str(Path(peers.__file__).parent / "peers")
_REFERENCE = re.compile(r"\{\{ ref\('(\w+)'\) \}\}")
Project = dict[str, str]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contenders' scripts can be imported, as where they run."""
    monkeypatch.setattr(sys, "path", [*sys.path, SCRIPTS])


@pytest.fixture(scope="module")
def clean(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's clean tables as files."""
    folder, (registry, _) = tmp_path_factory.mktemp("clean"), read_repository()
    with DuckDBWarehouse(shop.home / "warehouse.duckdb", read_only=True) as source:
        for contract in registry.layer("clean"):
            select = f"SELECT {', '.join(contract.names)} FROM {contract.table}"
            source.export(select, str(folder / contract.table.name))
    return folder


def _dbt(clean: Path) -> Project:
    return peer_projects.dbt_project(*read_repository(), clean, Path("warehouse.duckdb"), 2)


def _sqlmesh(clean: Path) -> Project:
    return peer_projects.sqlmesh_project(*read_repository(), clean, Path("warehouse.duckdb"))


def _dbt_select(text: str) -> str:
    """What dbt makes of a model: its references as names."""
    (configured, *select) = text.splitlines()
    assert configured.startswith("{{ config(")
    layers = {table.name: table.layer for table in _tables()}
    return _REFERENCE.sub(lambda found: f"{layers[found[1]]}.{found[1]}", "\n".join(select))


def _sqlmesh_select(text: str) -> str:
    head, _, select = text.partition("\n);\n\n")
    assert head.startswith("MODEL (")
    return select


def _tables() -> list[TableId]:
    return peer_projects.tables_of(*read_repository())


def _shop_rows(shop: Shop) -> dict[str, str]:
    import rows

    with DuckDBWarehouse(shop.home / "warehouse.duckdb", read_only=True) as ours:
        return rows.built(ours, read_repository()[0])


def test_every_table_is_compared_but_the_marts_of_the_audit() -> None:
    registry, _ = read_repository()
    made = {contract.table for contract in registry.values() if contract.table.layer not in ("raw", "audit")}
    assert made - set(_tables()) == peer_projects.LEFT_OUT
    assert len({table.name for table in _tables()}) == len(_tables()), "dbt knows models by name alone"


@pytest.mark.parametrize(("project", "select"), [(_dbt, _dbt_select), (_sqlmesh, _sqlmesh_select)])
@pytest.mark.usefixtures("scripts")
def test_the_models_make_the_rows_that_our_increments_have_made(
    project: Callable[[Path], Project], select: Callable[[str], str], shop: Shop, clean: Path
) -> None:
    import rows

    files = project(clean)
    with DuckDBWarehouse(None) as engine:
        for layer in ("clean", "curated", "core", "mart"):
            engine.native(f"CREATE SCHEMA {layer}")
        for table in _tables():
            text = select(files[f"models/{table.layer}/{table.name}.sql"])
            assert "{{" not in text
            engine.native(f"CREATE TABLE {table} AS {text}")
        made = rows.built(engine, read_repository()[0])
    assert made == _shop_rows(shop)


@pytest.mark.usefixtures("scripts")
def test_our_contender_makes_the_same_rows_of_the_clean_files(shop: Shop, clean: Path, tmp_path: Path) -> None:
    import rows
    import warehouse

    assert warehouse.main("build", clean, tmp_path / "home") == 0
    with DuckDBWarehouse(tmp_path / "home" / "warehouse.duckdb", read_only=True) as ours:
        assert rows.built(ours, read_repository()[0]) == _shop_rows(shop)


@pytest.mark.usefixtures("scripts")
def test_another_row_is_another_sum(shop: Shop, tmp_path: Path) -> None:
    import rows

    home = shop.copy(shop.home, tmp_path / "home")
    with DuckDBWarehouse(home / "warehouse.duckdb") as changed:
        changed.native(
            "UPDATE mart.finance_daily_revenue SET net_amount = net_amount + 0.01 "
            "WHERE rowid = (SELECT MIN(rowid) FROM mart.finance_daily_revenue)"
        )
        found = rows.built(changed, read_repository()[0])
    before = _shop_rows(shop)
    assert [table for table in before if found[table] != before[table]] == ["mart.finance_daily_revenue"]


@pytest.mark.usefixtures("scripts")
def test_rows_read_are_those_delivered_without_broken_records(shop: Shop) -> None:
    import rows

    with DuckDBWarehouse(shop.home / "warehouse.duckdb", read_only=True) as ours:
        read = rows.read(ours, read_repository()[0])
    delivered: dict[str, int] = {}
    for (_, name), count in shop.delivery.rows.items():
        delivered[f"raw.{name}"] = delivered.get(f"raw.{name}", 0) + count
    counts = {table: int(said.split()[0]) for table, said in read.items()}
    assert counts.keys() == delivered.keys()
    assert 0 < sum(delivered.values()) - sum(counts.values()) < 10
    assert all(counts[table] <= count for table, count in delivered.items())


def test_dbt_has_a_test_for_each_rule_and_warns_where_we_do_not_block() -> None:
    files, (registry, _) = _dbt(Path("clean")), read_repository()
    for table in _tables():
        (model,) = yaml.safe_load(files[f"models/{table.layer}/{table.name}.yml"])["models"]
        tests = [*model["data_tests"], *(test for column in model["columns"] for test in column["data_tests"])]
        rules = peer_projects.checked(registry[table])
        assert len(tests) == len(rules)
        warns = sum(body.get("config") == {"severity": "warn"} for test in tests for body in test.values())
        assert warns == sum(rule.verdict != "block" for rule in rules)


def test_sqlmesh_has_an_audit_for_each_rule_and_runs_it_after_what_it_looks_at() -> None:
    files, (registry, graph) = _sqlmesh(Path("clean")), read_repository()
    after = {table: set(graph.upstream(table)) for table in _tables()}
    for table in _tables():
        head = files[f"models/{table.layer}/{table.name}.sql"].partition("\n);\n\n")[0]
        audits = head.partition("audits (\n")[2].partition("\n  )")[0].split(",\n")
        rules = peer_projects.checked(registry[table])
        assert len(audits) == len(rules)
        named = re.search(r"depends_on \((.*)\)", head)
        stated = set(named[1].split(", ")) if named else set()
        assert stated == {rule.args["table"] for rule in rules if rule.kind == "foreign_key"}
        after[table] |= {TableId.parse(name) for name in stated}
        for rule in rules:
            if rule.kind == "foreign_key":
                audit = files[f"audits/{rule.id.replace('.', '__')}.sql"]
                assert ("blocking false" in audit) == (rule.verdict != "block")
    TopologicalSorter(after).prepare()  # raises where two tables wait for each other


def test_the_checks_that_both_get_are_those_of_these_four_kinds() -> None:
    registry, _ = read_repository()
    kinds = {rule.kind for table in _tables() for rule in peer_projects.checked(registry[table])}
    assert kinds == {"not_null", "unique", "in_set", "foreign_key"}
    written = sum(len(rules_of(registry[table])) for table in _tables())
    assert sum(len(peer_projects.checked(registry[table])) for table in _tables()) < written


def test_the_session_of_the_tools_means_what_ours_means() -> None:
    assert peer_projects.settings()["preserve_insertion_order"] == "false"
    assert peer_projects.settings()["default_null_order"] == "nulls_last"
    assert [text.split("(")[0] for text in peer_projects.macros()] == [
        "CREATE OR REPLACE MACRO rounded_quotient",
        "CREATE OR REPLACE MACRO floored_quotient",
    ]


def _costs() -> dict[str, list[Cost]]:
    return {
        peers.OURS: [Cost(2.0, 4.0, 100.0)],
        "dlt": [Cost(1.0, 1.0, 10.0), Cost(9.0, 9.0, 90.0), Cost(3.0, 2.0, 50.0)],
    }


def test_figures_are_medians_and_their_ratio_to_ours() -> None:
    ours, theirs = peers.figures("load", _costs())
    assert (ours["ratio_cpu"], ours["ratio_wall"]) == (1, 1)
    assert theirs == {
        "bench": "load",
        "contender": "dlt",
        "cpu_s": 3.0,
        "wall_s": 2.0,
        "peak_mb": 50,
        "ratio_cpu": 1.5,
        "ratio_wall": 0.5,
    }


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        ({"core.a": "1 rows"}, []),
        ({"core.a": "2 rows"}, ["core.a: dlt has 2 rows, warehouse has 1 rows"]),
        ({}, ["core.a: dlt has no such table, warehouse has 1 rows"]),
    ],
)
def test_tables_that_differ_are_named(theirs: dict[str, str], told: list[str]) -> None:
    assert peers.disagreements({peers.OURS: {"core.a": "1 rows"}, "dlt": theirs}) == told


def _stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: Callable[[Path], dict[str, str]]) -> None:
    monkeypatch.setattr(peers, "prepared", lambda folder, *_: peers.Data(tmp_path, tmp_path, tmp_path, 7))
    monkeypatch.setattr(peers, "measured", lambda *_, **__: Cost(1.0, 1.0, 1.0))
    monkeypatch.setattr(peers, "rows_of", lambda bench, database: made(database))

    def command(data: Any, work: Path) -> list[str]:
        work.mkdir()
        return []

    contenders = tuple(peers.Contender(name, command, {}) for name in (peers.OURS, "other"))
    monkeypatch.setattr(peers, "BENCHES", {"build": contenders})


def test_the_command_writes_the_figures_of_contenders_that_agree(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _stand_in(monkeypatch, tmp_path, lambda _: {"core.a": "1 rows"})
    assert peers.main(["--json", str(tmp_path / "figures.json"), "--rounds", "2"]) == 0
    found = yaml.safe_load((tmp_path / "figures.json").read_text())
    assert [row["contender"] for row in found] == [peers.OURS, "other"]
    assert "2 rounds" in capsys.readouterr().out


def test_the_command_ends_with_1_where_contenders_made_other_tables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _stand_in(monkeypatch, tmp_path, lambda database: {"core.a": f"{database.parent.name} rows"})
    assert peers.main(["--json", str(tmp_path / "figures.json")]) == 1
    assert not (tmp_path / "figures.json").exists()
    assert "core.a: other has other rows" in capsys.readouterr().out


def test_contenders_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    turns: list[str] = []
    _stand_in(monkeypatch, tmp_path, lambda database: turns.append(database.parent.name) or {})  # type: ignore[func-returns-value]
    costs = peers.run("build", peers.Data(tmp_path, tmp_path, tmp_path, 7), 2, Console(quiet=True))
    assert turns == [peers.OURS, "other"] * 2
    assert [len(each) for each in costs.values()] == [2, 2]
