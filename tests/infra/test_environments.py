"""The environments are one text: they differ in environment.yaml, in examples of what is an account's, and in tests."""

from __future__ import annotations

import pytest
import terraform
import yaml
from terraform import INFRA, REPOSITORY

FOLDER = REPOSITORY / INFRA / "environments"
NAMES = terraform.environments()
_VALUES = {name: yaml.safe_load((FOLDER / name / "environment.yaml").read_text()) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_its_terraform_is_that_of_the_others(name: str) -> None:
    first, other = ({p.name: p.read_text() for p in (FOLDER / n).glob("*.tf")} for n in (NAMES[0], name))
    assert first.keys() == other.keys()
    assert [file for file in first if first[file] != other[file]] == []


@pytest.mark.parametrize("name", NAMES)
def test_its_values_are_those_that_terraform_reads(name: str) -> None:
    main = (FOLDER / name / "main.tf").read_text()
    assert _VALUES[name]["environment"] == name
    assert {key for key in _VALUES[name] if f"local.values.{key}" not in main} == set(), "nobody reads it"
    assert _VALUES[name].keys() == _VALUES[NAMES[0]].keys()


def test_no_two_share_their_addresses() -> None:
    cidrs = [values["network"]["cidr"] for values in _VALUES.values()]
    assert len(set(cidrs)) == len(cidrs)


@pytest.mark.parametrize("name", [name for name in NAMES if _VALUES[name]["warehouse"]["office_hours"]])
def test_no_flow_begins_while_the_cluster_is_paused(name: str) -> None:
    for flow, cron in _VALUES[name]["schedules"].items():
        _minute, hour, *_rest, weekdays = cron.split()
        # Modules' office hours: 08:00 to 20:00 in Kolkata, Monday to Friday. An hour is left to work in.
        assert 8 < int(hour) < 19, flow
        assert set(range(int(weekdays[0]), int(weekdays[-1]) + 1)) <= {1, 2, 3, 4, 5}, flow


def test_prod_is_protected_copied_and_awake() -> None:
    prod = _VALUES["prod"]
    assert prod["protected"]
    assert prod["replication"]
    assert prod["backup_lock_days"]
    assert not prod["warehouse"]["office_hours"]
    assert (prod["network"]["nat"], prod["workers"]) == ("per_az", 2)
    assert prod["log_days"] >= 365, "an auditor asks for a year"


def test_prod_tells_no_later_than_by_default() -> None:
    assert _VALUES["prod"]["thresholds"] == {}
