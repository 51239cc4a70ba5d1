"""The landing's state machine by the linter of its language; cfn-lint and moto's engine have it in tests/landing."""

from __future__ import annotations

import json
from pathlib import Path

import linters
from state_machine import definition


def test_the_definition_is_of_the_language(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(definition()))
    said = linters.run("statelint", path)
    assert said.returncode == 0, said.stdout + said.stderr


def test_a_transition_to_nowhere_is_found(tmp_path: Path) -> None:
    broken = definition()
    next(state for state in broken["States"].values() if "Next" in state)["Next"] = "Nowhere"
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(broken))
    assert linters.run("statelint", path).returncode
