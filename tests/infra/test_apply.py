"""Each module is applied to a local AWS, changes nothing the second time, and leaves nothing behind.

The roots that give the modules their inputs lie in `roots/<module>`. The platform, which wires them all, is applied
as the environments are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ci_rights
import known_drift
import linters
import policies
import pytest
import remains
import terraform
from policies import Rendered
from terraform import Root

_WIRES_OTHERS = {"platform"}
# What parliament says that is so, and meant: (module, issue).
_MEANT = {
    ("ci", "RESOURCE_POLICY_PRIVILEGE_ESCALATION"): "who applies Terraform writes bucket policies; reviewers let it in",
    (
        "landing",
        "UNKNOWN_CONDITION_FOR_ACTION",
    ): "AWS puts lambda:SourceFunctionArn on each request of a function's code",
}


def _alone(names: list[str]) -> list[Any]:
    """Parameters that one process takes whole, each: an apply is shared by the tests of its module."""
    return [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]


@dataclass
class Applied:
    """A module after its first apply."""

    name: str
    root: Root
    resources: list[dict[str, Any]]

    def policies(self) -> list[Rendered]:
        return policies.rendered(self.resources)


@pytest.fixture(scope="module", params=_alone([n for n in terraform.modules() if n not in _WIRES_OTHERS]))
def applied(
    request: pytest.FixtureRequest, aws_address: str, empty: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Applied:
    name = request.param
    empty()
    repository = terraform.copy_repository(tmp_path_factory.mktemp(name) / "repository")
    root = Root(terraform.module_root(repository, name), aws_address)
    root.init()
    root.apply()
    return Applied(name, root, root.resources())


def test_a_second_apply_would_change_nothing(applied: Applied) -> None:
    known = {(drift.type, drift.attribute) for drift in known_drift.KNOWN if drift.module == applied.name}
    seen = set()
    for change in applied.root.plan():
        parts = {(change.type, attribute) for attribute in change.attributes}
        assert change.actions == ("update",), str(change)
        assert parts <= known, str(change)
        seen |= parts
    assert seen == known, f"no longer occurs, remove it from known_drift.py: {known - seen}"


def test_policies_name_their_actions_and_resources(applied: Applied) -> None:
    found = [fault for policy in applied.policies() for fault in policies.faults(policy)]
    assert not found, "\n".join(found)


def test_parliament_finds_nothing_in_its_policies(applied: Applied, tmp_path: Path) -> None:
    written = [policy for policy in applied.policies() if policy.kind == "identity"]
    for number, policy in enumerate(written):
        (tmp_path / f"{number}.json").write_text(policy.text)
    if written:
        done = linters.run("parliament", "--directory", tmp_path, "--json")
        names = "\n".join(f"{number}.json: {policy.address}" for number, policy in enumerate(written))
        said = [json.loads(line) for line in done.stdout.splitlines() if line]
        assert done.returncode == bool(said), done.stderr[-2000:]
        wrong = [str(issue) for issue in said if (applied.name, issue["issue"]) not in _MEANT]
        assert not wrong, "\n".join([names, *wrong])
        not_said = {key for key in _MEANT if key[0] == applied.name} - {(applied.name, i["issue"]) for i in said}
        assert not not_said, f"no longer said, remove it: {not_said}"


def test_destroying_it_leaves_nothing(applied: Applied, client: Callable[..., Any]) -> None:
    applied.root.destroy()
    assert applied.root.resources() == []
    left = remains.standing(client)
    assert left == [], json.dumps(left, indent=1)


def test_ci_may_do_what_terraform_did(applied: Applied) -> None:
    """After plan, apply and destroy. Who deploys does not make CI's own roles."""
    calls = applied.root.calls()
    assert len(calls) > 10, "the provider's log tells no calls"
    reads, changes = ci_rights.lacking(calls)
    assert not reads, f"the role that plans lacks {reads}"
    if applied.name != "ci":
        assert not changes, f"the role that deploys lacks {changes}"
