"""Against a real Prefect server: deployments, the ECS worker, automations, what runs do when something fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from house_of_things import House
from prefect_server import ask, serve

from contracts.registry import REPOSITORY
from tasks import alerts, aws
from tasks import delivery as work
from tasks.s3 import StorageError
from tasks.settings import Settings
from tasks.workspace import close_all

PATIENCE = 180
RED = "a,red,1,2026-01-05T08:00:00"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server, to which this process and its children go."""
    # First: what Prefect reads of the environment when it is imported stays, and this server does not.
    from prefect.concurrency.services import ConcurrencySlotAcquisitionWithLeaseService as Slots

    home = tmp_path_factory.mktemp("prefect_server")
    with serve(home) as api, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", api)
        patch.setenv("DO_NOT_TRACK", "1")
        # The worker hands no key on where it has none to hide.
        patch.setenv("PREFECT_API_KEY", "key-of-the-worker")
        from prefect.settings import (
            PREFECT_API_KEY,
            PREFECT_API_URL,
            PREFECT_LOGGING_LEVEL,
            PREFECT_TASKS_DEFAULT_NO_CACHE,
            temporary_settings,
        )

        chosen = {
            PREFECT_API_URL: api,
            PREFECT_API_KEY: "key-of-the-worker",
            PREFECT_LOGGING_LEVEL: "ERROR",
            PREFECT_TASKS_DEFAULT_NO_CACHE: True,
        }
        with temporary_settings(chosen):
            yield api
            # Prefect's services of this process keep a client of the server that is about to end.
            Slots.drain_all(timeout=PATIENCE, at_exit=False)


def outputs(**more: Any) -> dict[str, Any]:
    """What Terraform says of the work pool."""
    return {
        "region": "eu-west-1",
        "cluster_arn": "warehouse-test",
        "family": "warehouse-test-run",
        "image": "registry.example/warehouse:v1",
        "task_role_arn": "arn:aws:iam::123456789012:role/task",
        "execution_role_arn": "arn:aws:iam::123456789012:role/execution",
        "prefect_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prefect",
        "log_group_name": "/warehouse/test/runs",
        "log_stream_prefix": "run",
        "subnet_ids": ["subnet-1"],
        "security_group_ids": ["sg-1"],
        "cpu": 2048,
        "memory": 8192,
        "ephemeral_storage_gib": 60,
        "environment": {"DW_MODE": "aws", "DW_DEPLOYMENT": "test"},
        "schedules": {"daily": "5 1 * * *", "maintenance": "5 2 * * 6", "quality_report": "5 3 * * 2"},
        **more,
    }


@pytest.fixture(scope="module")
def deployed(server: str) -> list[str]:
    """All deployments, registered by `dw deploy`; its lines."""
    from flows.deploy import deploy

    return list(deploy(REPOSITORY, outputs(), "v1.2.3"))


