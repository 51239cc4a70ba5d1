"""Alarms and dashboard use the metrics that the pipeline tells, and the dashboard shows all of them."""

from __future__ import annotations

import monitoring

from tasks.metrics import METRICS, NAMESPACE

_TOLD = {metric.name: metric for metric in METRICS}
_OWN = [use for use in (*monitoring.used_by_alarms(), *monitoring.used_by_dashboard()) if use.namespace == NAMESPACE]


def test_every_metric_that_is_used_is_told_with_these_dimensions() -> None:
    faults = [
        f"{use.where} uses {use.name} by {', '.join(use.dimensions)}"
        for use in _OWN
        if use.name not in _TOLD or set(use.dimensions) not in map(set, _TOLD[use.name].dimensions)
    ]
    assert not faults, "no such metric in tasks/metrics.py:\n" + "\n".join(faults)


def test_every_metric_that_is_told_is_on_the_dashboard() -> None:
    assert {use.name for use in monitoring.used_by_dashboard()} == _TOLD.keys()


def test_alarms_use_no_metric_of_a_misspelt_namespace() -> None:
    known = {NAMESPACE, "Warehouse/Logs", "AWS/Redshift", "AWS/States", "AWS/Lambda", "AWS/SQS", "AWS/Events"}
    known |= {"ECS/ContainerInsights"}
    assert {use.namespace for use in monitoring.used_by_alarms()} == known


def test_the_dashboard_shows_what_every_alarm_looks_at() -> None:
    shown = (monitoring.FOLDER / "dashboard.json.tftpl").read_text() + (monitoring.FOLDER / "dashboard.tf").read_text()
    hidden = {
        f"{use.where}: {use.name}"
        for use in monitoring.used_by_alarms()
        if f'"{use.name}"' not in shown and f'\\"{use.name}\\"' not in shown and use.namespace != "Warehouse/Logs"
    }
    assert not hidden, "an alarm rings, and the dashboard does not show why:\n" + "\n".join(sorted(hidden))
