"""The Glue script on real Spark gives what DuckDB gives: the same rows, in the contract's types."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from glue_standin import SPARK_IS_MISSING, glue_stand_in, spark_environment
from polars.testing import assert_frame_equal
from small_shop import Shop, read_repository

from contracts.ids import TableId
from contracts.polars_types import polars_schema
from sql import ddl
from sql.lake import flat, lake_view
from tasks import aws, curate, glue, ledger
from tasks.glue_bundle import entry, write_bundle
from tasks.lake import FolderLake, batch_key
from tasks.settings import Settings
from tasks.warehouse import Warehouse, open_warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse

pytest.importorskip("pyspark", reason=SPARK_IS_MISSING)
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

REGISTRY, GRAPH = read_repository()
CURATED = [contract.table for contract in REGISTRY.layer("curated")]
SESSIONS, EVENTS = TableId.parse("curated.web_sessions"), TableId.parse("clean.web_events")
DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 5, 12, 0)
ZONE = ZoneInfo("Asia/Kolkata")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Spark session for all tests of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in spark_environment().items():
            patch.setenv(name, value)
        patch.chdir(tmp_path_factory.mktemp("spark"))
        from tasks import glue_job

        made = glue_job.session()
        yield made
        made.stop()


@dataclass
class Place:
    """Clean batches in a lake that the ledger calls loaded, and the bundle."""

    root: Path
    warehouse: Warehouse
    lake: FolderLake
    bundle: Path

    @classmethod
    def empty(cls, root: Path) -> Place:
        warehouse = DuckDBWarehouse(None)
        for statement in ddl.create_all(REGISTRY.values()):
            warehouse.execute(statement)
        return cls.of(root, warehouse, root / "lake")

    @classmethod
    def of(cls, root: Path, warehouse: Warehouse, lake: Path) -> Place:
        write_bundle(root / "bundle", REGISTRY, GRAPH)
        return cls(root, warehouse, FolderLake(lake), root / "bundle")

    def deliver(self, batch: str, frame: pl.DataFrame) -> None:
        self.lake.put_frame(batch_key(EVENTS.lake_prefix, DAY, batch, "rows.parquet"), frame.lazy())
        counts = {"delivered_rows": frame.height, "loaded_rows": frame.height}
        ledger.record(self.warehouse, entry_of(batch, **counts))

    def files(self, table: TableId) -> dict[TableId, list[str]]:
        return {
            source: [a for file in curate._files(REGISTRY[source], self.lake, self.warehouse) for a in file.objects()]
            for source in GRAPH.upstream(table)
        }

    def on_duckdb(self, table: TableId, taken: pl.DataFrame) -> pl.DataFrame:
        given = {"registry": REGISTRY, "graph": GRAPH, "lake": self.lake, "warehouse": self.warehouse}
        local = Settings(home=self.root)
        file = curate.transform(
            table, taken, settings=local, **given, delivery=DAY, run="on_duckdb", on_glue_run=lambda _: None
        )
        return in_order(file.scan().collect().cast(dict(polars_schema(REGISTRY[table]))), table)

    def plan(self, table: TableId, taken: pl.DataFrame) -> dict[str, Any]:
        taken.write_parquet(self.root / "taken.parquet")
        urls = {flat(lake_view(s)): [f"file://{f}" for f in files] for s, files in self.files(table).items()}
        return {
            "plan": "p1",
            "table": str(table),
            "bundle_hash": entry(table, REGISTRY, GRAPH).hash,
            "sources": urls,
            "taken": f"file://{self.root}/taken.parquet",
            "output": f"file://{self.root}/output",
        }

    def on_spark(self, spark: Any, table: TableId, taken: pl.DataFrame, attempt: str = "a1") -> pl.DataFrame:
        from tasks import glue_job

        told = glue_job.run(spark, self.plan(table, taken), f"file://{self.bundle}", attempt)
        rows = self.written(attempt)
        assert (told["rows"], told["taken_keys"]) == (rows.height, taken.height)
        assert rows.schema == polars_schema(REGISTRY[table])
        return in_order(rows, table)

    def written(self, attempt: str) -> pl.DataFrame:
        """The rows that the manifest names; what it says of each part is so."""
        entries = json.loads((self.root / "output" / "rows.manifest").read_text())["entries"]
        assert entries
        paths = [Path(each["url"].removeprefix("file://")) for each in entries]
        assert [each["mandatory"] for each in entries] == [True] * len(entries)
        assert [each["meta"]["content_length"] for each in entries] == [path.stat().st_size for path in paths]
        assert {path.parent for path in paths} == {self.root / "output" / "rows" / attempt}
        return pl.read_parquet(paths)


def in_order(rows: pl.DataFrame, table: TableId) -> pl.DataFrame:
    return rows.sort(REGISTRY[table].key)


def entry_of(batch: str, **counts: int) -> ledger.Entry:
    return ledger.Entry(
        batch_id=batch, run_id="r", source="shop", table_name="raw.web_events", delivery_date=DAY, file_name=batch,
        content_hash=batch, bytes=1, duplicate_rows=0, quarantined_rows=0, excluded_rows=0, status="loaded", error=None,
        contract_version="1.0.0", loaded_at=NOON, **counts,
    )  # fmt: skip


def event(number: int | str, visitor: str, at: datetime, kind: str = "page_view", **more: Any) -> dict[str, Any]:
    day = at.replace(tzinfo=UTC).astimezone(ZONE).date()
    row = {"event_id": f"E{number}", "visitor_id": visitor, "event_at": at, "event_type": kind, "event_date": day}
    return {**row, "row_hash": "h", "delivery_date": DAY, "batch_id": "b", "source_line": 1, **more}


def frame(events: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(events, schema=polars_schema(REGISTRY[EVENTS]))


def keys(*visitors: str) -> pl.DataFrame:
    return pl.DataFrame({"visitor_id": visitors}, schema={"visitor_id": pl.String})


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize("table", CURATED, ids=str)
def test_a_generated_delivery_gives_the_same_on_both(spark: Any, shop: Shop, tmp_path: Path, table: TableId) -> None:
    home = shop.copy(shop.home, tmp_path / "home")
    with open_warehouse(Settings(home=home)) as warehouse:
        place = Place.of(tmp_path, warehouse, home / "lake")
        key, _ = ddl.queue_column(REGISTRY[table])
        every = warehouse.query(f"SELECT DISTINCT {key} FROM {table} ORDER BY {key}")
        taken = every.gather_every(2)  # half of them: the others must not come
        expected = place.on_duckdb(table, taken)
        assert expected.height > 50
        assert_frame_equal(place.on_spark(spark, table, taken), expected)


# Ten minutes before midnight: of a day (UTC), of the shop, of a year, of February in a leap year, long ago.
NIGHTS = [
    datetime.fromisoformat(f"{day}:00")
    for day in ("2026-01-05 23:50", "2026-01-05 18:20", "2025-12-31 23:50", "2024-02-28 23:50", "1500-03-01 23:50")
]
NASTY = {
    "ties": [
        event(n, "ties", NOON, device=d, page_url=f"/{n}") for n, d in ((2, "mobile"), (1, "desktop"), (10, None))
    ],
    "nulls": [event(20, "nulls", NOON), event(21, "nulls", NOON + minutes(1), customer_id=None, user_agent=None)],
    "unicode": [
        event(30, "Zoë 👩‍🚀 |", NOON, user_agent="GOOGLEBOT ÄÖÜ ẞ", page_url="/日本/%25'\"\\n", utm_source="naïve"),
        event(31, "Zoë 👩‍🚀 |", NOON + minutes(2), customer_id="‮C", utm_medium="ÇPC", utm_campaign="\u200b"),
    ],
    # One instant before and one after the pause that closes a session, to the microsecond.
    "pause": [
        event(40, "pause", NOON + timedelta(microseconds=1)),
        event(41, "pause", NOON + minutes(30) + timedelta(microseconds=1)),
        event(42, "pause", NOON + minutes(60) + timedelta(microseconds=2)),
        event(43, "pause", NOON + minutes(60) + timedelta(seconds=1, microseconds=1)),
    ],
    "midnight": [
        event(f"5{n}{m}", f"midnight{n}", at + minutes(m), "purchase", order_id=f"O{m}")
        for n, at in enumerate(NIGHTS)
        for m in (0, 9.99, 10, 20)
    ],
    "three_days": [event(600 + n, "three days", NOON + n * minutes(30)) for n in range(2 * 144 + 3)],
    "robot": [event(1000 + n, "robot", NOON + timedelta(seconds=n)) for n in range(35)],
}


def test_hand_made_events_give_the_same_on_both(spark: Any, tmp_path: Path) -> None:
    place = Place.empty(tmp_path)
    place.deliver("b1", frame([e for events in NASTY.values() for e in events]))
    # Delivered again: the greater hash stands, and an event may be another visitor's then.
    place.deliver("b2", frame([
        event(1, "ties", NOON, row_hash="i", page_url="/later", utm_source="x"),
        event(20, "moved", NOON, row_hash="i"),
        event(21, "nulls", NOON + minutes(9), row_hash="a", customer_id="stale"),
    ]))  # fmt: skip
    # From before a column came, and from before a column was widened.
    before = frame([event(70, "before", NOON, page_url="/old", utm_medium="email", source_line=7)])
    place.deliver("b3", before.drop("utm_source", "user_agent"))
    place.deliver("b4", before.with_columns(event_id=pl.lit("E71"), source_line=pl.lit(7, pl.Int32)))
    place.deliver("b5", frame([]))
    visitors = sorted({e["visitor_id"] for events in NASTY.values() for e in events} | {"moved", "before", "unknown"})
    taken = keys(*(v for v in visitors if v != "midnight0"))
    expected = place.on_duckdb(SESSIONS, taken)
    found = place.on_spark(spark, SESSIONS, taken)
    assert_frame_equal(found, expected)
    counts = dict(found.group_by("visitor_id").len().rows())
    assert {name: counts.get(name, 0) for name in ("pause", "nulls", "moved", "before", "three days", "midnight0")} == {
        "pause": 2, "nulls": 1, "moved": 1, "before": 1, "three days": 3, "midnight0": 0,
    }  # fmt: skip


def test_random_events_give_the_same_on_both(spark: Any, tmp_path: Path) -> None:
    dice = random.Random(7)

    def some(*values: Any) -> Any:
        return dice.choice((None, *values))

    def any_event(number: int) -> dict[str, Any]:
        at = NOON + dice.choice((0, 1, 29, 30, 31, 600, 2000)) * minutes(1) * dice.randint(0, 3)
        return event(
            number % 900, f"V{dice.randint(0, 150)}", at + timedelta(microseconds=dice.choice((0, 0, 1, 999_999))),
            dice.choice(("page_view", "product_view", "add_to_cart", "checkout", "purchase")),
            row_hash=dice.choice("abc") + str(number), customer_id=some("C1", "C2"), page_url=some("/a", "/b"),
            order_id=some("O1", "O2"), utm_source=some("google", "Affiliate", ""), utm_medium=some("cpc", "PPC", "sms"),
            utm_campaign=some("x"), device=some("desktop", "bot"), user_agent=some("Mozilla", "CURL/8", "x Spider"),
        )  # fmt: skip

    place = Place.empty(tmp_path)
    for batch in range(3):
        place.deliver(f"b{batch}", frame([any_event(batch * 400 + n) for n in range(400)]))
    taken = keys(*(f"V{n}" for n in range(0, 150, 3)))
    expected = place.on_duckdb(SESSIONS, taken)
    assert expected.height > 100
    assert_frame_equal(place.on_spark(spark, SESSIONS, taken), expected)


def test_no_file_and_no_key_give_no_row_in_the_contracts_types(spark: Any, tmp_path: Path) -> None:
    place = Place.empty(tmp_path)
    assert place.on_spark(spark, SESSIONS, keys("V1")).height == 0
    place.deliver("b1", frame([event(1, "V1", NOON)]))
    assert place.on_spark(spark, SESSIONS, keys(), "a2").height == 0


def test_files_from_before_columns_came_or_were_widened_are_read_as_the_contract_has_them(
    spark: Any, tmp_path: Path
) -> None:
    from tasks import glue_job

    first = pl.DataFrame({"n": [1], "d": [Decimal("1.25")], "s": ["a"], "gone": [1]}).cast(
        {"n": pl.Int16, "d": pl.Decimal(6, 2)}
    )
    second = first.with_columns(n=pl.lit(2, pl.Int32), d=pl.col("d").cast(pl.Decimal(12, 2)), at=pl.lit(NOON))
    third = second.with_columns(n=pl.lit(2**40, pl.Int64), d=pl.col("d").cast(pl.Decimal(38, 4)), day=pl.lit(DAY))
    files = []
    for number, rows in enumerate((first, third, second, first)):
        rows.write_parquet(tmp_path / f"{number}.parquet")
        files.append(f"file://{tmp_path}/{number}.parquet")
    columns = {"s": "string", "n": "bigint", "d": "decimal(38,4)", "at": "timestamp_ntz", "day": "date"}
    made = glue_job.typed(glue_job.read(spark, files, columns), columns)
    assert dict(made.dtypes) == columns
    price = Decimal("1.2500")
    assert sorted(map(tuple, made.collect()), key=lambda row: row[1]) == [
        ("a", 1, price, None, None), ("a", 1, price, None, None), ("a", 2, price, NOON, None),
        ("a", 2**40, price, NOON, DAY),
    ]  # fmt: skip


def test_what_does_not_belong_together_is_refused(spark: Any, tmp_path: Path) -> None:
    from tasks import glue_job

    place = Place.empty(tmp_path)
    bundle = f"file://{place.bundle}"
    plan = place.plan(SESSIONS, keys("V1"))
    with pytest.raises(ValueError, match="not of the version that made the plan"):
        glue_job.run(spark, {**plan, "bundle_hash": "x"}, bundle, "a1")
    with (place.bundle / "curated" / "web_sessions.spark.sql").open("a") as sql:
        sql.write("-- changed by hand\n")
    with pytest.raises(ValueError, match="does not belong to the bundle"):
        glue_job.run(spark, plan, bundle, "a1")
    with pytest.raises(ValueError, match=r"the SQL gives \(a\), the contract has \(b\)"):
        glue_job.typed(spark.sql("SELECT 1 AS a"), {"b": "int"})
    assert not (tmp_path / "output").exists()


def test_a_missing_file_and_a_number_that_does_not_fit_are_errors(spark: Any, tmp_path: Path) -> None:
    from tasks import glue_job

    place = Place.empty(tmp_path)
    plan = place.plan(SESSIONS, keys("V1"))
    plan["sources"] = {"lake__clean__web_events": [f"file://{tmp_path}/gone.parquet"]}
    with pytest.raises(Exception, match=r"gone\.parquet"):
        glue_job.run(spark, plan, f"file://{place.bundle}", "a1")
    for select, type_ in (("3000000000", "int"), ("'x'", "int"), ("CAST(100 AS DECIMAL(5, 2))", "decimal(4,2)")):
        with pytest.raises(Exception, match=r"OVERFLOW|INVALID|OUT_OF_RANGE"):
            glue_job.typed(spark.sql(f"SELECT {select} AS a"), {"a": type_}).collect()


def test_from_s3_to_s3_through_glue(bucket: str, tmp_path: Path) -> None:
    """As in production, but for Glue itself: plan, submission, the script in a process of its own, manifest."""
    place = Place.empty(tmp_path)
    place.deliver("b1", frame([e for events in NASTY.values() for e in events]))
    (file,) = place.files(SESSIONS)[EVENTS]
    aws.client("s3").upload_file(file, bucket, "lake/clean/b1.parquet")
    taken = keys("ties", "pause", "robot")
    told: list[str] = []
    with glue_stand_in(tmp_path / "glue", place.bundle) as stand_in:
        key = glue.run(
            SESSIONS,
            {EVENTS: [f"s3://{bucket}/lake/clean/b1.parquet"]},
            taken,
            registry=REGISTRY,
            graph=GRAPH,
            settings=Settings(
                mode="aws", inbox_url=f"s3://{bucket}/in", lake_url=f"s3://{bucket}/lake", glue_job="curate",
                glue_timeout=900, redshift_workgroup="w",
            ),
            delivery=DAY,
            run_id="r1",
            on_run=told.append,
        )  # fmt: skip
        (run,) = stand_in.runs
        assert told == [run.id]
        said = (stand_in.folder / run.id / "stdout").read_text()
        everything = said + (stand_in.folder / run.id / "stderr").read_text()
    assert json.loads(said)["rows"] == 4
    assert "pause" not in everything.replace("curated.web_sessions", "")
    body = aws.client("s3").get_object(Bucket=bucket, Key=f"lake/{key.removesuffix('.parquet')}.manifest")["Body"]
    parts = []
    for each in json.loads(body.read())["entries"]:
        assert each["url"].startswith(f"s3://{bucket}/lake/curated/web_sessions/delivery_date=2026-01-05/r1/rows/")
        assert run.id in each["url"]
        part = (
            aws.client("s3").get_object(Bucket=bucket, Key=each["url"].removeprefix(f"s3://{bucket}/"))["Body"].read()
        )
        assert len(part) == each["meta"]["content_length"]
        parts.append(pl.read_parquet(part))
    assert_frame_equal(in_order(pl.concat(parts), SESSIONS), place.on_duckdb(SESSIONS, taken))
