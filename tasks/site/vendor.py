"""Scripts of others that the site loads, kept in `assets/vendor`: `python -m tasks.site.vendor` takes them from npm.

`vendor.json` names each package's version and licence, and of each kept file its path in the package and its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "assets" / "vendor"
LIST = FOLDER / "vendor.json"


def read_list() -> dict[str, Any]:
    """The packages by name."""
    packages: dict[str, Any] = json.loads(LIST.read_text(encoding="utf-8"))
    return packages


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def update() -> None:
    """Fetch every listed file anew; raise ValueError where one is not what its hash says. A new one gets its hash."""
    packages = read_list()
    for name, package in packages.items():
        with tempfile.TemporaryDirectory(prefix="site-vendor-") as scratch:
            _fetch(name, package, Path(scratch))
    LIST.write_text(json.dumps(packages, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _fetch(name: str, package: dict[str, Any], scratch: Path) -> None:
    wanted = f"{name}@{package['version']}"
    packed = subprocess.run(
        ["npm", "pack", "--silent", "--pack-destination", str(scratch), wanted],
        check=True,
        capture_output=True,
        text=True,
    )
    with tarfile.open(scratch / packed.stdout.split()[-1]) as archive:
        members = {member.name.partition("/")[2]: member for member in archive.getmembers() if member.isfile()}
        said = json.loads(_read(archive, members, "package.json"))["license"]
        if said != package["licence"]:
            raise ValueError(f"{wanted} is under {said}, vendor.json says {package['licence']}")
        for file, entry in package["files"].items():
            body = _read(archive, members, entry["from"])
            if entry.setdefault("sha256", digest(body)) != digest(body):
                raise ValueError(f"{wanted}: {entry['from']} is not what vendor.json says (SHA-256 {digest(body)})")
            (FOLDER / file).write_bytes(body)
        licence = next((m for m in sorted(members) if m.upper().startswith(("LICENSE", "LICENCE"))), None)
        if licence is None:
            raise ValueError(f"{wanted} brings no licence text")
        (FOLDER / f"{name.replace('/', '-').lstrip('@')}.LICENSE.txt").write_bytes(_read(archive, members, licence))


def _read(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], path: str) -> bytes:
    if path not in members:
        raise ValueError(f"{archive.name} has no {path}")
    file = archive.extractfile(members[path])
    assert file is not None
    return file.read()


if __name__ == "__main__":
    try:
        update()
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"vendor: {getattr(error, 'stderr', '') or error}")
