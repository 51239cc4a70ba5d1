"""Statements that are no SQL tree: transactions, settings, maintenance, and clauses about where rows lie."""

from __future__ import annotations

import re
from dataclasses import dataclass

from redshift_standin.errors import RedshiftError, syntax, unsupported

SEARCH_PATH = "redshift, pg_catalog"
# Settings that PostgreSQL has with the same meaning, and those that only Redshift has: the latter are kept and shown.
_SAME = {
    *("statement_timeout", "datestyle", "timezone", "extra_float_digits", "application_name", "client_encoding"),
    *("search_path", "transaction", "session", "seed"),
}
_OWN = {
    *("query_group", "enable_case_sensitive_identifier", "enable_result_cache_for_session", "wlm_query_slot_count"),
    *("describe_field_name_in_uppercase", "downcase_delimited_identifier", "analyze_threshold_percent"),
    *("error_on_nondeterministic_update", "max_cursor_result_set_size", "mv_enable_aqmv_for_session"),
    *("navigate_super_null_on_error", "parse_super_null_on_error", "json_serialization_enable", "auto_analyze"),
    *("spectrum_enable_pseudo_columns", "timeout_idle_session", "cast_super_null_on_error", "stv_sessions_timeout"),
}
_NAME = r'(?:[\w$]+|"[^"]+")(?:\.(?:[\w$]+|"[^"]+"))*'
_PHYSICAL = re.compile(
    r"('(?:[^'\\]|\\.|'')*'|\"[^\"]*\")"
    r"|\bDISTSTYLE\s+(?:ALL|EVEN|KEY|AUTO)\b"
    r"|\bDISTKEY\b(?:\s*\([^()]*\))?"
    r"|\b(?:COMPOUND\s+|INTERLEAVED\s+)?SORTKEY\b(?:\s*\([^()]*\)|\s+AUTO\b|\s+NONE\b)?"
    r"|\bENCODE\s+\w+|\bBACKUP\s+(?:YES|NO)\b|\bWITH\s+NO\s+SCHEMA\s+BINDING\b",
    re.IGNORECASE,
)
_IDENTITY = re.compile(r"\bIDENTITY\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)", re.IGNORECASE)
_PASSED = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "LOCK", "DECLARE", "FETCH", "CLOSE", "DEALLOCATE"}


@dataclass(frozen=True)
class Command:
    text: str
    alone: str = ""


def without_physical(text: str) -> str:
    """CREATE or ALTER without distribution, sort key, encoding and the like, which change no result."""
    text = _PHYSICAL.sub(lambda match: match.group(1) or " ", text)
    return _IDENTITY.sub(r"GENERATED ALWAYS AS IDENTITY (START WITH \1 INCREMENT BY \2)", text)


def command(first: str, text: str) -> Command | None:
    """PostgreSQL's text of a command, or None for what has to be parsed."""
    if first in _PASSED:
        if re.search(r"\bSAVEPOINT\b", text, re.IGNORECASE):
            raise syntax("SAVEPOINT")
        return Command(text)
    if (granted := _access(first, text)) is not None:
        return Command(granted)
    if first in ("SET", "RESET", "SHOW"):
        return Command(_setting(first, text))
    if first == "VACUUM":
        return Command(_vacuum(text), alone="VACUUM")
    if first in ("ANALYZE", "ANALYSE"):
        return Command(_analyze(text))
    if first == "ALTER":
        return _alter(text)
    if first in ("SAVEPOINT", "RELEASE", "LISTEN", "NOTIFY", "REINDEX", "CLUSTER", "DO"):
        raise syntax(first)
    return None


