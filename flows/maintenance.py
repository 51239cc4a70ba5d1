"""The maintenance flow: vacuum and analyse, while no run is under way. The work is in tasks."""

from __future__ import annotations

from prefect import flow

from flows.running import HOUR, TOLD, opened
from tasks import maintain as work


@flow(name="maintenance", flow_run_name="maintenance-{source}", timeout_seconds=6 * HOUR, **TOLD)
def maintenance(source: str = "shop") -> list[str]:
    """Maintain every table; returns their names. Fails, after the others were done, where one could not be."""
    with opened(source, "maintenance") as space:
        done, failures = work.maintain(space)
    if failures:
        raise RuntimeError("not maintained: " + "; ".join(failures))
    return done
