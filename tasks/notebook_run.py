"""Runs notebooks from their first cell to their last; needs the extra `notebooks`."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.registry import REPOSITORY
from tasks.settings import Settings
from tasks.sources import DEFAULT

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbformat import NotebookNode

SECONDS = 300  # a cell has this long
NEEDED = ("altair", "vl_convert", "ipykernel", "nbclient", "mistune")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(RuntimeError):
    """A cell that failed: the notebook, the number of the cell, and what was raised."""


def is_installed() -> bool:
    """Whether the extra `notebooks` is."""
    return all(find_spec(name) for name in NEEDED)


def notebooks(repository: Path) -> list[Path]:
    """The notebooks of a repository, by name."""
    return sorted((repository / "notebooks").glob("*.ipynb"))


@contextmanager
def kernel(settings: Settings) -> Iterator[Callable[[Path], NotebookNode]]:
    """A process over the warehouse of the settings; gives the function that runs a notebook in it.

    One after the other, each with no name that another has left: the process is shared for its imports. The function
    returns the notebook with its outputs; it raises NotebookError where a cell fails.
    """
    from jupyter_core.utils import run_sync
    from nbclient import NotebookClient
    from nbformat.v4 import new_notebook

    client = NotebookClient(new_notebook(), timeout=SECONDS, kernel_name="python3")
    with tempfile.TemporaryDirectory(prefix="notebook") as folder:
        client.km = manager = client.create_kernel_manager()
        # A socket among this machine's files: no port is taken, and nobody else listens.
        manager.transport, manager.connection_file = "ipc", str(Path(folder) / "kernel.json")
        run_sync(manager.start_kernel)(
            env={**os.environ, **environment(settings), "IPYTHONDIR": folder}, cwd=str(REPOSITORY)
        )
        try:
            yield partial(_run, client)
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            run_sync(manager.shutdown_kernel)(now=True)


def _run(client: NotebookClient, path: Path) -> NotebookNode:
    import nbformat
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from nbformat.v4 import new_code_cell

    notebook = nbformat.read(path, as_version=4)
    client.nb = nbformat.from_dict({**notebook, "cells": [new_code_cell("%reset -f"), *notebook.cells]})
    try:
        client.execute(cleanup_kc=False)
    except CellExecutionError as error:
        said = " ".join(_COLOURS.sub("", error.evalue).split())[:600]
        raise NotebookError(f"{path.name}, cell {_failed(client.nb)}: {error.ename}: {said}") from error
    except (CellTimeoutError, DeadKernelError) as error:
        raise NotebookError(f"{path.name}: {' '.join(str(error).split())[:600]}") from error
    return nbformat.from_dict({**client.nb, "cells": client.nb.cells[1:]})


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the `DW_*` that make them again."""
    # Those of a source are its own already: its name would place its home in its home.
    fields = settings.model_dump(mode="json") | {"source": DEFAULT}
    return {f"DW_{name.upper()}": str(value) for name, value in fields.items() if value not in (None, "")}


def _failed(notebook: Mapping[str, Any]) -> int:
    # Before the first one stands that which takes the names away.
    for number, cell in enumerate(notebook["cells"]):
        if any(output["output_type"] == "error" for output in cell.get("outputs", ())):
            return number
    return 0
