"""How a failure is told: one clear paragraph on standard error, and an exit status that says of which kind it was."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer
    from pydantic_core import ErrorDetails

# Failures that say all that is to be said; others are unexpected, and tell their kind.
_TOLD = {
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


def paragraph(error: Exception) -> str:
    """What a failure says to whoever typed the command."""
    from pydantic import ValidationError

    from contracts.counted import counted
    from contracts.source import ContractError
    from sql.dialect import SqlError

    if isinstance(error, ValidationError) and error.title == "Settings":
        return "\n".join(_setting(fault) for fault in error.errors(include_url=False, include_input=False))
    if isinstance(error, ContractError | SqlError):
        return f"{counted(len(error.faults), 'fault')} found:\n" + "\n".join(error.faults)
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None and type(error).__module__ == "builtins":
        return _file(error)
    if _TOLD & {kind.__name__ for kind in type(error).__mro__} or isinstance(error, ValueError | OSError):
        return text
    return f"unexpected {type(error).__name__}: {text} (DW_DEBUG=1 shows where)"


def misuse(error: Exception, app: typer.Typer, arguments: Sequence[str]) -> str | None:
    """A wrong use on one line, with the example of the command that was meant; None for any other failure."""
    import typer
    from typer.main import get_command

    if isinstance(error, typer.Abort):
        return "stopped; nothing was done"
    if not isinstance(error, typer.TyperException):
        return None
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""  # its help was printed
    command: Any = get_command(app)
    path = ""
    for word in arguments:
        if word not in getattr(command, "commands", {}):
            break
        command, path = command.commands[word], f"{path}{word} "
    said = " ".join(error.format_message().split()).rstrip(".")
    for idle in ("Invalid value: ", "Invalid value for ", "Value error, "):
        said = said.replace(idle, "", 1)
    said = re.sub(r"^'(-[\w-]+)'", r"\1", said)
    told = f"{path.strip()}: {said}" if path else said
    hint = command.epilog or f"`{f'dw {path}'.strip()} --help` lists what there is."
    return f"{told}{'' if told.endswith('?') else '.'} {hint}"


def _setting(fault: ErrorDetails) -> str:
    """What is wrong with a setting, by the name it has in the environment."""
    names = "".join(f"DW_{str(name).upper()}: " for name in fault["loc"])
    return f"settings: {names}{fault['msg'].removeprefix('Value error, ')}"


_REMEDIES = {
    "PermissionError": "you may not write or read there; choose another place, or ask for the rights",
    "FileNotFoundError": "choose a place that is there, or can be made",
    "NotADirectoryError": "a part of that path is a file; choose another place",
    "IsADirectoryError": "that is a folder; name a file in it",
    "FileExistsError": "that is there already; choose another name",
}


def _file(error: OSError) -> str:
    """What the system says of a file, and what to do."""
    remedy = _REMEDIES.get(type(error).__name__, "")
    if error.errno is not None and os.strerror(error.errno) == "No space left on device":
        remedy = "the disk is full; make room (`dw doctor` tells how much is free)"
    return f"{error.filename}: {error.strerror or error}" + (f"; {remedy}" if remedy else "")


def unknown_settings() -> list[str]:
    """A line for each `DW_*` of the environment that no setting reads, with the one that it may stand for."""
    import difflib

    from tasks.settings import Settings

    known = {f"DW_{name.upper()}" for name in Settings.model_fields} | BESIDES
    out = []
    for name in sorted(n for n in os.environ if n.startswith("DW_") and n not in known):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        out.append(f"{name} is no setting" + (f"; did you mean {near[0]}?" if near else "; it changes nothing"))
    return out


# Read elsewhere than by Settings: by the command line itself, by Terraform's tests, by deployments.
BESIDES = {"DW_DEBUG", "DW_TF_PLUGIN_DIR", "DW_VERSION"}
