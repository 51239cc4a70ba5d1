"""Runs of the Glue job for one plan: started once, waited for, stopped when nobody waits any more.

StartJobRun takes no token that would make it safe to send twice, so each submission is claimed in the lake first
(`submission-<n>.json`, a PUT that fails where the object is), bears its number as an argument, and is sent by a client
that does not repeat it. Where the answer is lost, or a process died between claim and answer, the run is looked for
among the job's runs by plan and number before another one is started.
"""

from __future__ import annotations

import json
import math
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tasks.aws import UNANSWERED, client, error_code

ALIVE = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})
ENDED = frozenset({"STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT", "ERROR", "EXPIRED"})
# Of the service, not of the script: another run may go well.
_TRANSIENT = re.compile(
    r"internal (service )?(error|exception|failure)|resources? (is |are )?(temporarily )?unavailable|insufficient "
    r"(capacity|resources?)|enough free addresses|exceeded maximum concurrent (compute )?capacity|unable to launch",
    re.IGNORECASE,
)
_OF_SCRIPT = re.compile(r"failed line number|command failed with exit code|traceback", re.IGNORECASE)
_BUSY = frozenset(
    {
        "ConcurrentRunsExceededException",
        "ResourceNumberLimitExceededException",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
    }
)
_UNCLEAR = frozenset({"InternalServiceException", "InternalFailure", "OperationTimeoutException", "ServiceUnavailable"})
RETRIES = 2
_LOOKS = 3
_STOP_SECONDS = 300.0
_PAGES = 5


class GlueFailed(RuntimeError):
    """A lake transform did not end well on Glue: which table, job, run and state, Glue's words, where the log is."""


