"""A delivery about people who stand nowhere else, for a shop whose contracts find fault with all of them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from small_shop import read_repository

from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry
from expectations.predicates import rule_columns
from expectations.rules import Rule, rules_of
from tasks.generate import Size, generate_delivery

SIZE = Size(customers=40, products=20, orders=60, web_events=300, days=2)

# A good value of each personal column: words that stand nowhere else.
GOOD = {
    "customers": {
        "first_name": "Zuzqarabelle",
        "last_name": "Vexlomberton",
        "email": "zuzqarabelle.vexlomberton@quibzlemail.zqx",
        "phone": "+91 98117 47253",
        "birth_date": "1911-07-29",
        "street": "47 Wrexlibund Kraal",
        "postal_code": "QXZ7 4JW",
    },
    "orders": {"ship_postal_code": "JWQ9 5ZX"},
    "web_events": {"ip_address": "198.51.100.237"},
}
# Values that break a rule on their column, besides those that are too long.
BAD = {
    "email": [
        "zuzqarabelle at quibzlemail.zqx",
        "zuzqarabelle@home.47 Wrexlibund Kraal",
        "@quibzlemail.vexlomberton@",
    ],
    "phone": ["ask for Zuzqarabelle Vexlomberton"],
    "birth_date": ["the 29th of Qzemberly", "1711-07-29", "2911-07-29"],
}
BLOCKED_EMAIL = "blockwarden@quibzlemail.zqx"
BLOCKED_STREET = "Haltenbrook Kraal 4711"

# Rules of every kind that can stand on a personal column: all that is delivered breaks them.
STRICTER: dict[str, list[dict[str, Any]]] = {
    "clean.customers": [
        {"rule": "in_set", "column": "first_name", "values": ["Nobody"]},
        {"rule": "unique", "columns": ["email"]},
        {"rule": "unique", "columns": ["phone", "street"]},
        {"rule": "compare", "columns": ["first_name", "last_name"], "operator": "="},
        {"rule": "condition", "columns": ["email", "street", "postal_code"],
         "sql": "email IS NULL OR street IS NULL OR postal_code IS NULL"},
        {"rule": "aggregate", "column": "birth_date", "function": "max", "max": "1900-01-01"},
        {"rule": "aggregate", "column": "birth_date", "function": "min", "min": "2020-01-01"},
    ],
    "clean.orders": [{"rule": "matches", "column": "ship_postal_code", "pattern": "^none$"}],
    "clean.web_events": [{"rule": "matches", "column": "ip_address", "pattern": "^none$"}],
    "core.dim_customer": [
        {"rule": "in_set", "column": "last_name", "values": ["Nobody"]},
        {"rule": "aggregate", "column": "birth_date", "function": "max", "max": "1900-01-01"},
    ],
}  # fmt: skip
# Rules that stop a table: one file of the first day, and the dimension on the second.
BLOCKING = {
    "clean.customers": {"rule": "condition", "columns": ["email", "first_name"],
                        "sql": "first_name IS NULL OR email IS NULL OR email NOT LIKE 'block%'"},
    "core.dim_customer": {"rule": "condition", "columns": ["street", "last_name"],
                          "sql": "last_name IS NULL OR street IS NULL OR street NOT LIKE '% 4711'"},
}  # fmt: skip


def stricter_repository(root: Path) -> Path:
    for folder in ("contracts", "sql", "notebooks"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in STRICTER.keys() | BLOCKING.keys():
        table = TableId.parse(name)
        path = root / "contracts" / table.layer / f"{table.name}.yaml"
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        (schema,) = body["schema"]
        columns = {column["name"]: column for column in schema["properties"]}
        rules = [(f"stricter_{n}", "warn", rule) for n, rule in enumerate(STRICTER.get(name, []))]
        for label, verdict, rule in [*rules, *(("blocking", "block", rule) for rule in [BLOCKING.get(name)] if rule)]:
            of = columns[rule["column"]] if "column" in rule else schema
            of.setdefault("quality", []).append(_written(label, rule, verdict))
        path.write_text(yaml.safe_dump(body, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return root


def _written(label: str, rule: dict[str, Any], verdict: str) -> dict[str, Any]:
    return {
        "id": label,
        "type": "custom",
        "engine": "warehouse",
        "implementation": {name: value for name, value in rule.items() if name != "column"},
        "dimension": "accuracy",
        "description": "Stricter than the shop.",
        "customProperties": [{"property": "verdict", "value": verdict}],
    }


# What is delivered


def values(table: str) -> list[dict[str, str]]:
    """Planted rows: one that is good, and one per value that breaks a rule."""
    good = GOOD[table]
    bad = [{column: value} for column in good for value in BAD.get(column, [])]
    for rule in personal_rules(table):
        if rule.kind == "byte_length":
            (column,) = rule.columns
            bad.append({column: (good[column] * 40)[: rule.args["max"] + 4]})
    return [good, *({**good, **one} for one in bad)]


def personal_rules(table: str, registry: Registry | None = None) -> list[Rule]:
    """The rules of a table's raw and clean contract that look at a personal column."""
    registry = registry or read_repository()[0]
    contracts = [registry[TableId(layer, table)] for layer in ("raw", "clean")]
    return [rule for c in contracts for rule in rules_of(c) if set(rule_columns(rule)) & c.masks.keys()]


