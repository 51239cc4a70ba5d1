"""What is compared: each contender counts the rows that break each check, in the way its library is meant to be used.

A contender is a function that imports what it needs and returns the work, so that imports are measured apart.
`python contenders.py NAME FOLDER ROWS` runs one of them and prints what it found and what that cost as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from web_events import CHECKS, Check, events_file, products_file

Work = Callable[[Path, Path], dict[str, int]]
_OF_KEYS = ("unique", "foreign_key")
SAMPLES = 20  # broken rows shown for each check, where a library can be told


def hand_fused() -> Work:
    """The limit: what somebody would write by hand who only wants these numbers, and no report.

    One pass for the rules about one row. The checks of keys read one column each; after one another they take no
    more time than in one `collect_all`, and less memory.
    """

    def work(events: Path, products: Path) -> dict[str, int]:
        frame, known = pl.scan_parquet(events), pl.scan_parquet(products)
        passes = [frame.select(_broken(c).sum().alias(c.name) for c in CHECKS if c.kind not in _OF_KEYS)]
        for check in CHECKS:
            keys, count = frame.select(check.columns), pl.len().alias(check.name)
            if check.kind == "foreign_key":
                passes.append(keys.drop_nulls().join(known, on=check.columns, how="anti").select(count))
            elif check.kind == "unique":
                passes.append(keys.map_batches(_duplicates).select(count))
        return {name: n for each in passes for name, n in each.collect(engine="streaming").row(0, named=True).items()}

    return work


def _duplicates(keys: pl.DataFrame) -> pl.DataFrame:
    """The rows of keys that are not unique: sorted hashes find the candidates, which alone are compared as values."""
    hashes = keys.to_series().hash()
    ordered = hashes.sort()
    candidates = keys.filter(hashes.is_in(ordered.filter(ordered == ordered.shift(1)).implode()))
    return candidates.filter(candidates.is_duplicated())


def _broken(check: Check) -> pl.Expr:
    value, args = pl.col(check.columns[0]), check.args
    match check.kind:
        case "not_null":
            return value.is_null()
        case "in_set":
            return ~value.is_in(args["values"])
        case "matches":
            return ~value.str.contains(args["pattern"])
        case "between":
            return ~value.is_between(args["min"], args["max"])
        case "at_least":
            return value < pl.col(check.columns[1])
        case _:
            raise ValueError(f"{check.name} is not an expression over one row")


def our_engine() -> Work:
    """This warehouse: a Great Expectations suite on its Polars engine, run as the gate runs it."""
    from expectations.own import ExpectKeysToExistInTable
    from expectations.polars_engine import PolarsBatch, PolarsExecutionEngine
    from expectations.validation import PreparedSuite

    def work(events: Path, products: Path) -> dict[str, int]:
        to = {"columns": ["product_id"], "table": "clean.products", "to_columns": ["product_id"]}
        references = {"clean.products": pl.scan_parquet(products)}
        suite = _suite(lambda named: ExpectKeysToExistInTable(**to, **named))
        data = PolarsBatch(pl.scan_parquet(events), references=references)
        return _counts(PreparedSuite(suite, PolarsExecutionEngine).run(data))

    return work


def gx_pandas() -> Work:
    """Great Expectations on pandas; it knows no foreign key, so that the keys are handed over as a set.

    Instants become nanoseconds: for microseconds, which the file holds, its `between` calls Python for each value.
    """
    import great_expectations as gx
    import pandas as pd
    from great_expectations.expectations import ExpectColumnValuesToBeInSet

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("web_events")

    def work(events: Path, products: Path) -> dict[str, int]:
        keys = pl.read_parquet(products)["product_id"].to_list()
        suite = _suite(lambda named: ExpectColumnValuesToBeInSet(column="product_id", value_set=keys, **named))
        frame = pd.read_parquet(events)
        frame = frame.astype(dict.fromkeys(frame.select_dtypes("datetime").columns, "datetime64[ns]"))
        batch = asset.get_batch(asset.build_batch_request({"dataframe": frame}))
        result = batch.validate(suite, result_format={"result_format": "SUMMARY", "partial_unexpected_count": SAMPLES})
        return _counts(result.results)

    return work


def _suite(foreign_key: Callable[[dict[str, Any]], Any]) -> Any:
    import great_expectations.expectations as gxe
    from great_expectations import ExpectationSuite

    def expectation(check: Check) -> Any:
        column, args = check.columns[0], check.args
        named: dict[str, Any] = {"meta": {"check": check.name}}
        match check.kind:
            case "not_null":
                return gxe.ExpectColumnValuesToNotBeNull(column=column, **named)
            case "unique":
                return gxe.ExpectColumnValuesToBeUnique(column=column, **named)
            case "in_set":
                return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=args["values"], **named)
            case "matches":
                return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=args["pattern"], **named)
            case "between":
                bounds = {"min_value": args["min"], "max_value": args["max"]}
                return gxe.ExpectColumnValuesToBeBetween(column=column, **bounds, **named)
            case "at_least":
                pair = {"column_A": column, "column_B": check.columns[1], "ignore_row_if": "either_value_is_missing"}
                return gxe.ExpectColumnPairValuesAToBeGreaterThanB(**pair, or_equal=True, **named)
            case "foreign_key":
                return foreign_key(named)

    return ExpectationSuite("web_events", [expectation(check) for check in CHECKS])


def _counts(results: list[Any]) -> dict[str, int]:
    for result in results:
        if (result.exception_info or {}).get("raised_exception"):
            raise RuntimeError(f"{result.expectation_config.type} was not run: {result.exception_info}")
    return {r.expectation_config.meta["check"]: int(r.result["unexpected_count"]) for r in results}


def pandera_polars() -> Work:
    """Pandera's Polars schema; all failure cases are kept, as it has no other way to count them."""
    import pandera.polars as pa
    from pandera.errors import SchemaErrors

    def work(events: Path, products: Path) -> dict[str, int]:
        keys = pl.read_parquet(products)["product_id"].to_list()
        columns: dict[str, Any] = {}
        pairs = []
        for check in CHECKS:
            name, args = check.columns[0], check.args
            column = columns.setdefault(name, {"nullable": True, "unique": False, "checks": []})
            match check.kind:
                case "not_null":
                    column["nullable"] = False
                case "unique":
                    column["unique"] = True
                case "in_set":
                    column["checks"].append(pa.Check.isin(args["values"], error=check.name))
                case "matches":
                    column["checks"].append(pa.Check.str_contains(args["pattern"], error=check.name))
                case "between":
                    column["checks"].append(pa.Check.in_range(args["min"], args["max"], error=check.name))
                case "foreign_key":
                    column["checks"].append(pa.Check.isin(keys, error=check.name))
                case "at_least":
                    pairs.append(pa.Check(_at_least(*check.columns), error=check.name))
        schema = pa.DataFrameSchema({name: pa.Column(**how) for name, how in columns.items()}, checks=pairs)
        counts = dict.fromkeys((check.name for check in CHECKS), 0)
        try:
            schema.validate(pl.read_parquet(events), lazy=True)
        except SchemaErrors as failed:
            builtin = {"not_nullable": "not_null", "field_uniqueness": "unique"}
            for column, found, count in failed.failure_cases.group_by("column", "check").len().rows():
                counts[f"{column}.{builtin[found]}" if found in builtin else found] += count
        return counts

    return work


