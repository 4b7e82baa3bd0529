"""What is sent in chunks, readable from any place and as often as a transfer breaks."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

__all__ = ["CHUNK_BYTES", "Content"]

CHUNK_BYTES: Final = 1024 * 1024
"""Largest chunk the server takes."""


class Content:
    """A file's bytes, from a path, from bytes, or from anything that is read once.

    A source that cannot be read again (a pipe) is first kept in a temporary file without a name.
    """

    def __init__(self, source: str | Path | bytes | BinaryIO) -> None:
        """Open `source`; raises `OSError`."""
        self._bytes: memoryview | None = None
        self._file: BinaryIO | None = None
        if isinstance(source, bytes):
            self._bytes = memoryview(source)
        elif isinstance(source, str | Path):
            self._file = Path(source).open("rb")  # noqa: SIM115 - closed by `close`
        elif isinstance(source, io.BytesIO):
            self._bytes = memoryview(source.read())
        else:
            self._file = _kept(source)
        digest, size = hashlib.sha256(), 0
        for chunk in self.chunks():
            digest.update(chunk)
            size += len(chunk)
        self.sha256 = digest.hexdigest()
        self.size_bytes = size

    def chunks(self, offset: int = 0) -> Iterator[bytes]:
        """The bytes from `offset` on. Several readers do not disturb each other."""
        while chunk := self._read(offset):
            yield chunk
            offset += len(chunk)

    def _read(self, offset: int) -> bytes:
        if self._bytes is not None:
            return bytes(self._bytes[offset : offset + CHUNK_BYTES])
        assert self._file is not None  # noqa: S101 - one of the two is there
        return os.pread(self._file.fileno(), CHUNK_BYTES, offset)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        """The content itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the file."""
        self.close()


def _kept(source: BinaryIO) -> BinaryIO:
    """A temporary file with what is left in `source`."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `Content.close`
    while chunk := source.read(CHUNK_BYTES):
        file.write(chunk)
    file.flush()
    return file
