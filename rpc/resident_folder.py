"""The folder of what is resident: it outlives the server, so that the next one need not index anew.

A manifest names the latest snapshot and says the hash of every file: what a crash left half-written
does not have it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["Manifest", "ResidentFolder", "hash_of_file"]

_MANIFEST: Final = "manifest.json"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The latest snapshot (empty: none) and its version, the hashes of the files it consists of,
    and those of the resident tables, by name.
    """

    snapshot: str = ""
    version: int = 0
    files: dict[str, str] = {}
    tables: dict[str, str] = {}


class ResidentFolder:
    """One tenant's folder."""

    def __init__(self, path: Path) -> None:
        """Make it where it is not there."""
        self.path = path
        self.tables = path / "tables"
        self.tables.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)

    def manifest(self) -> Manifest:
        """What was written last; an empty one where there is none that can be read."""
        try:
            return msgspec.json.decode((self.path / _MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.DecodeError):
            return Manifest()

    def write(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        draft = self.path / f"{_MANIFEST}.draft"
        draft.write_bytes(msgspec.json.encode(manifest))
        draft.rename(self.path / _MANIFEST)

    def keep_only(self, names: Collection[str]) -> None:
        """Remove snapshots and drafts but those of `names`."""
        for path in self.path.iterdir():
            if path.suffix in {".snapshot", ".draft"} and path.name not in names:
                path.unlink(missing_ok=True)


def hash_of_file(path: Path) -> str:
    """SHA-256 of the bytes of `path`, in hex; empty where there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
