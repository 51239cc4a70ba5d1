"""What Redshift refuses and PostgreSQL would run: one function per kind of statement, over sqlglot's tree."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from redshift_standin.errors import RedshiftError, syntax, unsupported
from sql.portable import is_reserved

_T = exp.DataType.Type
_TYPES = {
    *(_T.SMALLINT, _T.INT, _T.BIGINT, _T.DECIMAL, _T.FLOAT, _T.DOUBLE, _T.BOOLEAN, _T.CHAR, _T.NCHAR, _T.VARCHAR),
    *(_T.NVARCHAR, _T.TEXT, _T.BPCHAR, _T.DATE, _T.TIME, _T.TIMETZ, _T.TIMESTAMP, _T.TIMESTAMPTZ, _T.INTERVAL),
}
_NOT_HERE = {_T.SUPER, _T.VARBINARY, _T.GEOMETRY, _T.GEOGRAPHY, _T.HLLSKETCH}
_WITHOUT_FRAME = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead)
# Functions of Redshift that sqlglot does not know. PG_SLEEP is none of them: tests of the timeout need it.
_FUNCTIONS = {
    *("OCTET_LENGTH", "ISNULL", "REGEXP_COUNT", "REGEXP_INSTR", "TEXTLEN", "BTRIM", "REPLICATE", "QUOTE_IDENT"),
    *("QUOTE_LITERAL", "TO_HEX", "CURRENT_SETTING", "SET_CONFIG", "HAS_TABLE_PRIVILEGE", "HAS_SCHEMA_PRIVILEGE"),
    "HAS_DATABASE_PRIVILEGE",
    *("PG_LAST_COPY_COUNT", "PG_LAST_QUERY_ID", "PG_BACKEND_PID", "PG_TABLE_IS_VISIBLE", "PG_GET_USERBYID", "VERSION"),
    *("PG_SLEEP", "DEXP", "DLOG1", "DLOG10", "TO_NUMBER", "MONTHS_BETWEEN", "BIT_AND", "BIT_OR", "FORMAT_TYPE"),
}
_ONLY_ELSEWHERE = {exp.ArrayAgg, exp.Unnest, exp.Explode, exp.JSONObjectAgg, exp.ArrayConcatAgg}
_CATALOGUE = ("information_schema", "pg_catalog")


def check(tree: exp.Expr) -> None:
    """Raise the first error that Redshift would answer."""
    if isinstance(tree, exp.Command):
        raise unsupported(f"the stand-in does not know {tree.name.upper()}")
    if isinstance(tree, exp.Merge):
        _merge(tree)
    elif isinstance(tree, exp.Create):
        _create(tree)
    elif isinstance(tree, exp.Alter):
        _alter(tree)
    for node in tree.walk():
        for error in _faults(node):
            raise error
    _leader_node_only(tree)


def alters_column(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Alter) and any(isinstance(a, exp.AlterColumn) for a in tree.args.get("actions") or ())


def _leader_node_only(tree: exp.Expr) -> None:
    """The catalogue is known to the leader node alone, tables lie on the others: no statement has both."""
    names = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = [t for t in tree.find_all(exp.Table) if t.db or t.name not in names]
    catalogue = [t for t in tables if t.db in _CATALOGUE or (not t.db and t.name.startswith(("pg_", "svv_")))]
    series = list(tree.find_all(exp.GenerateSeries))
    if (catalogue or series) and len(tables) > len(catalogue) + len(series):
        raise unsupported("Specified types or functions (one per INFO message) not supported on Redshift tables.")


def _faults(node: exp.Expr) -> Iterator[RedshiftError]:
    if isinstance(node, exp.Identifier):
        if not node.quoted and is_reserved(node.name):
            yield syntax(node.name)
    elif isinstance(node, exp.DataType):
        yield from _type(node)
    elif isinstance(node, exp.Returning):
        yield syntax("RETURNING")
    elif isinstance(node, exp.OnConflict):
        yield syntax("CONFLICT")
    elif isinstance(node, exp.Lock):
        yield unsupported("SELECT FOR UPDATE/SHARE is not supported")
    elif isinstance(node, exp.Filter):
        yield syntax("(")
    elif isinstance(node, exp.Lateral):
        yield syntax("LATERAL")
    elif isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ):
        yield syntax("DISTINCT")
    elif isinstance(node, exp.Distinct) and node.args.get("on"):
        yield unsupported("SELECT DISTINCT ON is not supported")
    elif isinstance(node, exp.IgnoreNulls):
        yield unsupported("the stand-in has no IGNORE NULLS")
    elif isinstance(node, exp.Window):
        yield from _window(node)
    elif isinstance(node, exp.Join) and node.side.upper() == "FULL":
        if (on := node.args.get("on")) is not None and on.find(exp.EQ) is None:
            yield unsupported("FULL JOIN is only supported with merge-joinable join conditions")
    elif isinstance(node, exp.Anonymous) and node.name.upper() not in _FUNCTIONS:
        yield RedshiftError("42883", f"function {node.name.lower()} does not exist")
    elif type(node) in _ONLY_ELSEWHERE:
        yield RedshiftError("42883", f"function {node.sql_name().lower()} does not exist")


def _type(node: exp.DataType) -> Iterator[RedshiftError]:
    kind = node.this
    if kind in _NOT_HERE:
        yield unsupported(f"the stand-in has no type {kind.value.lower()}")
    elif kind not in _TYPES:
        name = str(kind.value if isinstance(kind, _T) else node).lower()
        column = node.find_ancestor(exp.ColumnDef)
        where = f'Column "{column.name}" has unsupported type' if column else "unsupported type"
        yield unsupported(f'{where} "{name}"')
    sizes = [int(p.name) for p in node.expressions if p.name.isdigit()]
    if kind in (_T.VARCHAR, _T.NVARCHAR) and sizes and not 0 < sizes[0] <= 65535:
        yield RedshiftError("22023", "length for type varchar cannot exceed 65535")
    if kind == _T.DECIMAL and sizes and not 0 < sizes[0] <= 38:
        yield RedshiftError("22023", f"DECIMAL precision {sizes[0]} must be between 1 and 38")


def _window(node: exp.Window) -> Iterator[RedshiftError]:
    of, spec = node.this, node.args.get("spec")
    if isinstance(of, exp.AggFunc) and not isinstance(of, _WITHOUT_FRAME) and node.args.get("order") and spec is None:
        yield unsupported("Aggregate window functions with an ORDER BY clause require a frame clause")
    if spec is not None and spec.args.get("kind") != "ROWS":
        yield unsupported("window function frames of RANGE or GROUPS are not supported")
    if of.find(exp.Distinct) is not None:
        yield unsupported("DISTINCT is not implemented for window functions")


def _merge(tree: exp.Merge) -> None:
    target, source, whens = tree.this, tree.args["using"], tree.args["whens"].expressions
    if tree.args.get("with_") or tree.args.get("with"):
        raise syntax("MERGE")
    if target.alias:
        raise syntax(target.alias)
    if not isinstance(source, exp.Table):
        raise unsupported("MERGE source must be a table")
    matched = [when for when in whens if when.args.get("matched")]
    if len(matched) != 1 or len(whens) != 2:
        raise syntax("WHEN")
    if any(when.args.get("condition") is not None for when in whens):
        raise syntax("AND")
    if any(when.args.get("source") for when in whens):
        raise syntax("BY")
    on = tree.args["on"].unnest()
    for condition in on.flatten() if isinstance(on, exp.And) else [on]:
        columns = {c.table for c in condition.find_all(exp.Column)}
        if not isinstance(condition.unnest(), exp.EQ) or len(columns) < 2:
            raise unsupported("MERGE ON condition must be made of equalities between target and source")


def _create(tree: exp.Create) -> None:
    if tree.kind not in ("TABLE", "VIEW", "SCHEMA"):
        word = "CREATE INDEX" if tree.kind == "INDEX" else f"CREATE {tree.kind}"
        raise unsupported(f"{word} is not supported.")
    for node in tree.find_all(exp.CheckColumnConstraint, exp.ComputedColumnConstraint, exp.PartitionedByProperty):
        raise syntax({exp.CheckColumnConstraint: "CHECK"}.get(type(node), "GENERATED"))
    for column in tree.find_all(exp.ColumnDef):
        if column.kind is None and isinstance(tree.this, exp.Schema) and tree.kind == "TABLE":
            raise syntax(column.name)


def _alter(tree: exp.Alter) -> None:
    actions = tree.args.get("actions") or []
    if len(actions) > 1:
        raise syntax(",")
    for action in actions:
        if isinstance(action, exp.ColumnDef):
            kinds = {type(c.kind): c.kind for c in action.constraints}
            no_null = kinds.get(exp.NotNullColumnConstraint)
            if no_null is not None and not no_null.args.get("allow_null") and exp.DefaultColumnConstraint not in kinds:
                raise unsupported("ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression")
        if isinstance(action, exp.AlterColumn):
            new = action.args.get("dtype")
            if new is None or new.this not in (_T.VARCHAR, _T.NVARCHAR):
                raise unsupported(f'target data type "{str(new).lower()}" is not supported')
