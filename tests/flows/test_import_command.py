"""`dw import` as it is typed: where the draft goes, what is said of it, and that `dw check` takes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Dw, words
from small_tree import Tree

from contracts.ids import LAYERS
from contracts.registry import Registry
from tasks.settings import Settings
from tasks.warehouse.duckdb import DuckDBWarehouse

CSV = "order_id,first_name,amount\n" + "".join(f"{n},Asha{n},{n}.50\n" for n in range(120))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one contract, and a delivered file beside it."""
    root = Tree().with_contract("clean.things", "id varchar(8) key").write(tmp_path / "shop")
    for layer in LAYERS:
        (root / "sql" / layer).mkdir(parents=True, exist_ok=True)
    (tmp_path / "orders.csv").write_text(CSV, encoding="utf-8")
    monkeypatch.setenv("DW_REPOSITORY", str(root))
    monkeypatch.chdir(tmp_path)
    return root


def test_a_file_becomes_a_raw_contract_that_dw_check_takes(dw: Dw, root: Path) -> None:
    said = dw("import", "--from", "orders.csv")
    assert (said.code, said.err) == (0, "")
    path = root / "contracts/raw/orders.yaml"
    assert f"written: {path}" in said.out
    assert "taken for personal data: first_name" in said.out
    assert "passes the data keep all" in words(said.out)
    assert "Asha" not in path.read_text(encoding="utf-8") + said.out
    assert str(Registry.read(root, validate=True).layer("raw")[0].table) == "raw.orders"
    assert dw("check", "--write").code == 0
    said = dw("validate", "orders.csv")
    assert (said.code, "accept" in said.out) == (0, True)


def test_nothing_is_written_over(dw: Dw, root: Path) -> None:
    first = dw("import", "--from", "orders.csv")
    path = root / "contracts/raw/orders.yaml"
    path.write_text("mine", encoding="utf-8")
    again = dw("import", "--from", "orders.csv")
    assert (first.code, again.code) == (0, 1)
    assert "contracts/raw/orders.yaml is there already and was left as it is" in again.err
    assert path.read_text(encoding="utf-8") == "mine"


def test_data_that_break_the_draft_end_with_1(dw: Dw, root: Path) -> None:
    Path("orders.csv").write_text(CSV + "121,Asha\n", encoding="utf-8")
    said = dw("import", "--from", "orders.csv", "--to", "raw.orders")
    assert said.code == 1
    assert "1 record cannot be read" in said.out
    assert (root / "contracts/raw/orders.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "nothing.csv.gz"], "is no file, and no <schema>.<table>"),
        (["--from", "orders.csv", "--to", "gold.orders"], "unknown layer 'gold'"),
        (["--from", "public.orders"], "lies in no layer of ours: --to says which table it becomes"),
        (["--from", "public.orders", "--to", "raw.orders"], "a raw table is a delivered file"),
        (["--from", "public.orders", "--to", "core.orders"], "there is no warehouse at"),
    ],
)
def test_wrong_uses(dw: Dw, root: Path, arguments: list[str], message: str) -> None:
    said = dw("import", *arguments)
    assert said.code != 0
    assert message in words(said.err)
    assert "Traceback" not in said.err


def test_a_table_of_the_warehouse(dw: Dw, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(root.parent / "home"))
    with DuckDBWarehouse(Settings().warehouse_file) as warehouse:
        warehouse.execute("CREATE SCHEMA core")
        warehouse.execute("CREATE TABLE core.fact (fact_id BIGINT NOT NULL, net_amount DECIMAL(18, 2))")
        warehouse.execute("INSERT INTO core.fact (fact_id, net_amount) SELECT 1 AS fact_id, 2.5 AS net_amount")
    said = dw("import", "--from", "core.fact")
    assert (said.code, said.err) == (0, "")
    contract = Registry.read(root).layer("core")[0]
    assert [(c.name, str(c.type), c.required) for c in contract.columns] == [
        ("fact_id", "bigint", True),
        ("net_amount", "decimal(18,2)", True),
    ]
    assert "not held against it: the declared columns and types" in said.out
