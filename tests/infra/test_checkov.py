"""checkov finds nothing in infra/ but what is justified in its place."""

from __future__ import annotations

import json
import re

import linters
from terraform import INFRA, REPOSITORY

# `#checkov:skip=CKV_AWS_1: reason`
_SKIP = re.compile(r"checkov:skip=(?P<check>[A-Z0-9_,]*)(?::\s*(?P<reason>.*))?")


def test_every_skip_names_one_check_and_its_reason() -> None:
    faults = []
    for path in sorted((REPOSITORY / INFRA).rglob("*.tf")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = _SKIP.search(line)
            if found and (
                not re.fullmatch(r"CKV2?_AWS_\d+", found["check"]) or len((found["reason"] or "").split()) < 3
            ):
                faults.append(f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}")
    assert not faults, "a skip without one check and a reason:\n" + "\n".join(faults)


def test_checkov_finds_nothing() -> None:
    done = linters.run(
        "checkov", "--directory", INFRA, "--framework", "terraform", "--skip-download", "--quiet", "--compact",
        "--download-external-modules", "false", "--output", "json",
    )  # fmt: skip
    assert done.stdout.strip(), done.stderr[-4000:]
    report = json.loads(done.stdout)
    if isinstance(report, list):
        (report,) = report
    assert "results" in report, f"checkov looked at nothing: {report}"
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100, "checkov looked at almost nothing"
    found = {
        "{file_path}:{file_line_range[0]} {resource}: {check_id}, {check_name}".format_map(check)
        for check in report["results"]["failed_checks"]
    }
    assert not found, "\n".join(sorted(found))
    assert done.returncode == 0, done.stderr[-4000:]
