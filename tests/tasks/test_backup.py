"""Backups of a local warehouse: whole, proven, independent of the home, and a way back from them that nothing cuts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hand_made import DAY
from house_of_things import House
from small_shop import Shop, built, differences, load, query, tables

from contracts.registry import REPOSITORY
from tasks.backup import MANIFEST, BackupRefused, back_up, backups, mark_of, read
from tasks.exchange import JOURNAL
from tasks.lock import FileLock
from tasks.restore import newest, restore, undo
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.warehouse.base import WarehouseBusy, WarehouseError

AT = "2026-01-05T10:00:00Z"
RED, BLUE, GREEN = f"a,red,1,{AT}", f"b,blue,2,{AT}", f"c,green,3,{AT}"
PROBE = "SELECT colour, thing_count FROM core.colour ORDER BY colour"


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house whose first day is loaded; one of its rows is in quarantine."""
    made = House(tmp_path)
    made.run(0, RED, GREEN)
    return made


def settings_of(house: House) -> Settings:
    return Settings(home=house.home, repository=house.root, threads=1)


def content(home: Path) -> dict[str, object]:
    """All that a backup is to keep: rows of all tables, and each file of the lake."""
    # The warehouse first: who opens it ends a restore that was cut off.
    found: dict[str, object] = {name: rows.rows() for name, rows in tables(home).items()}
    return found | {str(p.relative_to(home)): mark_of(p) for p in (home / "lake").rglob("*") if p.is_file()}


def tree(folder: Path) -> dict[str, object]:
    return {str(p.relative_to(folder)): mark_of(p) for p in folder.rglob("*") if p.is_file() and p.name != "run.lock"}


# There and back


def test_a_restored_shop_is_the_one_that_was_backed_up_table_for_table(shop: Shop, tmp_path: Path) -> None:
    made = back_up(Settings(home=shop.home), tmp_path / "backups")
    home = tmp_path / "new"
    done = restore(Settings(home=home), made.folder)
    assert differences(tables(shop.home), tables(home)) == {}
    assert content(shop.home) == content(home)
    assert done.aside is None
    assert made.newest_delivery == shop.last_day


def test_yesterdays_backup_and_another_run_give_the_tables_that_were_never_lost(shop: Shop, tmp_path: Path) -> None:
    yesterday = back_up(Settings(home=shop.after_one_day), tmp_path / "backups")
    home = shop.copy(shop.home, tmp_path / "home")
    shutil.rmtree(home / "lake")
    (home / "warehouse.duckdb").write_bytes(b"lost")
    restore(Settings(home=home), yesterday.folder, overwrite=True)
    # The ledger came back with the data: what it does not know is loaded again from the inbox.
    (first, second) = load(home)
    assert len(first.already_loaded) == len(shop.reports[0].entries)
    assert len(second.entries) == len(shop.reports[1].entries)
    assert differences(built(shop.home), built(home)) == {}
    mine = "SELECT batch_id, table_name, loaded_rows, quarantined_rows FROM audit.load_ledger ORDER BY ALL"
    assert query(home, mine).equals(query(shop.home, mine))


def test_an_older_warehouse_beside_a_newer_lake_becomes_the_one_that_was_never_lost(shop: Shop, tmp_path: Path) -> None:
    """What restoring a snapshot of Redshift is: S3 stays as it was."""
    home = shop.copy(shop.home, tmp_path / "home")
    shutil.copy(shop.after_one_day / "warehouse.duckdb", home / "warehouse.duckdb")
    (first, second) = load(home)
    assert (first.entries, first.failures, second.failures) == ([], [], [])
    assert differences(built(shop.home), built(home)) == {}
    assert differences(tables(shop.home, ("clean",)), tables(home, ("clean",))) == {}


def test_what_was_redriven_after_the_snapshot_is_open_again_and_is_redriven_once(house: House, tmp_path: Path) -> None:
    shutil.copy(house.home / "warehouse.duckdb", tmp_path / "snapshot")
    house.allow(("red", "blue", "green"))
    house.redrive()
    lost = content(house.home)
    shutil.copy(tmp_path / "snapshot", house.home / "warehouse.duckdb")
    assert query(house.home, "SELECT SUM(quarantined_rows)::INT FROM audit.load_ledger").item() == 1
    (outcome,) = house.redrive()
    assert outcome.loaded == 1
    for name in ("clean.things", "core.colour"):
        assert content(house.home)[name] == lost[name]
    (outcome,) = house.redrive() or [None]
    assert outcome is None