def _at_least(left: str, right: str) -> Callable[[Any], pl.LazyFrame]:
    return lambda data: data.lazyframe.select(pl.col(left) >= pl.col(right))


def pointblank() -> Work:
    """Pointblank, with as many samples as ours; a foreign key is a set of keys, too."""
    import pointblank as pb

    def work(events: Path, products: Path) -> dict[str, int]:
        keys = pl.read_parquet(products)["product_id"].to_list()
        plan = pb.Validate(pl.read_parquet(events))
        for check in CHECKS:
            column, args = check.columns[0], check.args
            match check.kind:
                case "not_null":
                    plan = plan.col_vals_not_null(column)
                case "unique":
                    plan = plan.rows_distinct([column])
                case "in_set":
                    plan = plan.col_vals_in_set(column, args["values"])
                case "matches":
                    plan = plan.col_vals_regex(column, args["pattern"], na_pass=True)
                case "between":
                    plan = plan.col_vals_between(column, args["min"], args["max"], na_pass=True)
                case "at_least":
                    plan = plan.col_vals_ge(column, pb.col(check.columns[1]), na_pass=True)
                case "foreign_key":
                    plan = plan.col_vals_in_set(column, [*keys, None])
        plan = plan.interrogate(get_first_n=SAMPLES, collect_tbl_checked=False)
        failed = plan.n_failed()
        return {check.name: int(failed[step]) for step, check in enumerate(CHECKS, 1)}

    return work


CONTENDERS: dict[str, Callable[[], Work]] = {
    "hand-fused": hand_fused,
    "warehouse": our_engine,
    "pointblank": pointblank,
    "pandera-polars": pandera_polars,
    "gx-pandas": gx_pandas,
}


def measured(contender: Callable[[], Work], events: Path, products: Path) -> dict[str, Any]:
    """Run a contender in this process: `counts`, CPU (of all threads) and wall seconds, peak memory in MB."""
    work = contender()
    imports_cpu, imports_mb = time.process_time(), _peak_mb()
    started = time.perf_counter()
    counts = work(events, products)
    return {
        "counts": counts,
        "wall": time.perf_counter() - started,
        "cpu": time.process_time() - imports_cpu,
        "peak_mb": _peak_mb(),
        "imports_cpu": imports_cpu,
        "imports_mb": imports_mb,
    }


def _peak_mb() -> float:
    kilobyte = 1 if sys.platform == "darwin" else 1024  # macOS tells bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte / 1e6


def main(name: str, folder: str, rows: str) -> None:
    """The command line."""
    events = events_file(Path(folder), int(rows))
    found = measured(CONTENDERS[name], events, products_file(Path(folder)))
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
