"""Streams of a header and what follows it: their order and the size of chunks, checked alike."""

from __future__ import annotations

from rpc.errors import ChunkTooLargeError, StreamOrderError
from rpc.limits import CHUNK_BYTES_MAX

__all__ = ["HeaderFirst", "check_chunk"]


class HeaderFirst:
    """Watches that the header of a stream is its first message, and only the first."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._has_header = False

    def is_header(self, kind: str | None) -> bool:
        """Whether a part of `kind` is the header; raises `StreamOrderError` where that is amiss."""
        is_first, self._has_header = not self._has_header, True
        if (kind == "header") is not is_first:
            message = "the header must be the first message, and only the first"
            raise StreamOrderError(message, part=kind or "")
        return is_first

    def finish(self) -> None:
        """The stream has ended; raises `StreamOrderError` where nothing came."""
        if not self._has_header:
            message = "the stream is empty; the header must be the first message"
            raise StreamOrderError(message)


def check_chunk(chunk: bytes) -> None:
    """Raises `ChunkTooLargeError` beyond the limit."""
    if len(chunk) > CHUNK_BYTES_MAX:
        message = f"a chunk has {len(chunk)} bytes, at most {CHUNK_BYTES_MAX} are accepted"
        raise ChunkTooLargeError(message, bytes_max=str(CHUNK_BYTES_MAX))
