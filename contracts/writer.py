"""A contract's document as YAML in the spelling of this house: what `dw` writes looks like what people write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_LONGEST_LINE = 110
_IN_ONE_LINE = ({"property", "value"}, {"value"}, {"value", "description"})


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Lists stand deeper than the key that they belong to."""
        super().increase_indent(flow, False)


def _mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    flow = value.keys() in _IN_ONE_LINE and len(str(value)) <= _LONGEST_LINE
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=flow)


def _sequence(dumper: yaml.SafeDumper, value: Sequence[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=not any(map(_is_nested, value)))


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(tuple, _sequence)


def yaml_text(document: Any, indent: int = 0) -> str:
    """The YAML of plain data, keys in their order, moved in by `indent` blanks."""
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120 - indent)
    return "".join(f"{' ' * indent}{line}" if line.strip() else line for line in text.splitlines(keepends=True))
