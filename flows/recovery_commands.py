"""`dw backup`, `dw restore` and `dw undelete`: a way back for what was lost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tasks.backup import Backup
    from tasks.settings import Settings

Source = Annotated[str, typer.Option(help="whose warehouse: shop, or another source")]


def backup(
    to: Annotated[Path | None, typer.Option("--to", help="a folder of backups; default: <DW_HOME>-backups")] = None,
    with_inbox: Annotated[bool, typer.Option("--with-inbox", help="also the deliveries, loaded or not")] = False,
    keep: Annotated[int | None, typer.Option(min=1, help="of all backups there, keep only the newest N")] = None,
    show_all: Annotated[bool, typer.Option("--list", help="only list what is there")] = False,
    source: Source = "shop",
) -> None:
    """Copy the local warehouse, its lake and its quality results to a new folder; refused while a run is under way."""
    from flows.show import console
    from flows.show import status as working
    from tasks import backup as work
    from tasks.sources import settings_for

    settings = settings_for(source)
    to = to or _place(settings)
    if show_all:
        found = work.backups(to)
        for each in found:
            console.print(f"{each.folder}  {_what(each)}", markup=False, soft_wrap=True)
        if not found:
            console.print(f"No backup in {to}.", markup=False, soft_wrap=True)
        return
    with working("Backing up"):
        made = work.back_up(settings, to, with_inbox=with_inbox, keep=keep)
    console.print(f"Backed up to {made.folder}: {_what(made)}.", markup=False, soft_wrap=True)


def restore(
    place: Annotated[
        Path | None, typer.Argument(help="a backup, or a folder of them (then the newest); default: <DW_HOME>-backups")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="replace what stands here; it is kept in <DW_HOME>/before-restore-…")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="put back what the last restore moved aside")] = False,
    source: Source = "shop",
) -> None:
    """Put a backup in place of the local warehouse, once every file of it is proven; the old one is kept aside."""
    from flows.show import console
    from flows.show import status as working
    from tasks import restore as work
    from tasks.sources import settings_for

    settings = settings_for(source)
    if undo and (place or overwrite):
        raise ValueError("--undo stands alone: it puts back what the last restore moved aside")
    with working("Restoring"):
        if undo:
            done = work.undo(settings)
        else:
            done = work.restore(settings, work.newest(place or _place(settings)), overwrite=overwrite)
    if done.backup:
        console.print(f"Restored {done.backup.folder}: {_what(done.backup)}.", markup=False, soft_wrap=True)
    else:
        console.print("What the last restore had moved aside stands again.")
    if done.aside:
        told = f"What stood here lies in {done.aside}: `dw restore --undo` brings it back, or remove it."
        console.print(told, markup=False, soft_wrap=True)
    console.print("`dw status` shows what is loaded, `dw run` loads what the inbox has besides.")


def undelete(
    url: Annotated[str, typer.Argument(help="s3://bucket/prefix of a bucket that keeps versions")],
    since: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="only what was deleted since (UTC)")
    ],
    apply: Annotated[bool, typer.Option("--apply", help="do it; without, it is only shown")] = False,
) -> None:
    """Bring back what was deleted from a bucket, by removing delete markers; only shows it without --apply.

    Needs s3:ListBucketVersions, s3:GetBucketVersioning and s3:DeleteObjectVersion, which no role of the pipeline has.
    """
    from flows.show import console
    from tasks import undelete as work

    instant = since.replace(tzinfo=UTC)
    found = work.deleted(url, instant)
    back = [marker for marker in found if marker.has_content]
    for marker in back[:20]:
        console.print(f"{marker.deleted_at:%Y-%m-%d %H:%M:%S}  {marker.key}", markup=False, soft_wrap=True)
    if len(back) > 20:
        console.print(f"… and {len(back) - 20:,} more")
    if lost := len(found) - len(back):
        console.print(f"[yellow]{lost:,} more have no version left; nothing brings them back.[/]")
    if not apply:
        console.print(f"{len(back):,} objects would come back. Nothing was done; --apply does it.")
        return
    console.print(f"{work.undelete(url, instant):,} delete markers removed.")


def _place(settings: Settings) -> Path:
    """Beside the home, where neither a restore nor an `rm -r` of it reaches."""
    return settings.home.with_name(f"{settings.home.name}-backups")


def _what(found: Backup) -> str:
    newest = f"deliveries up to {found.newest_delivery}" if found.newest_delivery else "no delivery"
    inbox = ", with the inbox" if found.has_inbox else ""
    return f"{len(found.files):,} files, {found.bytes / 1e6:,.1f} MB{inbox}, {newest}"
