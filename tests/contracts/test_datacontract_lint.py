"""`datacontract lint`, as those run it who know the standard and not this house, accepts every contract of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry
from contracts.source import read_document
from contracts.writer import yaml_text
from tasks.draft.drafting import from_file
from tasks.odcs.exporting import exported

SCRIPT = Path(__file__).parent / "lint_with_datacontract.py"


def _lint(*files: Path) -> subprocess.CompletedProcess[str]:
    """datacontract-cli pins what we use newer, so it has an environment of its own, made by `make test`."""
    places = [str(Path(sys.prefix) / "odcs" / "bin"), os.environ["PATH"]]
    command = shutil.which("datacontract", path=os.pathsep.join(places))
    assert command, "datacontract-cli is not installed: `make .venv/ready-odcs`"
    python = Path(command).parent / "python"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    arguments = [str(python), str(SCRIPT), *map(str, files)]
    return subprocess.run(arguments, cwd=REPOSITORY, env=kept, text=True, capture_output=True, timeout=300, check=False)


def test_every_contract_passes() -> None:
    files = [REPOSITORY / contract.file for contract in Registry.read().values()]
    said = _lint(*files)
    assert (said.returncode, said.stdout) == (0, f"{len(files)} contracts, 0 faults\n"), said.stdout + said.stderr
    assert len(files) > 60


def test_what_is_exported_and_drafted_passes(tmp_path: Path) -> None:
    registry = Registry.read()
    files = []
    for table in ("raw.orders", "clean.customers", "core.fact_sales", "mart.executive_kpi_daily"):
        contract = registry[TableId.parse(table)]
        document = read_document(REPOSITORY / contract.file, name=contract.file)
        files.append(tmp_path / f"{table}.yaml")
        files[-1].write_text(yaml_text(exported(document, contract)), encoding="utf-8")
    data = tmp_path / "orders.csv"
    data.write_text("order_id,email,sold,amount\n" + "1,a@b.org,2026-01-05,1.50\n" * 200, encoding="utf-8")
    for layer in ("raw", "clean", "mart"):
        files.append(tmp_path / f"{layer}.yaml")
        files[-1].write_text(from_file(data, TableId(layer, "orders")).text, encoding="utf-8")
    said = _lint(*files)
    assert said.returncode == 0, said.stdout + said.stderr


def test_what_the_standard_does_not_know_is_told(tmp_path: Path) -> None:
    text = (REPOSITORY / "contracts/raw/orders.yaml").read_text(encoding="utf-8")
    file = tmp_path / "orders.yaml"
    for good, bad in (("version:", "verson:"), ("logicalType:", "logicalTpe:")):
        file.write_text(text.replace(good, bad), encoding="utf-8")
        said = _lint(file)
        assert said.returncode == 1, bad
        assert str(file) in said.stdout
