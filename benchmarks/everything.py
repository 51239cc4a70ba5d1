"""All benchmarks of a full-size warehouse, one after the other, and what they found in `RESULTS.md`.

The pipeline makes the warehouse that the queries ask and that the daily increment is loaded into.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import results
from full_delivery import full_delivery

HERE = Path(__file__).parent


def parts(folder: Path) -> list[tuple[str, Sequence[str]]]:
    """Name and command of each part, in order."""
    home = str(folder / "home")
    delivery = full_delivery(folder / "delivery")
    return [
        ("pipeline", ["pipeline.py", "--folder", str(folder), "--rounds", "1"]),
        ("queries", ["queries.py", "--home", home]),
        ("increment", ["increment.py", "--home", home, "--delivery", str(delivery.last_day), "--rounds", "1"]),
        ("startup", ["startup.py", "--rounds", "3"]),
        ("peers", ["peers.py", "--gates", "1000000"]),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep delivery, warehouse and figures here (default: temporary)")
    chosen = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = (chosen.folder or Path(scratch)).resolve()
        figures = folder / "figures"
        figures.mkdir(parents=True, exist_ok=True)
        for name, (script, *arguments) in parts(folder):
            started = time.perf_counter()
            (figures / f"{name}.json").unlink(missing_ok=True)
            command = [sys.executable, str(HERE / script), *arguments, "--json", str(figures / f"{name}.json")]
            # A part that does not end well leaves no figures, and the others their own.
            if subprocess.run(command, check=False).returncode:
                failed.append(name)
            sys.stdout.write(f"{name} took {time.perf_counter() - started:.0f} s\n")
        standing = results.RESULTS.read_text()
        results.RESULTS.write_text(results.written(figures, standing, datetime.now(UTC).date().isoformat()))
    if failed:
        sys.stderr.write(f"ended badly: {', '.join(failed)}\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
