"""The package: what is in it, that Lambda would take and load it, and that it works where nothing else is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from lambda_runtime import BROUGHT, brought

from contracts.registry import REPOSITORY
from tasks import landing_package
from tasks.landing_package import MOST_BYTES, PYTHON, Package, PackageError, is_needed, our_files

GLIBC = (2, 34)  # of Amazon Linux 2023, on which Lambda's Python 3.12 and later run
HEAVY = ("prefect", "great_expectations", "duckdb", "numpy", "pandas", "sqlalchemy", "jsonschema", "pydantic_settings")
# Each handler is imported where only the package and what Lambda brings can be found; then a file is checked.
PROGRAM = """
import gzip, json, sys, tempfile
from importlib import import_module
from pathlib import Path

package, brought = sys.argv[1:]
sys.path[:0] = [package, brought]
for name in ("check", "start", "reject"):
    assert callable(import_module(f"tasks.landing_functions.{name}").handler)
from tasks.landing import check_file, contract_of
from tasks.landing_functions.check import raw_contracts

found = []
with tempfile.TemporaryDirectory() as folder:
    for name, content in json.load(sys.stdin).items():
        path = Path(folder) / name
        path.write_bytes(content.encode() if isinstance(content, str) else bytes(content))
        found.append(check_file(path, contract_of(name, raw_contracts())).to_dict())
for verdict in found:
    del verdict["file"]
mine = ("tasks", "contracts", "expectations", "polars", "pyarrow")
home = [m.__file__ for n, m in sys.modules.items() if n.partition(".")[0] in mine]
outside = [f for f in home if f and not f.startswith(package)]
print(json.dumps({"found": found, "modules": sorted({n.partition(".")[0] for n in sys.modules}), "outside": outside}))
"""


def clean(python: str, package: Path, beside: Path, files: dict[str, object]) -> dict[str, object]:
    """What a Python says that sees the package and what Lambda brings, and neither this environment nor a variable."""
    done = subprocess.run(
        [python, "-B", "-I", "-S", "-c", PROGRAM, str(package), str(beside)],
        input=json.dumps(files),
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout)
    return said


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return brought(tmp_path_factory.mktemp("brought") / "brought", BROUGHT)


@pytest.fixture(scope="module")
def for_lambda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package for Lambda's own Python, before it is packed."""
    folder = tmp_path_factory.mktemp("for_lambda") / "package"
    landing_package.assemble(folder)
    return folder


def every_format() -> dict[str, object]:
    """A file of each format, with every kind of dirt that a reader has a way of its own for."""
    import gzip
    import io

    import polars as pl

    parquet = io.BytesIO()
    pl.DataFrame({"order_id": ["O1", None], "quantity": ["2", "x"]}).write_parquet(parquet)
    lines = b'{"product_id": "P1", "list_price": "x"}\n{"product_id": \nnot json\n'
    rates = "rate_date,from_currency_code,to_currency_code,rate\n"
    return {
        "fx_rates.csv": rates
        + '2026-01-05,USD,INR,83.1\n2026-01-05,USD\n"2026-01-05","EUR","I\nNR",x\n2026-02-30,A,B,1\n',
        "fx_rates.2.csv": rates + '2026-01-05,"USD,INR,83.1\n',
        "products.jsonl": lines.decode(),
        "order_items.parquet": list(parquet.getvalue()),
        "orders.csv.gz": list(gzip.compress(b"order_id\n")),
        "postal_codes.csv": "\ufeffcountry_code\nIN\n",
    }


def test_it_says_in_a_clean_interpreter_what_it_says_here(package: Path, beside: Path, tmp_path: Path) -> None:
    from tasks.landing import check_file, contract_of
    from tasks.landing_functions.check import raw_contracts

    said = clean(sys.executable, package, beside, every_format())
    here = []
    for name, content in every_format().items():
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else bytes(content))  # type: ignore[call-overload]
        contract = contract_of(name, raw_contracts())
        assert contract is not None
        here.append(check_file(path, contract).to_dict() | {"file": None})
    assert [f | {"file": None} for f in said["found"]] == json.loads(json.dumps(here, default=str))  # type: ignore[attr-defined]
    assert {f["verdict"] for f in here} == {"accept with quarantine", "reject"}
    assert said["outside"] == []
    assert not set(HEAVY) & set(said["modules"])  # type: ignore[call-overload]


def test_lambdas_own_python_says_the_same(for_lambda: Path, package: Path, beside: Path) -> None:
    python = landing_package.interpreter_of(PYTHON)
    if python is None:
        pytest.skip(f"python{PYTHON} is not on the path")
    files = every_format()
    assert clean(python, for_lambda, beside, files)["found"] == clean(sys.executable, package, beside, files)["found"]


def test_lambda_would_take_it(built: Package, for_lambda: Path) -> None:
    unpacked = sum(path.stat().st_size for path in for_lambda.rglob("*") if path.is_file())
    assert unpacked < MOST_BYTES
    assert built.unpacked < MOST_BYTES
    with zipfile.ZipFile(built.path) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) == built.unpacked


