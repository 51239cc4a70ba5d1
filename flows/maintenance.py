"""The maintenance flow: vacuum and analyse, while no run is under way. The work is in tasks."""

from __future__ import annotations

from prefect import flow

from tasks import maintain as work
from tasks.metrics import measured
from tasks.sources import settings_for
from tasks.workspace import workspace


@flow(name="maintenance", flow_run_name="maintenance-{source}")
def maintenance(source: str = "shop") -> list[str]:
    """Maintain every table; returns their names. Fails, after the others were done, where one could not be."""
    space = workspace(settings_for(source))
    with measured(space, "maintenance"):
        space.lock()
        done, failures = work.maintain(space)
        if failures:
            raise RuntimeError("not maintained: " + "; ".join(failures))
    return done
