"""The command line `dw`: the panels of its help in their order, and how a failure is told."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from flows.commands import app
from flows.prefect_defaults import let_go

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# The panels of `dw --help`, in its order; importing one declares its commands.
for _panel in ("load", "look", "quarantine", "define", "operate"):
    import_module(f"flows.commands.{_panel}")


def main() -> None:
    """Run `dw`; every failure is one clear paragraph on standard error and a non-zero exit."""
    debug = bool(os.environ.get("DW_DEBUG"))
    if not debug:
        warnings.simplefilter("ignore")
        # Prefect logs a failure twice, with its traceback, before it raises it to us.
        logging.disable(logging.ERROR)
    try:
        app(standalone_mode=True)
        return
    except KeyboardInterrupt:
        message, code = "stopped; what was published stays, the rest is taken up by the next run", 130
    except Exception as error:
        if debug:
            raise
        message, code = _paragraph(error), 1
        let_go(error)
    sys.stderr.write(f"dw: {message}\n")
    sys.exit(code)


def _paragraph(error: Exception) -> str:
    from pydantic import ValidationError

    from contracts.source import ContractError
    from sql.dialect import SqlError

    if isinstance(error, ValidationError) and error.title == "Settings":
        return "\n".join(_setting(fault) for fault in error.errors(include_url=False, include_input=False))
    if isinstance(error, ContractError | SqlError):
        return f"{len(error.faults)} fault{'s' if len(error.faults) > 1 else ''} found:\n" + "\n".join(error.faults)
    known = {
        "WarehouseError",
        "WarehouseBusy",
        "GateBlocked",
        "RuleNotRun",
        "UnreadableFile",
        "PublishRefused",
        "LedgerImbalance",
        "SchemaMismatch",
        "CopyLostRows",
        "GlueFailed",
        "BackupRefused",
    }
    text = str(error) or type(error).__name__
    if known & {kind.__name__ for kind in type(error).__mro__} or isinstance(error, ValueError | OSError):
        return text
    return f"unexpected {type(error).__name__}: {text} (DW_DEBUG=1 shows where)"


def _setting(fault: ErrorDetails) -> str:
    """What is wrong with a setting, by the name it has in the environment."""
    names = "".join(f"DW_{str(name).upper()}: " for name in fault["loc"])
    return f"settings: {names}{fault['msg'].removeprefix('Value error, ')}"


if __name__ == "__main__":
    main()
