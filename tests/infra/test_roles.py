"""Rights proven by trying them: in an applied environment each role does its work, and nothing beside it.

The work is done as the code does it. A call that the local AWS does not know is refused or let through before that is
noticed, which is what counts here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
import enforcement
import known_drift
import pytest
import remains
import terraform
from botocore.exceptions import ClientError
from enforcement import Need
from terraform import REGION, Root

from tasks import alerts, aws
from tasks.glue_runs import Runs
from tasks.lock import Lease
from tasks.s3 import StorageError, Store
from tasks.settings import Settings
from tasks.warehouse import WarehouseError
from tasks.warehouse.redshift_login import login

pytestmark = pytest.mark.xdist_group("dev")
_ENVIRONMENT = "dev"
_ACCOUNT = "123456789012"
Call = Callable[[Callable[..., Any]], object]


@dataclass
class Platform:
    """An applied environment, and what its roles may be tried on."""

    root: Root
    outputs: dict[str, Any]
    sts: Any
    refused: list[Need]

    def bucket(self, layer: str) -> str:
        return str(self.outputs["buckets"][layer])

    def role(self, name: str) -> Callable[..., Any]:
        """Clients of a role of the environment: `role("task")("s3")`."""
        return enforcement.assume(self.sts, f"arn:aws:iam::{_ACCOUNT}:role/warehouse-{_ENVIRONMENT}-{name}")

    def granted(self, call: Callable[[], object]) -> list[str]:
        """What was refused of a call; what else fails is the local AWS's matter."""
        self.refused.clear()
        with suppress(ClientError, StorageError, WarehouseError):
            call()
        return [f"{need.action} on {need.resource} {dict(need.context) or ''}" for need in self.refused]


@pytest.fixture(scope="module")
def platform(
    aws_address: str,
    empty: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    session_client: Callable[..., Any],
) -> Iterator[Platform]:
    empty()
    repository = terraform.copy_repository(tmp_path_factory.mktemp(_ENVIRONMENT) / "repository")
    root = Root(terraform.environment_root(repository, _ENVIRONMENT), aws_address)
    root.init()
    root.apply()
    outputs = root.outputs()
    s3 = session_client("s3")
    for layer, key in (
        ("raw", "inbox/2026-01-01/orders.csv"), ("raw", "raw/orders/rows.parquet"),
        ("clean", "clean/orders/rows.parquet"), ("curated", "curated/web_sessions/rows.parquet"),
        ("artifacts", "bundle/glue_job.py"),
        ("artifacts", "glue/curated.web_sessions/r/p/plan.json"), ("artifacts", "landing/package.zip"),
        ("quarantine", "rejected/orders.csv"), ("logs", "s3/raw/log"), ("site", "data_docs/index.html"),
    ):  # fmt: skip
        s3.put_object(Bucket=outputs["buckets"][layer], Key=key, Body=b"x")
    with enforcement.enforced() as refused:
        yield Platform(root, outputs, session_client("sts"), refused)


