"""Runs the house of things in aws mode in child processes, which a test kills by signal 9.

What is slow to load is loaded once, before the first child is forked; no thread may have been started by then. One
request a line on standard input: the settings and the folders of the house, and the steps. The answers: the child's
number at once, and how it ended.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from cloud_house import CloudHouse, Repositories
from small_shop import _gate

import expectations.gate  # noqa: F401
import tasks.warehouse.redshift  # noqa: F401
from tasks.settings import Settings


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        house = CloudHouse(
            Repositories(*(Path(folder) for folder in request["repositories"])), Settings(**request["settings"])
        )
        for root in (house.repositories.strict, house.repositories.lenient):
            _gate(root)
        pid = os.fork() or _live(house, request["steps"])
        _say(pid)
        _, status = os.waitpid(pid, 0)
        _say(os.waitstatus_to_exitcode(status))


def _live(house: CloudHouse, steps: list[str]) -> int:
    code = 1
    try:
        for step in steps:
            house.take(step)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
