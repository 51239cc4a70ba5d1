"""The catalog: an index of all tables by layer, a page per table, and each contract as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from contracts.ids import TableId
from contracts.model import Column, Contract
from expectations.rules import Rule
from tasks.site import words
from tasks.site.catalog_facts import TableFacts
from tasks.site.facts import SiteFacts
from tasks.site.highlight import highlighted
from tasks.site.page import CATALOG, Page, contract_path, lineage_path, quality_path, table_path

# Readers begin with answers; the drawing above the list goes from files to answers.
FIRST_READ = ("mart", "core", "curated", "clean", "raw", "audit")


@dataclass(frozen=True)
class Badge:
    """A judgement in a word: `kind` is good, warn, bad or quiet; `why` is the sentence behind it."""

    kind: str
    text: str
    why: str = ""


def pages(facts: SiteFacts) -> Iterator[Page]:
    """The index, then a page and a contract per table."""
    yield Page(CATALOG, "Catalog", "catalog.html", _index(facts))
    for contract in facts.registry.values():
        yield Page(table_path(contract.table), str(contract.table), "table.html", _table(facts, contract))
        text = (facts.root / contract.table.contract_file).read_text(encoding="utf-8")
        context = {"contract": contract, "text": highlighted(text, "yaml"), "file": str(contract.table.contract_file)}
        yield Page(contract_path(contract.table), f"Contract of {contract.table}", "contract.html", context)


def freshness(table: TableId, fact: TableFacts | None, newest_delivery: date | None) -> Badge:
    """How current a table is: against the newest delivery and what waits, never against the clock."""
    if table.layer == "audit":
        return Badge("quiet", "written by runs")
    if fact is None or fact.loaded_at is None:
        return Badge("quiet", "never loaded")
    if fact.waiting:
        keys = "1 key waits" if fact.waiting == 1 else f"{fact.waiting:,} keys wait"
        return Badge("warn", "waiting", f"{keys} for the next run")
    behind = (newest_delivery - fact.last_delivery).days if newest_delivery and fact.last_delivery else 0
    if behind > 1:
        return Badge("warn", f"{behind} days behind", f"the newest delivery is of {newest_delivery}")
    return Badge("good", "current", "nothing waits, and no delivery is missed")


def quality_badge(fact: TableFacts | None) -> Badge:
    """A table's scores of its last day in one word: the worst against its threshold."""
    if fact is None or not fact.scores:
        return Badge("quiet", "not scored")
    missed = [s for s in fact.scores if not s.passed]
    if missed:
        worst = min(missed, key=lambda s: s.score)
        return Badge("bad", f"{worst.dimension} {worst.percent}", f"below {worst.threshold or 0:.0%}")
    worst = min(fact.scores, key=lambda s: s.score)
    return Badge("good", worst.percent, f"the lowest of {len(fact.scores)} dimensions: {worst.dimension}")


def _index(facts: SiteFacts) -> dict[str, Any]:
    newest = _newest_delivery(facts)
    layers = []
    for layer in FIRST_READ:
        rows = [_row(facts, contract, newest) for contract in facts.registry.layer(layer)]
        if rows:
            name, what = words.LAYERS[layer]
            layers.append({"layer": layer, "name": name, "what": what, "rows": rows})
    owners = sorted({c.owner for c in facts.registry.values() if c.owner})
    return {
        "layers": layers,
        "owners": owners,
        "newest": newest,
        "built_at": facts.built_at,
        "lacking": facts.lacking,
        "has_warehouse": facts.has_warehouse,
        "rule_count": sum(map(len, facts.rules.values())),
        "column_count": sum(len(c.columns) for c in facts.registry.values()),
    }


def _row(facts: SiteFacts, contract: Contract, newest: date | None) -> dict[str, Any]:
    fact = facts.tables.get(contract.table)
    return {
        "contract": contract,
        "url": table_path(contract.table),
        "fact": fact or TableFacts(),
        "quality": quality_badge(fact),
        "freshness": freshness(contract.table, fact, newest),
    }


def _newest_delivery(facts: SiteFacts) -> date | None:
    return max((f.last_delivery for f in facts.tables.values() if f.last_delivery), default=None)


def _table(facts: SiteFacts, contract: Contract) -> dict[str, Any]:
    table, rules = contract.table, facts.rules[contract.table]
    fact = facts.tables.get(table)
    of_columns = {c.name: [r for r in rules if r.columns == (c.name,)] for c in contract.columns}
    references = {name: r for r in contract.references for name in r.columns}
    made = table in facts.graph
    return {
        "contract": contract,
        "fact": fact or TableFacts(),
        "stands": fact is not None and fact.rows is not None,
        "has_warehouse": facts.has_warehouse,
        "quality": quality_badge(fact),
        "freshness": freshness(table, fact, _newest_delivery(facts)),
        "load": words.load_words(contract),
        "latency": words.latency_words(contract),
        "verdicts": words.VERDICTS,
        "columns": [_column(c, of_columns[c.name], references.get(c.name)) for c in contract.columns],
        "table_rules": [r for r in rules if len(r.columns) != 1],
        "column_rules": [r for r in rules if len(r.columns) == 1],
        "rule_words": words.rule_words,
        "sql": highlighted(facts.graph.text(table).strip(), "sql") if made else "",
        "sql_file": str(table.sql_file) if made else "",
        "reads": sorted(facts.graph.upstream(table) | _before(facts, table)),
        "readers": sorted(facts.graph.downstream(table) | _after(facts, table)),
        "more": (
            ("Lineage", lineage_path(table)),
            ("Quality over time", quality_path(table)),
            *((f"Audit ({place})", path) for place, path in facts.latest_audits.get(table, ())),
        ),
        "sample_columns": [c for c in contract.columns if fact and fact.sample and c.name in fact.sample[0]],
    }


def _column(column: Column, rules: list[Rule], reference: Any) -> dict[str, Any]:
    said = [(words.rule_words(rule), rule) for rule in rules]
    return {
        "column": column,
        "name": column.business_name if column.business_name.lower() != column.name.replace("_", " ") else "",
        "reference": reference,
        "is_right": column.type.logical in ("integer", "number"),
        "rules": [(text, rule) for text, rule in said if text],
    }


def _before(facts: SiteFacts, table: TableId) -> frozenset[TableId]:
    """A clean table is made from the delivered table of its name, without SQL."""
    raw = TableId("raw", table.name)
    return frozenset({raw}) if table.layer == "clean" and raw in facts.registry else frozenset()


def _after(facts: SiteFacts, table: TableId) -> frozenset[TableId]:
    clean = TableId("clean", table.name)
    return frozenset({clean}) if table.layer == "raw" and clean in facts.registry else frozenset()
