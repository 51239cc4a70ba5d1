"""The benchmarks of start-up and of one more day measure what they say."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import increment
import startup
from processes import Cost


def test_a_copy_leaves_the_warehouse_as_it_is(tmp_path: Path) -> None:
    home, day = tmp_path / "home", tmp_path / "daily" / "2026-01-06"
    for file in ("warehouse.duckdb", "lake/clean/orders/rows.parquet", "scratch/part"):
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text(file)
    (tmp_path / "daily" / "2026-01-05").mkdir(parents=True)
    day.mkdir()
    (home / "inbox").mkdir()
    (home / "inbox" / "2026-01-05").symlink_to(tmp_path / "daily" / "2026-01-05")
    copy = increment.copied(home, day, tmp_path / "copy")
    assert sorted(path.name for path in (copy / "inbox").iterdir()) == ["2026-01-05", "2026-01-06"]
    assert not (home / "inbox" / "2026-01-06").exists()
    assert not (copy / "scratch").exists()
    of_copy, of_home = (place / "warehouse.duckdb" for place in (copy, home))
    assert of_copy.stat().st_ino != of_home.stat().st_ino
    lake = "lake/clean/orders/rows.parquet"
    assert (copy / lake).stat().st_ino == (home / lake).stat().st_ino


def test_figures_say_the_aim_of_all_steps_and_leave_small_steps_out() -> None:
    whole, steps = (
        {"cpu": 3.0, "wall": 2.0},
        {"core a": {"cpu": 2.9, "wall": 1.9}, "core b": {"cpu": 0.01, "wall": 0.1}},
    )
    found = increment.rows("long", whole, steps, Cost(9.0, 8.0, 700.0))
    assert [(row["name"], row["value"], row["aim"]) for row in found] == [
        ("long: all steps", 2.0, increment.AIM),
        ("long: all steps, CPU", 3.0, None),
        ("long: whole `dw run`", 8.0, None),
        ("long: whole `dw run`, CPU", 9.0, None),
        ("long: peak memory of `dw run`", 700.0, None),
        ("long: core a, CPU", 2.9, None),
    ]


def test_the_cpu_of_a_child_that_runs_is_counted() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        end = time.monotonic() + 60
        while startup.children_cpu() < 0.2 and time.monotonic() < end:
            time.sleep(0.05)
        found = startup.children_cpu()
        child.kill()
    assert found >= 0.2


def test_a_run_is_ended_where_it_opens_a_delivered_file(tmp_path: Path) -> None:
    inbox, to = tmp_path / "inbox", tmp_path / "start.json"
    (inbox / "2026-01-05").mkdir(parents=True)
    (inbox / "2026-01-05" / "orders.csv").write_text("order_id")
    code = (
        "import sys; from pathlib import Path; import startup, flows.cli\n"
        "inbox, to = map(Path, sys.argv[1:])\n"
        "def run():\n"
        "    (inbox / '../other').resolve().write_text('not below the inbox')\n"
        "    open(inbox / '2026-01-05' / 'orders.csv').close()\n"
        "    print('read on')\n"
        "flows.cli.main = run; startup.stop_at(inbox, to)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(inbox), str(to)],
        cwd=Path(startup.__file__).parent,
        env={"PYTHONPATH": str(Path(startup.__file__).parent.parent)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout == ""
    assert json.loads(to.read_text()).keys() == {"at", "cpu", "server"}