def _access(first: str, text: str) -> str | None:
    """Roles, users, groups and what they may: PostgreSQL has one kind for the three, and holds the rights."""
    if first in ("GRANT", "REVOKE"):
        text = re.sub(rf"(?i)^(GRANT|REVOKE)\s+ROLE\s+({_NAME})", r"\1 \2", text)
        return re.sub(r"(?i)\b(TO|FROM)\s+(?:ROLE|GROUP)\s+", r"\1 ", text)
    if re.match(r"(?i)ALTER\s+DEFAULT\s+PRIVILEGES\b", text):
        return re.sub(r"(?i)\b(TO|FROM)\s+(?:ROLE|GROUP)\s+", r"\1 ", text)
    if re.match(r"(?i)(CREATE|ALTER|DROP)\s+(ROLE|USER|GROUP)\b", text):
        if re.search(r"(?i)\bIF\s+NOT\s+EXISTS\b", text):
            raise syntax("NOT")
        return re.sub(r"(?i)\bPASSWORD\s+DISABLE\b", "PASSWORD NULL", text)
    if re.match(r"(?i)CREATE\s+SCHEMA\b.*\bAUTHORIZATION\b", text):
        return text
    return None


def _setting(first: str, text: str) -> str:
    match = re.fullmatch(r"(?is)\w+\s+(?:(?:session|local)\s+)?([\w.]+)(.*)", text)
    if match is None:
        raise syntax(text.split()[-1])
    name, rest = match.group(1).lower(), match.group(2)
    local = " LOCAL" if re.match(r"(?i)set\s+local\b", text) else ""
    if name in ("all", "authorization", "session_authorization") or "authorization" in rest.lower():
        return text
    if name in _OWN:
        if first == "SET":
            rest = re.sub(r"(?i)^\s*(?:to|=)\s*", "", rest).strip()
            value = rest if rest.startswith("'") or rest.lower() == "default" else f"'{rest}'"
            return f"SET{local} standin.{name} TO {value}"
        return f"{first} standin.{name}"
    if name not in _SAME:
        raise RedshiftError("42704", f'unrecognized configuration parameter "{name}"')
    if name == "search_path" and first == "SET" and "default" not in rest.lower():
        return f"{text}, {SEARCH_PATH}"
    return text


def _vacuum(text: str) -> str:
    options = r"(?:FULL|SORT\s+ONLY|DELETE\s+ONLY|REINDEX|RECLUSTER)"
    match = re.fullmatch(rf"(?is)VACUUM(?:\s+{options})?(?:\s+({_NAME}))?(?:\s+TO\s+\d+\s+PERCENT)?(?:\s+BOOST)?", text)
    if match is None:
        raise syntax(text.split()[-1])
    return f"VACUUM {match.group(1) or ''}".strip()


def _analyze(text: str) -> str:
    columns = r"(?:\s*\([^()]*\)|\s+(?:PREDICATE|ALL)\s+COLUMNS)?"
    match = re.fullmatch(rf"(?is)ANALY[ZS]E(?:\s+VERBOSE)?(?:\s+({_NAME}){columns})?", text)
    if match is None:
        raise syntax(text.split()[-1])
    return f"ANALYZE {match.group(1) or ''}".strip()


def _alter(text: str) -> Command | None:
    append = re.fullmatch(rf"(?is)ALTER\s+TABLE\s+({_NAME})\s+APPEND\s+FROM\s+({_NAME})(\s+\w+)?", text)
    if append:
        target, source, option = append.groups()
        if option:
            raise unsupported(f"the stand-in has no ALTER TABLE APPEND with {option.strip().upper()}")
        moved = f"WITH moved AS (DELETE FROM {source} RETURNING *) INSERT INTO {target} SELECT * FROM moved"
        return Command(moved, alone="ALTER TABLE APPEND")
    physical = re.fullmatch(
        rf"(?is)ALTER\s+TABLE\s+({_NAME})\s+ALTER\s+(?:(?:COMPOUND\s+)?SORTKEY|DISTKEY|DISTSTYLE|ENCODE\s+AUTO"
        rf"|COLUMN\s+{_NAME}\s+ENCODE).*",
        text,
    )
    if physical:
        return Command(f"ALTER TABLE {physical.group(1)} SET WITHOUT CLUSTER")
    kept = re.search(r"(?is)\bALTER\s+(?:COLUMN\s+)?\S+\s+(?:SET|DROP)\s+(NOT\s+NULL|DEFAULT)\b", text)
    if kept:
        raise unsupported(f"ALTER COLUMN SET/DROP {' '.join(kept.group(1).upper().split())} is not supported")
    if re.search(r"(?is)\bADD\s+(?:COLUMN\s+)?IF\s+NOT\s+EXISTS\b", text):
        raise syntax("NOT")
    return None
