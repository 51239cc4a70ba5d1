"""Who may read the views for BI on Redshift: a role that sees schema `bi` and nothing else, and users that have it.

An administrator runs these once; no run does, as the pipeline's user may not make roles. Every view that a run makes
later is the role's too, by default privileges.
"""

from __future__ import annotations

import re

from contracts.ids import BI_SCHEMA, physical_schema

# The group that the cluster's queue for analysts is for: infra/terraform/modules/warehouse/queues.tf.
QUEUE_GROUP = "analyst"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,126}")


def role_name(environment: str = "") -> str:
    """The role of an environment: `bi_reader`, `dev_bi_reader`."""
    return f"{physical_schema(BI_SCHEMA, environment)}_reader"


def reader_role(owner: str, environment: str = "") -> list[str]:
    """Make the role, as an administrator. `owner`: the user as which the pipeline logs in, and who owns the views."""
    schema, role = physical_schema(BI_SCHEMA, environment), role_name(environment)
    owner = _user(owner)
    return [
        f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}",
        f"CREATE ROLE {role}",
        f"GRANT USAGE ON SCHEMA {schema} TO ROLE {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO ROLE {role}",
        f"ALTER DEFAULT PRIVILEGES FOR USER {owner} IN SCHEMA {schema} GRANT SELECT ON TABLES TO ROLE {role}",
        # Else whoever logs in may make tables there.
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"CREATE GROUP {QUEUE_GROUP}",
    ]


def reader(user: str, environment: str = "", *, seconds: int = 300, connections: int = 20) -> list[str]:
    """Make a user for one BI tool: read only, without a password until one is set, limited in time and connections."""
    user = _user(user)
    return [
        f"CREATE USER {user} PASSWORD DISABLE CONNECTION LIMIT {connections}",
        f"GRANT ROLE {role_name(environment)} TO {user}",
        f"ALTER GROUP {QUEUE_GROUP} ADD USER {user}",
        f"ALTER USER {user} SET statement_timeout TO {seconds * 1000}",
        f"ALTER USER {user} SET search_path TO {physical_schema(BI_SCHEMA, environment)}",
    ]


def _user(name: str) -> str:
    """A user's name as SQL: plain, or quoted as that of an IAM identity (`IAMR:warehouse-dev-pipeline`)."""
    if _NAME.fullmatch(name):
        return name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9:+=,.@_-]{0,126}", name):
        raise ValueError(f"{name!r} is no name of a user; for example superset, or IAMR:pipeline")
    return f'"{name}"'
