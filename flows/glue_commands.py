"""`dw glue bundle`: what is deployed for Glue."""

from __future__ import annotations

from pathlib import Path

from contracts.registry import Registry
from flows.show import console
from sql.graph import Graph
from tasks.glue_bundle import write_bundle
from tasks.settings import Settings


def bundle(folder: Path) -> None:
    """Write the bundle, and say what was written."""
    root = Settings().repository
    registry = Registry.read(root)
    for path in write_bundle(folder, registry, Graph.read(root, registry)):
        console.print(f"written: {path}", soft_wrap=True, highlight=False)
