"""The standard's own JSON schema (ODCS): where a document is not what it asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from contracts.source import Key

_LONGEST = 300  # of a message, which may quote the whole document


def schema_faults(data: Any) -> list[tuple[Key, str]]:
    """What the schema says of plain data, each fault once: where and what.

    An object with any fault has unknown ("unevaluated") keys for the schema too; those are told only where no other
    fault explains them.
    """
    unknown: dict[Key, bool] = {}
    others: dict[tuple[Key, str], None] = {}
    for leaf in _errors(data):
        at: Key = tuple(leaf.absolute_path)
        keys = re.findall(r"'([^']*)'", leaf.message)
        if keys and leaf.validator in ("additionalProperties", "unevaluatedProperties"):
            certain = leaf.validator == "additionalProperties"
            unknown |= {(*at, key): certain or unknown.get((*at, key), False) for key in keys}
        else:
            message = leaf.message if len(leaf.message) < _LONGEST else leaf.message[:_LONGEST] + " …"
            if leaf.validator == "required" and leaf.message.startswith("'map'") and "logicalType" not in leaf.instance:
                # The schema asks "if logicalType is map", which holds where there is none.
                message = "'logicalType' is a required property"
            others[at, message] = None
    explained = {at[:i] for at, _ in others for i in range(len(at))}
    certain_or_alone = (at for at, certain in unknown.items() if certain or at[:-1] not in explained)
    return [*others, *((at, f"unknown key {at[-1]!r}") for at in certain_or_alone)]


# Libraries are imported where they are used: who reads contracts without the schema needs none of them.
def _errors(data: Any) -> Iterator[Any]:
    """What is wrong, of alternatives that all failed what comes nearest.

    The compiled schema is asked first: it knows a hundred times as fast what is valid, but tells faults less well.
    """
    if _compiled().is_valid(data):
        return
    from jsonschema.exceptions import best_match

    for error in _validator().iter_errors(data):
        yield best_match([error]) or error


@cache
def _schema() -> Any:
    return json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())


@cache
def _compiled() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(_schema(), validate_formats=False)


@cache
def _validator() -> Any:
    import jsonschema

    return jsonschema.validators.validator_for(_schema())(_schema())
