"""What a contract writes under `quality`, as a kind of rule and its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contracts.model import Contract, Quality

if TYPE_CHECKING:
    from expectations.rules import Kind

    Written = tuple[Kind, tuple[str, ...], dict[str, Any], float]

_COMPARE_OPERATORS = ("<", "<=", ">", ">=", "=", "!=")
_AGGREGATES = ("sum", "mean", "min", "max", "stddev", "distinct_count")


def written_kind(quality: Quality, contract: Contract) -> Written:
    """The kind of a written rule, its columns, its arguments and the share that must keep it; ValueError on a fault."""
    body, column = quality.body, quality.column
    type_ = body.get("type", "library")
    if type_ == "custom" and body.get("engine") == "greatExpectations":
        return _expectation_kind(body, column, contract)
    if type_ == "custom":
        return _custom_kind(body, column)
    if type_ == "sql":
        query = body["query"].replace("${column}", column or "${column}")
        return "sql", (), {"query": query, **_bounds(body)}, 1.0
    if type_ == "text":
        raise ValueError("a rule of type text cannot be checked; put it into the description")
    metric, arguments = body["metric"], body.get("arguments", {})
    if metric == "rowCount":
        return "row_count", (), _bounds(body), 1.0
    columns = (column,) if column else tuple(arguments.get("properties", ()))
    if not columns:
        raise ValueError(f"metric {metric} needs a column (or arguments.properties at table level)")
    if len(columns) > 1 and metric != "duplicateValues":
        raise ValueError(f"metric {metric} is about one column, not {', '.join(columns)}")
    mostly = _mostly(body)
    if metric in ("nullValues", "missingValues"):
        return "not_null", columns, {}, mostly
    if metric == "duplicateValues":
        return "unique", columns, {}, mostly
    if "validValues" in arguments:
        return "in_set", columns, {"values": list(arguments["validValues"])}, mostly
    if "pattern" in arguments:
        return "matches", columns, {"pattern": arguments["pattern"]}, mostly
    raise ValueError("metric invalidValues needs arguments.validValues or arguments.pattern")


_CUSTOM: dict[str, tuple[set[str], set[str]]] = {  # kind: required arguments, optional arguments
    "compare": ({"columns", "operator"}, set()),
    "condition": ({"sql"}, {"columns"}),
    "aggregate": ({"function"}, {"min", "max"}),
    "between": (set(), {"min", "max", "min_exclusive", "max_exclusive"}),
    "matches": ({"pattern"}, set()),
    "in_set": ({"values"}, set()),
    "unique": ({"columns"}, set()),
}


# Layers whose tables are checked as frames; the others are audited in the warehouse, by SQL.
_ON_FRAMES = ("raw", "clean", "curated")
_NAMED_COLUMNS = ("column", "column_A", "column_B", "column_list")


def _expectation_kind(body: dict[str, Any], column: str | None, contract: Contract) -> Written:
    """`engine: greatExpectations`, `implementation: {type: expect_…, kwargs: {…}}`, as ODCS has it."""
    layer, written = contract.table.layer, body.get("implementation")
    if layer not in _ON_FRAMES:
        raise ValueError(
            f"engine greatExpectations checks files ({', '.join(_ON_FRAMES)}); tables of {layer} are audited in the "
            "warehouse: write the rule as `type: sql`, or with `engine: warehouse`"
        )
    if not isinstance(written, dict) or not isinstance(written.get("type"), str):
        raise ValueError("engine greatExpectations needs an `implementation` with `type` and `kwargs`")
    kwargs = written.get("kwargs") or {}
    if unknown := written.keys() - {"type", "kwargs"}:
        raise ValueError(f"an implementation has `type` and `kwargs`, not {sorted(unknown)[0]!r}")
    if not isinstance(kwargs, dict):
        raise ValueError("`kwargs` are the expectation's arguments by name")
    if column is not None:
        kwargs = {"column": column, **kwargs}
    named = [kwargs[name] for name in _NAMED_COLUMNS if name in kwargs]
    columns = [c for value in named for c in (value if isinstance(value, list) else [value])]
    return "expectation", tuple(dict.fromkeys(map(str, columns))), {"type": written["type"], "kwargs": kwargs}, 1.0


def _custom_kind(body: dict[str, Any], column: str | None) -> Written:
    """`engine: warehouse`, `implementation: {rule: <kind>, ...arguments}`: what ODCS's library has no metric for."""
    if body.get("engine") != "warehouse" or not isinstance(body.get("implementation"), dict):
        raise ValueError(
            "a custom rule has `engine: warehouse` and an `implementation` with the key `rule`, or `engine: "
            "greatExpectations` and one with the key `type`"
        )
    args = dict(body["implementation"])
    kind = args.pop("rule", None)
    if kind not in _CUSTOM:
        raise ValueError(f"unknown rule {kind!r}; one of {', '.join(sorted(_CUSTOM))}")
    required, optional = _CUSTOM[kind]
    if missing := required - args.keys():
        raise ValueError(f"rule {kind} needs {', '.join(sorted(missing))}")
    if unknown := args.keys() - required - optional:
        raise ValueError(f"rule {kind} has no argument {sorted(unknown)[0]!r}")
    columns = tuple(args.pop("columns", ())) or ((column,) if column else ())
    if kind != "condition" and not columns:
        raise ValueError(f"rule {kind} needs a column")
    if kind in ("between", "matches", "in_set", "aggregate") and len(columns) != 1:
        raise ValueError(f"rule {kind} is about one column, not {', '.join(columns)}")
    if kind == "compare" and (len(columns) != 2 or args["operator"] not in _COMPARE_OPERATORS):
        raise ValueError(f"rule compare needs two columns and an operator of {' '.join(_COMPARE_OPERATORS)}")
    if kind in ("between", "aggregate") and not {"min", "max"} & args.keys():
        raise ValueError(f"rule {kind} needs min or max")
    if kind == "aggregate" and args["function"] not in _AGGREGATES:
        raise ValueError(f"unknown aggregate {args['function']!r}; one of {', '.join(_AGGREGATES)}")
    return kind, columns, args, 1.0


def _bounds(body: dict[str, Any]) -> dict[str, Any]:
    """ODCS operators as an interval; exclusive bounds are said so."""
    if "mustBe" in body:
        return {"min": body["mustBe"], "max": body["mustBe"]}
    if "mustBeBetween" in body:
        low, high = body["mustBeBetween"]
        return {"min": low, "max": high}
    if "mustBeGreaterOrEqualTo" in body:
        return {"min": body["mustBeGreaterOrEqualTo"]}
    if "mustBeGreaterThan" in body:
        return {"min": body["mustBeGreaterThan"], "min_exclusive": True}
    if "mustBeLessOrEqualTo" in body:
        return {"max": body["mustBeLessOrEqualTo"]}
    if "mustBeLessThan" in body:
        return {"max": body["mustBeLessThan"], "max_exclusive": True}
    raise ValueError(
        "the rule needs one of mustBe, mustBeBetween, mustBeGreaterThan, mustBeGreaterOrEqualTo, "
        "mustBeLessThan, mustBeLessOrEqualTo"
    )


def _mostly(body: dict[str, Any]) -> float:
    """The share that must keep a rule: `mustBe: 0` is all, `mustBeLessOrEqualTo: 5, unit: percent` is 95 %."""
    bounds = _bounds(body)
    if bounds == {"min": 0, "max": 0}:
        return 1.0
    if body.get("unit") == "percent" and bounds.keys() == {"max"}:
        return 1 - float(bounds["max"]) / 100
    raise ValueError("a count of bad values must be 0, or mustBeLessOrEqualTo n with unit percent")
