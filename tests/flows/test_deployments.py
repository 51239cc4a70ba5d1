"""Files of the deployment: what Prefect would take without a word is a fault, as is what nothing fills."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from contracts.registry import REPOSITORY
from flows.prefect_defaults import set_defaults


@pytest.fixture(scope="module")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module that reads the files; Prefect is imported with it."""
    set_defaults(tmp_path_factory.mktemp("prefect"))
    return import_module("flows.deploy")


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, str], Path]:
    """A folder with the files of the deployment, in one of which a text was replaced."""
    for name in ("prefect.yaml", "infra/prefect/automations.yaml", "infra/prefect/base-job-template.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)

    def change(old: str, new: str, name: str = "prefect.yaml") -> Path:
        text = (tmp_path / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new, 1))
        return tmp_path

    return change


def test_the_files_have_no_fault(deploy: ModuleType) -> None:
    assert deploy.faults(REPOSITORY) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("tags: [warehouse]", "tag: [warehouse]", "deployment daily: Prefect ignores deployment key 'tag'"),
        ("timezone: Asia", "time_zone: Asia", "deployment daily: Prefect ignores schedule key 'time_zone'"),
        ("limit: 1", "limits: 1", "deployment daily: Prefect ignores concurrency_limit key 'limits'"),
        ("work_queue_name", "queue", "deployment daily: Prefect ignores work_pool key 'queue'"),
        ("match_related", "match_relatet", "deployment quality-report: Prefect ignores trigger key 'match_relatet'"),
        ("pull:", "pul:", "prefect.yaml: Prefect ignores key 'pul'"),
        ("$DW_VERSION }}", "$DW_VERSON }}", "nothing fills {{ $DW_VERSON }}"),
        ("{{ $DW_VERSION }}", "{{ prefect.blocks.x.y }}", "nothing fills {{ prefect.blocks.x.y }}"),
        ("flows/daily.py:daily", "flows/daily.py:dayly", "flows/daily.py:dayly is not there"),
        ("flows/daily.py:daily", "flows/dayly.py:daily", "flows/dayly.py:daily is not there"),
        ("flows/daily.py:daily", "flows/daily.py:find", "flows/daily.py:find is no flow"),
        ("parameters: {source: shop}", "parameters: {sorce: shop}", "flows/daily.py:daily has no parameter sorce"),
        ("parameters: {source: shop, days: 28}", "parameters: {day: 28}", "has no parameter day"),
        ("flows/daily.py:daily", "flows/backfill.py:backfill", "its schedule does not give first, last"),
    ],
)
def test_what_prefect_would_take_without_a_word_is_told(
    deploy: ModuleType, changed: Callable[..., Path], old: str, new: str, told: str
) -> None:
    found = deploy.faults(changed(old, new))
    assert [line for line in found if told in line], found
    with pytest.raises(deploy.NotDeployable, match=r"prefect\.yaml"):
        next(deploy.deploy(changed(new, new), {}, "v1"))


def test_an_automation_has_known_keys(deploy: ModuleType, changed: Callable[..., Path]) -> None:
    root = changed("within:", "with_in:", "infra/prefect/automations.yaml")
    assert [line for line in deploy.faults(root) if "'with_in'" in line]


def test_every_placeholder_of_the_job_template_is_an_output_of_terraform(deploy: ModuleType) -> None:
    text = (REPOSITORY / "infra/prefect/base-job-template.json").read_text()
    outputs = {name: f"<{name}>" for name in re.findall(r"\$\{(\w+)\}", text)}
    filled = json.dumps(deploy.job_template(REPOSITORY, outputs))
    assert "${" not in filled
    assert all(f"<{name}>" in filled for name in outputs)
    variables = set(deploy.job_template(REPOSITORY, outputs)["variables"]["properties"])
    assert set(re.findall(r"\{\{ (\w+) \}\}", filled)) <= variables
    for name in outputs:
        with pytest.raises(deploy.NotDeployable, match=f"do not say {name}$"):
            deploy.job_template(REPOSITORY, {**outputs, name: ""})


def test_the_job_template_is_one_that_the_worker_takes(deploy: ModuleType) -> None:
    """It takes unknown keys, too: those would be lost."""
    from prefect_aws.workers.ecs_worker import ECSJobConfiguration

    template = json.loads((REPOSITORY / "infra/prefect/base-job-template.json").read_text())
    assert template["job_configuration"].keys() <= ECSJobConfiguration.model_fields.keys()
