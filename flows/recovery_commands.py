"""`dw backup`, `dw restore` and `dw undelete`: a way back for what was lost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from contracts.counted import counted
from flows.screen import console, working
from tasks import backup as backups
from tasks import restore as restoring
from tasks import undelete as markers
from tasks.backup import Backup
from tasks.settings import Settings
from tasks.sources import settings_for


def list_backups(source: str, to: Path | None) -> None:
    """Print what backups there are."""
    to = to or _place(settings_for(source))
    found = backups.backups(to)
    for each in found:
        console.print(f"{each.folder}  {_what(each)}", markup=False, soft_wrap=True)
    if not found:
        console.print(f"No backup in {to}.", markup=False, soft_wrap=True)


def backup(source: str, to: Path | None, *, with_inbox: bool, keep: int | None) -> None:
    """Make a backup of a source's home."""
    settings = settings_for(source)
    to = to or _place(settings)
    with working("Backing up") as advance:
        made = backups.back_up(settings, to, with_inbox=with_inbox, keep=keep, on_file=advance)
    console.print(f"Backed up to {made.folder}: {_what(made)}.", markup=False, soft_wrap=True)


def restore(source: str, place: Path | None, *, overwrite: bool, undo: bool) -> None:
    """Restore the newest backup of a place, or undo the last restore."""
    settings = settings_for(source)
    with working("Restoring") as advance:
        if undo:
            done = restoring.undo(settings)
        else:
            folder = restoring.newest(place or _place(settings))
            done = restoring.restore(settings, folder, overwrite=overwrite, on_file=advance)
    if done.backup:
        console.print(f"Restored {done.backup.folder}: {_what(done.backup)}.", markup=False, soft_wrap=True)
    else:
        console.print("What the last restore had moved aside stands again.")
    if done.aside:
        told = f"What stood here lies in {done.aside}: `dw restore --undo` brings it back, or remove it."
        console.print(told, markup=False, soft_wrap=True)
    console.print("`dw status` shows what is loaded, `dw run` loads what the inbox has besides.")


def undelete(url: str, since: datetime, *, apply: bool) -> None:
    """Print what would come back, or bring it back."""
    instant = since.replace(tzinfo=UTC)
    with working(f"Listing {url}"):
        found = markers.deleted(url, instant)
    back = [marker for marker in found if marker.has_content]
    for marker in back[:20]:
        console.print(f"{marker.deleted_at:%Y-%m-%d %H:%M:%S}  {marker.key}", markup=False, soft_wrap=True)
    if len(back) > 20:
        console.print(f"… and {len(back) - 20:,} more")
    if lost := len(found) - len(back):
        console.print(f"[yellow]{lost:,} more have no version left; nothing brings them back.[/]")
    if not apply:
        console.print(f"{counted(len(back), 'object')} would come back. Nothing was done; --apply does it.")
        return
    with working("Bringing back", len(back)) as advance:
        done = markers.undelete(url, instant, on_object=advance)
    console.print(f"{counted(done, 'delete marker')} removed.")


def _place(settings: Settings) -> Path:
    """Beside the home, where neither a restore nor an `rm -r` of it reaches."""
    return settings.home.with_name(f"{settings.home.name}-backups")


def _what(found: Backup) -> str:
    newest = f"deliveries up to {found.newest_delivery}" if found.newest_delivery else "no delivery"
    inbox = ", with the inbox" if found.has_inbox else ""
    return f"{counted(len(found.files), 'file')}, {found.bytes / 1e6:,.1f} MB{inbox}, {newest}"