def test_lambdas_system_has_what_its_libraries_are_linked_with(for_lambda: Path) -> None:
    """Python 3.11 would not do: its Amazon Linux 2 has glibc 2.26."""
    objects = sorted(str(path) for path in for_lambda.rglob("*.so*"))
    said = subprocess.run(["readelf", "--version-info", *objects], capture_output=True, text=True, check=True).stdout
    asked = {tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_(\d+(?:\.\d+)+)", said)}
    assert (2, 26) < max(asked) <= GLIBC
    assert {p.name.split(".")[1] for p in for_lambda.rglob("*.so") if ".cpython-" in p.name} == {
        f"cpython-{PYTHON.replace('.', '')}-x86_64-linux-gnu"
    }


def test_terraform_names_the_python_and_the_handlers_that_the_package_has() -> None:
    module = (REPOSITORY / "infra/terraform/modules/landing/functions.tf").read_text()
    assert re.findall(r'runtime\s*=\s*"(.+)"', module) == [f"python{PYTHON}"]
    assert re.findall(r'architectures\s*=\s*\["(.+)"\]', module) == [landing_package.PLATFORM.split("-")[0]]
    functions = re.findall(r"^    (\w+) = \{\n      memory", module, re.MULTILINE)
    assert [f"tasks.landing_functions.{name}" for name in functions] == list(landing_package.HANDLERS)


def test_order_times_and_rights_in_the_zip_are_the_builders(built: Package, tmp_path: Path) -> None:
    """So that the same files give the same bytes, whatever disk and clock they come from."""
    for name, files in (("one", ["b.py", "a/c.so"]), ("other", ["a/c.so", "b.py"])):
        for number, file in enumerate(files):
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file)
            path.chmod(0o600 if name == "one" else 0o777)
            os.utime(path, (1_600_000_000 + number,) * 2)
        landing_package._zip(tmp_path / name, tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    with zipfile.ZipFile(built.path) as archive:
        entries = archive.infolist()
    assert [e.filename for e in entries] == sorted(e.filename for e in entries)
    assert {e.date_time for e in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_bytecode_is_there_and_is_not_checked_against_a_clock(package: Path) -> None:
    compiled = sorted(package.rglob("*.pyc"))
    assert len(compiled) == len(list(package.rglob("*.py")))
    assert {int.from_bytes(path.read_bytes()[4:8], "little") for path in compiled} == {0b01}


def test_what_is_ours_in_it_is_what_the_handlers_import() -> None:
    names = {path.relative_to(REPOSITORY).as_posix() for path in our_files()}
    assert {"tasks/landing_functions/check.py", "expectations/predicates.py", "contracts/raw/orders.yaml"} <= names
    assert not any(name.startswith(("flows/", "tests/", "sql/", "expectations/suites/")) for name in names)
    assert "expectations/gate.py" not in names
    assert "tasks/workspace.py" not in names


@pytest.mark.parametrize(
    ("file", "needed"),
    [
        ("polars/series/series.py", True),
        ("polars-2.1.0.dist-info/RECORD", False),
        ("_polars_runtime_32/_polars_runtime.abi3.so", True),
        ("pyarrow/libarrow.so.2600", True),
        ("pyarrow/libarrow_python.so", False),
        ("pyarrow/libarrow_python.so.2600.1.0", False),
        ("pyarrow/libarrow_python.so.2600", True),
        ("pyarrow/libarrow_flight.so.2600", False),
        ("pyarrow/_csv.cpython-313-x86_64-linux-gnu.so", True),
        ("pyarrow/_flight.cpython-313-x86_64-linux-gnu.so", False),
        ("pyarrow/include/arrow/api.h", False),
        ("pyarrow/tests/test_csv.py", False),
        ("pyarrow/_dataset.pyx", False),
    ],
)
def test_what_is_left_out_of_a_library(file: str, needed: bool) -> None:
    assert is_needed(Path(file)) is needed


def test_a_package_that_lambda_would_refuse_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def assemble(folder: Path, python: str) -> bool:
        folder.mkdir()
        (folder / "large.so").write_bytes(b"x" * 1001)
        return True

    monkeypatch.setattr(landing_package, "assemble", assemble)
    monkeypatch.setattr(landing_package, "MOST_BYTES", 1000)
    with pytest.raises(PackageError, match=r"1,001 bytes unpacked, Lambda takes 1,000; the largest: large.so 1,001"):
        landing_package.build(tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_was_left_out_by_mistake_is_told_when_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_package, "_ARROW_LIBRARY", re.compile(r"lib(arrow(_python)?|parquet)\.so\.\d+"))
    with pytest.raises(PackageError, match=r"leaves out: libarrow_acero\.so\.\d+, libarrow_compute\.so"):
        landing_package.assemble(tmp_path / "package")


def test_a_tool_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(landing_package.shutil, "which", lambda _: None)
    with pytest.raises(PackageError, match=r"strip is needed .* binutils"):
        landing_package._tool("strip")
