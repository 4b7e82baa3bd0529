"""Files that outlive the server, sealed: uploads that wait for their rest, runs that wait.

A sealed file is frames of (length, nonce, AES-GCM), each bound to its number: a frame that was
changed, moved or left out in the middle does not open. It grows frame by frame, so what a crash
left half-written is told from what arrived.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.errors import SealBrokenError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Tail", "append_sealed", "seal_file", "sealed_tail", "unsealed", "write_unsealed"]

_LENGTH: Final = struct.Struct(">I")
_NONCE_BYTES: Final = 12
_OVERHEAD_BYTES: Final = _NONCE_BYTES + 16
_FRAME_BYTES: Final = 1 << 20


class Tail(msgspec.Struct, frozen=True):
    """Where a sealed file goes on: its whole frames, their bytes at rest, and what they hold."""

    frames: int = 0
    end: int = 0
    size_bytes: int = 0


def seal_file(source: Path, target: Path, key: bytes) -> None:
    """Write the content of `source` to `target`, sealed, on disk when this returns."""
    tail = Tail()
    with source.open("rb") as plain, target.open("xb") as sealed:
        while chunk := plain.read(_FRAME_BYTES):
            tail = _write_frame(sealed, chunk, key, tail)
        sealed.flush()
        os.fsync(sealed.fileno())


def append_sealed(path: Path, chunk: bytes, key: bytes, tail: Tail) -> Tail:
    """Add `chunk` behind the whole frames of `path`, and give where it goes on."""
    with path.open("r+b") as file:
        file.seek(tail.end)
        file.truncate()
        return _write_frame(file, chunk, key, tail)


def sealed_tail(path: Path) -> Tail:
    """Where the sealed file at `path` goes on."""
    tail = Tail()
    size = path.stat().st_size
    with path.open("rb") as file:
        while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
            (length,) = _LENGTH.unpack(head)
            end = tail.end + _LENGTH.size + length
            if end > size or length < _OVERHEAD_BYTES:
                break
            tail = Tail(tail.frames + 1, end, tail.size_bytes + length - _OVERHEAD_BYTES)
            file.seek(end)
    return tail


def unsealed(path: Path, key: bytes) -> Iterator[bytes]:
    """The content of the sealed file at `path`, piece by piece; raises `SealBrokenError`."""
    cipher = AESGCM(key)
    number = 0
    with path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            try:
                (length,) = _LENGTH.unpack(head)
                frame = file.read(length)
                nonce, sealed = frame[:_NONCE_BYTES], frame[_NONCE_BYTES:]
                content = cipher.decrypt(nonce, sealed, _place(number))
            except (InvalidTag, struct.error, ValueError):
                message = f"the sealed file {path.name} was changed or cut, or has another key"
                raise SealBrokenError(message, place=path.name) from None
            yield content
            number += 1


def write_unsealed(path: Path, target: Path, key: bytes) -> None:
    """Write the content of the sealed file at `path` to `target`, for whoever reads it now."""
    with target.open("xb") as plain:
        for content in unsealed(path, key):
            plain.write(content)


def _write_frame(file: BinaryIO, chunk: bytes, key: bytes, tail: Tail) -> Tail:
    nonce = os.urandom(_NONCE_BYTES)
    frame = nonce + AESGCM(key).encrypt(nonce, chunk, _place(tail.frames))
    file.write(_LENGTH.pack(len(frame)) + frame)
    end = tail.end + _LENGTH.size + len(frame)
    return Tail(tail.frames + 1, end, tail.size_bytes + len(chunk))


def _place(number: int) -> bytes:
    return b"tieout file frame %d" % number
