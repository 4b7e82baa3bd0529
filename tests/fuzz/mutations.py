"""Damage to files: truncated, flipped, deleted, doubled, spliced; the same for the same seed."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MUTATIONS", "mutated"]

_LINE_END = re.compile(b"\n")
_SPAN_MAX = 60
_TIMES_MAX = 3
_INTERESTING = b'\x00\x1a\xff\xa6\xef\n\r\t ,/*~\\:<>&"-+.0129{}'


def _truncate(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content) + 1)]


def _flip(content: bytes, dice: random.Random) -> bytes:
    found = bytearray(content)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(found))
        found[at] = dice.choice(_INTERESTING) if dice.random() < 0.5 else dice.randrange(256)
    return bytes(found)


def _delete(content: bytes, dice: random.Random) -> bytes:
    start, stop = _span(content, dice)
    return content[:start] + content[stop:]


def _duplicate(content: bytes, dice: random.Random) -> bytes:
    start, stop = _span(content, dice)
    return content[:stop] + content[start:stop] * dice.randrange(1, 4) + content[stop:]


def _splice(content: bytes, dice: random.Random) -> bytes:
    start, stop = _span(content, dice)
    at = dice.randrange(len(content) + 1)
    return content[:at] + content[start:stop] + content[at:]


def _swap_lines(content: bytes, dice: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _truncate,
    _flip,
    _delete,
    _duplicate,
    _splice,
    _swap_lines,
)


def _span(content: bytes, dice: random.Random) -> tuple[int, int]:
    """A short span of bytes, or of whole lines."""
    if dice.random() < 0.5:
        start = dice.randrange(len(content))
        return start, start + dice.randrange(1, _SPAN_MAX)
    breaks = [0, *(found.end() for found in _LINE_END.finditer(content)), len(content)]
    first = dice.randrange(len(breaks) - 1)
    last = min(first + dice.randrange(1, 4), len(breaks) - 1)
    return breaks[first], breaks[last]


def mutated(content: bytes, seed: str, others: Sequence[bytes] = ()) -> bytes:
    """`content` damaged one to three times; now and then with a piece of another file in it."""
    dice = random.Random(seed)  # noqa: S311 - repeatable damage, no secret
    for _ in range(dice.randrange(1, _TIMES_MAX + 1)):
        if not content:
            return b""
        if others and dice.random() < 0.1:
            other = dice.choice(others)
            start, stop = _span(other, dice)
            at = dice.randrange(len(content) + 1)
            content = content[:at] + other[start:stop] + content[at:]
        else:
            content = dice.choice(MUTATIONS)(content, dice)
    return content
