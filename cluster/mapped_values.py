"""Values every task needs, as files that are mapped: written once, shared by all processes of a
machine, never copied.

A file holds a pickled value (protocol 5) whose arrays stand beside it, each at a multiple of 64
bytes; numpy and Arrow take them from the mapped file as they lie. Files are written by this very
run into its own working folder and read by no other.
"""

from __future__ import annotations

import mmap
import pickle
import struct
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cluster.errors import WorkingFolderError
from cluster.places import local_copy

if TYPE_CHECKING:
    from cluster.places import Place

__all__ = ["keep_mapped", "mapped_value"]

_HEAD: Final = struct.Struct("<8sQ")
_SPAN: Final = struct.Struct("<QQ")
_MAGIC: Final = b"TIEOUTM1"
_ALIGNMENT: Final = 64
_VALUES_KEPT: Final = 8
"""Mapped values a process keeps: those of the stage it works on, and of the one before."""


def keep_mapped(place: Place, value: Any) -> int:
    """Keep `value` in the file at `place` for `mapped_value`; gives the bytes it takes. Arrays are
    written as they lie: nothing is held twice.
    """
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(body), *(buffer.raw() for buffer in buffers)]
    end = _HEAD.size + _SPAN.size * len(parts)
    head = bytearray(_HEAD.pack(_MAGIC, len(parts)))
    for part in parts:
        head += _SPAN.pack(_aligned(end), len(part))
        end = _aligned(end) + len(part)
    with place.written() as opened:
        for part in [memoryview(head), *parts]:
            opened.write(part)
            opened.write(bytes(_aligned(len(part)) - len(part)))
    return _aligned(end)


@lru_cache(maxsize=_VALUES_KEPT)
def mapped_value(place: Place) -> Any:
    """The value in the file at `place`; the same object as long as this process keeps it.

    Raises `WorkingFolderError` where the file is none of `keep_mapped`.
    """
    path = local_copy(place)
    with Path(path).open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    view = memoryview(mapped)
    magic, count = _HEAD.unpack_from(view, 0) if len(view) >= _HEAD.size else (b"", 0)
    if magic != _MAGIC:
        message = f"{place}: is no file of mapped values; remove the working folder and run again"
        raise WorkingFolderError(message)
    spans = [_SPAN.unpack_from(view, _HEAD.size + _SPAN.size * number) for number in range(count)]
    body, *buffers = (view[start : start + size] for start, size in spans)
    return pickle.loads(body, buffers=buffers)  # noqa: S301 - written by this run (see module)


def _aligned(place: int) -> int:
    return -(-place // _ALIGNMENT) * _ALIGNMENT
