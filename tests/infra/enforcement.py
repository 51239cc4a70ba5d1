"""IAM enforced by the local AWS: what an assumed role may do is judged by its policies, as AWS would.

moto checks who calls and the signature, but of a policy it reads the actions alone for most services, takes `*` for
every resource, and no condition. So what a request needs (action, resource, context) and whether policies grant it is
computed here, and moto's own answer of denial is given. A request also needs the key that encrypts what it touches.

Not judged: resource policies (moto does bucket policies by itself), permission boundaries, session policies, and
condition keys that only AWS knows; a condition on one of these is an error, so that it does not pass unseen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import unescape

import boto3
import pytest
from botocore.config import Config
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import IAMPolicy
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from policies import listed
from terraform import REGION

ADMINISTRATOR = "testing"  # the access key of Terraform and of the tests' own preparations: not judged


@dataclass(frozen=True)
class Need:
    """One right that a request needs."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def grants(documents: Sequence[Mapping[str, Any]], need: Need) -> bool:
    """Whether identity policies allow what is needed: a statement allows it, none denies it."""
    statements = [statement for document in documents for statement in _statements(document)]
    applying = [statement["Effect"] for statement in statements if _applies(statement, need)]
    return "Allow" in applying and "Deny" not in applying


def _statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = document["Statement"]
    return [found] if isinstance(found, dict) else list(found)


def _applies(statement: Mapping[str, Any], need: Need) -> bool:
    if "Action" in statement:
        acts = any(_like(pattern.lower(), need.action.lower()) for pattern in listed(statement["Action"]))
    else:
        acts = not any(_like(pattern.lower(), need.action.lower()) for pattern in listed(statement["NotAction"]))
    on = any(_like(pattern, need.resource) for pattern in listed(statement.get("Resource", "*")))
    return acts and on and _conditions_hold(statement.get("Condition") or {}, need.context)


def _like(pattern: str, text: str) -> bool:
    parts = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(parts, text, re.DOTALL) is not None


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
}
# What a request may tell of itself; of any other key nothing is known here.
_KEYS = {
    "aws:securetransport", "aws:resourceaccount", "aws:sourceaccount", "aws:requestedregion", "ecs:cluster",
    "iam:passedtoservice", "kms:viaservice", "kms:calleraccount", "s3:prefix", "s3:delimiter", "cloudwatch:namespace",
}  # fmt: skip


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    known = {key.lower(): value for key, value in context.items()}
    for operator, keys in conditions.items():
        positive = operator.removesuffix("IfExists").replace("Not", "", 1)
        compare = _OPERATORS.get(positive)
        for key, wanted in keys.items():
            if compare is None or key.lower() not in _KEYS:
                raise AssertionError(f"a condition that is not judged here: {operator} {key}")
            found = known.get(key.lower())
            if found is None:
                holds = operator.endswith("IfExists") or "Not" in operator
            else:
                holds = any(compare(str(each), found) for each in listed(wanted)) != ("Not" in operator)
            if not holds:
                return False
    return True


@contextmanager
def enforced() -> Iterator[list[Need]]:
    """Judge every request of an assumed role; gives what was refused, in order."""
    refused: list[Need] = []

    def authorise(response: Any, request_class: type, resource: str = "*") -> None:
        authorization = response.headers.get("Authorization", "")
        if f"Credential={ADMINISTRATOR}/" in authorization or response._get_action() == "GetCallerIdentity":
            return
        request = request_class(
            account_id=response.current_account, method=response.method, path=response.raw_path, data=response.data,
            body=response.raw_body, headers=response.headers, action=response._get_action(),
        )  # fmt: skip
        documents = [IAMPolicy(policy)._policy_json for policy in request._access_key.collect_policies()]
        for need in _needs(response, request, resource):
            if not grants(documents, need):
                refused.append(need)
                request._raise_access_denied()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ActionAuthenticatorMixin, "_authenticate_and_authorize_action", authorise)
        yield refused


