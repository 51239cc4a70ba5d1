"""`RESULTS.md` from the figures of one `make bench`: what was measured anew replaces the part between the marks.

What changes made of the speed, before and after, is written by hand below the marks, and stays.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pipeline
import processes

RESULTS = Path(__file__).parent / "RESULTS.md"
BEGIN, END = "<!-- measured: written by `make bench` -->", "<!-- /measured -->"
LEAST_CPU_S = 1.0  # what takes less is in its stage's line only


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> list[str]:
    """A Markdown table; its first `words` columns are words, the others figures."""
    rule = ["---"] * words + ["--:"] * (len(head) - words)
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)]


def of_pipeline(found: Mapping[str, Any]) -> list[str]:
    """Aims and stages of the whole pipeline."""
    size = found["delivered_bytes"] / 1e6
    stages = [
        (
            f"**{part['stage']}**" if not part["table"] else f"{part['stage']} `{part['table']}`",
            f"{part['wall_s']:.1f}",
            f"{part['cpu_s']:.1f}",
            f"{part['rows']:,}" if part["rows"] else "",
            f"{part['rows'] / part['wall_s']:,.0f}" if part["rows"] else "",
            f"{part['bytes'] / part['wall_s'] / 1e6:.1f}" if part["bytes"] else "",
            f"{part['peak_mib']:,.0f}",
        )
        for part in found["stages"]
        if not part["table"] or part["cpu_s"] >= LEAST_CPU_S
    ]
    return [
        "## The whole pipeline: files to marts and gates",
        f"The history as one export ({size:,.0f} MB in ten files) into an empty warehouse by `dw backfill --parallel "
        f"{found['parallel']}`, rounds: {found['rounds']}. Cleaning ahead counts for what it runs beside.",
        "",
        *(f"- {aim.verdict.strip() or 'told'}: {aim.name}: {aim.told}" for aim in pipeline.aims(found)),
        "",
        *table(("stage", "s", "CPU s", "rows", "rows/s", "MB/s", "peak MiB"), stages),
    ]


def of_queries(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Queries on the full star."""
    rows = [
        (
            row["name"],
            row["kind"],
            f"{row['p50_ms']:.1f}",
            f"{row['p95_ms']:.1f}",
            f"{row['cold_p50_ms']:.0f}",
            f"{row['cold_p95_ms']:.0f}",
            f"{row['scanned_share']:.0%}" if row.get("scanned_share") is not None else "",
            f"{row['aim_ms']:.0f}" if row.get("aim_ms") else "",
            "met" if row.get("met") else "MISSED",
        )
        for row in found
    ]
    head = ("query", "kind", "p50 ms", "p95 ms", "cold p50", "cold p95", "rows scanned", "aim", "")
    return ["## Queries on the full star", *table(head, rows, words=2)]


def of_values(title: str) -> Callable[[Sequence[Mapping[str, Any]]], list[str]]:
    """Single values with their aims."""

    def written(found: Sequence[Mapping[str, Any]]) -> list[str]:
        rows = [
            (row["name"], f"{row['value']:,.2f} {row['unit']}", f"{row['aim']} {row['unit']}" if row.get("aim") else "")
            for row in found
        ]
        return [f"## {title}", *table(("what", "measured", "aim"), rows)]

    return written


def of_peers(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Contenders beside this warehouse."""
    rows = [
        (
            row["bench"],
            row["contender"],
            f"{row['cpu_s']:.1f}",
            f"{row['wall_s']:.1f}",
            f"{row['peak_mb']:,.0f}",
            f"{row['ratio_cpu']:.2f}",
            f"{row['ratio_wall']:.2f}",
        )
        for row in found
    ]
    head = ("task", "contender", "CPU s", "s", "peak MiB", "CPU, ours = 1", "wall, ours = 1")
    return ["## Beside its peers", *table(head, rows, words=2)]


PARTS: dict[str, Callable[[Any], list[str]]] = {
    "pipeline": of_pipeline,
    "increment": of_values("The daily increment at the end of 400 days"),
    "startup": of_values("Start-up"),
    "queries": of_queries,
    "peers": of_peers,
}


def written(folder: Path, standing: str, today: str) -> str:
    """The text of RESULTS.md with the figures of `folder/<part>.json` in it; ValueError where it has no marks."""
    before, begin, rest = standing.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{RESULTS.name} has not the marks {BEGIN} and {END}")
    shared = "The machine is shared: take ratios before seconds, CPU before wall."
    parts = ["", f"Measured on {today}: {processes.machine()}. {shared}"]
    for name, of_part in PARTS.items():
        file = folder / f"{name}.json"
        if file.exists():
            parts += ["", *of_part(json.loads(file.read_text()))]
        else:
            parts += ["", f"`{name}` was not measured this time."]
    return before + begin + "\n".join([*parts, "", end]) + after


if __name__ == "__main__":
    RESULTS.write_text(written(Path(sys.argv[1]), RESULTS.read_text(), datetime.now(UTC).date().isoformat()))
