"""The rules on policies find what they forbid, and their list of exceptions holds nothing idle."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import linters
import policies
import pytest
from policies import Rendered
from terraform import INFRA, REPOSITORY

_ONE = {"Sid": "One", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"}
_TRUSTED = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "glue.amazonaws.com"}}
_GITHUB = {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"}
_AUD = {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}
_SUB = {"token.actions.githubusercontent.com:sub": "repo:a/b:ref:refs/heads/main"}


def _said(kind: str, *statements: dict[str, Any]) -> str:
    return "\n".join(policies.faults(Rendered("a", kind, json.dumps({"Statement": list(statements)}))))


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("identity", _ONE),
        ("identity", _ONE | {"Action": ["kms:GenerateDataKey*", "kms:Decrypt"]}),
        ("identity", _ONE | {"Action": "ecr:GetAuthorizationToken", "Resource": "*"}),
        ("identity", _ONE | {"Effect": "Deny", "Action": "*", "Resource": "*"}),
        ("identity", _ONE | {"Action": "iam:PassRole", "Condition": {"StringEquals": {"iam:PassedToService": "x"}}}),
        ("trust", _TRUSTED),
        ("trust", _TRUSTED | {"Principal": _GITHUB, "Condition": {"StringEquals": _AUD, "StringLike": _SUB}}),
        ("resource", _ONE | {"Action": "kms:*", "Resource": "*", "Principal": {"AWS": "arn:aws:iam::1:root"}}),
        ("resource", _ONE | {"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}),
    ],
)
def test_what_is_least_privilege_passes(kind: str, statement: dict[str, Any]) -> None:
    assert _said(kind, statement) == ""


@pytest.mark.parametrize(
    ("kind", "statement", "said"),
    [
        ("identity", _ONE | {"Action": "*"}, "action * is not one action"),
        ("identity", _ONE | {"Action": ["s3:GetObject", "s3:*"]}, "action s3:* is not one action"),
        ("identity", _ONE | {"Action": "s3:Get*"}, "action s3:Get* is not one action"),
        ("identity", _ONE | {"Resource": ["arn:aws:s3:::a/*", "*"]}, "s3:GetObject is allowed on every resource"),
        ("identity", _ONE | {"Action": "iam:PassRole", "Resource": "arn:aws:iam::1:role/a"}, "iam:PassedToService"),
        ("identity", {"Sid": "A", "Effect": "Allow", "NotAction": "iam:*", "Resource": "b"}, "by exception"),
        ("identity", {k: v for k, v in _ONE.items() if k != "Sid"}, "need a sid"),
        ("trust", _TRUSTED | {"Principal": "*"}, "anybody may assume"),
        ("trust", _TRUSTED | {"Principal": {"AWS": ["*"]}}, "anybody may assume"),
        ("trust", _TRUSTED | {"Principal": _GITHUB, "Condition": {"StringEquals": _AUD}}, "condition on :sub"),
        ("trust", _TRUSTED | {"Principal": _GITHUB, "Condition": {"StringLike": _SUB}}, "condition on :aud"),
        ("resource", _ONE | {"Principal": "*"}, "anybody, without a condition"),
        ("resource", _ONE | {"Action": "kms:*", "Principal": {"Service": "x"}}, "action kms:* is not one action"),
    ],
)
def test_what_is_too_wide_is_found(kind: str, statement: dict[str, Any], said: str) -> None:
    assert said in _said(kind, statement)


def test_two_statements_of_one_sid_are_found() -> None:
    assert "need a sid each" in _said("identity", _ONE, _ONE)


@pytest.mark.parametrize("action", sorted(policies.UNNAMEABLE))
def test_an_exception_is_still_used(action: str) -> None:
    text = "\n".join(path.read_text() for path in (REPOSITORY / INFRA).rglob("*.tf"))
    # The roles of CI are made of a list by service.
    listed = (REPOSITORY / INFRA / "modules/ci/actions.yaml").read_text()
    is_used = f'"{action}"' in text or re.search(rf"\b{action.partition(':')[2]}\b", listed)
    assert is_used, "no policy says it: remove it from UNNAMEABLE"


def test_aws_names_no_resource_for_an_exception() -> None:
    """AWS's tables, as policy_sentry brings them: an action that can be held to a resource has others than `*`."""
    script = (
        "import json, sys; from policy_sentry.querying.actions import get_action_data as of\n"
        "split = [action.split(':') for action in sys.argv[1:]]\n"
        "print(json.dumps({s + ':' + n: [row['resource_arn_format'] for row in of(s, n)[s]] for s, n in split}))"
    )
    python = Path(linters.tool("parliament")).with_name("python")
    asked = [python, "-W", "ignore", "-c", script, *sorted(policies.UNNAMEABLE), "s3:GetObject"]
    known = json.loads(subprocess.run(asked, text=True, stdout=subprocess.PIPE, check=True).stdout)
    assert len(known.pop("s3:GetObject")) > 1
    assert {action: found for action, found in known.items() if found != ["*"]} == {}