@pytest.fixture
def client(server: str) -> Iterator[Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def until(found: Callable[[], Any], what: str) -> Any:
    """What a service of the server gives in its time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.3)
    raise AssertionError(f"no {what} in {PATIENCE} s")


def standing(client: Any) -> dict[str, Any]:
    return {d.name: d for d in map(client.read_deployment_by_name, (f"{n}/{n}" for n in NAMES))}


FILE = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
NAMES = [deployment["name"] for deployment in FILE["deployments"]]


# Deployments


def test_every_deployment_stands_as_the_file_says(deployed: list[str], client: Any) -> None:
    assert NAMES == ["daily", "ingest", "backfill", "redrive", "maintenance", "quality-report"]
    found = standing(client)
    for wanted in FILE["deployments"]:
        made = found[wanted["name"]]
        assert (made.version, made.tags, made.entrypoint) == ("v1.2.3", ["warehouse"], wanted["entrypoint"])
        assert (made.parameters, made.description) == (wanted["parameters"], wanted["description"])
        assert (made.work_pool_name, made.work_queue_name) == ("warehouse", wanted["work_pool"]["work_queue_name"])
        assert made.global_concurrency_limit.limit == 1
        assert made.concurrency_options.model_dump(mode="json") == {
            "collision_strategy": "ENQUEUE",
            "grace_period_seconds": 900,
        }
        assert made.pull_steps == [{"prefect.deployments.steps.set_working_directory": {"directory": "/app"}}]
        schedules = [(s.schedule.cron, s.schedule.timezone, s.active) for s in made.schedules]
        crons = {f"{{{{ $DW_CRON_{name.upper()} }}}}": cron for name, cron in outputs()["schedules"].items()}
        assert schedules == [(crons[s["cron"]], s["timezone"], s["active"]) for s in wanted["schedules"]]


def test_deploying_again_leaves_one_of_each(deployed: list[str], client: Any) -> None:
    from flows.deploy import deploy

    before = {name: made.id for name, made in standing(client).items()}
    again = list(deploy(REPOSITORY, outputs(image="registry.example/warehouse:v2"), "v2"))
    assert [line for line in again if "automation" in line] == ["automation warehouse-stuck-in-pending: as defined"]
    after = standing(client)
    assert {name: made.id for name, made in after.items()} == before
    assert {made.version for made in after.values()} == {"v2"}
    pool = client.read_work_pool("warehouse")
    assert pool.base_job_template["variables"]["properties"]["image"]["default"] == "registry.example/warehouse:v2"
    queues = {
        q.name: q.concurrency_limit
        for q in (client.read_work_queue_by_name(n, "warehouse") for n in ("default", "read"))
    }
    assert queues == {"default": 1, "read": 4}
    automations = [automation.name for automation in client.read_automations()]
    assert sorted(automations) == ["quality-report__automation_1", "warehouse-stuck-in-pending"]
    list(deploy(REPOSITORY, outputs(), "v1.2.3"))


def test_the_same_idempotency_key_starts_one_run(deployed: list[str], client: Any) -> None:
    made = standing(client)["ingest"]
    given = {"source": "shop", "key": "2026-01-05/orders.csv.gz", "version": "v1"}
    runs = [
        client.create_flow_run_from_deployment(made.id, parameters=given, idempotency_key="of-one-object")
        for _ in range(2)
    ]
    assert runs[0].id == runs[1].id
    client.delete_flow_run(runs[0].id)


# The ECS worker, and a task that is killed


def test_a_run_becomes_an_ecs_task_and_is_crashed_when_the_task_is_killed(
    deployed: list[str], client: Any, local_aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.deploy import POOL, job_template
    from flows.watch import watch_once

    ecs, ec2, sqs, name = aws.client("ecs"), aws.client("ec2"), aws.client("sqs"), f"w-{uuid.uuid4().hex[:8]}"
    cluster = ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    subnet = ec2.describe_subnets()["Subnets"][0]
    group = ec2.create_security_group(GroupName=name, Description="runs", VpcId=subnet["VpcId"])["GroupId"]
    told = outputs(cluster_arn=cluster, subnet_ids=[subnet["SubnetId"]], security_group_ids=[group])
    from prefect.client.schemas.actions import WorkPoolUpdate

    client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=job_template(REPOSITORY, told)))
    given = {"source": "shop", "key": "2026-01-06/orders.csv.gz", "version": "v1"}
    run = client.create_flow_run_from_deployment(standing(client)["ingest"].id, parameters=given)
    with (tmp_path / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "ecs"],
            env={
                **os.environ,
                "PREFECT_HOME": str(tmp_path),
                "PREFECT_WORKER_QUERY_SECONDS": "1",
                "PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME": name,
            },
            stdout=log,
            stderr=log,
        )
    try:
        (task_arn,) = until(lambda: ecs.list_tasks(cluster=cluster)["taskArns"], "task")
        (task,) = ecs.describe_tasks(cluster=cluster, tasks=[task_arn], include=["TAGS"])["tasks"]
        definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
        _as_the_template_says(definition, task)
        overrides = task["overrides"]["containerOverrides"][0]
        environment = {each["name"]: each["value"] for each in overrides["environment"]}
        assert environment["PREFECT__FLOW_RUN_ID"] == str(run.id)
        assert (environment["DW_MODE"], environment["DW_DEPLOYMENT"]) == ("aws", "test")
        # The key is a secret of the definition, and nowhere in clear.
        assert "key-of-the-worker" not in json.dumps([definition, task], default=str)
        assert client.read_flow_run(run.id).state.type.value == "PENDING"
        _kill(ecs, cluster, task_arn, queue)
        until(lambda: client.read_flow_run(run.id).state.is_crashed(), "crash")
    finally:
        worker.terminate()
        worker.wait()
    # No process of the flow was left to tell of it.
    monkeypatch.setenv("DW_HOME", str(tmp_path / "home"))
    (alert,) = watch_once()
    assert (alert.severity, alert.what, alert.flow, alert.run_id) == ("critical", "flow-crashed", "ingest", str(run.id))
    assert alert.run_link.endswith(f"/runs/flow-run/{run.id}")
    assert alert.next_step == f"prefect flow-run logs {run.id}"
    assert watch_once() == []
    client.delete_flow_run(run.id)


def _as_the_template_says(definition: dict[str, Any], task: dict[str, Any]) -> None:
    (container,) = definition["containerDefinitions"]
    assert (definition["family"], definition["cpu"], definition["memory"]) == ("warehouse-test-run", "2048", "8192")
    assert definition["taskRoleArn"].endswith("role/task")
    assert definition["executionRoleArn"].endswith("role/execution")
    assert definition["ephemeralStorage"] == {"sizeInGiB": 60}
    assert (container["name"], container["image"]) == ("prefect", "registry.example/warehouse:v1")
    assert container["readonlyRootFilesystem"] is True
    assert container["secrets"] == [{"name": "PREFECT_API_KEY", "valueFrom": outputs()["prefect_secret_arn"]}]
    assert container["logConfiguration"]["options"]["awslogs-group"] == "/warehouse/test/runs"
    assert task["launchType"] == "FARGATE"


def _kill(ecs: Any, cluster: str, task_arn: str, queue: str) -> None:
    """Stop a task as ECS does when memory runs out, and let EventBridge say so (moto's leads to no queue)."""
    ecs.stop_task(cluster=cluster, task=task_arn, reason="OutOfMemoryError")
    (stopped,) = ecs.describe_tasks(cluster=cluster, tasks=[task_arn])["tasks"]
    detail = {
        "taskArn": task_arn,
        "clusterArn": cluster,
        "taskDefinitionArn": stopped["taskDefinitionArn"],
        "lastStatus": "STOPPED",
        "stoppedReason": "OutOfMemoryError: Container killed due to memory usage",
        "containers": [{"name": "prefect", "lastStatus": "STOPPED", "exitCode": 137}],
    }
    event = {"id": str(uuid.uuid4()), "detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": detail}
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(event))


# Runs that hang


def test_a_run_that_stays_pending_is_told_and_called_crashed(
    deployed: list[str], client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.states import Pending, Running

    from flows.deploy import apply_automation, read_automations
    from flows.watch import Patience, watch_once

    monkeypatch.setenv("DW_HOME", str(tmp_path))
    (definition,) = read_automations(REPOSITORY)
    # The shortest that the server takes.
    apply_automation(client, {**definition, "trigger": {**definition["trigger"], "within": 10}})
    begun, stuck = (
        client.create_flow_run_from_deployment(standing(client)[name].id, state=Pending())
        for name in ("maintenance", "redrive")
    )
    try:
        client.set_flow_run_state(begun.id, Running(), force=True)
        assert watch_once() == []
        (alert,) = watch_once(Patience(pending=timedelta()))
        assert (alert.what, alert.flow, alert.run_id) == ("run-stuck", "redrive", str(stuck.id))
        assert "its task has not begun" in alert.text
        until(lambda: client.read_flow_run(stuck.id).state.is_crashed(), "crash")
        assert client.read_flow_run(begun.id).state.is_running()
        (hangs,) = watch_once(Patience(running=timedelta(), ended=timedelta()))
        assert (hangs.what, hangs.flow) == ("run-stuck", "maintenance")
    finally:
        apply_automation(client, definition)
        for run in (begun, stuck):
            client.delete_flow_run(run.id)


def test_a_run_that_no_worker_takes_is_told_as_late(
    deployed: list[str], client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.watch import Patience, watch_once

    monkeypatch.setenv("DW_HOME", str(tmp_path))
    run = client.create_flow_run_from_deployment(standing(client)["maintenance"].id)
    try:
        until(lambda: client.read_flow_run(run.id).state.name == "Late", "late run")
        assert watch_once() == []
        (alert,) = watch_once(Patience(late=timedelta()))
        assert (alert.what, alert.flow) == ("run-late", "maintenance")
        assert "Is a worker at work?" in alert.text
    finally:
        client.delete_flow_run(run.id)


# Runs that fail


@pytest.fixture
def house(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A small warehouse that the flows of this process find, and whose steps wait for nothing."""
    from flows import daily, running

    house = House(tmp_path)
    monkeypatch.setenv("DW_HOME", str(house.home))
    monkeypatch.setenv("DW_REPOSITORY", str(house.root))
    for task in (running.begin, daily.find, daily.ingest, daily.build, daily.finish):
        monkeypatch.setattr(task, "retry_delay_seconds", [0] * int(task.retries))
    yield house
    close_all()


def told(house: House) -> list[dict[str, Any]]:
    file = Settings(home=house.home).alert_file
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_an_outage_is_waited_out_and_counts_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.daily import daily

    house.deliver(0, RED)
    tries: list[str] = []
    ingest = work.ingest

    def busy(space: Any, file: str) -> Any:
        tries.append(file)
        done = ingest(space, file)
        if len(tries) < 3:
            raise StorageError("s3://lake/x: cannot write it: SlowDown", "SlowDown")
        return done

    monkeypatch.setattr(work, "ingest", busy)
    report = daily(docs=False)
    assert tries == ["things.csv"] * 3
    assert report.failures == []
    # What the first tries did is loaded, and told by the try that came to the end.
    assert report.already_loaded == ["2026-01-05/things.csv"]
    assert told(house) == []


def test_what_is_final_is_tried_once_and_told_with_the_next_step(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.daily import daily

    house.deliver(0, RED)
    tries: list[str] = []

    def refused(space: Any, file: str) -> Any:
        tries.append(file)
        raise StorageError("s3://lake/x: cannot write it: AccessDenied for asha@example.com", "AccessDenied")

    with monkeypatch.context() as patch:
        patch.setattr(work, "ingest", refused)
        for _ in range(2):
            with pytest.raises(StorageError):
                daily(docs=False)
    assert len(tries) == 2
    (alert,) = told(house)
    assert (alert["what"], alert["severity"], alert["flow"], alert["source"]) == (
        "flow-failed",
        "critical",
        "daily",
        "shop",
    )
    assert "AccessDenied" in alert["text"]
    assert "asha@" not in json.dumps(alert)
    assert alert["run_link"].endswith(alert["run_id"])
    assert alert["next_step"] == f"prefect flow-run logs {alert['run_id']}"
    daily(docs=False)
    assert [line["what"] for line in told(house)] == ["flow-failed", "resolved: flow-failed"]


def test_a_flow_that_hangs_runs_out_of_time_and_lets_the_next_one_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.daily import daily

    house.deliver(0, RED)
    with monkeypatch.context() as patch:
        patch.setattr(work, "find", lambda *_: time.sleep(60))
        with pytest.raises(TimeoutError):
            daily.with_options(timeout_seconds=4)(docs=False)
    (alert,) = told(house)
    assert (alert["what"], "TimedOut" in alert["text"]) == ("flow-failed", True)
    assert daily(docs=False).failures == []


def test_a_step_that_ran_out_of_time_is_not_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import daily

    house.deliver(0, RED)
    tries: list[int] = []

    def hang(*_: Any) -> None:
        tries.append(1)
        while True:
            time.sleep(0.05)

    monkeypatch.setattr(work, "find", hang)
    monkeypatch.setattr(daily.find, "timeout_seconds", 1.0)
    with pytest.raises(TimeoutError):
        daily.daily(docs=False)
    assert tries == [1]


def test_a_run_that_is_torn_down_is_told_as_crashed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.daily import daily

    def end(*_: Any) -> None:
        raise SystemExit(3)

    house.deliver(0, RED)
    monkeypatch.setattr(work, "find", end)
    with pytest.raises(SystemExit):
        daily(docs=False)
    assert [alert["what"] for alert in told(house)] == ["flow-crashed"]


def test_a_cancelled_run_is_told(house: House) -> None:
    from prefect.client.schemas.objects import FlowRun
    from prefect.states import Cancelled

    from flows.daily import daily
    from flows.running import tell_end

    assert daily.on_cancellation_hooks == [tell_end]
    run = FlowRun(id=uuid.uuid4(), flow_id=uuid.uuid4(), name="daily-shop-x", parameters={"source": "shop"})
    tell_end(daily, run, Cancelled(message="by hand"))
    assert [alert["what"] for alert in told(house)] == ["flow-cancelled"]


def test_another_run_at_work_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import running
    from flows.daily import daily

    house.deliver(0, RED)
    other = house.open()
    other.lock()
    waits: list[int] = []
    passes = running.begin.retry_condition_fn

    def wait(*given: Any) -> bool:
        waits.append(1)
        if len(waits) == 2:
            other.close()
        return bool(passes(*given))

    monkeypatch.setattr(running.begin, "retry_condition_fn", wait)
    assert daily(docs=False).failures == []
    assert len(waits) == 2


def test_a_blocked_file_is_told_and_what_mends_it_ends_the_alert(house: House) -> None:
    from flows.daily import daily
    from flows.ingest import ingest_file

    house.deliver(0, RED)
    broken = house.home / "inbox" / "2026-01-05" / "things.2.csv"
    broken.write_bytes(b"thing_id,colour\n\xff\xff,\n")
    report = daily(docs=False)
    assert len(report.failures) == 1
    (alert,) = told(house)
    assert (alert["what"], alert["table"], alert["next_step"]) == ("file-rejected", "raw.things", "dw status")
    assert alert["batch"]
    assert report.alerts == [alert["subject"]]
    # The same file once more is known; the run itself came to its end.
    assert ingest_file("2026-01-05/things.2.csv").alerts == []
    assert [t.repeated for t in alerts.told(Settings(home=house.home))] == [1]


def test_the_quality_report_is_an_artifact_and_tells_what_is_low(house: House, client: Any) -> None:
    from flows.daily import daily
    from flows.quality_report import ARTIFACT, quality_report

    bad = [f"{n},purple,1,2026-01-05T08:00:00" for n in range(5)]
    house.deliver(0, RED, *bad)
    daily(docs=False)
    before = {alert["what"] for alert in told(house)}
    assert before >= {"quarantined", "score-low"}
    low = quality_report(days=3)
    assert any(line.startswith("clean.things: ") and "is below" in line for line in low)
    # The run has told of it already.
    assert {alert["what"] for alert in told(house)} == before
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    (artifact,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[ARTIFACT])))
    rows = json.loads(artifact.data)
    assert {row["table_name"] for row in rows} >= {"clean.things", "core.colour"}
    assert rows[0]["is_passed"] is False
    assert "2026-01-05" in artifact.description


def test_a_run_shows_its_rows_tables_scores_and_what_is_wrong(
    house: House, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    from flows import artifacts
    from flows.daily import daily

    monkeypatch.setattr(artifacts, "_LONG", 0)
    monkeypatch.setattr(artifacts, "_OFTEN", 0)
    house.deliver(0, RED, "b,purple,1,2026-01-05T08:00:00")
    (house.home / "inbox" / "2026-01-05" / "things.2.csv").write_bytes(b"thing_id,colour\n\xff\xff,\n")
    state = daily(docs=False, return_state=True)
    of_run = ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id])
    made = {a.key: a for a in client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=of_run))}
    assert made.keys() == {f"shop-{n}" for n in ("rows", "tables", "scores", "run", "data-docs", "progress")}
    counts = ("table", "status", "delivered", "loaded", "duplicate", "quarantined")
    rows = [tuple(row[name] for name in counts) for row in json.loads(made["shop-rows"].data)]
    assert sorted(rows) == [("raw.things", "loaded", 2, 1, 0, 1), ("raw.things", "rejected", 0, 0, 0, 0)]
    assert ("core.colour", 1) in [(row["table"], row["inserted"]) for row in json.loads(made["shop-tables"].data)]
    assert json.loads(made["shop-scores"].data)[0]["passed"] == "no"
    text = made["shop-run"].data
    assert "## daily, shop: came to its end, with failures" in text
    (told,) = [line for line in text.splitlines() if "**file-rejected**" in line]
    assert told.startswith("- **file-rejected** `raw.things` 2026-01-05/things.2.csv: rejected. ")
    assert told.endswith("Next: `dw status`")
    assert f"| Quarantine | `{house.home / 'lake' / 'quarantine'}` |" in text
    assert float(made["shop-progress"].data) == 100


def test_a_table_is_an_asset_with_its_contracts_words_and_what_it_was_made_from(
    house: House, client: Any, server: str
) -> None:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    from flows.daily import daily

    house.deliver(0, RED)
    state = daily(docs=False, return_state=True)
    run = state.state_details.flow_run_id
    wanted = {
        "event": {"prefix": ["prefect.asset.materialization."]},
        "any_resource": {"id": [f"prefect.flow-run.{run}"]},
    }

    def told() -> dict[str, Any]:
        found = ask("POST", f"{server}/events/filter", {"filter": wanted})["events"]
        return {event["resource"]["prefect.resource.id"]: event for event in found}

    until(lambda: len(told()) == 2, "events of two assets")
    clean, core = (f"warehouse://local/shop/{name}" for name in ("clean/things", "core/colour"))
    event = told()[core]
    assert event["event"] == "prefect.asset.materialization.succeeded"
    assert event["resource"]["prefect.resource.name"] == "core.colour"
    assert event["payload"] == {"inserted": 1, "updated": 0, "deleted": 0}
    sources = [each["prefect.resource.id"] for each in event["related"] if each["prefect.resource.role"] == "asset"]
    assert sources == [clean]
    assert told()[clean]["payload"]["loaded"] == 1
    tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])))
    (loaded,) = [task for task in tasks if task.name.startswith("ingest-2026-01-05-raw.things-")]
    assert set(loaded.tags) == {"source:shop", "mode:local", "table:raw.things", "layer:raw"}


def test_the_quality_report_of_an_empty_warehouse_says_so_and_ends_well(house: House, client: Any) -> None:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    from flows.quality_report import quality_report

    assert quality_report() == []
    key = ArtifactFilterKey(any_=["quality-report-empty"])
    (artifact,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
    assert artifact.data.startswith("Nothing is loaded in ")
    assert told(house) == []


def test_without_a_server_watch_and_deploy_say_so(dw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setenv("DW_HOME", str(tmp_path))
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        said = dw("watch", "--once")
    assert said.code == 1
    assert "PREFECT_API_URL says no server" in said.err