def kill_after_a_commit(home: Path) -> None:
    """Leave a warehouse as a killed process does: what it committed last stands in the log beside the file."""
    script = (
        "import duckdb, os, sys\n"
        "c = duckdb.connect(sys.argv[1])\n"
        "c.execute('PRAGMA disable_checkpoint_on_shutdown')\n"
        "c.execute('UPDATE core.colour SET thing_count = 42')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(home / "warehouse.duckdb")], check=False)
    assert (home / "warehouse.duckdb.wal").exists()


def test_what_a_killed_run_had_committed_is_in_the_backup(house: House, tmp_path: Path) -> None:
    kill_after_a_commit(house.home)
    made = back_up(settings_of(house), tmp_path / "backups")
    restore(Settings(home=tmp_path / "new"), made.folder)
    assert query(tmp_path / "new", PROBE).rows() == [("red", 42)]


def test_the_log_of_the_warehouse_that_leaves_is_not_replayed_into_the_one_that_comes(
    house: House, tmp_path: Path
) -> None:
    made = back_up(settings_of(house), tmp_path / "backups")
    kill_after_a_commit(house.home)
    done = restore(settings_of(house), made.folder, overwrite=True)
    assert not (house.home / "warehouse.duckdb.wal").exists()
    assert query(house.home, PROBE).rows() == [("red", 1)]
    undo(settings_of(house))
    assert query(house.home, PROBE).rows() == [("red", 42)]
    assert done.aside is not None
    assert not done.aside.exists()


def test_an_inbox_travels_only_where_it_is_asked_for(house: House, tmp_path: Path) -> None:
    without = back_up(settings_of(house), tmp_path / "backups")
    having = back_up(settings_of(house), tmp_path / "backups", with_inbox=True)
    assert (without.has_inbox, having.has_inbox) == (False, True)
    house.deliver(1, BLUE)
    restore(settings_of(house), without.folder, overwrite=True)
    assert (house.home / "inbox" / "2026-01-06").exists()
    restore(settings_of(house), having.folder, overwrite=True)
    assert [p.name for p in (house.home / "inbox").iterdir()] == [DAY.isoformat()]


def test_what_stood_is_kept_aside_and_comes_back_and_forth(house: House, tmp_path: Path) -> None:
    made = back_up(settings_of(house), tmp_path / "backups")
    house.run(1, BLUE)
    later, earlier = content(house.home), [("red", 1)]
    done = restore(settings_of(house), made.folder, overwrite=True)
    assert query(house.home, PROBE).rows() == earlier
    assert done.aside is not None
    assert {"warehouse.duckdb", "lake"} <= {p.name for p in done.aside.iterdir()}
    undo(settings_of(house))
    assert content(house.home) == later
    undo(settings_of(house))
    assert query(house.home, PROBE).rows() == earlier


def test_a_home_that_holds_something_is_not_replaced_unasked(house: House, tmp_path: Path) -> None:
    made = back_up(settings_of(house), tmp_path / "backups")
    before = content(house.home)
    with pytest.raises(ValueError, match=r"holds warehouse\.duckdb, lake.*--overwrite"):
        restore(settings_of(house), made.folder)
    assert content(house.home) == before


def test_a_computed_table_that_was_dropped_is_made_whole_by_the_next_run(house: House) -> None:
    before = content(house.home)["core.colour"]
    with open_warehouse(settings_of(house)) as warehouse:
        warehouse.execute("DROP TABLE core.colour")
    house.run(0, RED, GREEN)
    assert content(house.home)["core.colour"] == before != []


# What a backup is made of


def test_files_that_did_not_change_are_shared_with_the_backup_before_and_never_with_the_home(
    house: House, tmp_path: Path
) -> None:
    first = back_up(settings_of(house), tmp_path / "backups")
    house.run(1, BLUE)
    second = back_up(settings_of(house), tmp_path / "backups")
    shared = [p for p in first.files if p.startswith("lake/")]
    assert shared
    for path in shared:
        inode = (first.folder / path).stat().st_ino
        assert (second.folder / path).stat().st_ino == inode
        assert (house.home / path).stat().st_ino != inode
    assert (first.folder / "warehouse.duckdb").stat().st_ino != (second.folder / "warehouse.duckdb").stat().st_ino


def test_a_file_that_was_damaged_in_the_backup_before_is_copied_anew(house: House, tmp_path: Path) -> None:
    first = back_up(settings_of(house), tmp_path / "backups")
    path = next(p for p in first.files if p.startswith("lake/"))
    (first.folder / path).write_bytes(b"damaged")
    second = back_up(settings_of(house), tmp_path / "backups")
    restore(Settings(home=tmp_path / "new"), second.folder)
    assert content(tmp_path / "new") == content(house.home)


def test_the_newest_are_kept_and_those_that_stay_are_whole(house: House, tmp_path: Path) -> None:
    made = [back_up(settings_of(house), tmp_path / "backups", keep=2).folder for _ in range(4)]
    assert [b.folder for b in backups(tmp_path / "backups")] == made[2:]
    assert newest(tmp_path / "backups") == made[3]
    restore(Settings(home=tmp_path / "new"), made[2])
    assert content(tmp_path / "new") == content(house.home)


def test_temporary_files_of_a_killed_write_are_left_out(house: House, tmp_path: Path) -> None:
    (house.home / "lake" / "clean" / ".rows.parquet.part").write_bytes(b"half")
    made = back_up(settings_of(house), tmp_path / "backups")
    assert not [p for p in made.files if p.endswith(".part")]


def test_only_the_owner_may_read_a_backup(house: House, tmp_path: Path) -> None:
    made = back_up(settings_of(house), tmp_path / "backups")
    assert made.folder.stat().st_mode & 0o077 == 0
    assert made.folder.parent.stat().st_mode & 0o077 == 0


# What is refused


def cut(folder: Path) -> None:
    with (folder / "warehouse.duckdb").open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) - 1)


