"""Warehouse adapters: the one choice that the mode makes for everything behind the lake."""

from __future__ import annotations

from functools import partial

from tasks.exchange import JOURNAL
from tasks.settings import Settings
from tasks.warehouse.base import Tags, Warehouse, WarehouseError

_EVERY_WAREHOUSE_HAS = "audit.load_ledger"


def has_warehouse(settings: Settings) -> bool:
    """Whether a run has made the warehouse."""
    if settings.mode == "local":
        return settings.warehouse_file.exists()
    with open_warehouse(settings) as warehouse:
        return warehouse.has_table(_EVERY_WAREHOUSE_HAS)


def require_warehouse(settings: Settings) -> None:
    """Raise WarehouseError where no run has made the warehouse."""
    if not has_warehouse(settings):
        raise WarehouseError(f"there is no warehouse at {settings.warehouse_name}; `dw run` makes one")


def open_warehouse(settings: Settings, *, read_only: bool = False) -> Warehouse:
    """Open the warehouse of the settings' mode; to read, it must be there. Only its own engine is imported."""
    if read_only:
        if (settings.home / JOURNAL).exists():
            _end_restore(settings)
        require_warehouse(settings)
    binds = {"reporting_currency": settings.reporting_currency}
    if settings.mode == "aws":
        from tasks.warehouse.redshift import RedshiftWarehouse
        from tasks.warehouse.redshift_login import connect

        return RedshiftWarehouse(
            partial(connect, settings),
            environment=settings.environment,
            binds=binds,
            role=settings.redshift_role,
            kms_key=settings.kms_key,
            statement_timeout=settings.statement_timeout,
        )
    from tasks.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(
        settings.warehouse_file,
        environment=settings.environment,
        binds=binds,
        threads=settings.threads,
        memory_limit=settings.memory_limit,
        scratch=settings.scratch / "duckdb",
        read_only=read_only,
    )


def _end_restore(settings: Settings) -> None:
    """End a restore that was cut off, so that nobody reads half of it; raise WarehouseBusy while it is under way."""
    from tasks.lock import open_lock

    lock = open_lock(settings)
    lock.acquire("reader")
    lock.release()


__all__ = ["Tags", "Warehouse", "WarehouseError", "has_warehouse", "open_warehouse", "require_warehouse"]
