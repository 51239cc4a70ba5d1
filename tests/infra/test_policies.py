"""The rules on policies find what they forbid, and their list of exceptions holds nothing idle."""

from __future__ import annotations

import json
from typing import Any

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
    assert f'"{action}"' in text, "no policy says it: remove it from UNNAMEABLE"
    assert policies.UNNAMEABLE[action], "an exception without a reason"
