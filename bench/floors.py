"""The least a reader of each format could do: what Python and libxml2 need to touch every field."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FLOORS"]


def split_fields(content: bytes) -> int:
    """Cut every line at its commas and forget the pieces; gives the number of fields."""
    return sum(len(line.split(b",")) for line in content.split(b"\n"))


def split_lines(content: bytes) -> int:
    """Cut the lines and three columns of each, and forget them; gives the number of lines."""
    count = 0
    for line in content.split(b"\n"):
        _pieces = line[:1], line[1:7], line[7:17]
        count += 1
    return count


def split_segments(content: bytes) -> int:
    """Cut every segment at its elements and forget the pieces; gives the number of elements."""
    return sum(len(segment.split(b"*")) for segment in content.split(b"~"))


def walk_entries(content: bytes) -> int:
    """Build each entry's tree in libxml2, drop it at once; gives the number of entries."""
    count = 0
    for _, element in etree.iterparse(io.BytesIO(content), events=("end",), tag="{*}Ntry"):
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
        count += 1
    return count


FLOORS: Final[dict[str, tuple[str, Callable[[bytes], int]]]] = {
    "bai2": ("bytes.split", split_fields),
    "lockbox": ("bytes.split", split_lines),
    "mt940": ("bytes.split", split_lines),
    "x12-820": ("bytes.split", split_segments),
    "camt.053": ("lxml.iterparse + clear", walk_entries),
}
"""Format → the floor's name and the function."""
