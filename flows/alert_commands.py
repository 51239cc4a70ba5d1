"""`dw alerts list` and `dw alerts test`: what people were told, and whether it reaches them."""

from __future__ import annotations

import uuid

from rich.markup import escape
from rich.table import Table

from flows.screen import console, print_json
from tasks.alerts import Alert, tell, told
from tasks.sources import settings_for


def list_told(source: str, *, only_open: bool, as_json: bool) -> None:
    """Print what was told, the newest first."""
    found = [each for each in told(settings_for(source)) if each.is_open or not only_open]
    if as_json:
        body = [
            {**t.alert.to_dict(), "told_at": t.told_at, "resolved_at": t.resolved_at, "again": t.repeated}
            for t in found
        ]
        print_json(body)
        return
    if not found:
        console.print("Nothing was told.")
        return
    table = Table("told at (UTC)", "severity", "what", "about", "again", "state", "next step")
    for each in found:
        alert = each.alert
        table.add_row(
            each.told_at.strftime("%Y-%m-%d %H:%M"),
            alert.severity,
            alert.what,
            escape(alert.table or alert.flow),
            f"{each.repeated:,}",
            "open" if each.is_open else "over",
            escape(alert.next_step),
        )
    console.print(table)


def send_test(source: str, severity: str) -> None:
    """Send an alert that says that it is a test; raise RuntimeError if nothing took it."""
    settings = settings_for(source)
    text = "This is a test of the alerts. Nothing is wrong."
    alert = Alert(severity, "test", text, settings.deployment, settings.source, batch=uuid.uuid4().hex[:12])
    where = settings.alert_topic.replace("{severity}", severity) or settings.alert_file
    if not tell(settings, [alert]):
        raise RuntimeError(f"the alert was not taken by {where}")
    console.print(escape(f"Told: {alert.subject} ({where})"), soft_wrap=True)
