"""Out of quarantine: rows that pass after a fix are loaded exactly once, the others stay, every row is accounted for.

Most tests use a shop of things: a clean table with two rules that a test can mend (`COLOURS`, `SMALLEST`), and a table
that counts the things by colour.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hand_made import DAY, contract
from house_of_things import COLOUR, COLOURS, HEADER, SIZE, SMALLEST, House, at
from hypothesis import given, settings
from hypothesis import strategies as st
from small_shop import Shop, built, differences, load, open_home, query, tables

from contracts.ids import TableId
from contracts.registry import REPOSITORY
from tasks import quarantine, redrive
from tasks.lake import LakeFile
from tasks.quarantine import Selection
from tasks.reading import Delivered
from tasks.settings import Settings
from tasks.warehouse import open_warehouse

# A good thing, one of a strange colour, one too small, one that is both, and a broken record.
LINES = ("a,red,1,", "b,green,1,", "c,red,-1,", "d,green,-1,", "e")


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose first delivery is loaded; no test may change its home."""
    made = House(tmp_path_factory.mktemp("delivered"))
    made.run(0, *LINES)
    return made


@pytest.fixture
def house(delivered: House, tmp_path: Path) -> House:
    shutil.copytree(delivered.root.parent, tmp_path, dirs_exist_ok=True)
    return at(tmp_path / "repository", tmp_path / "home")


ALL = {COLOUR: 2, SIZE: 2, "raw.things.malformed": 1}


def test_the_delivery_is_divided_as_the_other_tests_expect(house: House) -> None:
    assert house.ledger() == [(1, 0, 4, 0)]
    assert house.quarantine() == {"rows.parquet": ALL}
    rows = house.open_rows()
    assert rows["observed"].to_list() == [
        ["colour=green"],
        ["size=-1"],
        ["colour=green", "size=-1"],
        ["1 fields where the header has 4"],
    ]
    assert set(rows["attempt"]) == {1}
    assert rows["payload"].to_list()[-1] == "e"
    columns = ("attempt", "action", "before_rows", "left_rows", "loaded_rows")
    assert house.rows("audit.quarantine_action", *columns) == [(1, "quarantined", 4, 4, 0)]


# After a fix


def test_rows_that_pass_after_a_fix_reach_every_table_and_the_others_stay_with_a_new_attempt(house: House) -> None:
    house.allow(colours=("red", "blue", "green"))
    (outcome,) = house.redrive()
    assert (outcome.tried, outcome.loaded, outcome.duplicate, outcome.left, outcome.attempt) == (4, 1, 0, 3, 2)
    assert outcome.rules == {COLOUR: (2, 0), SIZE: (2, 2), "raw.things.malformed": (1, 1)}
    assert house.things() == {"a": ("red", 1), "b": ("green", 1)}
    assert house.counted() == {"red": 1, "green": 1}
    assert house.ledger() == [(2, 0, 3, 0)]
    assert house.quarantine() == {"attempt-2.parquet": {SIZE: 2, "raw.things.malformed": 1}}
    assert house.open_rows().select("source_line", "attempt", "observed").rows() == [
        (4, 2, ["size=-1"]),
        (5, 2, ["size=-1"]),
        (6, 2, ["1 fields where the header has 4"]),
    ]
    columns = ("attempt", "action", "before_rows", "loaded_rows", "duplicate_rows", "discarded_rows", "left_rows")
    assert house.rows("audit.quarantine_action", *columns)[1] == (2, "redriven", 4, 1, 0, 0, 3)


def test_a_redriven_row_is_the_row_that_a_first_load_would_have_made(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "other")
    for each in (house, other):
        each.allow(colours=("red", "blue", "green"), smallest=-9)
    other.run(0, *LINES)
    house.redrive()
    left, right = house.everything()[0], other.everything()[0]
    assert left["clean.things"] == right["clean.things"]
    assert left["core.colour"] == right["core.colour"]
    assert house.ledger() == other.ledger() == [(4, 0, 1, 0)]
    assert house.rows("audit.quarantine", "rule_id", "row_count") == other.rows(
        "audit.quarantine", "rule_id", "row_count"
    )


