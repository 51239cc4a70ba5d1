"""prefect.yaml: every deployment names a flow that is there, with parameters that it has."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest
import yaml

from contracts.registry import REPOSITORY
from flows.prefect_defaults import set_defaults

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
