"""`dw alerts list` and `dw alerts test`: what people were told, and whether it reaches them."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

app = typer.Typer(
    help="What people were told, and whether it reaches them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Source = Annotated[str, typer.Option(help="whose warehouse: shop, or another source")]


@app.command("list", epilog="Example: dw alerts list --open")
def list_told(
    only_open: Annotated[bool, typer.Option("--open", help="only what is not over yet")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print them as JSON")] = False,
    source: Source = "shop",
) -> None:
    """List what was told, the newest first, how often it came again since, and what to do next."""
    from rich.markup import escape
    from rich.table import Table

    from flows.show import console
    from tasks.alerts import told
    from tasks.sources import settings_for

    found = [each for each in told(settings_for(source)) if each.is_open or not only_open]
    if as_json:
        body = [
            {**t.alert.to_dict(), "told_at": t.told_at, "resolved_at": t.resolved_at, "again": t.repeated}
            for t in found
        ]
        sys.stdout.write(json.dumps(body, indent=2, default=str, ensure_ascii=False) + "\n")
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


@app.command("test", epilog="Example: dw alerts test")
def send_test(
    severity: Annotated[str, typer.Option(help="critical or warning: they may go to different people")] = "warning",
    source: Source = "shop",
) -> None:
    """Send an alert that says that it is a test; exit 1 if nothing took it."""
    import uuid

    from rich.markup import escape

    from flows.show import console
    from tasks.alerts import Alert, tell
    from tasks.sources import settings_for

    if severity not in ("critical", "warning"):
        raise typer.BadParameter(f"{severity} is neither critical nor warning", param_hint="--severity")
    settings = settings_for(source)
    text = "This is a test of the alerts. Nothing is wrong."
    alert = Alert(severity, "test", text, settings.deployment, settings.source, batch=uuid.uuid4().hex[:12])
    where = settings.alert_topic.replace("{severity}", severity) or settings.alert_file
    if not tell(settings, [alert]):
        raise RuntimeError(f"the alert was not taken by {where}")
    console.print(escape(f"Told: {alert.subject} ({where})"), soft_wrap=True)
