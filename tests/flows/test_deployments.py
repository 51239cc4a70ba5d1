"""prefect.yaml: every deployment names a flow that is there, with parameters that it has."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.registry import REPOSITORY
from flows.prefect_defaults import end_orphans, set_defaults

DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
# What `prefect deploy` reads; it takes any other key without a word.
KNOWN = {
    "name",
    "description",
    "entrypoint",
    "parameters",
    "schedules",
    "concurrency_limit",
    "tags",
    "work_pool",
}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_a_deployment_has_known_keys_and_a_flow_with_its_parameters(
    deployment: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert deployment.keys() <= KNOWN
    file, _, name = deployment["entrypoint"].partition(":")
    assert (REPOSITORY / file).exists()
    set_defaults(tmp_path_factory.mktemp("prefect"))
    from prefect import Flow

    flow = getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)
    assert isinstance(flow, Flow)
    assert deployment["parameters"].keys() <= inspect.signature(flow.fn).parameters.keys()


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_a_schedule_is_one_that_prefect_accepts(deployment: dict[str, Any]) -> None:
    from prefect.client.schemas.schedules import CronSchedule

    for schedule in deployment["schedules"]:
        assert CronSchedule(**schedule).cron == schedule["cron"]


def test_servers_that_killed_runs_left_behind_are_ended_and_no_others(tmp_path: Path) -> None:
    def server(home: Path) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT_HOME": str(home / "prefect")}
        started = subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert started.stdout is not None
        started.stdout.readline()
        return started

    left, other = server(tmp_path / "here"), server(tmp_path / "there")
    try:
        assert end_orphans(tmp_path / "here") == 1
        assert left.wait() == -signal.SIGTERM
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.communicate()
