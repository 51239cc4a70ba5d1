"""dlt as a contender: every delivered file of an inbox into a DuckDB file, by dlt's own readers where they can.

`python load_dlt.py <inbox> <work folder>`, in the environment of `requirements-dlt.lock`. Columns of CSV files stay
text and Parquet batches go through as Arrow; the types of JSON lines are inferred, as dlt does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.common import json
from dlt.sources.filesystem import filesystem, read_csv_duckdb, read_parquet

BATCH = 100_000


@dlt.transformer(name="read_lines")
def read_lines(items: Any) -> Iterator[list[Any]]:
    """JSON lines as dlt's `read_jsonl` reads them, which stops at the first line that is none: it is left out here."""
    for item in items:
        rows = []
        with item.open() as lines:
            for line in lines:
                try:
                    rows.append(json.loadb(line))
                except ValueError:
                    continue
                if len(rows) >= BATCH:
                    yield rows
                    rows = []
        if rows:
            yield rows


def resource(inbox: Path, name: str) -> Any:
    """All files of one name, of every day of the inbox, as the rows of one table."""
    files = filesystem(bucket_url=inbox.as_uri(), file_glob=f"*/{name}")
    if ".csv" in name:
        read = read_csv_duckdb(chunk_size=BATCH, use_pyarrow=True, all_varchar=True, ignore_errors=True)
    elif ".parquet" in name:
        read = read_parquet(chunksize=BATCH, use_pyarrow=True)
    else:
        read = read_lines()
    return (files | read).with_name(name.partition(".")[0])


def main(inbox: Path, folder: Path) -> None:
    names = sorted({path.name for path in inbox.glob("*/*") if path.is_file()})
    pipeline = dlt.pipeline(
        pipeline_name="peer",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="raw",
    )
    resources = [resource(inbox, name) for name in names]
    pipeline.run(resources, loader_file_format="parquet").raise_on_failed_jobs()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
