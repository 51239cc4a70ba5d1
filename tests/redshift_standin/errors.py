"""Errors as Redshift sends them: the fields of its ErrorResponse, and what PostgreSQL's own errors become."""

from __future__ import annotations

import re
from collections.abc import Mapping

BYTES_CHECK = "fits_bytes_"
NO_CAST = "boolean_has_no_cast_to_text"


class RedshiftError(Exception):
    """An error to be sent: SQLSTATE, message, and the detail that Redshift adds."""

    def __init__(self, code: str, message: str, detail: str = "", severity: str = "ERROR") -> None:
        super().__init__(message)
        self.code, self.message, self.detail, self.severity = code, message, detail, severity

    def fields(self) -> dict[str, str]:
        found = {"S": self.severity, "C": self.code, "M": self.message, "D": self.detail}
        return {letter: value for letter, value in found.items() if value}


def syntax(near: str) -> RedshiftError:
    return RedshiftError("42601", f'syntax error at or near "{near}"')


def unsupported(message: str) -> RedshiftError:
    return RedshiftError("0A000", message)


def in_transaction(what: str) -> RedshiftError:
    return RedshiftError("25001", f"{what} cannot run inside a transaction block")


def serializable_violation(table: str = "100167") -> RedshiftError:
    """Error 1023: the number is the message, what it means is in the detail, and the SQLSTATE says nothing."""
    detail = f"Serializable isolation violation on table - {table}, transactions forming the cycle are: 1001, 1002"
    return RedshiftError("XX000", "1023", f"{detail} (pid:1)")


def load_error(code: int, context: str, message: str = "Spectrum Scan Error") -> RedshiftError:
    """What COPY of columnar files answers: everything is XX000, the words are in the detail."""
    rule = "-" * 47
    detail = f"\n  {rule}\n  error:  {message}\n  code:      {code}\n  context:   {context}\n  query:     1\n  {rule}\n"
    return RedshiftError("XX000", message, detail)


def translated(found: Mapping[str, str]) -> dict[str, str]:
    """PostgreSQL's error in Redshift's words, where the two differ."""
    code, message = found.get("C", ""), found.get("M", "")
    if code == "23514" and found.get("n", "").startswith(BYTES_CHECK):
        length = found["n"].rpartition("_")[2]
        return RedshiftError("22001", f"value too long for type character varying({length})").fields()
    if code == "40001":
        return serializable_violation().fields()
    if NO_CAST in message:
        return RedshiftError("42846", "cannot cast type boolean to character varying").fields()
    if code == "21000" and "MERGE" in message:
        return RedshiftError("XX000", "Found multiple matches to update the same tuple.").fields()
    message = re.sub(r"^MERGE command cannot .*", "Found multiple matches to update the same tuple.", message)
    # Redshift's server is of a time before V (a severity that is not translated) and names of constraints.
    kept = {letter: value for letter, value in found.items() if letter in "SCMDHPWFLR"}
    return {**kept, "M": message}
