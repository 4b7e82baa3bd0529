"""Bytes of bank files for the readers: files on disk, standard input, what an archive expands to.

A file is read where it lies; what cannot be read twice (a pipe, an archive's content) is spooled,
in memory while it is small and in an unnamed temporary file beyond.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from parsers.archives import open_members
from parsers.byte_source import WINDOW_BYTES, BytesSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsers.archives import Member
    from parsers.byte_source import ByteSource

__all__ = ["STDIN", "FileSource", "FileSpool", "ObservedSource", "open_sources"]

STDIN: Final = "-"
"""The name on the command line that stands for standard input."""

_SPOOL_MEMORY_BYTES: Final = 4 << 20
"""Expanded bytes kept in memory: most daily statements."""


class FileSource:
    """A regular file as a source; it must not change while it is read."""

    def __init__(self, descriptor: int) -> None:
        """Read the open `descriptor`, which is closed when nobody needs this any more."""
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        weakref.finalize(self, os.close, descriptor)

    @classmethod
    def open(cls, path: Path) -> FileSource:
        """The file at `path`; raises `OSError`."""
        return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self._size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop`, fewer where the file ends before."""
        start, stop = max(start, 0), min(stop, self._size)
        pieces = []
        while start < stop:
            piece = os.pread(self._descriptor, stop - start, start)
            if not piece:
                break
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def append(self, piece: bytes | bytearray) -> None:
        """Write `piece` behind the last byte; for a file nobody else knows."""
        left = memoryview(piece)
        while left:
            written = os.pwrite(self._descriptor, left, self._size)
            self._size += written
            left = left[written:]


class ObservedSource:
    """A source that tells how far it was read: for a bar that a person watches."""

    def __init__(self, source: ByteSource, observe: Callable[[int, int], None]) -> None:
        """Read `source`; `observe` hears of the end of each piece and of the size."""
        self._source = source
        self._observe = observe

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self._source.size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop`."""
        self._observe(min(stop, self.size), self.size)
        return self._source.read(start, stop)


class FileSpool:
    """Bytes that come once, kept to be read again."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._memory = bytearray()
        self._file: FileSource | None = None

    def write(self, piece: bytes) -> None:
        """Add `piece` at the end."""
        self._memory += piece
        if len(self._memory) > _SPOOL_MEMORY_BYTES:
            self._to_file()

    def finish(self) -> ByteSource:
        """All that was written."""
        if self._file is None:
            return BytesSource(bytes(self._memory))
        self._to_file()
        return self._file

    def _to_file(self) -> None:
        if self._file is None:
            descriptor, name = tempfile.mkstemp(prefix="tieout-")
            os.unlink(name)  # noqa: PTH108 - mkstemp gives text
            self._file = FileSource(descriptor)
        self._file.append(self._memory)
        self._memory = bytearray()


def open_sources(name: str | Path, stdin: BinaryIO | None = None) -> Iterator[Member]:
    """What `name` holds, unpacked: its name without folder, and its bytes or why there are none.

    `-` reads `stdin`. Raises `FileNotFoundError` and other errors of opening a file.
    """
    if str(name) == STDIN and stdin is not None:
        yield from open_members(_spooled(stdin), "stdin", FileSpool)
        return
    path = Path(name)
    source = FileSource.open(path) if path.is_file() else _spooled_pipe(path)
    yield from open_members(source, path.name, FileSpool)


def _spooled_pipe(path: Path) -> ByteSource:
    """A named pipe, or whatever else can only be read once."""
    with path.open("rb") as opened:
        return _spooled(opened)


def _spooled(stream: BinaryIO) -> ByteSource:
    spool = FileSpool()
    while piece := stream.read(WINDOW_BYTES):
        spool.write(piece)
    return spool.finish()
