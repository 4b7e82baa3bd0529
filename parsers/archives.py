"""Bank files that come packed: gzip, and ZIP with one or more files in it, within limits.

What is packed is read as if it had come unpacked: its identity is the hash of its own content, its
name the archive's name and its own. Every member is given, or the reason why it is not; archives
within archives are not opened.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

from parsers.byte_source import WINDOW_BYTES, windows
from parsers.errors import ArchiveError
from parsers.limits import (
    ARCHIVE_MEMBERS_MAX,
    EXPANDED_BYTES_MAX,
    EXPANSION_FREE_BYTES,
    EXPANSION_RATIO_MAX,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from parsers.byte_source import ByteSource

__all__ = ["Member", "Spool", "archive_kind", "open_members"]

_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP_WINDOW_BITS: Final = 31
"""zlib's word for a gzip header and the largest window."""

_ENCRYPTED: Final = 0x1
_READABLE_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ASIDE: Final = ("__MACOSX/", ".DS_Store")
"""What some systems add to every archive."""


class Spool(Protocol):
    """Somewhere to put expanded bytes: memory, or a file."""

    def write(self, piece: bytes) -> None:
        """Add `piece` at the end."""
        ...

    def finish(self) -> ByteSource:
        """All that was written."""
        ...


class Member(msgspec.Struct, frozen=True):
    """One file of an archive: its name behind the archive's, and its bytes or what is wrong."""

    name: str
    source: ByteSource | None
    error: ArchiveError | None = None


def archive_kind(source: ByteSource) -> Literal["gzip", "zip"] | None:
    """How `source` is packed; None where it is not. Spreadsheets are no archives."""
    head = source.read(0, 4)
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_ZIP) and b"[Content_Types].xml" not in source.read(0, 4096):
        return "zip"
    return None


def open_members(source: ByteSource, name: str, new_spool: Callable[[], Spool]) -> Iterator[Member]:
    """The files packed in `source`, in the archive's order; itself where it is no archive."""
    kind = archive_kind(source)
    if kind is None:
        yield Member(name, source)
    elif kind == "gzip":
        yield _expanded(name, _gzip_pieces(source), source.size, new_spool, EXPANDED_BYTES_MAX)
    else:
        yield from _zip_members(source, name, new_spool)


def _expanded(
    name: str,
    pieces: Iterable[bytes],
    packed_bytes: int,
    new_spool: Callable[[], Spool],
    bytes_max: int,
) -> Member:
    """Spool `pieces`; an archive's error becomes the member's."""
    spool = new_spool()
    total = 0
    try:
        for piece in pieces:
            total += len(piece)
            _check_size(total, packed_bytes, bytes_max)
            spool.write(piece)
    except (zlib.error, zipfile.BadZipFile, EOFError, struct.error) as error:
        return Member(name, None, ArchiveError(f"{name}: the archive is damaged ({error})"))
    except _TooLargeError as error:
        return Member(name, None, ArchiveError(f"{name}: {error}"))
    expanded = spool.finish()
    if archive_kind(expanded) is not None:
        message = f"{name}: it holds an archive within the archive; unpack it first"
        return Member(name, None, ArchiveError(message))
    return Member(name, expanded)


class _TooLargeError(Exception):
    """Expanding stopped at a limit."""


def _check_size(total: int, packed_bytes: int, bytes_max: int) -> None:
    if total > bytes_max:
        message = f"it expands to more than {bytes_max:,} bytes, the limit of one archive"
        raise _TooLargeError(message)
    if total > EXPANSION_FREE_BYTES and total > EXPANSION_RATIO_MAX * packed_bytes:
        message = f"it expands more than {EXPANSION_RATIO_MAX} times; it is no bank file"
        raise _TooLargeError(message)


def _gzip_pieces(source: ByteSource) -> Iterator[bytes]:
    """Expanded bytes of all gzip members, one after another; zeros behind the last are padding."""
    expander = zlib.decompressobj(_GZIP_WINDOW_BITS)
    is_open = False
    for _, window in windows(source):
        packed = window
        while packed:
            if expander.eof:
                packed = packed.lstrip(b"\0")
                expander, is_open = zlib.decompressobj(_GZIP_WINDOW_BITS), False
                continue
            is_open = True
            yield expander.decompress(packed, WINDOW_BYTES)
            packed = expander.unused_data if expander.eof else expander.unconsumed_tail
    if is_open:
        yield expander.flush()
        if not expander.eof:
            message = "it ends before its last byte"
            raise EOFError(message)


def _zip_members(source: ByteSource, name: str, new_spool: Callable[[], Spool]) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(io.BufferedReader(_SourceFile(source), WINDOW_BYTES))
    except (
        zipfile.BadZipFile,
        struct.error,
        EOFError,
        NotImplementedError,
        ValueError,
        OSError,
    ) as error:
        message = f"{name}: the archive is damaged ({error})"
        yield Member(name, None, ArchiveError(message))
        return
    with archive:
        entries = [one for one in archive.infolist() if not one.is_dir()]
        entries = [one for one in entries if not any(aside in one.filename for aside in _ASIDE)]
        if not entries or len(entries) > ARCHIVE_MEMBERS_MAX:
            message = (
                f"{name}: the archive holds {len(entries):,} files; "
                f"1 to {ARCHIVE_MEMBERS_MAX:,} are expected"
            )
            yield Member(name, None, ArchiveError(message))
            return
        left = EXPANDED_BYTES_MAX
        for entry in entries:
            member = _zip_member(archive, entry, f"{name}/{entry.filename}", new_spool, left)
            left -= member.source.size if member.source is not None else 0
            yield member


def _zip_member(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    name: str,
    new_spool: Callable[[], Spool],
    bytes_max: int,
) -> Member:
    if entry.flag_bits & _ENCRYPTED:
        return Member(name, None, ArchiveError(f"{name}: it is encrypted; decrypt it first"))
    if entry.compress_type not in _READABLE_METHODS:
        message = f"{name}: compression method {entry.compress_type} is not read; use deflate"
        return Member(name, None, ArchiveError(message))
    pieces = _zip_pieces(archive, entry)
    return _expanded(name, pieces, max(entry.compress_size, 1), new_spool, bytes_max)


def _zip_pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(entry) as opened:
            while piece := opened.read(WINDOW_BYTES):
                yield piece
    except (NotImplementedError, ValueError, OSError) as error:
        raise zipfile.BadZipFile(str(error)) from error


class _SourceFile(io.RawIOBase):
    """A source as the file object that `zipfile` wants."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        if start + offset < 0:
            message = f"position {start + offset} lies before the beginning"
            raise OSError(message)
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed says Buffer
        piece = self._source.read(self._at, self._at + len(buffer))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
