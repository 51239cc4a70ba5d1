"""The landing check: what it says of a file is what the daily run does with it, and it needs little to run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Dw, words
from hand_made import contract, raw_things
from small_shop import Shop, query

from contracts.model import Contract
from contracts.registry import REPOSITORY, Registry
from tasks.landing import check_file, contract_of

HEAVY = ("great_expectations", "prefect", "duckdb")


def the_file(folder: Path, content: str | bytes, name: str = "things.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def things(folder: Path) -> Contract:
    return raw_things(
        folder,
        {"name": "id", "required": True},
        {"name": "price", "logicalType": "number", "logicalTypeOptions": {"minimum": 0}},
        {"name": "email", "mask": "email", "logicalTypeOptions": {"pattern": "@"}},
    )


def test_a_good_file_is_accepted(tmp_path: Path) -> None:
    found = check_file(the_file(tmp_path, "id,price,email\na,1.50,\nb,,x@shop.example\n"), things(tmp_path))
    assert (found.verdict, found.rows, found.aside, found.malformed, found.reason) == ("accept", 2, 0, (), "")
    assert all(rule["success"] for rule in found.to_dict()["rules"])


def test_rows_that_break_a_rule_are_counted_once_and_shown_masked(tmp_path: Path) -> None:
    text = "id,price,email\na,-1,ann.lee@shop.example\n,dear,nobody here\nc,1\nd,2,x@y.example\n"
    found = check_file(the_file(tmp_path, text), things(tmp_path))
    assert (found.verdict, found.rows, found.aside) == ("accept with quarantine", 3, 2)
    assert found.malformed == ((4, "2 fields where the header has 3"),)
    rules = {rule["id"].removeprefix("raw.things."): rule for rule in found.to_dict()["rules"]}
    assert {name: (rule["evaluated"], rule["failed"]) for name, rule in rules.items() if not rule["success"]} == {
        "id.not_null": (3, 1),
        "price.parses_as": (3, 1),
        "price.between": (2, 1),
        "email.matches": (3, 1),
    }
    assert rules["price.parses_as"]["samples"] == ["dear"]
    assert rules["email.matches"]["samples"] == ["***re"]
    assert "nobody" not in json.dumps(found.to_dict())


def test_a_broken_blocking_rule_rejects_the_file_with_the_gates_words(tmp_path: Path) -> None:
    quality = [{"id": "volume", "metric": "rowCount", "mustBeGreaterThan": 5, "dimension": "coverage"}]
    delivery = {"file": "things.csv", "format": "csv"}
    raw = contract(tmp_path, "raw.things", ["id"], delivery=delivery, quality=quality)
    found = check_file(the_file(tmp_path, "id\na\n"), raw)
    assert found.verdict == "reject"
    assert "raw.things is blocked" in found.reason
    assert "raw.things.volume, contracts/raw/things.yaml:" in found.reason


def test_a_file_that_cannot_be_read_is_rejected_with_the_reason(tmp_path: Path) -> None:
    found = check_file(the_file(tmp_path, "id,email\na,b\n"), things(tmp_path))
    assert (found.verdict, found.gate) == ("reject", None)
    assert "column 'price' is missing" in found.reason


def test_a_rule_about_other_tables_is_named_as_not_checked(tmp_path: Path) -> None:
    known = {"name": "id", "relationships": [{"type": "foreignKey", "to": "clean.known.id"}]}
    found = check_file(the_file(tmp_path, "id\na\n"), raw_things(tmp_path, known))
    assert found.unchecked == ("raw.things.id.foreign_key",)
    assert found.verdict == "accept"


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = the_file(tmp_path, "id,price,email\na,1,\n")
    before = sorted(tmp_path.iterdir())
    check_file(path, things(tmp_path / "contract"))
    assert list(scratch.iterdir()) == []
    assert sorted(p for p in tmp_path.iterdir() if p.name != "contract") == before


@pytest.mark.parametrize(
    ("name", "table"),
    [("orders.csv.gz", "orders"), ("orders.2.csv.gz", "orders"), ("orders.csv", None), ("xorders.csv.gz", None)],
)
def test_the_contract_is_found_by_the_files_name(name: str, table: str | None) -> None:
    found = contract_of(name, Registry.read(REPOSITORY).layer("raw"))
    assert (found.table.name if found else None) == table


def test_the_daily_run_sets_aside_what_the_landing_check_foretells(shop: Shop) -> None:
    """Per raw rule, over a generated delivery with planted defects; clean rules then set aside more."""
    registry, foretold = Registry.read(REPOSITORY), {}
    for path in sorted((shop.delivery.root / shop.last_day.isoformat()).iterdir()):
        raw = contract_of(path.name, registry.layer("raw"))
        assert raw is not None
        found = check_file(path, raw)
        assert found.verdict != "reject", found.reason
        rules = {r.rule.id: r.failed for r in found.gate.results if r.failed} if found.gate else {}
        foretold |= rules | ({f"{raw.table}.malformed": len(found.malformed)} if found.malformed else {})
    sql = (
        "SELECT q.rule_id, SUM(q.row_count) AS n FROM audit.quarantine AS q "
        "JOIN audit.load_ledger AS l ON l.batch_id = q.batch_id "
        f"WHERE l.delivery_date = DATE '{shop.last_day}' AND q.rule_id LIKE 'raw.%' GROUP BY q.rule_id"
    )
    assert foretold
    assert foretold == dict(query(shop.home, sql).iter_rows())


def test_it_runs_without_great_expectations_prefect_and_duckdb(tmp_path: Path) -> None:
    things(tmp_path)
    path = the_file(tmp_path, "id,price,email\na,x,\n")
    program = f"""
