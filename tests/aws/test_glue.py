"""Submitting a lake transform to Glue: one run per build whatever goes wrong, and none that nobody waits for."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from glue_standin import HANGS, GlueStandIn, Outcome, Refused, fails, glue_stand_in
from local_aws import new_bucket
from small_shop import read_repository

from contracts.ids import TableId
from tasks import aws, glue
from tasks.glue_bundle import write_bundle
from tasks.glue_runs import ALIVE, ENDED, GlueFailed, is_transient
from tasks.settings import Settings

REGISTRY, GRAPH = read_repository()
SESSIONS, EVENTS = TableId.parse("curated.web_sessions"), TableId.parse("clean.web_events")
DAY = date(2026, 1, 5)
KEYS = pl.DataFrame({"visitor_id": ["V2", "V1"]})
BUSY = Refused("ConcurrentRunsExceededException", "Concurrent runs exceeded for curate")


def raising(error: type[BaseException]) -> None:
    raise error


class Time:
    """A clock that sleeping moves; `at` calls what a test wants to happen while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.at: dict[int, Callable[[], None]] = {}

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        self.at.pop(len(self.pauses), lambda: None)()


class Place:
    """A lake in an empty bucket, Glue, and a clock."""

    def __init__(self, stand_in: GlueStandIn, bucket: str) -> None:
        self.glue, self.time = stand_in, Time()
        self.told: list[str] = []
        self.settings = Settings(
            mode="aws",
            inbox_url=f"s3://{bucket}/inbox",
            lake_url=f"s3://{bucket}/lake",
            glue_job="curate",
            glue_timeout=1000,
            redshift_workgroup="w",
        )
        self.bucket = bucket

    def run(self, taken: pl.DataFrame = KEYS, run_id: str = "run1", **changed: Any) -> str:
        return glue.run(
            SESSIONS,
            {EVENTS: [f"s3://{self.bucket}/lake/a.parquet"]},
            taken,
            registry=REGISTRY,
            graph=GRAPH,
            settings=self.settings.model_copy(update=changed),
            delivery=DAY,
            run_id=run_id,
            on_run=self.told.append,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )

    def goes_well(self, *states: str) -> Outcome:
        return Outcome((*(states or ("STARTING", "RUNNING")), "SUCCEEDED"), work=self.write)

    def write(self, plan_url: str) -> None:
        """What the script writes last."""
        key = plan_url.removeprefix(f"s3://{self.bucket}/")
        plan = json.loads(self.text(key))
        part = f"{plan['output']}/rows/{plan['plan']}-x/part-0.parquet"
        entries = [{"url": part, "meta": {"content_length": 1}}]
        where = f"{plan['output']}/rows.manifest".removeprefix(f"s3://{self.bucket}/")
        aws.client("s3").put_object(Bucket=self.bucket, Key=where, Body=json.dumps({"entries": entries}).encode())

    def text(self, key: str) -> str:
        return str(aws.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read().decode())

    def objects(self) -> list[str]:
        listed = aws.client("s3").list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [found["Key"] for found in listed]

    def states(self) -> list[str]:
        return [run.states[-1] for run in self.glue.runs]


@pytest.fixture
def place(local_aws: str, tmp_path: Path) -> Iterator[Place]:
    write_bundle(tmp_path / "bundle", REGISTRY, GRAPH)
    with glue_stand_in(tmp_path / "glue", tmp_path / "bundle") as stand_in:
        yield Place(stand_in, new_bucket())


KEY = "curated/web_sessions/delivery_date=2026-01-05/run1/rows.parquet"


def test_a_run_is_started_once_waited_for_and_told_of(place: Place) -> None:
    place.glue.outcomes.append(place.goes_well("STARTING", "WAITING", "RUNNING", "RUNNING"))
    assert place.run() == KEY
    (run,) = place.glue.runs
    assert place.told == [run.id]
    assert run.timeout == 17  # minutes
    assert run.arguments["--table"] == "curated.web_sessions"
    plan = json.loads(place.text(run.arguments["--plan"].removeprefix(f"s3://{place.bucket}/")))
    assert plan["sources"] == {"lake__clean__web_events": [f"s3://{place.bucket}/lake/a.parquet"]}
    assert plan["output"] == f"s3://{place.bucket}/lake/{KEY.rpartition('/')[0]}"
    taken = aws.client("s3").get_object(Bucket=place.bucket, Key=plan["taken"].removeprefix(f"s3://{place.bucket}/"))
    assert pl.read_parquet(taken["Body"].read()).rows() == [("V1",), ("V2",)]
    # Pauses grow, and no two callers keep step.
    assert 4 <= place.time.pauses[0] <= 6
    assert place.time.pauses[3] > 10


def killed_while_it_waits(place: Place) -> None:
    """Killed so that nothing could be stopped: the run goes on, and its submission says so."""
    place.glue.outcomes.append(HANGS)
    place.glue.stubborn = True
    place.time.at[1] = lambda: raising(SystemExit)
    with pytest.raises(SystemExit):
        place.run()
    place.glue.stubborn = False


