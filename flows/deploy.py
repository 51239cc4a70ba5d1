"""`dw deploy`: work pool, queues, deployments and automations on Prefect's server, from files; safe to repeat."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.events import DeploymentEventTrigger, EventTrigger
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

POOL = "warehouse"
# How many runs of a queue are under way at once: the warehouse lets one write.
QUEUES = {"default": 1, "read": 4}
# Which of Terraform's `schedules` fills a placeholder of prefect.yaml.
CRONS = {f"DW_CRON_{name.upper()}": name for name in ("daily", "maintenance", "quality_report")}
PLACEHOLDERS = {"DW_VERSION", *CRONS}

_KNOWN = {
    "": {"name", "prefect-version", "pull", "definitions", "deployments"},
    "deployment": {
        *("name", "version", "description", "entrypoint", "parameters", "schedules", "concurrency_limit", "tags"),
        *("work_pool", "triggers"),
    },
    "schedule": {"cron", "timezone", "active", "slug", "parameters"},
    "concurrency_limit": {"limit", "collision_strategy", "grace_period_seconds"},
    "work_pool": {"name", "work_queue_name", "job_variables"},
    "trigger": set(DeploymentEventTrigger.model_fields),
    "automation": {"name", "description", "enabled", "trigger", "actions"},
}
_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_OUTPUT = re.compile(r"\$\{(\w+)\}")


class NotDeployable(ValueError):
    """Files that Prefect would take without a word, and that would not do what they say; one fault a line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))


def faults(root: Path) -> list[str]:
    """What is wrong with prefect.yaml and the automations: unknown keys, placeholders, flows, parameters."""
    document = yaml.safe_load((root / "prefect.yaml").read_text(encoding="utf-8"))
    found = [*_unknown("prefect.yaml", "", document)]
    for text in sorted({name for name in _placeholders(document) if name.lstrip("$ ") not in PLACEHOLDERS}):
        found.append(f"prefect.yaml: nothing fills {{{{ {text} }}}}")
    for deployment in document["deployments"]:
        found += _faults_of(deployment)
    for automation in read_automations(root):
        where = f"automation {automation.get('name')}"
        found += _unknown(where, "automation", automation)
        found += _unknown(where, "trigger", automation.get("trigger", {}), set(EventTrigger.model_fields))
    return found


def _faults_of(deployment: Mapping[str, Any]) -> Iterator[str]:
    where = f"prefect.yaml, deployment {deployment.get('name')}"
    yield from _unknown(where, "deployment", deployment)
    for part in ("concurrency_limit", "work_pool"):
        yield from _unknown(where, part, deployment.get(part, {}))
    for schedule in deployment.get("schedules", ()):
        yield from _unknown(where, "schedule", schedule)
    for trigger in deployment.get("triggers", ()):
        yield from _unknown(where, "trigger", trigger)
    file, _, name = deployment["entrypoint"].partition(":")
    try:
        flow = getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)
    except (ImportError, AttributeError) as error:
        yield f"{where}: {deployment['entrypoint']} is not there ({error})"
        return
    if not isinstance(flow, Flow):
        yield f"{where}: {deployment['entrypoint']} is no flow"
        return
    given = [deployment.get("parameters", {}), *(s.get("parameters", {}) for s in deployment.get("schedules", ()))]
    has = inspect.signature(flow.fn).parameters
    for parameter in sorted({name for each in given for name in each} - set(has)):
        yield f"{where}: {deployment['entrypoint']} has no parameter {parameter}"
    for schedule in deployment.get("schedules", ()):
        known = {*deployment.get("parameters", {}), *schedule.get("parameters", {})}
        if missing := [n for n, p in has.items() if p.default is p.empty and n not in known]:
            yield f"{where}: its schedule does not give {', '.join(missing)}"


def _unknown(where: str, part: str, found: Mapping[str, Any], known: set[str] | None = None) -> Iterator[str]:
    for key in sorted(set(found) - (known or _KNOWN[part])):
        yield f"{where}: Prefect ignores {part} key {key!r}".replace("  ", " ")


def _placeholders(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _PLACEHOLDER.findall(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _placeholders(part)
    elif isinstance(value, list):
        for part in value:
            yield from _placeholders(part)


def read_automations(root: Path) -> list[dict[str, Any]]:
    """The automations of infra/prefect, by name."""
    found: list[dict[str, Any]] = yaml.safe_load((root / "infra/prefect/automations.yaml").read_text(encoding="utf-8"))
    return found


def job_template(root: Path, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The base job template with Terraform's outputs in place of `${…}`; raise NotDeployable where one is missing."""
    missing: set[str] = set()

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(part) for key, part in value.items()}
        if isinstance(value, list):
            return [filled(part) for part in value]
        if isinstance(value, str) and (found := _OUTPUT.fullmatch(value)):
            if outputs.get(found[1]) in (None, "", []):
                missing.add(found[1])
            return outputs.get(found[1])
        return value

    template: dict[str, Any] = filled(
        json.loads((root / "infra/prefect/base-job-template.json").read_text(encoding="utf-8"))
    )
    if missing:
        raise NotDeployable([f"the work pool's outputs do not say {name}" for name in sorted(missing)])
    return template


def deploy(root: Path, outputs: Mapping[str, Any], version: str) -> Iterator[str]:
    """Make Prefect's server what the files say; yields a line for each thing that stands.

    Raises NotDeployable before anything is changed, RuntimeError where `prefect deploy` fails.
    """
    if wrong := faults(root):
        raise NotDeployable(wrong)
    template, schedules = job_template(root, outputs), outputs.get("schedules") or {}
    if missing := set(CRONS.values()) - schedules.keys():
        raise NotDeployable([f"the work pool's outputs do not say schedules.{name}" for name in sorted(missing)])
    with get_client(sync_client=True) as client:
        pool = WorkPoolCreate(name=POOL, type="ecs", description="Flow runs on Fargate", base_job_template=template)
        client.create_work_pool(pool, overwrite=True)
        yield f"work pool {POOL} (ecs, image {outputs['image']})"
        for name, limit in QUEUES.items():
            _queue(client, name, limit)
            yield f"queue {name}: {limit} at a time"
        _prefect_deploy(root, {"DW_VERSION": version, **{key: schedules[name] for key, name in CRONS.items()}})
        yield f"deployments of prefect.yaml, version {version}"
        for automation in read_automations(root):
            yield f"automation {automation['name']}: {apply_automation(client, automation)}"


def _queue(client: SyncPrefectClient, name: str, limit: int) -> None:
    try:
        found = client.read_work_queue_by_name(name, work_pool_name=POOL)
    except ObjectNotFound:
        client.create_work_queue(name, concurrency_limit=limit, work_pool_name=POOL)
    else:
        client.update_work_queue(found.id, concurrency_limit=limit)


def apply_automation(client: SyncPrefectClient, definition: Mapping[str, Any]) -> str:
    """Make an automation, or give the one of this name the definition; returns which of the two."""
    wanted = AutomationCore.model_validate(definition)
    standing = client.read_automations_by_name(wanted.name)
    if not standing:
        client.create_automation(wanted)
        return "made"
    client.update_automation(standing[0].id, wanted)
    return "as defined"


def _prefect_deploy(root: Path, placeholders: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    environment = {**os.environ, **placeholders}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"prefect deploy failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