import sys
from pathlib import Path

class Missing:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"no {{name}} here")

sys.meta_path.insert(0, Missing())
from contracts.reader import read_contract
from flows import validate_command
from tasks.landing import check_file

raw = read_contract(Path("contracts/raw/things.yaml"), validate=False)
print(check_file(Path({path.name!r}), raw).verdict)
validate_command.validate([Path({path.name!r})], None, as_json=True)
print([name for name in {HEAVY!r} if name in sys.modules])
import duckdb
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"DW_REPOSITORY": str(tmp_path), "DW_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    # The last line of the program is what the others must not do.
    assert done.stderr.splitlines()[-1:] == ["ModuleNotFoundError: no duckdb here"], done.stderr
    first, *document, last = done.stdout.splitlines()
    assert (first, last) == ("accept with quarantine", "[]")
    assert [v["verdict"] for v in json.loads("\n".join(document))] == ["accept with quarantine"]


# dw validate


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    things(tmp_path)
    monkeypatch.setenv("DW_REPOSITORY", str(tmp_path))
    monkeypatch.setenv("DW_HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_exit_code_tells_what_would_become_of_all_files(dw: Dw, repository: Path) -> None:
    good = the_file(repository, "id,price,email\na,1,\n")
    worse = the_file(repository, "id,price,email\n,1,\n", "things.2.csv")
    bad = the_file(repository, "id\n", "things.3.csv")
    said = dw("validate", str(good))
    assert (said.code, said.err) == (0, "")
    assert "things.csv against raw.things 1.0.0: accept" in said.out
    said = dw("validate", str(good), str(worse), str(bad))
    assert (said.code, said.err) == (1, "")
    assert "things.2.csv against raw.things 1.0.0: accept with quarantine" in said.out
    assert "raw.things.id.not_null" in words(said.out)
    assert "things.3.csv against raw.things 1.0.0: reject" in said.out
    assert not (repository / "home").exists()


def test_verdicts_as_json(dw: Dw, repository: Path) -> None:
    said = dw("validate", "--json", str(the_file(repository, "id,price,email\na,x,[b]\n")))
    (verdict,) = json.loads(said.out)
    assert said.code == 1
    assert (verdict["table"], verdict["verdict"]) == ("raw.things", "accept with quarantine")
    assert (verdict["rows"], verdict["rows_quarantined"]) == (1, 1)


def test_a_table_can_be_named(dw: Dw, repository: Path) -> None:
    path = the_file(repository, "id,price,email\na,1,\n", "from the supplier.txt")
    assert dw("validate", "--table", "raw.things", str(path)).code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["things.xlsx"], "no contract expects a file things.xlsx"),
        (["--table", "raw.nothing", "things.xlsx"], "no table is called 'raw.nothing'; did you mean raw.things?"),
        (["gone.csv"], "does not exist"),
        ([], "Missing argument"),
    ],
)
def test_wrong_use_is_told_from_a_bad_file(dw: Dw, repository: Path, arguments: list[str], told: str) -> None:
    the_file(repository, "x", "things.xlsx")
    paths = [a if a.startswith("-") or "." not in a or a.startswith("raw.") else str(repository / a) for a in arguments]
    said = dw("validate", *paths)
    assert said.code == 2
    assert told in words(said.err)
