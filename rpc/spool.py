"""Files on their way: uploads, and messages too many for memory, in one folder of the server."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import struct
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from rpc.errors import FileTooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator
    from pathlib import Path

__all__ = ["FrameWriter", "SpooledFile", "clear_folder", "read_frames", "spooled_behind"]

_LENGTH: Final = struct.Struct(">Q")


def clear_folder(folder: Path) -> None:
    """Make `folder` anew: what a killed server left there is of no use to anyone."""
    if folder.exists():
        shutil.rmtree(folder, onerror=_unless_gone)
    folder.mkdir(parents=True, mode=0o700)


def _unless_gone(_: object, __: str, failure: tuple[object, BaseException, object]) -> None:
    """Somebody else clears up after that server, too."""
    if not isinstance(failure[1], FileNotFoundError):
        raise failure[1]


class SpooledFile:
    """One upload: written, hashed and counted as it arrives; gone when the block ends."""

    def __init__(self, path: Path, bytes_max: int, *, hashed: bool = True) -> None:
        """Write to `path`, at most `bytes_max` bytes; not `hashed` where nobody asks for that."""
        self.path = path
        self.size_bytes = 0
        self._bytes_max = bytes_max
        self._hashed = hashed
        self._hash = hashlib.sha256()
        self._file: BinaryIO = path.open("xb")

    @property
    def sha256(self) -> str:
        """Hash of what was written so far, in hex."""
        return self._hash.hexdigest()

    def add(self, chunk: bytes) -> None:
        """Append `chunk`; raises `FileTooLargeError` beyond the limit."""
        self.size_bytes += len(chunk)
        if self.size_bytes > self._bytes_max:
            message = f"the content is larger than {self._bytes_max} bytes, the limit"
            raise FileTooLargeError(message, bytes_max=str(self._bytes_max))
        if self._hashed:
            self._hash.update(chunk)
        self._file.write(chunk)

    def add_frame(self, content: bytes) -> None:
        """Append `content` as one frame, to be read by `read_frames`."""
        self.add(_LENGTH.pack(len(content)))
        self.add(content)

    def finish(self) -> None:
        """Everything is written; the file may be read."""
        self._file.close()

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close and remove the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)


async def spooled_behind(
    spooled: SpooledFile, parts: AsyncIterator[bytes]
) -> AsyncGenerator[bytes, None]:
    """`parts` as they come, each a frame of `spooled` that is written while the next one is on its
    way; when there are no more, all are written.
    """
    writing: asyncio.Future[None] | None = None
    try:
        async for part in parts:
            if writing is not None:
                await asyncio.shield(writing)
            writing = asyncio.get_running_loop().run_in_executor(None, spooled.add_frame, part)
            yield part
        if writing is not None:
            await asyncio.shield(writing)
    finally:
        # Whoever gives up closes the file: not while a thread writes to it.
        if writing is not None:
            await asyncio.wait([writing])


class FrameWriter:
    """Writes frames to a file; closed by its block, removed by whoever reads it."""

    def __init__(self, path: Path) -> None:
        """Create `path`."""
        self._file: BinaryIO = path.open("xb")

    def write(self, content: bytes) -> None:
        """Append one frame."""
        self._file.write(_LENGTH.pack(len(content)))
        self._file.write(content)

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()


def read_frames(path: Path) -> Iterator[bytes]:
    """The frames of `path`, in order."""
    with path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            yield file.read(_LENGTH.unpack(head)[0])
