"""History from a change log: the SELECT gives one row per change, this wraps it into one row per version."""

from __future__ import annotations

from sqlglot import exp

from contracts.model import Contract
from sql.dialect import SqlError, parse_statement

FIRST_OPEN = "1900-01-01 00:00:00"
OPEN_END = "9999-12-31 00:00:00"
INTERVAL = ("effective_from", "effective_to", "is_current")


def log_columns(contract: Contract) -> tuple[str, ...]:
    """The columns that the change log must give: durable key, effective, sequence, deletes, tracked, overwrite."""
    load = contract.load
    durable = load.increment.key if load.increment else ""
    deleted = load.deletes.column if load.deletes else ""
    names = (durable, load.effective or "", *load.sequence, deleted, *load.tracked, *load.overwrite)
    return tuple(dict.fromkeys(name for name in names if name))


def faults(contract: Contract) -> list[str]:
    """What keeps a contract from being a history, each as a message without its place."""
    load, out = contract.load, []
    if load.increment is None:
        return ["strategy scd2 needs load.increment: its key is the durable key"]
    if len(contract.key) != 1:
        out.append(f"a history has one surrogate key, here the primary key is ({', '.join(contract.key)})")
    if both := sorted(set(load.tracked) & set(load.overwrite)):
        out.append(f"column {both[0]} is both tracked and overwritten")
    expected = {*contract.key, load.increment.key, *load.tracked, *load.overwrite, *INTERVAL}
    for name in contract.names:
        if name not in expected:
            out.append(f"column {name} is neither key, tracked, overwrite nor one of {', '.join(INTERVAL)}")
    out += [f"a history has the column {name}" for name in INTERVAL if name not in contract.names]
    return out


def versions(log: exp.Query, contract: Contract, *, first_open: str = FIRST_OPEN) -> exp.Query:
    """One row per version: half-open, no overlap, at most one current row per durable key; SqlError if not a history.

    The same log in any order gives the same rows: of several changes at one instant the last by `sequence` counts, then
    a deletion, then the greatest by all other columns. Neighbours with equal tracked columns are one version (compared
    column by column, NULL equals NULL). Overwrite columns have the key's latest value in every version. A key's first
    version opens at `first_open`. Only a deletion (`load.deletes`) leaves a gap, or a key without current row.
    """
    if wrong := faults(contract):
        raise SqlError(f"{contract.file}:1: {message}" for message in wrong)
    load = contract.load
    assert load.increment is not None
    durable, effective = load.increment.key, load.effective or ""
    deletes = load.deletes
    deleted = f"COALESCE({deletes.column}, FALSE)" if deletes else "FALSE"
    ties = [f"{name} DESC NULLS LAST" for name in load.sequence]
    if deletes:
        ties.append("scd2_gone DESC")
    ties += [f"{name} DESC NULLS LAST" for name in (*load.tracked, *load.overwrite) if name not in load.sequence]
    text = _TEMPLATE.format(
        durable=durable,
        effective=effective,
        values=", ".join((*load.tracked, *load.overwrite)),
        gone=f"CASE WHEN {deleted} THEN 1 ELSE 0 END",
        last_first=", ".join(ties),
        kept=f"\n  WHERE NOT {deleted}" if deletes and deletes.then == "keep" else "",
        closed=_NOT_YET_CLOSED if deletes and deletes.then == "close" else "",
        overwritten="".join(_OVERWRITE.format(name=n, durable=durable) for n in load.overwrite),
        tracked=", ".join(load.tracked),
        before="".join(_BEFORE.format(name=n, durable=durable) for n in load.tracked),
        overwrite="".join(f", {name}" for name in load.overwrite),
        equal=" AND ".join(f"({n} = before__{n} OR ({n} IS NULL AND before__{n} IS NULL))" for n in load.tracked),
        first_open=first_open,
        open_end=OPEN_END,
        columns=", ".join(_column(contract, name, durable) for name in contract.names),
    )
    tree = parse_statement(text, "<scd2>")
    assert isinstance(tree, exp.Query)
    return _with_log(tree, log)