@pytest.fixture
def settings(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of a flow run, read from the environment of its task, in the process of the task's role."""
    for name, value in platform.outputs["work_pool"]["environment"].items():
        if name.startswith("DW_") and name != "DW_HOME":
            monkeypatch.setenv(name, value)
    role = f"arn:aws:iam::{_ACCOUNT}:role/warehouse-{_ENVIRONMENT}-task"
    given = platform.sts.assume_role(RoleArn=role, RoleSessionName="flow")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", given["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", given["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", given["SessionToken"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials that it was made with
    aws.client.cache_clear()
    assert f"warehouse-{_ENVIRONMENT}-task/flow" in aws.client("sts").get_caller_identity()["Arn"]
    yield Settings()
    aws.client.cache_clear()


def test_a_flow_run_may_use_the_lake(platform: Platform, settings: Settings) -> None:
    lake = Store(settings.lake_url, settings.kms_key)

    def work() -> None:
        for key in ("raw/t/a", "clean/t/a", "curated/t/a", "quarantine/t/a", "glue/t/a", "shop2/clean/t/a"):
            lake.send(key, b"rows")
            assert lake.get(key)[0] == b"rows"
            lake.delete([key])
            assert lake.head(key) is None
        lease = Lease(lake)
        lease.acquire("run")
        lease.check()
        lease.release()
        docs = Store(settings.docs_at, settings.kms_key)
        docs.send("index.html", b"x")
        Store(settings.site_at, settings.kms_key).send("tables/core.fact_sales.html", b"x")
        inbox = Store(settings.inbox_url)
        assert [key for key, _ in inbox.listed()] == ["2026-01-01/orders.csv"]
        assert inbox.get("2026-01-01/orders.csv")[0] == b"x"

    assert platform.granted(work) == []
    work()


def test_a_flow_run_may_start_its_glue_job(platform: Platform, settings: Settings) -> None:
    claimed: list[str] = []
    runs = Runs(
        job=settings.glue_job, table="curated.web_sessions", plan="s3://a/plan.json", siblings="s3://a/", timeout=60,
        claim=lambda n, text: not claimed.append(text), note=lambda n, text: None, recall=lambda n: None,
        is_done=lambda: True, sleep=lambda seconds: None,
    )  # fmt: skip
    assert platform.granted(runs.finish) == []
    job = platform.role("task")("glue")
    assert platform.granted(lambda: job.batch_stop_job_run(JobName=settings.glue_job, JobRunIds=["jr_1"])) == []


def test_a_flow_run_may_log_in_to_redshift(platform: Platform, settings: Settings) -> None:
    assert platform.granted(lambda: login(settings)) == []
    given = {"ClusterIdentifier": settings.redshift_cluster, "DbName": settings.redshift_database}
    assert platform.granted(lambda: aws.client("redshift").get_cluster_credentials_with_iam(**given)) == []
    other = {**given, "DbName": "other"}
    assert platform.granted(lambda: aws.client("redshift").get_cluster_credentials_with_iam(**other))


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_a_flow_run_may_tell_alerts(platform: Platform, settings: Settings, severity: Any) -> None:
    alert = alerts.Alert(severity, "failed run", "A run failed.", settings.deployment, flow="daily")
    assert platform.granted(lambda: alerts.tell(settings, [alert])) == []


# What each role does besides, as AWS's services do it in its name, and what it must not do.
_RAW, _CLEAN, _CURATED, _ARTIFACTS, _LOGS = ("raw", "clean", "curated", "artifacts", "logs")


def _get(layer: str, key: str) -> tuple[str, str, dict[str, Any]]:
    return "s3", "get_object", {"Bucket": layer, "Key": key}


def _put(layer: str, key: str) -> tuple[str, str, dict[str, Any]]:
    return "s3", "put_object", {"Bucket": layer, "Key": key, "Body": b"x"}


def _delete(layer: str, key: str) -> tuple[str, str, dict[str, Any]]:
    return "s3", "delete_object", {"Bucket": layer, "Key": key}


def _list(layer: str, prefix: str = "") -> tuple[str, str, dict[str, Any]]:
    return "s3", "list_objects_v2", {"Bucket": layer, "Prefix": prefix}


_PUBLISH = ("sns", "publish", {"TopicArn": "warning", "Message": "m"})
_SECRET = ("secretsmanager", "get_secret_value", {"SecretId": "prefect"})
_JOB = ("glue", "start_job_run", {"JobName": "warehouse-dev-lake-transforms"})
_EXECUTION = ("stepfunctions", "start_execution", {"stateMachineArn": "landing"})
_INVOKE = ("lambda", "invoke", {"FunctionName": "warehouse-dev-landing-check", "InvocationType": "DryRun"})
_NEW_ROLE = ("iam", "create_role", {"RoleName": "x", "AssumeRolePolicyDocument": "{}"})

WORK = {
    "glue": [
        _list("clean", "clean/"), _get("artifacts", "bundle/glue_job.py"), _get("clean", "clean/orders/rows.parquet"),
        _get("artifacts", "glue/curated.web_sessions/r/p/plan.json"), _put("curated", "curated/t/part.parquet"),
        _get("curated", "curated/t/part.parquet"), _delete("curated", "curated/t/part.parquet"),
    ],
    "copy": [
        _list("clean", "clean/"), _get("clean", "clean/orders/rows.parquet"),
        _get("curated", "curated/web_sessions/rows.parquet"), _put("artifacts", "exports/core/0000_part_00.parquet"),
    ],
    "landing-check": [_get("raw", "inbox/2026-01-01/orders.csv"), _list("raw", "inbox/2026-01-01/")],
    "landing-start": [_SECRET],
    "landing-reject": [
        _put("quarantine", "rejected/a.csv"), _get("quarantine", "rejected/a.csv"), _list("quarantine", "rejected/"),
        _PUBLISH,
    ],
    "landing-states": [_INVOKE],
    "landing-events": [_EXECUTION],
    "execution": [_SECRET],
    "worker": [
        ("sqs", "receive_message", {"QueueUrl": "observer", "WaitTimeSeconds": 0}), _PUBLISH,
        _put("artifacts", "alerts/a.json"),
        _get("artifacts", "alerts/a.json"), _list("artifacts", "alerts/"),
    ],
}  # fmt: skip
FORBIDDEN = {
    "task": [
        _put("raw", "inbox/2026-01-01/orders.csv"), _delete("raw", "inbox/2026-01-01/orders.csv"),
        _put("artifacts", "bundle/glue_job.py"), _delete("artifacts", "landing/package.zip"),
        _get("logs", "s3/raw/log"), _list("logs"), _put("logs", "s3/raw/log"), _SECRET, _EXECUTION, _INVOKE, _NEW_ROLE,
        ("glue", "start_job_run", {"JobName": "another"}), ("sqs", "receive_message", {"QueueUrl": "observer"}),
        ("sns", "publish", {"TopicArn": f"arn:aws:sns:{REGION}:{_ACCOUNT}:another", "Message": "m"}),
        ("redshift", "delete_cluster", {"ClusterIdentifier": "warehouse-dev"}),
        ("s3", "delete_bucket", {"Bucket": "curated"}),
        ("kms", "decrypt", {"CiphertextBlob": b"x", "KeyId": f"arn:aws:kms:{REGION}:{_ACCOUNT}:key/another"}),
    ],
    "glue": [
        _put("clean", "clean/t/a"), _delete("clean", "clean/orders/rows.parquet"),
        _put("artifacts", "bundle/glue_job.py"), _get("raw", "raw/orders/rows.parquet"),
        _get("raw", "inbox/2026-01-01/orders.csv"), _put("artifacts", "glue/a"),
        _get("quarantine", "rejected/orders.csv"), _SECRET, _PUBLISH, _JOB, _NEW_ROLE,
    ],
    "copy": [
        _put("clean", "clean/t/a"), _get("raw", "raw/orders/rows.parquet"), _get("quarantine", "rejected/orders.csv"),
        _put("artifacts", "bundle/glue_job.py"), _delete("artifacts", "exports/core/0000_part_00.parquet"), _SECRET,
        _PUBLISH, _JOB, _NEW_ROLE,
    ],
    "landing-check": [
        _put("raw", "inbox/2026-01-01/a.csv"), _get("raw", "raw/orders/rows.parquet"), _list("raw", "raw/"),
        _get("clean", "clean/orders/rows.parquet"), _put("quarantine", "rejected/a.csv"), _SECRET, _PUBLISH, _NEW_ROLE,
    ],
    "landing-start": [
        _get("raw", "inbox/2026-01-01/orders.csv"), _PUBLISH, _EXECUTION, _NEW_ROLE,
        ("secretsmanager", "get_secret_value", {"SecretId": "another"}),
    ],
    "landing-reject": [
        _delete("raw", "inbox/2026-01-01/orders.csv"), _put("raw", "inbox/2026-01-01/a.csv"), _SECRET,
        _delete("quarantine", "rejected/orders.csv"), _put("quarantine", "quarantine/t/a"), _NEW_ROLE,
    ],
    "landing-states": [_get("raw", "inbox/2026-01-01/orders.csv"), _SECRET, _PUBLISH, _EXECUTION],
    "landing-events": [_INVOKE, _get("raw", "inbox/2026-01-01/orders.csv")],
    "execution": [_get("clean", "clean/orders/rows.parquet"), _PUBLISH, _NEW_ROLE],
    "worker": [
        _get("clean", "clean/orders/rows.parquet"), _put("artifacts", "bundle/glue_job.py"), _SECRET, _JOB, _NEW_ROLE,
        _get("raw", "inbox/2026-01-01/orders.csv"), _get("artifacts", "glue/curated.web_sessions/r/p/plan.json"),
        ("redshift", "get_cluster_credentials_with_iam", {"ClusterIdentifier": "warehouse-dev", "DbName": "warehouse"}),
    ],
}  # fmt: skip


def _parameters(platform: Platform, given: dict[str, Any]) -> dict[str, Any]:
    """A call's parameters, with the names of the environment in the place of ours."""
    outputs = platform.outputs
    named = {
        "Bucket": outputs["buckets"],
        "TopicArn": outputs["topic_arns"],
        "SecretId": {"prefect": outputs["prefect_secret_arn"]},
        "stateMachineArn": {"landing": outputs["state_machine_arn"]},
        "QueueUrl": {"observer": f"{platform.root.address}/{_ACCOUNT}/warehouse-dev-observer"},
    }
    return {
        key: named.get(key, {}).get(value, value) if isinstance(value, str) else value for key, value in given.items()
    }


def _cases(table: dict[str, list[tuple[str, str, dict[str, Any]]]]) -> list[Any]:
    return [
        pytest.param(role, *call, id=f"{role}-{call[1]}-{'-'.join(str(v)[:40] for v in call[2].values())}")
        for role, calls in table.items() for call in calls
    ]  # fmt: skip


@pytest.mark.parametrize(("role", "service", "call", "given"), _cases(WORK))
def test_a_role_may_do_its_work(platform: Platform, role: str, service: str, call: str, given: dict[str, Any]) -> None:
    client = platform.role(role)(service)
    assert platform.granted(lambda: getattr(client, call)(**_parameters(platform, given))) == []


@pytest.mark.parametrize(("role", "service", "call", "given"), _cases(FORBIDDEN))
def test_a_role_may_do_nothing_else(
    platform: Platform, role: str, service: str, call: str, given: dict[str, Any]
) -> None:
    client = platform.role(role)(service)
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized|Forbidden"):
        getattr(client, call)(**_parameters(platform, given))
    assert platform.refused


def test_the_worker_starts_runs_of_its_family_with_their_roles_alone(platform: Platform) -> None:
    pool = platform.outputs["work_pool"]
    ecs = platform.role("worker")("ecs")
    definition = {
        "family": pool["family"],
        "taskRoleArn": pool["task_role_arn"],
        "executionRoleArn": pool["execution_role_arn"],
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "512",
        "memory": "1024",
        "containerDefinitions": [{"name": "prefect", "image": "x:1", "memory": 512}],
    }
    assert platform.granted(lambda: ecs.register_task_definition(**definition)) == []
    administrator = f"arn:aws:iam::{_ACCOUNT}:role/administrator"
    passed = platform.granted(lambda: ecs.register_task_definition(**{**definition, "taskRoleArn": administrator}))
    assert passed
    assert passed[0].startswith(f"iam:PassRole on {administrator}")
    run = {"cluster": pool["cluster_arn"], "launchType": "FARGATE", "taskDefinition": f"{pool['family']}:1"}
    network = {"subnets": pool["subnet_ids"], "securityGroups": pool["security_group_ids"]}
    run["networkConfiguration"] = {"awsvpcConfiguration": network}
    assert platform.granted(lambda: ecs.run_task(**run)) == []
    assert platform.granted(lambda: ecs.run_task(**{**run, "taskDefinition": "another:1"}))
    assert platform.granted(lambda: ecs.run_task(**{**run, "cluster": "another"}))


def test_roles_are_assumed_by_their_services_alone(session_client: Callable[..., Any], platform: Platform) -> None:
    expected = {
        "task": "ecs-tasks", "execution": "ecs-tasks", "worker": "ecs-tasks", "glue": "glue", "copy": "redshift",
        "landing-check": "lambda", "landing-start": "lambda", "landing-reject": "lambda", "landing-states": "states",
        "landing-events": "events",
    }  # fmt: skip
    found = {}
    for role in expected:
        answer = session_client("iam").get_role(RoleName=f"warehouse-{_ENVIRONMENT}-{role}")
        statements = answer["Role"]["AssumeRolePolicyDocument"]["Statement"]
        found[role] = {(s["Effect"], tuple(s["Principal"].items())) for s in statements}
    assert found == {
        role: {("Allow", (("Service", f"{service}.amazonaws.com"),))} for role, service in expected.items()
    }


def test_a_second_apply_of_the_environment_would_change_nothing(platform: Platform) -> None:
    known = {(drift.type, drift.attribute) for drift in known_drift.KNOWN}
    changes = [
        change for change in platform.root.plan()
        if change.actions != ("update",) or not {(change.type, a) for a in change.attributes} <= known
    ]  # fmt: skip
    assert changes == []


def test_destroying_the_environment_leaves_nothing(platform: Platform, session_client: Callable[..., Any]) -> None:
    platform.root.destroy()
    assert platform.root.resources() == []
    assert remains.standing(session_client) == []
