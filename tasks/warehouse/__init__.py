"""Warehouse adapters: the one choice that the mode makes for everything behind the lake."""

from __future__ import annotations

from tasks.settings import Settings
from tasks.warehouse.base import Tags, Warehouse, WarehouseError


def open_warehouse(settings: Settings, *, read_only: bool = False) -> Warehouse:
    """Open the warehouse of the settings' mode."""
    from tasks.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(
        settings.warehouse_file,
        environment=settings.environment,
        binds={"reporting_currency": settings.reporting_currency},
        threads=settings.threads,
        memory_limit=settings.memory_limit,
        scratch=settings.scratch / "duckdb",
        read_only=read_only,
    )


__all__ = ["Tags", "Warehouse", "WarehouseError", "open_warehouse"]