def surrogate(durable: str, *, is_text: bool, at: str = "effective_from") -> str:
    """SQL for the surrogate key of a version: a 60-bit hash of durable key and the instant at which it opens.

    With `at` the first opening instant it is also the key of an inferred member.
    """
    # CAST AS VARCHAR is VARCHAR(256) on Redshift, so text stays as it is.
    text = durable if is_text else f"CAST({durable} AS VARCHAR(64))"
    return f"STRTOL(SUBSTRING(MD5({text} || '|' || TO_CHAR({at}, 'YYYY-MM-DD HH24:MI:SS.US')), 1, 15), 16)"


def _column(contract: Contract, name: str, durable: str) -> str:
    if name in contract.key:
        return f"{surrogate(durable, is_text=contract.by_name[durable].type.is_text)} AS {name}"
    return name


def _with_log(tree: exp.Query, log: exp.Query) -> exp.Query:
    """Put the log in as a CTE, its own CTEs before it: WITH inside a CTE is not known to work everywhere."""
    log = log.copy()
    inner = log.args.get("with_")
    if inner is not None:
        inner.pop()
    own = tree.args["with_"]
    ctes = [*(inner.expressions if inner is not None else ()), exp.CTE(this=log, alias=_alias("scd2_log"))]
    own.set("expressions", [*ctes, *own.expressions])
    if inner is not None and inner.args.get("recursive"):
        own.set("recursive", True)
    return tree


def _alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name))


# In steps: one row per instant; what a deletion leaves; neighbours side by side; only rows that differ from their
# neighbour (two deletions in a row are one); intervals, of which those that a deletion opens are no versions.
_TEMPLATE = """
WITH scd2_change AS (
  SELECT scd2_log.*, {gone} AS scd2_gone
  FROM scd2_log{kept}
), scd2_ranked AS (
  SELECT {durable}, {effective} AS scd2_at, scd2_gone, {values},
    ROW_NUMBER() OVER (PARTITION BY {durable}, {effective} ORDER BY {last_first}) AS scd2_rank
  FROM scd2_change
), scd2_instant AS (
  SELECT {durable}, scd2_at, scd2_gone, {values},
    SUM(scd2_gone) OVER (PARTITION BY {durable} ORDER BY scd2_at ROWS UNBOUNDED PRECEDING) AS scd2_deletions
  FROM scd2_ranked
  WHERE scd2_rank = 1
), scd2_step AS (
  SELECT {durable}, scd2_at, scd2_gone, {tracked}{overwritten}{before},
    LAG(scd2_gone) OVER (PARTITION BY {durable} ORDER BY scd2_at) AS before__scd2_gone
  FROM scd2_instant{closed}
), scd2_opening AS (
  SELECT {durable}, scd2_at, scd2_gone, {tracked}{overwrite}
  FROM scd2_step
  WHERE CASE WHEN scd2_gone = before__scd2_gone AND (scd2_gone = 1 OR ({equal})) THEN 0 ELSE 1 END = 1
), scd2_interval AS (
  SELECT {durable}, scd2_at, scd2_gone, {tracked}{overwrite},
    LEAD(scd2_at) OVER (PARTITION BY {durable} ORDER BY scd2_at) AS scd2_until
  FROM scd2_opening
), scd2_numbered AS (
  SELECT {durable}, scd2_at, scd2_until, {tracked}{overwrite},
    ROW_NUMBER() OVER (PARTITION BY {durable} ORDER BY scd2_at) AS scd2_number
  FROM scd2_interval
  WHERE scd2_gone = 0
), scd2_version AS (
  SELECT {durable}, {tracked}{overwrite},
    CASE WHEN scd2_number = 1 THEN CAST('{first_open}' AS TIMESTAMP) ELSE scd2_at END AS effective_from,
    COALESCE(scd2_until, CAST('{open_end}' AS TIMESTAMP)) AS effective_to,
    scd2_until IS NULL AS is_current
  FROM scd2_numbered
)
SELECT {columns}
FROM scd2_version
"""
# The first deletion is the last row of a key that stays closed.
_NOT_YET_CLOSED = "\n  WHERE scd2_deletions - scd2_gone = 0"
# What a deletion carries is no value of the key.
_OVERWRITE = """,
    FIRST_VALUE({name}) OVER (
      PARTITION BY {durable} ORDER BY scd2_gone, scd2_at DESC NULLS LAST
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS {name}"""
_BEFORE = """,
    LAG({name}) OVER (PARTITION BY {durable} ORDER BY scd2_at) AS before__{name}"""