def as_csv(rows: list[dict[str, str]], header: bool = True) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def deliver(inbox: Path) -> None:
    """Two days: the first with every planted row and broken file, the second with one row that stops the dimension."""
    delivery = generate_delivery(inbox, size=SIZE)
    first, second = (inbox / day.isoformat() for day in delivery.days)
    plant(first)
    for path in second.iterdir():
        if path.name != "customers.csv.gz":
            path.unlink()
    was = gzip.decompress((second / "customers.csv.gz").read_bytes())
    (template, *_) = csv.DictReader(io.StringIO(was.decode()))
    stopped = {**template, **GOOD["customers"], "customer_id": "XS", "street": BLOCKED_STREET}
    (second / "customers.csv.gz").write_bytes(gzip.compress(was + as_csv([stopped], header=False)))


def plant(day: Path) -> None:
    """Put the planted rows behind those of the generated files, and broken files beside them."""
    for table, key in (("customers", "customer_id"), ("orders", "order_id")):
        path = day / f"{table}.csv.gz"
        was = gzip.decompress(path.read_bytes())
        (template, *_) = csv.DictReader(io.StringIO(was.decode()))
        rows = [{**template, **row, key: f"X{n}"} for n, row in enumerate(values(table))]
        ragged = as_csv(rows[:1], header=False).replace(b",", b",,", 1)
        path.write_bytes(gzip.compress(was + as_csv([*rows, *rows[:1]], header=False) + ragged))
        if table == "customers":
            plant_broken(day, template, rows)
    path = day / "web_events.jsonl.gz"
    was = gzip.decompress(path.read_bytes())
    event = json.loads(was.splitlines()[0])
    events = [{**event, **row, "event_id": f"X{n}"} for n, row in enumerate(values("web_events"))]
    lines = [json.dumps(one) for one in events]
    broken = [
        lines[0][:-9],
        json.dumps([events[0]]),
        json.dumps({**events[0], "ip_address": [events[0]["ip_address"]]}),
    ]
    path.write_bytes(gzip.compress(was + "\n".join([*lines, *broken, ""]).encode()))
    (day / "web_events.2.jsonl.gz").write_bytes(gzip.compress("\n".join([lines[0][:-9], broken[1], ""]).encode()))
    unknown = json.dumps({"who": GOOD["web_events"]["ip_address"]})
    (day / "web_events.3.jsonl.gz").write_bytes(gzip.compress(unknown.encode()))


def plant_broken(day: Path, template: dict[str, str], rows: list[dict[str, str]]) -> None:
    good = rows[:1]
    blocked = {**good[0], "customer_id": "XB", "email": BLOCKED_EMAIL}
    without = [{name: value for name, value in good[0].items() if name != "segment"}]
    contents = {
        "headerless": as_csv(good, header=False),
        "doubled": as_csv([{**good[0], "last_name": good[0]["first_name"]}], header=False),
        "column_gone": as_csv(without),
        "open_quote": as_csv(good) + b'XQ,"' + good[0]["first_name"].encode() + b"\n",
        "latin_1": as_csv(good) + as_csv(good, header=False).replace(b"Kraal", b"Kr\xe4\xe4l"),
        "blocked": as_csv([blocked]),
    }
    for name, content in contents.items():
        (day / f"customers.{name}.csv.gz").write_bytes(gzip.compress(content))
    (day / "customers.cut_off.csv.gz").write_bytes(gzip.compress(contents["blocked"])[:-20])
    (day / "customers.plain.csv.gz").write_bytes(contents["blocked"])


def pieces() -> set[str]:
    """Every planted value, and every seven characters of one: a mask shows the first letters or the last two."""
    planted = {value for table in GOOD for row in values(table) for value in row.values()} | {
        BLOCKED_EMAIL,
        BLOCKED_STREET,
    }
    parts = {text[at : at + 7].lower() for text in planted for at in range(max(1, len(text) - 6))}
    return parts | {"date(1911, 7, 29)", "date(2911, 7, 29)", "19110729", "29110729"}