def assume(sts: Any, role: str) -> Callable[..., Any]:
    """Clients of a role: `assume(sts, arn)("s3")`. Who may assume it is its trust policy's matter, not judged here."""
    given = sts.assume_role(RoleArn=role, RoleSessionName="tried")["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION)
    once = Config(retries={"total_max_attempts": 1})
    return lambda service: session.client(service, config=once)


def _needs(response: Any, request: Any, resource: str) -> Iterator[Need]:
    """What a request needs: its own action first, then what its work touches."""
    service, account, region = request._service, response.current_account, request._region
    if service == "s3":
        yield from _of_s3(response, request._action, resource)
        return
    response.parse_parameters(response.normalized_request)
    parameters = dict(response.params or {})
    prefix, name = _PREFIXES.get(service, service), request._action.partition(":")[2]
    action = _ACTIONS.get(f"{prefix}:{name}", f"{prefix}:{name}")
    arn = f"arn:aws:{prefix}:{region}:{account}:"
    found = _RESOURCES[prefix](name, parameters, arn) if prefix in _RESOURCES else resource
    yield Need(action, found, _context(prefix, parameters))
    if name in {"RunTask", "RegisterTaskDefinition", "CreateService", "UpdateService"} and prefix == "ecs":
        overrides = parameters.get("overrides") or {}
        for part in (parameters, overrides):
            for role in (part.get("taskRoleArn"), part.get("executionRoleArn")):
                if role:
                    yield Need("iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
    yield from _of_keys(prefix, name, parameters, account, region)


_PREFIXES = {"monitoring": "cloudwatch"}
_ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction"}


def _context(prefix: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    if prefix == "ecs" and parameters.get("cluster"):
        return {"ecs:cluster": str(parameters["cluster"])}
    if prefix == "cloudwatch" and parameters.get("Namespace"):
        return {"cloudwatch:namespace": str(parameters["Namespace"])}
    return {}


def _redshift(name: str, given: Mapping[str, Any], arn: str) -> str:
    if name == "GetClusterCredentialsWithIAM":
        return f"{arn}dbname:{given['ClusterIdentifier']}/{given['DbName']}"
    return f"{arn}cluster:{given.get('ClusterIdentifier', '*')}"


def _logs(name: str, given: Mapping[str, Any], arn: str) -> str:
    stream = f":log-stream:{given['logStreamName']}" if "logStreamName" in given else ""
    return f"{arn}log-group:{given.get('logGroupName', '*')}{stream}"


def _ecs(name: str, given: Mapping[str, Any], arn: str) -> str:
    cluster = str(given.get("cluster", "default")).rpartition("/")[2]
    if name == "RegisterTaskDefinition":
        return f"{arn}task-definition/{given['family']}:1"
    if name == "RunTask":
        definition = str(given["taskDefinition"])
        return definition if definition.startswith("arn:") else f"{arn}task-definition/{definition}"
    for one in [given.get("task"), *(given.get("tasks") or [])]:
        if one:
            return one if one.startswith("arn:") else f"{arn}task/{cluster}/{one}"
    return "*"


def _secret(name: str, given: Mapping[str, Any], arn: str) -> str:
    asked = str(given.get("SecretId", "*"))
    for backend in secretsmanager_backends[arn.split(":")[4]].values():
        for secret in backend.secrets.values():
            if asked in (secret.name, secret.arn):
                return str(secret.arn)
    return asked


# The resource of a request, of the services that moto takes `*` for.
_RESOURCES: dict[str, Callable[[str, Mapping[str, Any], str], str]] = {
    "glue": lambda name, given, arn: f"{arn}job/{given.get('JobName', '*')}",
    "redshift": _redshift,
    "logs": _logs,
    "ecs": _ecs,
    "secretsmanager": _secret,
    "sns": lambda name, given, arn: str(given.get("TopicArn", "*")),
    "states": lambda name, given, arn: str(given.get("stateMachineArn", given.get("executionArn", "*"))),
    "lambda": lambda name, given, arn: f"{arn}function:{given.get('FunctionName', '*')}",
    "kms": lambda name, given, arn: str(given["KeyId"]) if ":" in given["KeyId"] else f"{arn}key/{given['KeyId']}",
    "cloudwatch": lambda name, given, arn: "*",
}


def _key_need(action: str, key: str, service: str, account: str, region: str) -> Need:
    arn = key if key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"
    if ":alias/" in arn or key.startswith("alias/"):
        alias = "alias/" + arn.partition("alias/")[2]
        arn = kms_backends[account][region].get_key_id_from_alias(alias) or arn
        arn = arn if arn.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{arn}"
    return Need(action, arn, {"kms:ViaService": f"{service}.{region}.amazonaws.com", "kms:CallerAccount": account})


def _of_s3(response: Any, action: str, resource: str) -> Iterator[Need]:
    query = response.querystring
    context = {f"s3:{name}": query[name][0] for name in ("prefix", "delimiter") if name in query}
    # What moto names otherwise than IAM does.
    renamed = {"HeadBucket": "ListBucket"}
    verb = action.partition(":")[2]
    if verb == "ListBucket":
        context.setdefault("s3:prefix", "")
    if response.method == "POST" and "delete" in query:  # several objects, each of which is asked for
        text = response.body.decode() if isinstance(response.body, bytes) else str(response.body)
        keys = re.findall(r"<Key>(.*?)</Key>", text, re.DOTALL)
        assert keys, f"what is to be deleted is not understood: {text[:200]!r}"
        verb = "DeleteObjectVersion" if "<VersionId>" in text else "DeleteObject"
        for key in keys:
            yield Need(f"s3:{verb}", f"{resource}/{unescape(key)}")
        return
    yield Need(f"s3:{renamed.get(verb, verb)}", resource, context)
    account, bucket = response.current_account, resource.split(":::")[1].partition("/")[0]
    region = response.region
    if verb in {"PutObject", "GetObject", "GetObjectVersion"}:
        found = s3_backends[account]["aws"].buckets.get(bucket)
        named = response.headers.get("x-amz-server-side-encryption-aws-kms-key-id")
        key = named or _default_key(getattr(found, "encryption", None))
        if key:
            needed = "kms:GenerateDataKey" if verb == "PutObject" else "kms:Decrypt"
            yield _key_need(needed, key, "s3", account, region)
        if source := response.headers.get("x-amz-copy-source"):
            yield Need("s3:GetObject", f"arn:aws:s3:::{source.lstrip('/').partition('?')[0]}")


def _default_key(encryption: Any) -> str | None:
    rules = listed_dicts((encryption or {}).get("Rule"))
    for rule in rules:
        key = (rule.get("ApplyServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID")
        if key:
            return str(key)
    return None


def listed_dicts(value: Any) -> list[dict[str, Any]]:
    """An element of S3's XML, which may be one or several."""
    return [value] if isinstance(value, dict) else list(value or [])


def _of_keys(prefix: str, name: str, given: Mapping[str, Any], account: str, region: str) -> Iterator[Need]:
    """The rights on the key of what is sent or read."""
    key, actions = "", ()
    if prefix == "sns" and name == "Publish":
        topic = sns_backends[account][region].topics.get(given.get("TopicArn"))
        key, actions = getattr(topic, "kms_master_key_id", "") or "", ("kms:GenerateDataKey", "kms:Decrypt")
    elif prefix == "sqs" and name in {"SendMessage", "ReceiveMessage"}:
        queues = sqs_backends[account][region].queues
        queue = queues.get(str(given.get("QueueUrl", "")).rpartition("/")[2])
        key = getattr(queue, "kms_master_key_id", "") or ""
        actions = ("kms:Decrypt",) if name == "ReceiveMessage" else ("kms:GenerateDataKey", "kms:Decrypt")
    elif prefix == "secretsmanager" and name == "GetSecretValue":
        for secret in secretsmanager_backends[account][region].secrets.values():
            if given.get("SecretId") in (secret.name, secret.arn):
                key, actions = secret.kms_key_id or "", ("kms:Decrypt",)
    for action in actions if key else ():
        yield _key_need(action, key, prefix, account, region)
