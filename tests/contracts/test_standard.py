"""The standard's JSON schema is judged compiled, told by another library: both must find the same contracts wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.registry import REPOSITORY
from contracts.source import read_document
from contracts.standard import schema_faults

SCHEMA = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())
JUDGE = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
DOCUMENTS = [read_document(path).data for path in sorted((REPOSITORY / "contracts").glob("*/*.yaml"))]
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 1.0, -1, 2.5, float("nan"), float("inf"), 10**30),
    *("", "1", "name", "string", "a b", "a.b", "2026-02-30", "x\n", "é", "DataContract", "duplicateValues"),
    *([], [1], ["a", "a"], {}, {"a": 1}, {"name": "a"}, {"property": "a", "value": None}, [{"name": "x"}]),
)
KEYS = ("name", "logicalType", "required", "mustBe", "metric", "type", "to", "unit", "items", "nonsense", "it's")


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a change can be made."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield (*at, key)
        yield from places(value, (*at, key))


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """A contract of ours with one to three values taken away, replaced, or put under another key."""
    data = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(list(places(data))))
        parent = data
        for key in above:
            parent = parent[key]
        what = draw(st.sampled_from(("take", "replace", "rename", "add")))
        if what == "take" or what == "rename":
            value = parent.pop(last)
            if what == "rename" and isinstance(parent, dict):
                parent[draw(st.sampled_from(KEYS))] = value
        elif what == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(KEYS))] = draw(st.sampled_from(VALUES))
        else:
            parent[last] = draw(st.sampled_from(VALUES))
        if not data:
            break
    return data


def test_every_contract_is_valid_for_both() -> None:
    assert [schema_faults(data) for data in DOCUMENTS] == [[]] * len(DOCUMENTS)
    assert all(JUDGE.is_valid(data) for data in DOCUMENTS)


@settings(max_examples=200, deadline=None)
@given(changed())
@example(None)
@example([])
@example("text")
def test_what_one_refuses_the_other_refuses(data: Any) -> None:
    assert bool(schema_faults(data)) != JUDGE.is_valid(data)
