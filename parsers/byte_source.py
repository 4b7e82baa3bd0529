"""The bytes of one bank file, wherever they lie: read piece by piece, in any order.

Readers never open a file: who calls them brings a source. One over bytes in memory stands here; one
over a file on disk belongs to those who may open files.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WINDOW_BYTES", "ByteSource", "BytesSource", "content_hash", "windows"]

WINDOW_BYTES: Final = 1 << 20
"""Bytes handled at once where nothing asks for another size: columns of them stay in the caches of
a processor, and a file of any size needs no more memory than a few of them."""


class ByteSource(Protocol):
    """Bytes of known number that can be read again and again."""

    @property
    def size(self) -> int:
        """Number of bytes."""
        ...

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop` (half-open), fewer where the source ends before."""
        ...


class BytesSource:
    """Bytes in memory."""

    def __init__(self, content: bytes) -> None:
        """Read `content`, which is kept, not copied."""
        self._content = content

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self._content)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop`; the content itself where all of it is asked for."""
        if start <= 0 and stop >= len(self._content):
            return self._content
        return self._content[max(start, 0) : max(stop, 0)]


def windows(source: ByteSource, window_bytes: int = WINDOW_BYTES) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of consecutive windows over the whole of `source`."""
    for start in range(0, source.size, window_bytes):
        yield start, source.read(start, start + window_bytes)


def content_hash(source: ByteSource) -> str:
    """SHA-256 of a file's content in hex: its `file_id`, whatever its name."""
    digest = hashlib.sha256()
    for _, window in windows(source):
        digest.update(window)
    return digest.hexdigest()
