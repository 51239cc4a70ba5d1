"""The judge of rights itself, and that the local AWS asks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import enforcement
import pytest
from botocore.exceptions import ClientError
from enforcement import Need, grants
from terraform import REGION

_LIST = {
    "Effect": "Allow",
    "Action": "s3:ListBucket",
    "Resource": "arn:aws:s3:::lake",
    "Condition": {"StringLike": {"s3:prefix": ["clean/*", ""]}},
}
_READ = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::lake/clean/*"]}
_NO_TLS = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
_PASS = {
    "Effect": "Allow",
    "Action": "iam:PassRole",
    "Resource": "arn:aws:iam::1:role/run",
    "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
}


@pytest.mark.parametrize(
    ("action", "resource", "context", "expected"),
    [
        ("s3:GetObject", "arn:aws:s3:::lake/clean/a", {}, True),
        ("S3:getobject", "arn:aws:s3:::lake/clean/a", {}, True),
        ("s3:GetObject", "arn:aws:s3:::lake/raw/a", {}, False),
        ("s3:GetObject", "arn:aws:s3:::lake/clean/a", {"aws:SecureTransport": "false"}, False),
        ("s3:PutObject", "arn:aws:s3:::lake/clean/a", {}, False),
        ("s3:ListBucket", "arn:aws:s3:::lake", {"s3:prefix": "clean/x"}, True),
        ("s3:ListBucket", "arn:aws:s3:::lake", {"s3:prefix": "raw/"}, False),
        ("s3:ListBucket", "arn:aws:s3:::lake", {}, False),
        ("iam:PassRole", "arn:aws:iam::1:role/run", {"iam:PassedToService": "ecs-tasks.amazonaws.com"}, True),
        ("iam:PassRole", "arn:aws:iam::1:role/run", {"iam:PassedToService": "lambda.amazonaws.com"}, False),
        ("iam:PassRole", "arn:aws:iam::1:role/run", {}, False),
    ],
)
def test_a_policy_grants(action: str, resource: str, context: Mapping[str, str], expected: bool) -> None:
    documents = [{"Statement": [_LIST, _READ, _NO_TLS]}, {"Statement": _PASS}]
    assert grants(documents, Need(action, resource, context)) is expected


def test_a_condition_that_nobody_judges_is_an_error() -> None:
    statement = _READ | {"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-01"}}}
    with pytest.raises(AssertionError, match="not judged here: DateLessThan aws:CurrentTime"):
        grants([{"Statement": statement}], Need("s3:GetObject", "arn:aws:s3:::lake/clean/a"))


def test_the_local_aws_refuses_what_the_policy_does_not_grant(empty_aws: str, client: Callable[..., Any]) -> None:
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = client("s3")
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket="lake", ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket="lake", Key="clean/a", Body=b"1")
    topics = [client("sns").create_topic(Name=name)["TopicArn"] for name in ("ours", "theirs")]
    role = client("iam").create_role(RoleName="reader", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    statements = [_LIST, _READ, {"Effect": "Allow", "Action": "sns:Publish", "Resource": topics[0]}]

    def allow(*granted: Mapping[str, Any]) -> None:
        text = json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Sid": f"S{n}", **one} for n, one in enumerate(granted)]}
        )
        client("iam").put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=text)

    as_role = enforcement.assume(client("sts"), role)
    allow(*statements)
    with enforcement.enforced() as refused:
        for call, needed in (
            (lambda: as_role("s3").get_object(Bucket="lake", Key="clean/a"), ("kms:Decrypt", key)),
            (lambda: as_role("s3").list_objects_v2(Bucket="lake"), None),
            (
                lambda: as_role("s3").list_objects_v2(Bucket="lake", Prefix="raw/"),
                ("s3:ListBucket", "arn:aws:s3:::lake"),
            ),
            (lambda: as_role("sns").publish(TopicArn=topics[0], Message="m"), None),
            (lambda: as_role("sns").publish(TopicArn=topics[1], Message="m"), ("sns:Publish", topics[1])),
        ):
            refused.clear()
            if needed is None:
                call()
            else:
                with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
                    call()
            assert [(need.action, need.resource) for need in refused] == ([needed] if needed else [])
        allow(*statements, {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key})
        assert as_role("s3").get_object(Bucket="lake", Key="clean/a")["Body"].read() == b"1"
        allow({"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::lake/clean/a"})
        refused.clear()
        as_role("s3").delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "clean/a"}]})
        assert not refused
        both = {"Objects": [{"Key": "clean/a"}, {"Key": "clean/b"}]}
        answer = as_role("s3").delete_objects(Bucket="lake", Delete=both)
        assert {error["Code"] for error in answer["Errors"]} == {"AccessDenied"}
        assert [need.resource for need in refused] == ["arn:aws:s3:::lake/clean/b"]