def test_a_code_fix_lets_malformed_records_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    read = redrive.read_delivered

    def filling_up(path: Path, raw: Any, scratch: Path) -> Delivered:
        """A reader that takes a short record for one with empty fields."""
        mended = scratch.with_name("mended") / path.name
        mended.parent.mkdir(parents=True)
        mended.write_text("".join(f"{line}{',' * (3 - line.count(','))}\n" for line in path.read_text().splitlines()))
        return read(mended, raw, scratch)

    monkeypatch.setattr(redrive, "read_delivered", filling_up)
    (outcome,) = house.redrive(rule="raw.things.malformed")
    assert (outcome.tried, outcome.loaded, outcome.left) == (1, 1, 3)
    assert house.things() == {"a": ("red", 1), "e": (None, None)}
    assert house.quarantine() == {"attempt-2.parquet": {COLOUR: 2, SIZE: 2}}
    assert house.ledger() == [(2, 0, 3, 0)]


def test_a_column_that_the_contract_has_gained_since_comes_as_it_was_delivered(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.run(0, "a,green,1,,wood", header=HEADER.replace("\n", ",stuff\n"))
    house.allow((*COLOURS, "green"), 0, "stuff")
    house.redrive()
    assert house.rows("clean.things", "thing_id", "stuff") == [("a", "wood")]


def test_filters_by_rule_batch_and_table_leave_other_rows_alone(house: House) -> None:
    house.run(1, "f,green,1,", "g,green,1,")
    house.allow(colours=("red", "blue", "green"), smallest=-9)
    batches = dict(house.rows("audit.load_ledger", "delivery_date", "batch_id"))
    assert house.redrive(table=TableId("raw", "others")) == []
    assert house.redrive(rule="clean.things.thing_id.not_null") == []
    (first,) = house.redrive(rule=SIZE)
    assert (first.tried, first.loaded, first.left) == (2, 2, 2)
    assert sorted(house.things()) == ["a", "c", "d"]
    assert house.open_rows().filter(batch_id=batches[DAY]).select("source_line", "attempt").rows() == [(3, 1), (6, 1)]
    (second,) = house.redrive(batch=batches[DAY + timedelta(days=1)])
    assert (second.loaded, second.left) == (2, 0)
    assert sorted(house.things()) == ["a", "c", "d", "f", "g"]
    (third,) = house.redrive(table=TableId("raw", "things"))
    assert (third.tried, third.loaded, third.left, third.attempt) == (2, 1, 1, 3)
    assert house.ledger() == [(4, 0, 1, 0), (2, 0, 0, 0)]


def test_a_row_that_now_breaks_another_rule_is_told_under_that(house: House) -> None:
    house.allow(colours=("red", "blue", "green"), smallest=2)
    (outcome,) = house.redrive(rule=COLOUR)
    assert outcome.rules == {COLOUR: (2, 0), SIZE: (1, 2)}
    assert house.quarantine() == {"attempt-2.parquet": {SIZE: 3, "raw.things.malformed": 1}}


BLOCK = [{"property": "verdict", "value": "block"}]


def test_rules_about_the_delivery_as_a_whole_do_not_judge_a_few_rows_of_it(house: House) -> None:
    many = {"id": "many", "metric": "rowCount", "mustBeGreaterThan": 3, "dimension": "coverage", "description": "Many"}
    dated = {
        "id": "dated",
        "metric": "nullValues",
        "arguments": {"properties": ["changed_at"]},
        "mustBeLessOrEqualTo": 50,
        "unit": "percent",
        "dimension": "completeness",
        "description": "Most things have changed",
        "customProperties": BLOCK,
    }
    house.allow(colours=("red", "blue", "green"), quality=[{**many, "customProperties": BLOCK}, dated])
    (outcome,) = house.redrive()
    assert (outcome.error, outcome.loaded) == (None, 1)


def test_a_row_that_breaks_a_rule_that_blocks_stops_its_batch(house: House) -> None:
    rule = {"rule": "condition", "columns": ["thing_id"], "sql": "thing_id <> 'b'"}
    no_b = {"id": "no_b", "type": "custom", "engine": "warehouse", "implementation": rule, "dimension": "accuracy"}
    house.allow(colours=("red", "blue", "green"), quality=[{**no_b, "description": "No b", "customProperties": BLOCK}])
    before = house.everything()
    (outcome,) = house.redrive()
    assert outcome.error is not None
    assert "clean.things is blocked: 1 rule failed on 1 row," in outcome.error
    assert house.everything() == before


# Twice


@pytest.mark.parametrize("mended", [False, True])
def test_twice_in_a_row_changes_nothing(house: House, mended: bool) -> None:
    if mended:
        house.allow(colours=("red", "blue", "green"))
        house.redrive()
    before = house.everything()
    (outcome,) = house.redrive()
    assert (outcome.loaded, outcome.left, outcome.attempt) == (0, outcome.tried, 2 if mended else 1)
    assert house.everything() == before


def test_a_fix_that_helps_no_row_is_told_by_a_new_attempt_and_the_next_try_by_none(house: House) -> None:
    house.allow(colours=("red", "blue", "black"))
    (outcome,) = house.redrive()
    assert (outcome.loaded, outcome.left, outcome.attempt) == (0, 4, 2)
    assert house.quarantine() == {"attempt-2.parquet": ALL}
    before = house.everything()
    (again,) = house.redrive()
    assert again.attempt == 2
    assert house.everything() == before


def test_rows_of_a_rule_that_was_not_tried_under_the_new_contract_are_tried_later(house: House) -> None:
    house.allow(colours=("red", "blue", "black"))
    assert house.redrive(rule=COLOUR)[0].attempt == 2
    assert house.redrive(rule=SIZE)[0].attempt == 3
    assert dict(house.open_rows().select("source_line", "attempt").rows()) == {3: 2, 4: 3, 5: 3, 6: 1}


def test_the_same_file_again_and_another_daily_run_bring_no_redriven_row_twice(house: House) -> None:
    house.allow(colours=("red", "blue", "green"))
    house.redrive()
    things, before = house.things(), house.ledger()
    house.run(0, *LINES)
    assert (house.things(), house.ledger()) == (things, before)
    house.run(1, "a,red,1,", "b,green,1,")
    assert house.things() == things
    assert house.ledger() == [*before, (0, 2, 0, 0)]


# Rows of one key


def test_a_redriven_row_that_is_older_than_what_stands_replaces_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.run(0, "a,green,1,2026-01-05T08:00:00Z", "b,green,2,2026-01-05T09:00:00Z")
    house.run(1, "a,red,5,2026-01-06T08:00:00Z", "b,red,5,2026-01-01T08:00:00Z")
    house.allow(colours=("red", "blue", "green"))
    (outcome,) = house.redrive()
    assert (outcome.loaded, outcome.duplicate) == (1, 1)
    assert house.things() == {"a": ("red", 5), "b": ("green", 2)}
    assert house.counted() == {"red": 1, "green": 1}
    assert house.ledger() == [(1, 1, 0, 0), (2, 0, 0, 0)]


def test_a_row_whose_twin_was_loaded_meanwhile_is_a_duplicate(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.run(0, "a,green,1,2026-01-05T08:00:00Z", "a,green,1,2026-01-05T08:00:00Z")
    house.allow(colours=("red", "blue", "green"))
    house.run(1, "a,green,1,2026-01-05T08:00:00Z")
    before = house.rows("clean.things", "*")
    (outcome,) = house.redrive()
    assert (outcome.tried, outcome.loaded, outcome.duplicate, outcome.left) == (2, 0, 2, 0)
    assert house.rows("clean.things", "*") == before
    assert house.ledger() == [(0, 2, 0, 0), (1, 0, 0, 0)]
    assert house.quarantine() == {}


# Discard


def test_discarded_rows_are_kept_and_told_and_never_come_back(house: House) -> None:
    (outcome,) = house.discard("test rows, ticket 7", rule=COLOUR)
    assert (outcome.discarded, outcome.left, outcome.attempt) == (2, 2, 2)
    assert house.ledger() == [(1, 0, 2, 2)]
    assert house.quarantine() == {"attempt-2.parquet": {SIZE: 1, "raw.things.malformed": 1}}
    columns = ("attempt", "action", "before_rows", "discarded_rows", "left_rows", "reason", "actor", "discarded_file")
    *told, path = house.rows("audit.quarantine_action", *columns)[1]
    assert told == [2, "discarded", 4, 2, 2, "test rows, ticket 7", quarantine.operating_user()]
    assert path.endswith("/discarded-2.parquet")
    assert quarantine.read(LakeFile.local(house.home / "lake" / path))["source_line"].to_list() == [3, 5]

    house.allow(colours=("red", "blue", "green"), smallest=-9)
    house.redrive()
    assert house.things() == {"a": ("red", 1), "c": ("red", -1)}
    house.discard()
    assert (house.quarantine(), house.ledger()) == ({}, [(2, 0, 0, 3)])
    assert house.redrive() == house.discard() == []


def test_a_discard_is_of_all_batches_or_of_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.run(1, "f,green,1,")
    before = house.everything()[0]
    fail_at(monkeypatch, "tasks.quarantine.record", call=2)
    with pytest.raises(Struck):
        house.discard()
    assert house.everything()[0] == before
    monkeypatch.undo()
    house.discard()
    assert house.ledger() == [(1, 0, 0, 4), (0, 0, 0, 1)]


# The whole shop


def test_a_day_loaded_by_faulty_contracts_and_redriven_is_the_day_loaded_by_good_ones(
    shop: Shop, tmp_path: Path
) -> None:
    """The lake's transforms read redriven rows, too: half of the web events come by that way."""
    faulty = tmp_path / "repository"
    for folder in ("contracts", "sql"):
        shutil.copytree(REPOSITORY / folder, faulty / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    spoil(faulty / "contracts/clean/web_events.yaml", "          - {value: mobile, description: Telephone}\n", "")
    spoil(faulty / "contracts/clean/order_items.yaml", "{exclusiveMinimum: 0}", "{exclusiveMinimum: 2}")
    spoil(faulty / "contracts/clean/orders.yaml", "{minimum: 0}", "{minimum: 900}")
    home = shop.copy(shop.after_one_day, tmp_path / "home")
    load(home, [shop.last_day], faulty)
    assert differences(built(shop.home), built(home)).keys() > {"curated.web_sessions", "core.fact_sales"}
    space = open_home(home)
    try:
        space.begin()
        outcomes = redrive.redrive(space, Selection())
        assert space.report.failures == []
    finally:
        space.close()
    assert {o.batch.table.name for o in outcomes if o.loaded > 10} == {"web_events", "order_items", "orders"}
    assert differences(tables(shop.home, ("clean",)), tables(home, ("clean",))) == {}
    assert differences(built(shop.home), built(home)) == {}
    # An older version that was loaded while the later one lay aside is a loaded row here, and a duplicate there.
    counted = "SELECT batch_id, loaded_rows + duplicate_rows AS accepted, quarantined_rows FROM audit.load_ledger"
    assert query(home, f"{counted} ORDER BY ALL").equals(query(shop.home, f"{counted} ORDER BY ALL"))
    waiting = "SELECT batch_id, rule_id, row_count FROM audit.quarantine ORDER BY ALL"
    assert query(home, waiting).equals(query(shop.home, waiting))


def spoil(contract_file: Path, old: str, new: str) -> None:
    text = contract_file.read_text()
    assert old in text
    contract_file.write_text(text.replace(old, new, 1))


# What goes wrong


class Struck(RuntimeError):
    """A failure that a test injects."""


def fail_at(monkeypatch: pytest.MonkeyPatch, what: str, call: int = 1) -> None:
    """Let the n-th call of a function fail."""
    from pkgutil import resolve_name

    owner, _, name = what.rpartition(".")
    original, calls = getattr(resolve_name(owner), name), []

    def struck(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise Struck(what)
        return original(*args, **kwargs)

    monkeypatch.setattr(resolve_name(owner), name, struck)


# Before and after each file, inside the transaction, after its commit and before the tables behind it are built.
STEPS = (
    "tasks.redrive.sift",
    "tasks.lake.FolderLake.put_frame",
    "tasks.lake.FolderLake.put_rows",
    "tasks.load.Loader._audit",
    "tasks.ledger.record",
    "tasks.quarantine.record",
    "tasks.delivery.curate_and_build",
    "tasks.load.Loader._record_build",
    "tasks.delivery.finish",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_is_mended_by_the_next_try(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shutil.copytree(house.home, tmp_path / "other" / "home")
    straight = at(house.root, tmp_path / "other" / "home")
    house.allow(colours=("red", "blue", "green"))
    straight.redrive()
    fail_at(monkeypatch, step)
    with pytest.raises(Struck):
        house.redrive()
    monkeypatch.undo()
    assert house.ledger() in ([(1, 0, 4, 0)], [(2, 0, 3, 0)])
    house.redrive()
    assert house.things() == straight.things()
    assert house.counted() == straight.counted()
    assert house.ledger() == straight.ledger()
    assert house.quarantine() == straight.quarantine()
    assert house.everything()[1].keys() == straight.everything()[1].keys()
    assert not list(house.home.rglob("*.part"))
    assert list((house.home / "scratch").glob("*")) == []


def test_what_an_uncommitted_try_left_behind_is_no_row_of_any_table(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.allow(colours=("red", "blue", "green"), smallest=-9)
    fail_at(monkeypatch, "tasks.quarantine.record")
    with pytest.raises(Struck):
        house.redrive()
    monkeypatch.undo()
    house.allow()
    (outcome,) = house.redrive()
    assert (outcome.attempt, outcome.loaded) == (1, 0)
    space = house.open()
    try:
        assert quarantine.redriven_files(space.warehouse, "raw.things") == []
    finally:
        space.close()
    house.allow(colours=("red", "blue", "black"))
    house.redrive()
    assert not list((house.home / "lake").rglob("redrive-*"))


# Runs in a process of its own, which dies at each of these points in turn, inside the transaction but for the first.
KILL_AT = ("tasks.lake.FolderLake.put_rows", "tasks.load.Loader._publish", "tasks.quarantine.record")
DRIVER = """
import os, signal, sys
from pathlib import Path
from pkgutil import resolve_name

import expectations.gate
from house_of_things import at

root, home, *points = sys.argv[1:]
for point in points:
    if os.fork() == 0:
        owner, _, name = point.rpartition(".")
        setattr(resolve_name(owner), name, lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL))
        at(Path(root), Path(home)).redrive()
        os._exit(0)
    print(point, os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


def test_a_process_killed_at_any_step_is_taken_up_by_the_next(house: House) -> None:
    house.allow(colours=("red", "blue", "green"))
    tests = REPOSITORY / "tests"
    ended = subprocess.run(
        [sys.executable, "-c", DRIVER, str(house.root), str(house.home), *KILL_AT],
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{tests}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.splitlines() == [f"{point} -9" for point in KILL_AT], ended.stderr
    assert house.ledger() == [(1, 0, 4, 0)]
    (outcome,) = house.redrive()
    assert (outcome.loaded, outcome.attempt) == (1, 2)
    assert house.things() == {"a": ("red", 1), "b": ("green", 1)}
    assert house.counted() == {"red": 1, "green": 1}
    assert house.ledger() == [(2, 0, 3, 0)]


def missing_file(house: House) -> None:
    next((house.home / "lake" / "raw").rglob("things.csv")).unlink()


def another_file(house: House) -> None:
    next((house.home / "lake" / "raw").rglob("things.csv")).write_text(HEADER + "x,red,1,\n")


def missing_rows(house: House) -> None:
    next((house.home / "lake" / "quarantine").rglob("rows.parquet")).unlink()


def other_rows(house: House) -> None:
    path = next((house.home / "lake" / "quarantine").rglob("rows.parquet"))
    pl.read_parquet(path).head(2).write_parquet(path)


def another_reading(house: House) -> None:
    """One record more: the contract calls the delimiter by another name, the header still fits."""
    house.allow((*COLOURS, "green"), 0, "stuff")


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (missing_file, "the file as delivered is gone from the raw layer of the lake: raw/things/"),
        (another_file, "is not the file that was delivered"),
        (missing_rows, "the file that holds its rows is gone from the lake: quarantine/raw/things/"),
        (other_rows, "holds 2 rows, but audit.load_ledger and audit.quarantine know of 4"),
        (another_reading, "things.csv: column 'stuff' is missing"),
    ],
)
def test_a_batch_that_cannot_be_redriven_is_told_and_the_others_go_on(house: House, break_it: Any, said: str) -> None:
    header = HEADER.replace("\n", ",stuff\n")
    if break_it is not another_reading:
        house.allow(colours=("red", "blue", "green"))
    break_it(house)
    with_stuff = "f,green,-1,,x"
    house.run(1, with_stuff, header=header)
    house.allow((*COLOURS, "green"), -9, *(["stuff"] if break_it is another_reading else []))
    before = house.everything()
    outcomes = house.redrive()
    (failed,) = [o for o in outcomes if o.error]
    assert said in str(failed.error)
    assert [o.loaded for o in outcomes if not o.error] == [1]
    assert sorted(house.things()) == ["a", "f"]
    assert house.ledger()[0] == (1, 0, 4, 0)
    assert before[1].keys() <= house.everything()[1].keys()


def test_a_file_that_now_reads_as_other_records_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    read = redrive.read_delivered

    def without_malformed(path: Path, raw: Any, scratch: Path) -> Delivered:
        found = read(path, raw, scratch)
        return replace(found, malformed=found.malformed.clear())

    monkeypatch.setattr(redrive, "read_delivered", without_malformed)
    (outcome,) = house.redrive()
    assert "things.csv now reads as 4 records, but 5 were delivered" in str(outcome.error)


# Whatever is done in whatever order

FIXES = st.sampled_from(["mend colours", "mend sizes", "spoil colours", "spoil sizes"])
ACTS = st.one_of(
    FIXES,
    st.tuples(st.sampled_from(["redrive", "discard"]), st.sampled_from([None, COLOUR, SIZE, "raw.things.malformed"])),
)


@dataclass
class Model:
    """What should be: each line of the delivery is in exactly one place."""

    colours: tuple[str, ...] = COLOURS
    smallest: int = SMALLEST

    def broken(self, line: str) -> set[str]:
        _, *rest = line.split(",")
        if not rest:
            return {"raw.things.malformed"}
        found = {COLOUR} if rest[0] not in self.colours else set()
        return found | ({SIZE} if int(rest[1]) < self.smallest else set())


@settings(max_examples=12)
@given(acts=st.lists(ACTS, min_size=1, max_size=5))
def test_every_delivered_row_is_in_exactly_one_place_whatever_is_done(
    delivered: House, tmp_path_factory: pytest.TempPathFactory, acts: list[Any]
) -> None:
    folder = Path(shutil.copytree(delivered.root.parent, tmp_path_factory.mktemp("acts"), dirs_exist_ok=True))
    house, model = at(folder / "repository", folder / "home"), Model()
    # Known at the last try: which rules a row that is open is filed under.
    filed = {line: model.broken(line) for line in LINES if model.broken(line)}
    loaded = {line for line in LINES if line not in filed}
    discarded: set[str] = set()
    for act in acts:
        if isinstance(act, str):
            mended = act.startswith("mend")
            if act.endswith("colours"):
                model.colours = (*COLOURS, "green") if mended else COLOURS
            else:
                model.smallest = -9 if mended else SMALLEST
            continue
        what, rule = act
        house.allow(model.colours, model.smallest)
        chosen = {line for line, rules in filed.items() if rule in (None, *rules)}
        if what == "redrive":
            house.redrive(rule=rule)
            for line in chosen:
                filed[line] = model.broken(line)
            loaded |= {line for line in chosen if not filed[line]}
        else:
            house.discard(rule=rule)
            discarded |= chosen
        filed = {line: rules for line, rules in filed.items() if line not in loaded | discarded}
        assert sorted(house.things()) == sorted(line[0] for line in loaded)
        assert sum(house.counted().values()) == len(loaded)
        assert house.ledger() == [(len(loaded), 0, len(filed), len(discarded))]
        kept = house.open_rows()
        names = [LINES[number - 2] for number in kept["source_line"]]
        assert dict(zip(names, map(set, kept["rule_ids"]), strict=True)) == filed


def test_the_payload_is_what_came_on_the_line(house: House) -> None:
    payloads = house.open_rows()["payload"].to_list()[:3]
    assert [json.loads(text)["thing_id"] for text in payloads] == ["b", "c", "d"]


def test_rows_of_a_mapped_source_are_left_to_its_import_and_the_others_go_on(house: House) -> None:
    house.allow(colours=("red", "blue", "green"))
    contract(house.root, "raw.exports", ["line_id"], delivery={"file": "exports.csv", "format": "csv"})
    space = house.open()
    try:
        space.begin()
        row = {"batch_id": "x" * 32, "run_id": "r", "table_name": "raw.exports", "rule_id": "raw.exports.r"}
        row |= {"row_count": 1, "file_path": "nowhere", "attempt": 1, "quarantined_at": space.loader.run_at}
        space.warehouse.insert_rows("audit.quarantine", list(row), [row])
        (outcome,) = redrive.redrive(space, Selection())
        assert outcome.loaded == 1
        assert space.report.failures == []
        (told,) = space.report.warnings
        assert told.startswith("raw.exports, batch xxx")
        assert "importing its file again" in told
    finally:
        space.close()


def test_a_warehouse_from_before_redrives_is_brought_up_to_date(house: House) -> None:
    """Its tables lack the new columns, and its quarantine file the new ones, too."""
    path = next((house.home / "lake" / "quarantine").rglob("rows.parquet"))
    pl.read_parquet(path).drop("observed", "attempt", "fingerprint").write_parquet(path)
    with open_warehouse(Settings(home=house.home)) as warehouse:
        warehouse.execute("DROP TABLE audit.quarantine_action")
        warehouse.execute("ALTER TABLE audit.quarantine DROP COLUMN attempt")
        warehouse.execute("ALTER TABLE audit.load_ledger DROP COLUMN discarded_rows")
        assert [b.attempt for b in Selection().batches(warehouse)] == [1]
    house.allow(colours=("red", "blue", "green"))
    (outcome,) = house.redrive()
    assert (outcome.loaded, outcome.attempt) == (1, 2)
    assert house.ledger() == [(2, 0, 3, 0)]