def goes_on(place: Place) -> None:
    (run,) = place.glue.runs
    run.states, run.outcome = deque(["RUNNING", "RUNNING", "SUCCEEDED"]), place.goes_well()


def test_what_is_done_is_not_done_again(place: Place) -> None:
    place.glue.outcomes.append(place.goes_well())
    assert place.run() == place.run(KEYS.reverse()) == KEY
    assert len(place.glue.runs) == 1


def test_a_run_that_goes_on_is_waited_for(place: Place) -> None:
    killed_while_it_waits(place)
    goes_on(place)
    place.told.clear()
    assert place.run() == KEY
    assert [run.id for run in place.glue.runs] == place.told


def test_a_build_whose_run_failed_may_be_tried_again(place: Place) -> None:
    place.glue.outcomes += [fails("ValueError: x"), place.goes_well()]
    with pytest.raises(GlueFailed):
        place.run()
    assert place.run() == KEY
    assert [run.arguments["--submission"] for run in place.glue.runs] == ["1", "2"]


def test_other_keys_in_the_same_build_are_another_plan(place: Place) -> None:
    place.glue.outcomes += [place.goes_well(), place.goes_well()]
    place.run()
    place.run(pl.DataFrame({"visitor_id": ["V1", "V2", "V3"]}))
    assert len({run.arguments["--plan"] for run in place.glue.runs}) == 2


@pytest.mark.parametrize("state", sorted(ENDED - {"SUCCEEDED"}))
def test_a_run_that_ends_badly_is_told_with_job_run_state_words_and_log(place: Place, state: str) -> None:
    place.glue.outcomes.append(fails("ValueError: no such column", state))
    with pytest.raises(GlueFailed) as told:
        place.run()
    (run,) = place.glue.runs
    for word in ("curated.web_sessions", "curate", run.id, state, "ValueError: no such column", "/aws-glue/jobs/error"):
        assert word in str(told.value)
    assert place.glue.count("BatchStopJobRun") == 0


def test_every_state_is_either_under_way_or_an_end() -> None:
    of_glue = aws.client("glue").meta.service_model.shape_for("JobRunState").enum
    assert set(of_glue) == ALIVE | ENDED
    assert not ALIVE & ENDED


def test_a_fault_of_the_service_is_tried_again_twice_and_no_more(place: Place) -> None:
    place.glue.outcomes += [fails("Internal service error"), fails("Resource unavailable"), place.goes_well()]
    assert place.run() == KEY
    assert [run.arguments["--submission"] for run in place.glue.runs] == ["1", "2", "3"]
    place.glue.outcomes += [fails("Internal service error")] * 4
    with pytest.raises(GlueFailed, match="Internal service error"):
        place.run(run_id="run2")
    assert len(place.glue.runs) == 6


@pytest.mark.parametrize(
    ("state", "message", "again"),
    [
        ("FAILED", "Internal service error : please retry", True),
        ("FAILED", "Exceeded maximum concurrent compute capacity for your account", True),
        ("FAILED", "The specified subnet does not have enough free addresses to satisfy the request.", True),
        ("ERROR", "Resource unavailable", True),
        ("TIMEOUT", "Resource unavailable", False),
        ("STOPPED", "", False),
        ("FAILED", "", False),
        ("FAILED", "Error Category: QUERY_ERROR; Failed Line Number: 3; x: resource unavailable", False),
        ("FAILED", "Command failed with exit code 1: internal error", False),
    ],
)
def test_what_may_go_well_at_another_time(state: str, message: str, again: bool) -> None:
    assert is_transient({"JobRunState": state, "ErrorMessage": message}) is again


def test_a_busy_job_is_waited_for_and_given_up_in_time(place: Place) -> None:
    throttled = Refused("ThrottlingException", "Rate exceeded")
    place.glue.refusals += [BUSY, throttled, BUSY]
    place.glue.outcomes.append(place.goes_well())
    assert place.run() == KEY
    assert len(place.glue.runs) == 1
    place.glue.refusals += [BUSY] * 100
    with pytest.raises(GlueFailed, match=r"could not be started in 1000 s.*Concurrent runs exceeded"):
        place.run(run_id="run2")
    assert 1000 < place.time.now < 1200


def test_a_job_that_cannot_be_started_is_told_at_once(place: Place) -> None:
    with pytest.raises(GlueFailed, match=r"Glue job other cannot be started.*missing metadata"):
        place.run(glue_job="other")
    assert (place.glue.count("StartJobRun"), place.time.pauses) == (1, [])


def test_a_start_whose_answer_is_lost_starts_no_second_run(place: Place) -> None:
    place.glue.lost, place.glue.unlisted = 1, 2  # one look for orphans, one for the run
    place.glue.outcomes.append(place.goes_well())
    assert place.run() == KEY
    assert len(place.glue.runs) == 1


def test_a_start_that_did_not_arrive_is_sent_again(place: Place) -> None:
    place.glue.refusals.append(Refused("InternalServiceException", "an internal error", 500))
    place.glue.outcomes.append(place.goes_well())
    assert place.run() == KEY
    assert (place.glue.count("StartJobRun"), len(place.glue.runs)) == (2, 1)


