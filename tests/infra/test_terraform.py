"""Style, types and unit tests of every module and environment; nothing of it touches an AWS."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import terraform
from terraform import INFRA, REPOSITORY, Root

FOLDERS = [f"modules/{name}" for name in terraform.modules()] + [
    f"environments/{name}" for name in terraform.environments()
]
# Of the rule that each variable has a type, a description and a validation: what Terraform's own type already settles.
_NO_VALIDATION = {"bool"}
_TAKES_PROVIDERS = "configuration_aliases"
_GIVES_PROVIDERS = {"platform": "infra/terraform/environments/prod"}
_VARIABLE = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_TYPE = re.compile(r"^  type\s*=\s*(\S+)", re.MULTILINE)
_RUN = re.compile(r'^run "', re.MULTILINE)


def _sources(folder: str) -> list[Path]:
    return sorted((REPOSITORY / INFRA / folder).glob("*.tf"))


def test_everything_is_formatted() -> None:
    done = Root(REPOSITORY).run(
        "fmt", "-check", "-recursive", "-diff", "-no-color", "infra", "tests/infra", check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_is_valid_and_its_own_tests_pass(folder: str, copied_repository: Path) -> None:
    root = Root(copied_repository / INFRA / folder)
    found = sorted(root.folder.glob("tests/*.tftest.hcl"))
    assert any(_RUN.search(path.read_text()) for path in found), f"{folder} has no test (tests/*.tftest.hcl)"
    root.init("-backend=false")
    # Terraform validates no folder that takes its providers from another: the root that gives them stands for it.
    if _TAKES_PROVIDERS in "".join(path.read_text() for path in _sources(folder)):
        name = _GIVES_PROVIDERS.get(Path(folder).name, f"tests/infra/roots/{Path(folder).name}")
        giving = Root(copied_repository / name)
        giving.init("-backend=false")
        giving.run("validate", "-no-color")
    else:
        root.run("validate", "-no-color")
    root.run("test", "-no-color")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_variable_has_a_type_a_description_and_a_validation(folder: str) -> None:
    faults = []
    for path in _sources(folder):
        for name, body in _VARIABLE.findall(path.read_text()):
            kind = _TYPE.search(body)
            if not kind:
                faults.append(f"{path.name}: variable {name} has no type")
            if not re.search(r'^  description\s*=\s*"\S', body, re.MULTILINE):
                faults.append(f"{path.name}: variable {name} has no description")
            if "  validation {" not in body and not (kind and kind[1] in _NO_VALIDATION):
                faults.append(f"{path.name}: variable {name} has no validation")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_output_has_a_description(folder: str) -> None:
    outputs = re.compile(r'^output "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
    without = [
        name for path in _sources(folder) for name, body in outputs.findall(path.read_text())
        if not re.search(r'^  description\s*=\s*"\S', body, re.MULTILINE)
    ]  # fmt: skip
    assert not without, f"{folder}: outputs without a description: {without}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_names_the_versions_it_needs(folder: str) -> None:
    text = "\n".join(path.read_text() for path in _sources(folder))
    assert re.search(r'required_version = ">= 1\.9[.0]*, < 2[.0]*"', text), "Terraform's version"
    assert re.search(r'source\s*=\s*"hashicorp/aws"\s*version\s*=\s*"~> 5\.100"', text), "the provider's version"


@pytest.mark.parametrize("name", terraform.environments())
def test_the_example_of_an_environment_sets_variables_that_it_has(name: str) -> None:
    folder = REPOSITORY / INFRA / "environments" / name
    declared = dict(_VARIABLE.findall("\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))))
    example = (folder / "terraform.tfvars.example").read_text()
    named = set(re.findall(r"^#?\s?(\w+)\s*=", example, re.MULTILINE))
    assert named <= declared.keys(), f"not a variable: {sorted(named - declared.keys())}"
    needed = {n for n, body in declared.items() if not re.search(r"^  default\s*=", body, re.MULTILINE)}
    assert needed <= set(re.findall(r"^(\w+)\s*=", example, re.MULTILINE)), "a variable without default is not shown"


def test_there_is_something_to_test() -> None:
    expected = {
        "network",
        "lake",
        "warehouse",
        "glue",
        "landing",
        "orchestration",
        "monitoring",
        "backup",
        "cost",
        "ci",
    }
    assert expected <= set(terraform.modules())
    assert terraform.environments() == ["dev", "prod", "staging"]