@dataclass
class Runs:
    """The runs of one plan.

    `claim(n, text)` writes the n-th submission and returns whether it was not there yet, `note(n, text)` replaces it,
    `recall(n)` reads it; `is_done` tells whether a whole output stands. Pauses grow from `pause` to a minute.
    """

    job: str
    table: str
    plan: str
    siblings: str  # the prefix of plans in the same lake
    timeout: float
    claim: Callable[[int, str], bool]
    note: Callable[[int, str], None]
    recall: Callable[[int], str | None]
    is_done: Callable[[], bool]
    on_run: Callable[[str], None] = lambda run_id: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    pause: float = 5.0
    _number: int = 0
    _alive: str = field(default="", init=False)
    _claimed: bool = field(default=False, init=False)

    def finish(self) -> str:
        """Attach to the plan's run or start one, and wait for it; returns its id, raises GlueFailed.

        Whatever ends the wait before the run has ended, a cancel too, stops the run first.
        """
        deadline = self.clock() + self.timeout
        try:
            run_id = self._attached() or self._started(deadline)
            for left in range(RETRIES, -1, -1):
                ended = self._wait(run_id, deadline)
                if ended["JobRunState"] == "SUCCEEDED":
                    return run_id
                if not (left and is_transient(ended)):
                    raise GlueFailed(self._told(run_id, ended))
                self.sleep(self._jittered(self.pause * 4))
                run_id = self._started(deadline)
            raise AssertionError("unreachable")
        except BaseException as error:
            self._stop_own(error)
            raise

    def _attached(self) -> str | None:
        """The run of the latest submission, where it goes on or went well."""
        while (text := self.recall(self._number + 1)) is not None:
            self._number += 1
            recorded = json.loads(text).get("run_id")
        if not self._number:
            return None
        run_id = recorded or self._found(self._number)
        if run_id is None:
            return None
        if not recorded:
            self._record(run_id)
        state = self._get(run_id)["JobRunState"]
        if state == "SUCCEEDED" and self.is_done():
            return str(run_id)
        if state in ENDED:
            return None
        self._watch(run_id)
        return str(run_id)

    def _started(self, deadline: float) -> str:
        """A new run, claimed first; what an earlier, dead process left running for the table is stopped."""
        self._stop_orphans(deadline)
        while True:
            self._number += 1
            self._claimed = True
            if self.claim(self._number, json.dumps({"plan": self.plan, "job": self.job})):
                run_id = self._send(deadline)
                break
            # Another process claimed it: it goes on, or died before it sent anything.
            if (found := self._found(self._number)) is not None:
                run_id = found
                break
        self._record(run_id)
        self._watch(run_id)
        return run_id

    def _send(self, deadline: float) -> str:
        arguments = {"--plan": self.plan, "--table": self.table, "--submission": str(self._number)}
        pause = self.pause
        while True:
            try:
                answer = client("glue", 1).start_job_run(
                    JobName=self.job, Arguments=arguments, Timeout=max(1, math.ceil(self.timeout / 60))
                )
                return str(answer["JobRunId"])
            except UNANSWERED as error:
                why: Exception = error
            except Exception as error:
                why = error
                if error_code(error) not in _BUSY | _UNCLEAR:
                    raise GlueFailed(f"{self.table}: Glue job {self.job} cannot be started: {error}") from error
            if error_code(why) not in _BUSY and (found := self._found(self._number)) is not None:
                return found
            if self.clock() >= deadline:
                raise GlueFailed(
                    f"{self.table}: Glue job {self.job} could not be started in {self.timeout:.0f} s: {why}"
                ) from why
            self.sleep(self._jittered(pause))
            pause = min(pause * 1.5, 60.0)

    def _wait(self, run_id: str, deadline: float) -> dict[str, Any]:
        pause = self.pause
        while True:
            run = self._get(run_id)
            if run["JobRunState"] in ENDED:
                self._alive = ""
                return run
            if self.clock() >= deadline:
                raise GlueFailed(f"{self._told(run_id, run)}; not done after {self.timeout:.0f} s, so it is stopped")
            self.sleep(self._jittered(pause))
            pause = min(pause * 1.5, 60.0)

    def _get(self, run_id: str) -> dict[str, Any]:
        """The run as Glue tells of it; UNKNOWN where Glue does not answer, which a later look may mend."""
        try:
            run: dict[str, Any] = client("glue").get_job_run(JobName=self.job, RunId=run_id)["JobRun"]
            return run
        except UNANSWERED as error:
            return {"JobRunState": "UNKNOWN", "ErrorMessage": str(error)}
        except Exception as error:
            if error_code(error) in _BUSY | _UNCLEAR:
                return {"JobRunState": "UNKNOWN", "ErrorMessage": str(error)}
            raise GlueFailed(f"{self.table}: Glue does not tell of run {run_id} of job {self.job}: {error}") from error

    def _found(self, number: int, looks: int = _LOOKS) -> str | None:
        """The run of a submission, looked for among the job's runs; a new one may take seconds to be listed."""
        for look in range(looks):
            if look:
                self.sleep(self._jittered(self.pause))
            for run in self._listed():
                arguments = run.get("Arguments", {})
                if (arguments.get("--plan"), arguments.get("--submission")) == (self.plan, str(number)):
                    return str(run["Id"])
        return None

    def _listed(self) -> Iterator[dict[str, Any]]:
        """The job's newest runs."""
        token: dict[str, str] = {}
        for _ in range(_PAGES):
            page = client("glue").get_job_runs(JobName=self.job, MaxResults=200, **token)
            yield from page["JobRuns"]
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def _stop_orphans(self, deadline: float) -> None:
        # One run of the warehouse at a time holds its lock: another plan of the same table has nobody who waits for it.
        orphans = [
            str(run["Id"])
            for run in self._listed()
            if run.get("JobRunState") in ALIVE
            and run.get("Arguments", {}).get("--table") == self.table
            and run["Arguments"].get("--plan", "").startswith(self.siblings)
            and run["Arguments"]["--plan"] != self.plan
        ]
        for run_id in orphans:
            self._stop(run_id, min(_STOP_SECONDS, max(0.0, deadline - self.clock())))

    def _stop_own(self, error: BaseException) -> None:
        """Stop what was started, if it goes on; a fault on the way is noted at the error, which stays the one told."""
        try:
            run_id = self._alive
            if not run_id and self._claimed:
                run_id = self._found(self._number, looks=1) or ""
            if run_id and not self._stop(run_id, _STOP_SECONDS):
                error.add_note(
                    f"Glue job {self.job}, run {run_id} was told to stop, and had not {_STOP_SECONDS:.0f} s later"
                )
        except Exception as fault:
            error.add_note(f"a run of Glue job {self.job} for {self.plan} may still go on, stopping it failed: {fault}")

    def _stop(self, run_id: str, seconds: float) -> bool:
        """Tell a run to stop and wait until it has; False where it has not in time."""
        if self._get(run_id)["JobRunState"] in ENDED:
            return True
        client("glue").batch_stop_job_run(JobName=self.job, JobRunIds=[run_id])
        until = self.clock() + seconds
        while self._get(run_id)["JobRunState"] not in ENDED:
            if self.clock() >= until:
                return False
            self.sleep(self._jittered(self.pause))
        return True

    def _record(self, run_id: str) -> None:
        self.note(self._number, json.dumps({"plan": self.plan, "job": self.job, "run_id": run_id}))

    def _watch(self, run_id: str) -> None:
        self._alive, self._claimed = run_id, False
        self.on_run(run_id)

    def _told(self, run_id: str, run: dict[str, Any]) -> str:
        group = run.get("LogGroupName") or "/aws-glue/jobs"
        said = " ".join(str(run.get("ErrorMessage") or "Glue gives no reason").split())[:1000]
        state = run["JobRunState"]
        return f"{self.table}: Glue job {self.job}, run {run_id}, {state}: {said} (log: {group}/error, stream {run_id})"

    def _jittered(self, seconds: float) -> float:
        return seconds * random.uniform(0.8, 1.2)


def is_transient(run: dict[str, Any]) -> bool:
    """Whether a run failed by a fault of the service; what the script says of itself is no such fault."""
    message = str(run.get("ErrorMessage") or "")
    if run["JobRunState"] not in ("FAILED", "ERROR") or _OF_SCRIPT.search(message):
        return False
    return bool(_TRANSIENT.search(message))
