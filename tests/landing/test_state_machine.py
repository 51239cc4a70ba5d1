"""The whole way of a file: the event, Step Functions, the functions of the package, Prefect, quarantine, dead letters.

moto runs the state machine that Terraform deploys, and calls the functions where Lambda would: each in a process of its
own that sees the unpacked package and what Lambda's Python brings, driven by AWS's own runtime client.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lambda_runtime import Answer, Function, brought
from landing_place import Landing
from moto.awslambda.models import LambdaFunction
from moto.core.config import default_user_config
from prefect_place import Pretender, pretend
from state_machine import NAMES, definition

from tasks import aws

RATES = b"rate_date,from_currency_code,to_currency_code,rate\n2026-01-05,USD,INR,83.10\n"
KEY = "inbox/2026-01-05/fx_rates.csv"
API_KEY = "pnu_this_is_the_key"
_PATIENCE = 120


def quick(machine: dict[str, Any], attempts: int = 2) -> dict[str, Any]:
    """The same with pauses of a second, so that nobody waits for them."""
    for state in machine["States"].values():
        for retry in state.get("Retry", ()):
            retry |= {"IntervalSeconds": 1, "MaxAttempts": attempts, "MaxDelaySeconds": 2}
    return machine


@dataclass
class Machine:
    """The state machine, deployed for one landing place."""

    arn: str
    dlq: str
    functions: dict[str, Function]

    def run(self, event: dict[str, Any]) -> tuple[str, list[str], dict[str, Any]]:
        """What became of an event: status, states in order, output."""
        states = aws.client("stepfunctions")
        # moto gives every execution without a name the same one.
        started = states.start_execution(stateMachineArn=self.arn, name=uuid.uuid4().hex, input=json.dumps(event))
        arn = started["executionArn"]
        end = time.monotonic() + _PATIENCE
        while (done := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < end, "the execution does not end"
            time.sleep(0.1)
        history = states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        entered = [e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e]
        return done["status"], entered, json.loads(done.get("output") or "{}")

    def dead(self) -> list[dict[str, Any]]:
        """What waits in the dead letter queue."""
        found = aws.client("sqs").receive_message(QueueUrl=self.dlq, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]

    def logs(self) -> str:
        """All that the functions logged."""
        return "".join(function.logs.read_text() for function in self.functions.values() if function.logs.exists())


def event_of(detail: dict[str, Any]) -> dict[str, Any]:
    """What EventBridge hands to the state machine."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-01-05T04:00:00Z",
        "region": "ap-south-1",
        "resources": [f"arn:aws:s3:::{detail['bucket']['name']}"],
        "detail": detail,
    }


@pytest.fixture
def prefect() -> Iterator[Pretender]:
    with pretend() as pretender:
        yield pretender


