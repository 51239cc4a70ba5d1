"""The steward's commands: what is open is shown without personal data, mended, or given up with a reason."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from command_line import Dw, words
from house_of_things import COLOUR, COLOURS, HEADER, House, at

from expectations.masking import mask
from flows.prefect_defaults import set_defaults

OWNER = {"name": "owner", "mask": "email", "logicalTypeOptions": {"pattern": "@"}}
MALFORMED = "raw.things.malformed"
# Each breaks a rule: of another column, of the personal column itself, and of no column at all.
PERSONAL = ("asha.rao@example.com", "Asha Rao 98450 12345", "vikram.shah@example.org")
LINES = (
    "a,red,1,,good.owner@example.net",
    f"b,green,1,,{PERSONAL[0]}",
    f"c,red,1,,{PERSONAL[1]}",
    f"d,{PERSONAL[2]}",
)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("delivered"))
    made.allow(COLOURS, 0, OWNER)
    made.run(0, *LINES, header=HEADER.replace("\n", ",owner\n"))
    return made


@pytest.fixture
def house(delivered: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """`dw` with a small repository and a warehouse that a test may change."""
    shutil.copytree(delivered.root.parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("DW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DW_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("DW_THREADS", "1")
    return at(tmp_path / "repository", tmp_path / "home")


# list


def test_list_tells_rows_by_rule_since_when_and_where_they_lie(dw: Dw, house: House) -> None:
    said = dw("quarantine", "list")
    assert (said.code, said.err) == (0, "")
    assert f"2026-01-05/things.csv {COLOUR} 1 1 {datetime.now():%Y}" in words(said.out)
    ((path, _),) = set(house.rows("audit.quarantine", "file_path", "attempt"))
    assert path in said.out


def test_list_as_json_has_every_figure(dw: Dw, house: House) -> None:
    rows = json.loads(dw("quarantine", "list", "--json").out)
    assert {row["rule"]: (row["rows"], row["attempt"], row["days"]) for row in rows} == {
        COLOUR: (1, 1, 0),
        "raw.things.owner.matches": (1, 1, 0),
        MALFORMED: (1, 1, 0),
    }
    (one,) = json.loads(dw("quarantine", "list", "--json", "--rule", COLOUR, "--table", "clean.things").out)
    assert (one["table"], one["rule"], one["file"]) == ("raw.things", COLOUR, "2026-01-05/things.csv")


# show


def test_show_tells_what_was_delivered_and_which_rule_it_breaks(dw: Dw, house: House) -> None:
    said = dw("quarantine", "show", "--rule", COLOUR)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("2026-01-05/things.csv:3  raw.things, attempt 1, batch ")
    assert '"thing_id": "b", "colour": "green"' in said.out
    assert f"    {COLOUR}: " in said.out
    assert "[colour=green]" in said.out
    assert "1 row open" in said.out


def test_show_masks_personal_data_wherever_it_stands(dw: Dw, house: House) -> None:
    said = dw("quarantine", "show")
    assert said.code == 0
    assert "3 rows open" in said.out
    for value in PERSONAL:
        for part in value.replace("@", " ").replace(".", " ").split():
            assert part in ("com", "org") or part not in said.out, part
    assert f'"owner": "{mask(PERSONAL[0], "email")}"' in said.out
    assert f"[owner={mask(PERSONAL[1], 'email')}]" in said.out
    assert "2 fields where the header has 5" in said.out
    # What the lake holds is what was delivered.
    assert any(PERSONAL[2] in payload for payload in house.open_rows()["payload"])


def test_a_column_or_a_rule_that_no_contract_has_any_more_is_hidden_too(dw: Dw, house: House) -> None:
    house.allow(COLOURS, 0, {"name": "buyer", "mask": "redact"})
    said = dw("quarantine", "show")
    assert said.code == 0
    assert "a rule that no contract has any more" in said.out
    for value in PERSONAL:
        assert value.partition("@")[0] not in said.out


def test_show_says_how_many_more_there_are(dw: Dw, house: House) -> None:
    said = dw("quarantine", "show", "--limit", "1")
    assert said.out.count("things.csv:") == 1
    assert "3 rows open (the first 1 are shown; --limit for more)" in said.out


# redrive


def test_redrive_says_what_it_did_and_a_second_time_that_nothing_changed(dw: Dw, house: House) -> None:
    house.allow((*COLOURS, "green"), 0, OWNER)
    said = dw("redrive")
    assert (said.code, said.err) == (0, "")
    assert "2026-01-05/things.csv: 3 rows tried, 1 loaded, 0 duplicate, 2 left (attempt 2)" in said.out
    assert f"{COLOUR}: 1 broke it, 0 do now" in said.out
    assert "1 table was brought up to date" in said.out
    before = house.everything()
    again = dw("redrive", "--table", "raw.things")
    assert (again.code, again.err) == (0, "")
    assert "2 rows tried, 0 loaded, 0 duplicate, 2 left (attempt 2)" in again.out
    assert "brought up to date" not in again.out
    assert house.everything() == before
    for value in PERSONAL:
        assert value not in said.out + again.out


def test_a_batch_that_cannot_be_redriven_is_told_and_the_exit_says_so(dw: Dw, house: House) -> None:
    next((house.home / "lake" / "raw").rglob("things.csv")).unlink()
    said = dw("redrive")
    assert said.code == 1
    assert "failed 2026-01-05/things.csv: not redriven. the file as delivered is gone" in words(said.out)
    assert "Traceback" not in said.err


def test_nothing_open_is_said_and_no_failure(dw: Dw, house: House) -> None:
    assert dw("quarantine", "discard", "--table", "raw.things", "--reason", "all of it", "--yes").code == 0
    assert (dw("redrive").code, dw("quarantine", "list").out) == (0, "Nothing is open.\n")
    assert json.loads(dw("quarantine", "list", "--json").out) == []
    assert "Nothing fits that is open" in dw("quarantine", "discard", "--table", "raw.things", "--reason", "x").out


# discard


def test_discard_asks_first_and_takes_no_for_an_answer(dw: Dw, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text: bool(asked.append(text)))
    before = house.everything()
    said = dw("quarantine", "discard", "--rule", COLOUR, "--reason", "not ours")
    assert (said.code, len(asked)) == (1, 1)
    assert f"2026-01-05/things.csv (raw.things): {COLOUR} 1" in said.out
    assert "Nothing was discarded" in said.out
    assert house.everything() == before


def test_discard_leaves_a_record(dw: Dw, house: House) -> None:
    said = dw("quarantine", "discard", "--rule", COLOUR, "--reason", " not ours, ticket 7 ", "--yes")
    assert (said.code, said.err) == (0, "")
    assert "1 row discarded" in said.out
    assert house.ledger() == [(1, 0, 2, 1)]
    columns = ("attempt", "action", "discarded_rows", "reason")
    assert house.rows("audit.quarantine_action", *columns)[-1] == (2, "discarded", 1, "not ours, ticket 7")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["discard", "--reason", "x", "--yes"], "at least one of --table, --rule and --batch"),
        (["discard", "--table", "raw.things", "--reason", "  ", "--yes"], "say why, in a few words"),
        (["discard", "--table", "raw.things", "--yes"], "Missing option '--reason'"),
        (["list", "--table", "raw.thing"], "no table is called 'raw.thing'; did you mean raw.things?"),
        (["show", "--rule", "clean.things.color.in_set"], f"did you mean {COLOUR}"),
        (["show", "--batch", "nosuch"], "unknown batch 'nosuch'; there are "),
    ],
)
def test_a_wrong_use_is_told_with_what_comes_near(dw: Dw, house: House, arguments: list[str], said: str) -> None:
    before = house.everything()
    found = dw("quarantine", *arguments)
    assert found.code == 2
    assert said in words(found.err)
    assert "Traceback" not in found.err
    assert house.everything() == before


def test_redrive_knows_its_names_too(dw: Dw, house: House) -> None:
    said = dw("redrive", "--table", "raw.thing")
    assert said.code == 2
    assert "no table is called 'raw.thing'; did you mean raw.things?" in words(said.err)


@pytest.mark.parametrize("arguments", [["quarantine", "list"], ["quarantine", "show"], ["redrive"]])
def test_without_a_warehouse_it_says_how_to_get_one(
    dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("DW_HOME", str(tmp_path / "new"))
    said = dw(*arguments)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dw: there is no warehouse at {tmp_path / 'new'}")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["list", "show", "discard"])
def test_each_commands_help_shows_an_example_of_it(dw: Dw, command: str) -> None:
    said = dw("quarantine", command, "--help")
    assert said.code == 0
    assert f"Example: dw quarantine {command}" in words(said.out)


def test_the_deployed_flow_does_what_the_command_does(house: House) -> None:
    set_defaults(house.home)
    from flows.redrive import redrive
    from tasks.workspace import close_all

    house.allow((*COLOURS, "green"), 0, OWNER)
    try:
        # The flow's own function: Prefect's server has no part in what it does.
        report = redrive.fn(table="raw.things", rule=COLOUR)
    finally:
        close_all()
    assert (report.failures, [e.loaded_rows for e in report.entries]) == ([], [2])
    assert house.ledger() == [(2, 0, 2, 0)]