def flip(folder: Path) -> None:
    with (folder / "warehouse.duckdb").open("r+b") as file:
        file.seek(20_000)
        (byte,) = file.read(1)
        file.seek(20_000)
        file.write(bytes([byte ^ 1]))


def lose(folder: Path) -> None:
    next((folder / "lake").rglob("*.parquet")).unlink()


def add(folder: Path) -> None:
    (folder / "lake" / "foreign.parquet").write_bytes(b"x")


def link(folder: Path) -> None:
    path = folder / "warehouse.duckdb"
    path.rename(folder.parent / "elsewhere")
    path.symlink_to(folder.parent / "elsewhere")


def edit(folder: Path) -> None:
    manifest = folder / MANIFEST
    manifest.write_text(manifest.read_text().replace("lake/clean", "lake/other"))


def half(folder: Path) -> None:
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text()[:-40])


def bare(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def newer(folder: Path) -> None:
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 2}))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (cut, r"warehouse\.duckdb was changed"),
        (flip, r"warehouse\.duckdb was changed"),
        (lose, r"is cut: lake/.*parquet is not there \(1 files"),
        (add, "holds lake/foreign.parquet, which its manifest does not name"),
        (link, "it is a link"),
        (edit, "was changed after it was written"),
        (half, "is not whole"),
        (bare, "is no backup"),
        (newer, "is of format 2; this version reads 1"),
    ],
)
def test_a_backup_that_is_not_as_it_was_made_is_refused_and_the_home_stays(
    house: House, tmp_path: Path, harm: object, told: str
) -> None:
    made = back_up(settings_of(house), tmp_path / "backups")
    before = tree(house.home)
    assert callable(harm)
    harm(made.folder)
    with pytest.raises(BackupRefused, match=told):
        restore(settings_of(house), made.folder, overwrite=True)
    assert tree(house.home) == before


def test_a_path_that_leads_out_of_the_home_is_refused(house: House, tmp_path: Path) -> None:
    made = back_up(settings_of(house), tmp_path / "backups")
    from tasks import backup

    body = json.loads((made.folder / MANIFEST).read_text())
    for path in ("../evil", "/etc/evil", "elsewhere/evil", "lake/../../evil"):
        wrong = {**body, "files": {**body["files"], path: {"bytes": 1, "sha256": ""}}}
        wrong.pop("sha256", None)
        (made.folder / MANIFEST).write_text(json.dumps({**wrong, "sha256": backup._proof(wrong)}))
        with pytest.raises(BackupRefused, match="is no path of a backup"):
            read(made.folder)


def test_a_file_that_is_no_warehouse_is_refused_before_anything_changes(house: House, tmp_path: Path) -> None:
    before = content(house.home)
    lost = Settings(home=tmp_path / "lost", repository=house.root)
    lost.home.mkdir()
    with pytest.raises(WarehouseError, match="there is no warehouse"):
        back_up(lost, tmp_path / "backups")
    from tasks.warehouse.duckdb import DuckDBWarehouse

    DuckDBWarehouse(lost.warehouse_file).close()
    made = back_up(lost, tmp_path / "backups")
    with pytest.raises(WarehouseError, match="opens, but is no warehouse"):
        restore(settings_of(house), made.folder, overwrite=True)
    assert content(house.home) == before


def test_another_sources_backup_is_refused(house: House, tmp_path: Path) -> None:
    made = back_up(settings_of(house), tmp_path / "backups")
    other = settings_of(house).model_copy(update={"home": tmp_path / "other", "source": "online-retail"})
    with pytest.raises(ValueError, match="is of the source shop, not of online-retail"):
        restore(other, made.folder)


@pytest.mark.parametrize("inside", ["lake/backups", "inbox/backups", "gx"])
def test_a_backup_does_not_hold_itself(house: House, inside: str) -> None:
    with pytest.raises(ValueError, match="choose a folder outside"):
        back_up(settings_of(house), house.home / inside)


