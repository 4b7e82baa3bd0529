"""Bank files that come packed: one file in a gzip or ZIP is taken as if it had come unpacked."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from parsers.archives import archive_kind, open_members
from parsers.byte_source import BytesSource
from parsers.errors import ArchiveError

if TYPE_CHECKING:
    from parsers.byte_source import ByteSource

__all__ = ["UnpackedFile", "unpack"]


class UnpackedFile(msgspec.Struct, frozen=True):
    """A bank file's own bytes; `file_id` is their SHA-256."""

    content: bytes
    file_id: str


class _Memory:
    """A spool in memory."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> None:
        """Add `piece` at the end."""
        self._pieces.append(piece)

    def finish(self) -> ByteSource:
        """All that was written."""
        return BytesSource(b"".join(self._pieces))


def unpack(content: bytes, name: str, sha256: str) -> UnpackedFile:
    """The bank file that `content`, whose hash is `sha256`, is or holds.

    Raises `ArchiveError` where an archive is damaged, beyond the limits, or holds several files: a
    receipt is about one.
    """
    source = BytesSource(content)
    if archive_kind(source) is None:
        return UnpackedFile(content, sha256)
    members = list(open_members(source, name, _Memory))
    if len(members) != 1:
        message = f"{name}: the archive holds {len(members)} files; send each on its own"
        raise ArchiveError(message)
    (member,) = members
    if member.source is None:
        raise member.error or ArchiveError(f"{name}: the archive cannot be read")
    unpacked = member.source.read(0, member.source.size)
    return UnpackedFile(unpacked, hashlib.sha256(unpacked).hexdigest())