def killed_before_the_record(place: Place) -> None:
    """Killed between StartJobRun and its record: the claim stands, without a run."""
    killed_while_it_waits(place)
    (claim,) = (key for key in place.objects() if "submission" in key)
    assert json.loads(place.text(claim))["run_id"] == place.glue.runs[0].id
    aws.client("s3").put_object(Bucket=place.bucket, Key=claim, Body=b"{}")


def test_a_claim_without_its_run_finds_the_run(place: Place) -> None:
    killed_before_the_record(place)
    goes_on(place)
    assert place.run() == KEY
    assert len(place.glue.runs) == 1
    (claim,) = (key for key in place.objects() if "submission" in key)
    assert json.loads(place.text(claim))["run_id"] == place.glue.runs[0].id


def test_a_claim_that_nobody_sent_is_followed_by_another(place: Place) -> None:
    killed_before_the_record(place)
    place.glue.runs.clear()
    place.glue.outcomes.append(place.goes_well())
    assert place.run() == KEY
    assert [run.arguments["--submission"] for run in place.glue.runs] == ["2"]


def test_a_run_that_a_dead_process_left_is_stopped_before_another_plan_starts(place: Place) -> None:
    killed_while_it_waits(place)
    place.glue.outcomes.append(place.goes_well())
    place.run(run_id="run2")
    assert place.states() == ["STOPPED", "SUCCEEDED"]


def test_a_run_of_another_lake_or_table_is_let_alone(place: Place) -> None:
    killed_while_it_waits(place)
    for name, value in (("--plan", "s3://other/lake/glue/p"), ("--table", "curated.other")):
        run = place.glue.runs[0]
        run.arguments = {**run.arguments, name: value}
        place.glue.outcomes.append(place.goes_well())
        place.run(run_id=f"run of {name}")
        assert run.states[-1] == "RUNNING"
        run.arguments = {**run.arguments, "--table": str(SESSIONS)}


@pytest.mark.parametrize("cancel", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_cancel_stops_the_run_and_waits_for_that(place: Place, cancel: type[BaseException]) -> None:
    place.glue.outcomes.append(HANGS)
    place.time.at[2] = lambda: raising(cancel)
    with pytest.raises(cancel):
        place.run()
    assert [list(run.states) for run in place.glue.runs] == [["STOPPED"]]


def test_a_cancel_before_the_run_is_known_stops_it_too(place: Place) -> None:
    place.glue.lost, place.glue.unlisted = 1, 2
    place.glue.outcomes.append(HANGS)
    place.time.at[1] = lambda: raising(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        place.run()
    assert place.states() == ["STOPPED"]


def test_a_poll_that_is_not_answered_ends_no_run(place: Place) -> None:
    place.glue.outcomes.append(place.goes_well())
    answer, calls = place.glue.answer, []

    def answered(name: str, body: dict[str, Any]) -> dict[str, Any] | None:
        calls.append(name)
        # As many as one look of a patient client asks.
        if name == "GetJobRun" and calls.count(name) <= 8:
            return None
        return answer(name, body)

    place.glue.answer = answered  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.retries.standard.time.sleep", lambda seconds: None, raising=False)
        patch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
        assert place.run() == KEY
    assert len(place.glue.runs) == 1


def test_a_run_that_takes_too_long_is_stopped(place: Place) -> None:
    place.glue.outcomes.append(HANGS)
    with pytest.raises(GlueFailed, match=r"RUNNING.*not done after 1000 s"):
        place.run()
    assert place.states() == ["STOPPED"]
    assert 1000 < place.time.now < 1200


def test_a_run_that_does_not_stop_is_noted(place: Place) -> None:
    place.glue.outcomes.append(HANGS)
    place.glue.stubborn = True
    with pytest.raises(GlueFailed) as told:
        place.run()
    assert "had not 300 s later" in told.value.__notes__[0]


def test_a_run_that_wrote_nothing_is_no_success(place: Place) -> None:
    place.glue.outcomes.append(Outcome(("SUCCEEDED",)))
    with pytest.raises(GlueFailed, match=r"wrote no s3://.*rows.manifest"):
        place.run()
    place.glue.outcomes.append(place.goes_well())
    assert place.run() == KEY


def test_plans_and_claims_are_encrypted_with_the_key_that_is_set(place: Place) -> None:
    place.glue.outcomes.append(place.goes_well())
    place.run(kms_key="alias/warehouse")
    written = [key for key in place.objects() if key.startswith("lake/glue/")]
    assert len(written) == 3
    for key in written:
        head = aws.client("s3").head_object(Bucket=place.bucket, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"].endswith("alias/warehouse")) == ("aws:kms", True)


def test_of_two_callers_of_one_build_one_starts_the_run(place: Place) -> None:
    """The other one finds the claim between its look and its own claim."""
    place.glue.outcomes.append(place.goes_well())
    answer, other = place.glue.answer, []

    def answered(name: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if name == "GetJobRuns" and not other:
            other.append(1)
            other.append(place.run())  # type: ignore[arg-type]
        return answer(name, body)

    place.glue.answer = answered  # type: ignore[method-assign]
    assert place.run() == KEY
    assert len(place.glue.runs) == 1
