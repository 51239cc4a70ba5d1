"""Tables as Prefect's assets: who made which of what, with the contract's words.

An asset is an event in Prefect: its key, name, description and owners, and the assets that it was made from. They are
sent for tables that a run changed or could not build, and cost a message each.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from prefect.assets import Asset, AssetProperties
from prefect.context import AssetContext
from prefect.events import emit_event

from contracts.ids import TableId, physical_schema
from tasks.alerts import safe
from tasks.settings import Settings
from tasks.site.page import table_path
from tasks.workspace import Workspace

logger = logging.getLogger(__name__)

_LONGEST = 2500


def key(settings: Settings, table: TableId) -> str:
    """The lasting name of a table, whoever runs: its place on S3 or in Redshift; locally the warehouse's own."""
    if settings.mode == "local":
        return f"warehouse://{settings.deployment}/{settings.source}/{table.layer}/{table.name}"
    if table.layer == "raw":
        return f"{settings.lake_url.replace('{layer}', 'raw')}/raw/{table.name}"
    cluster = settings.redshift_workgroup or settings.redshift_cluster or settings.redshift_host
    schema = physical_schema(table.layer, settings.environment)
    return f"redshift://{cluster or 'cluster'}/{settings.redshift_database}/{schema}/{table.name}"


def asset(space: Workspace, table: TableId) -> Asset:
    """A table with what its contract says of it."""
    if table not in space.registry:
        return Asset(key=key(space.settings, table))
    contract, settings = space.registry[table], space.settings
    site = settings.site if settings.mode == "local" else settings.site_at
    properties = AssetProperties(
        name=str(table),
        description=f"{contract.title}. {contract.description}"[:_LONGEST],
        owners=[contract.owner] if contract.owner else None,
        url=f"{site}/{table_path(table)}",
    )
    return Asset(key=key(space.settings, table), properties=properties)


def materialised(space: Workspace) -> Iterable[tuple[TableId, bool, frozenset[TableId], dict[str, Any]]]:
    """What a run made: the table, whether it could, what it was made from, and counts."""
    for entry in space.report.entries:
        raw = TableId.parse(entry.table_name)
        counts = {name: getattr(entry, f"{name}_rows") for name in ("delivered", "loaded", "duplicate", "quarantined")}
        told = {**counts, "batch": entry.batch_id, "delivery": entry.delivery_date.isoformat()}
        yield TableId("clean", raw.name), entry.status == "loaded", frozenset({raw}), told
    for name, count in space.report.builds.items():
        table = TableId.parse(name)
        if table in space.graph and (count.inserted or count.updated or count.deleted):
            changed = {"inserted": count.inserted, "updated": count.updated, "deleted": count.deleted}
            yield table, True, space.graph.upstream(table), changed
    for name in space.report.blocked:
        table = TableId.parse(name)
        if table in space.graph:
            yield table, False, space.graph.upstream(table), {}


def emit(space: Workspace) -> None:
    """Tell Prefect of the tables that a run made; that it cannot be told is logged and stops nothing."""
    try:
        for table, is_made, sources, told in materialised(space):
            emit_event(
                f"prefect.asset.materialization.{'succeeded' if is_made else 'failed'}",
                resource=AssetContext.asset_as_resource(asset(space, table)),
                related=[AssetContext.asset_as_related(Asset(key=key(space.settings, s))) for s in sorted(sources)],
                payload=told,
            )
    except Exception as error:
        logger.error("assets of this run were not told: %s", safe(str(error)))