def test_neither_runs_beside_a_run(house: House, tmp_path: Path) -> None:
    made = back_up(settings_of(house), tmp_path / "backups")
    lock = FileLock(house.home)
    lock.acquire("a run")
    try:
        with pytest.raises(WarehouseBusy):
            back_up(settings_of(house), tmp_path / "backups")
        with pytest.raises(WarehouseBusy):
            restore(settings_of(house), made.folder, overwrite=True)
    finally:
        lock.release()


def test_aws_mode_is_told_where_to_look(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path).model_copy(update={"mode": "aws"})
    for attempt in (lambda: back_up(settings, tmp_path), lambda: restore(settings, tmp_path), lambda: undo(settings)):
        with pytest.raises(ValueError, match=r"docs/recovery\.md"):
            attempt()


# Killed anywhere

DRIVER = """
import os, signal, sys
from pathlib import Path

def main(home, repository, place, what, number):
    from tasks.backup import back_up, backups
    from tasks.restore import restore, undo
    from tasks.settings import Settings
    import tasks.warehouse.duckdb
    settings, seen = Settings(home=Path(home), repository=Path(repository), threads=1), 0
    watched = (str(home), str(place))

    def event(name, arguments):
        nonlocal seen
        touches = any(str(a).startswith(watched) for a in arguments if isinstance(a, (str, bytes, os.PathLike)))
        writes = name in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.rmtree")
        writes = writes or (name == "open" and isinstance(arguments[1], str) and arguments[1][:1] in "wax")
        if touches and writes:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(event)
    if what == "backup":
        back_up(settings, Path(place), keep=1)
    elif what == "undo":
        undo(settings)
    else:
        restore(settings, backups(Path(place))[-1].folder, overwrite=True)
    print(seen)

main(*sys.argv[1:5], int(sys.argv[5]))
"""


def killed(home: Path, repository: Path, place: Path, what: str, number: int) -> int | None:
    """Do it, and die by signal 9 before the event of that number; how many there were, if it came to the end."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(home), str(repository), str(place), what, str(number)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture
def small(house: House, tmp_path: Path) -> tuple[House, Path, dict[str, object], dict[str, object]]:
    """A house, a place with a backup of its first day, and what it holds on the first and on the second day."""
    place = tmp_path / "backups"
    first = content(house.home)
    back_up(settings_of(house), place)
    house.run(1, BLUE)
    return house, place, first, content(house.home)


def copied(house: House, place: Path, folder: Path) -> tuple[Path, Path]:
    shutil.copytree(house.home, folder / "home")
    shutil.copytree(place, folder / "backups")
    return folder / "home", folder / "backups"


def numbers(last: int) -> list[int]:
    """Some eight events from all over, and each of the last ones, where all is decided."""
    return sorted({*range(1, last + 1, max(1, last // 8)), *range(max(1, last - 10), last + 1)})


def test_a_restore_that_is_killed_anywhere_took_place_or_did_not(
    small: tuple[House, Path, dict[str, object], dict[str, object]], tmp_path: Path
) -> None:
    house, place, first, second = small
    home, there = copied(house, place, tmp_path / "whole")
    last = killed(home, house.root, there, "restore", 0)
    assert last is not None
    seen = set()
    for number in numbers(last):
        home, there = copied(house, place, tmp_path / str(number))
        assert killed(home, house.root, there, "restore", number) is None
        # A reader is the first to come, and ends it.
        found = content(home)
        assert found in (first, second), f"killed before event {number} of {last}"
        seen.add(found == first)
        lock = FileLock(home)
        lock.acquire("next run")
        lock.release()
        assert not (home / JOURNAL).exists()
        assert not [p.name for p in home.iterdir() if p.name.startswith(".")]
        shutil.rmtree(home.parent)
    assert seen == {True, False}


def test_a_backup_that_is_killed_anywhere_is_whole_or_none_and_the_next_one_tidies_up(
    small: tuple[House, Path, dict[str, object], dict[str, object]], tmp_path: Path
) -> None:
    house, place, _, second = small
    home, there = copied(house, place, tmp_path / "whole")
    last = killed(home, house.root, there, "backup", 0)
    assert last is not None
    for number in numbers(last):
        home, there = copied(house, place, tmp_path / str(number))
        assert killed(home, house.root, there, "backup", number) is None
        found = backups(there)
        assert len(found) in (1, 2)
        restore(Settings(home=tmp_path / f"of-{number}"), found[-1].folder)
        back_up(Settings(home=home, repository=house.root), there, keep=1)
        (kept,) = there.iterdir()
        restore(Settings(home=tmp_path / f"new-{number}"), kept)
        assert content(tmp_path / f"new-{number}") == second
        shutil.rmtree(home.parent)