@pytest.fixture
def deploy(
    landing: Landing,
    prefect: Pretender,
    local_aws: str,
    package: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Machine]]:
    """Make functions and state machine; moto's engine runs them."""
    monkeypatch.setitem(default_user_config["stepfunctions"], "execute_state_machine", True)
    monkeypatch.setenv("MOTO_PORT", local_aws.rpartition(":")[2])
    beside = brought(tmp_path / "brought")
    functions: dict[str, Function] = {}

    def invoke(self: LambdaFunction, event: Any = None) -> tuple[str, bool, str]:
        answer = functions[self.function_name].invoke(event)
        return json.dumps(answer.body), not answer.ok, ""

    monkeypatch.setattr(LambdaFunction, "_invoke_lambda", invoke)

    def make(**environment: str) -> Machine:
        suffix = uuid.uuid4().hex[:8]
        secret = aws.client("secretsmanager").create_secret(Name=f"prefect-{suffix}", SecretString=API_KEY)["ARN"]
        given = {
            "AWS_ENDPOINT_URL": local_aws,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "PREFECT_API_URL": prefect.address,
            "PREFECT_SECRET": secret,
            "PREFECT_DEPLOYMENT": "ingest/ingest",
            "QUARANTINE_BUCKET": landing.quarantine,
            "ALERT_TOPIC": landing.topic,
            "ENVIRONMENT": "dev",
            **environment,
        }
        role = aws.client("iam").create_role(RoleName=f"landing-{suffix}", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        arns, mine = {}, {}
        for name in NAMES:
            made = aws.client("lambda").create_function(
                FunctionName=f"{name}-{suffix}",
                Runtime="python3.13",
                Role=role,
                Handler=f"tasks.landing_functions.{name}.handler",
                Code={"ZipFile": b"unpacked elsewhere"},
            )
            arns[f"{name}_arn"] = made["FunctionArn"]
            log = tmp_path / f"{name}-{suffix}.log"
            mine[name] = Function(made["Handler"], package, beside, sys.executable, given, log)
            functions[made["FunctionName"]] = mine[name]
        dlq = aws.client("sqs").create_queue(QueueName=f"dlq-{suffix}")["QueueUrl"]
        machine = aws.client("stepfunctions").create_state_machine(
            name=f"landing-{suffix}", roleArn=role, definition=json.dumps(quick(definition(dlq_url=dlq, **arns)))
        )
        return Machine(machine["stateMachineArn"], dlq, mine)

    yield make
    for function in functions.values():
        function.close()


# What the definition says


def test_the_definition_is_valid(tmp_path: Path) -> None:
    """By cfn-lint; statelint says so too in `make test-infra`."""
    path = tmp_path / "template.json"
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/r", "Definition": definition()}
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Machine": machine}}))
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "ap-south-1", "--template", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_transient_faults_are_tried_again_with_jitter_and_no_others() -> None:
    for name, state in definition()["States"].items():
        if state["Type"] != "Task":
            continue
        (retry,) = state["Retry"]
        assert (retry["JitterStrategy"], retry["BackoffRate"]) == ("FULL", 2), name
        assert retry["MaxDelaySeconds"] > retry["IntervalSeconds"], name
        assert "PermanentFault" not in retry["ErrorEquals"], name
        assert not {"States.ALL", "States.TaskFailed"} & set(retry["ErrorEquals"]), name
        assert state["TimeoutSeconds"] > 0, name


def test_every_way_ends() -> None:
    machine = definition()
    ways = {
        name: {
            *([state["Next"]] if "Next" in state else []),
            *(choice["Next"] for choice in (*state.get("Choices", ()), *state.get("Catch", ()))),
            *([state["Default"]] if "Default" in state else []),
        }
        for name, state in machine["States"].items()
    }
    assert set().union(*ways.values()) | {machine["StartAt"]} == ways.keys()
    assert {name for name, onward in ways.items() if not onward} == {
        name for name, state in machine["States"].items() if state["Type"] in ("Succeed", "Fail")
    }


# What becomes of a file


def test_a_good_file_is_loaded_once_however_often_its_event_comes(
    landing: Landing, deploy: Callable[..., Machine], prefect: Pretender
) -> None:
    machine = deploy()
    event = event_of(landing.deliver(KEY, RATES))
    status, states, output = machine.run(event)
    assert (status, states) == ("SUCCEEDED", ["Check", "Decide", "Start", "Started"])
    assert output["check"]["ruling"]["verdict"] == "accept"
    assert output["start"]["run"]["is_new"] is True
    again = machine.run(event_of(event["detail"]))[2]["start"]["run"]
    assert (again["flow_run_id"], again["is_new"]) == (output["start"]["run"]["flow_run_id"], False)
    assert len(prefect.runs) == 1
    assert landing.kept() == {}
    assert landing.told() == []
    assert machine.dead() == []
    assert API_KEY not in machine.logs() + json.dumps(output)
    assert f"s3://{landing.raw}/{KEY} version" in machine.logs()


def test_a_file_with_some_bad_rows_is_loaded(
    landing: Landing, deploy: Callable[..., Machine], prefect: Pretender
) -> None:
    status, states, output = deploy().run(event_of(landing.deliver(KEY, RATES + b"2026-01-05,EUR,INR,x\n")))
    assert (status, states[-1]) == ("SUCCEEDED", "Started")
    assert output["check"]["ruling"]["verdict"] == "accept with quarantine"
    (run,) = [body for method, _, _, body in prefect.asked if method == "POST"]
    assert run["tags"] == ["landing", "accept with quarantine"]


def test_a_bad_file_is_turned_away_once(landing: Landing, deploy: Callable[..., Machine], prefect: Pretender) -> None:
    machine = deploy()
    event = event_of(landing.deliver(KEY, b"rate\n1\n"))
    status, states, output = machine.run(event)
    assert (status, states) == ("SUCCEEDED", ["Check", "Decide", "Reject", "Rejected"])
    assert {key.rpartition("/")[2] for key in landing.kept()} == {"fx_rates.csv", "fx_rates.csv.reasons.json"}
    assert len(landing.told()) == 1
    assert prefect.asked == []
    status, _, output = machine.run(event)
    assert (status, output["reject"]["kept"]["told"]) == ("SUCCEEDED", False)
    assert landing.told() == []


def test_a_control_file_starts_nothing(landing: Landing, deploy: Callable[..., Machine], prefect: Pretender) -> None:
    event = event_of(landing.deliver("inbox/2026-01-05/orders.control.json", b"{}"))
    assert deploy().run(event)[:2] == ("SUCCEEDED", ["Check", "Decide", "NothingToDo"])
    assert prefect.asked == []


def test_a_prefect_that_is_away_for_a_moment_is_asked_again(
    landing: Landing, deploy: Callable[..., Machine], prefect: Pretender
) -> None:
    prefect.answers = [(503, b"starting"), (200, b'{"id": "deployment"}'), (502, b"bad gateway")]
    status, states, _ = deploy().run(event_of(landing.deliver(KEY, RATES)))
    assert (status, states[-1]) == ("SUCCEEDED", "Started")
    assert len(prefect.runs) == 1


def test_what_does_not_pass_waits_in_the_dead_letter_queue_with_its_cause(
    landing: Landing, deploy: Callable[..., Machine], prefect: Pretender
) -> None:
    machine = deploy()
    event = event_of(landing.deliver(KEY, RATES))
    prefect.answers = [(403, f"no rights for {API_KEY}".encode())]
    status, states, _ = machine.run(event)
    assert (status, states) == ("FAILED", ["Check", "Decide", "Start", "KeepForLater", "Failed"])
    assert len(prefect.asked) == 1
    (dead,) = machine.dead()
    assert dead["event"] == event
    assert dead["failure"]["Error"] == "PermanentFault"
    assert "Prefect answered 403" in dead["failure"]["Cause"]
    assert API_KEY not in json.dumps(dead) + machine.logs()
    # What the runbook says: the event is sent again as it lies there.
    assert machine.run(dead["event"])[0] == "SUCCEEDED"
    assert len(prefect.runs) == 1


def test_a_fault_that_stays_is_given_up_after_some_tries(
    landing: Landing, deploy: Callable[..., Machine], prefect: Pretender
) -> None:
    machine = deploy()
    prefect.answers = [(503, b"down")] * 20
    status, states, _ = machine.run(event_of(landing.deliver(KEY, RATES)))
    assert (status, states[-2:]) == ("FAILED", ["KeepForLater", "Failed"])
    assert len(prefect.asked) == 3
    (dead,) = machine.dead()
    assert dead["failure"]["Error"] == "TemporaryFault"


def test_an_event_that_is_none_is_kept_as_it_came(landing: Landing, deploy: Callable[..., Machine]) -> None:
    machine = deploy()
    event = event_of(landing.deliver(KEY, RATES))
    del event["detail"]["object"]["version-id"]
    status, states, _ = machine.run(event)
    assert (status, states) == ("FAILED", ["Check", "KeepForLater", "Failed"])
    (dead,) = machine.dead()
    assert (dead["failure"]["Error"], dead["event"]) == ("BadEvent", event)


def test_a_ruling_that_the_definition_does_not_know_is_kept(
    landing: Landing, deploy: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is newer than the definition."""
    machine = deploy()
    monkeypatch.setattr(machine.functions["check"], "invoke", lambda _: Answer(True, {"action": "new"}))
    status, states, _ = machine.run(event_of(landing.deliver(KEY, RATES)))
    assert (status, states) == ("FAILED", ["Check", "Decide", "Undecided", "KeepForLater", "Failed"])
    (dead,) = machine.dead()
    assert dead["failure"]["Error"] == "Undecided"
