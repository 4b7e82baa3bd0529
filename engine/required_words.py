"""What a text must have for a pattern to find anything in it: a look before a pattern is compiled.

Patterns of words are compiled anew for every column, which takes longer than reading a few texts.
A few texts without any of the letters a pattern needs are answered without it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from engine.text_columns import content_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["may_find", "required_letters"]

_FEW_BYTES: Final = 1 << 14
"""In more text a compiled pattern is the cheaper one to ask."""

_GROUP: Final = re.compile(r"\((?:\?(?:[im]*:|P<\w+>))?")
_SKIPPED: Final = re.compile(r"\[\^?\]?[^]]*\]|\\.|.", re.DOTALL)
_QUANTIFIER: Final = re.compile(r"[?*+]+|\{[^}]*\}")


def may_find(texts: pa.StringArray, pattern: str) -> bool:
    """Whether `pattern` may find something in any of `texts`; if not, it finds nothing."""
    content = content_of(texts)
    if not len(content):
        return False
    required = required_letters(pattern)
    if not required or len(content) > _FEW_BYTES:
        return True
    said = content.tobytes().lower()
    return not said.isascii() or any(letters in said for letters in required)


@cache
def required_letters(pattern: str) -> tuple[bytes, ...]:
    """Letters of which every ASCII text has one at least, in either case, that `pattern` finds
    something in; none where that cannot be said.
    """
    found, _ = _alternatives(pattern.removeprefix("(?i)"), 0)
    return tuple(sorted(found))


def _alternatives(pattern: str, at: int) -> tuple[frozenset[bytes], int]:
    """Of what stands between bars, up to the end of a group; and where that is."""
    every: list[frozenset[bytes]] = []
    while True:
        found, at = _sequence(pattern, at)
        every.append(found)
        if at == len(pattern) or pattern[at] == ")":
            return (frozenset().union(*every) if all(every) else frozenset()), at
        at += 1


def _sequence(pattern: str, at: int) -> tuple[frozenset[bytes], int]:
    """Of what stands one behind the other: the longest letters that must be there."""
    pieces: list[frozenset[bytes]] = []
    run = ""
    while at < len(pattern) and pattern[at] not in "|)":
        letter, piece = "", frozenset[bytes]()
        group = _GROUP.match(pattern, at)
        if group:
            piece, at = _alternatives(pattern, group.end())
            at += 1
        else:
            one = _SKIPPED.match(pattern, at)
            assert one is not None  # noqa: S101 - something stands there
            letter, at = one[0] if _is_letter(one[0]) else "", one.end()
        quantifier = _QUANTIFIER.match(pattern, at)
        if quantifier:
            at = quantifier.end()
            # What may be missing is not required; what may be repeated ends what stands together.
            letter, piece = ("", frozenset()) if quantifier[0][0] != "+" else (letter, piece)
        run += letter.lower()
        if not letter or quantifier:
            pieces += [frozenset([run.encode()])] if run else []
            run = ""
        pieces += [piece] if piece else []
    pieces += [frozenset([run.encode()])] if run else []
    return max(pieces, key=lambda piece: min(map(len, piece)), default=frozenset()), at


def _is_letter(character: str) -> bool:
    return len(character) == 1 and character.isascii() and (character.isalnum() or character == " ")
