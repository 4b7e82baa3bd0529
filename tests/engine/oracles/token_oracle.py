"""Reads texts character by character: what `engine.tokens` must find."""

from __future__ import annotations

__all__ = ["lookalikes_read", "runs_of", "words_of"]

_GLUE = b"-/._#:"
_LOOKALIKES = {"O": "0", "Q": "0", "I": "1", "L": "1", "S": "5", "B": "8", "Z": "2"}


def _upper(text: str) -> bytes:
    return bytes(byte - 32 if 97 <= byte <= 122 else byte for byte in text.encode())


def _kind(byte: int) -> str:
    if 48 <= byte <= 57:
        return "digit"
    return "letter" if 65 <= byte <= 90 or byte >= 128 else "other"


def runs_of(text: str, kind: str) -> list[tuple[int, int, bytes]]:
    """(start, end, bytes) of every run of one kind of bytes, counted from 0."""
    content = _upper(text)
    found = []
    start = 0
    while start < len(content):
        end = start + 1
        while end < len(content) and _kind(content[end]) == _kind(content[start]):
            end += 1
        if _kind(content[start]) == kind:
            found.append((start, end, content[start:end]))
        start = end
    return found


def words_of(text: str) -> list[tuple[int, int, bytes, int]]:
    """(start, end, bytes, digits) of every word of letters and digits; `-/._#:` glue, unread."""
    content = _upper(text)
    found = []
    start = 0
    while start < len(content):
        end = start
        while end < len(content) and (_kind(content[end]) != "other" or content[end] in _GLUE):
            end += 1
        kept = bytes(byte for byte in content[start:end] if _kind(byte) != "other")
        if kept:
            digits = sum(_kind(byte) == "digit" for byte in kept)
            found.append((start, end, kept, digits))
        start = max(end, start + 1)
    return found


def lookalikes_read(text: str) -> bytes:
    """The text with O, Q, I, L, S, B, Z beside a digit read as digits, twice over."""
    content = _upper(text).decode("latin-1")
    for _ in range(2):
        content = "".join(
            _LOOKALIKES[letter]
            if letter in _LOOKALIKES and _beside_digit(content, position)
            else letter
            for position, letter in enumerate(content)
        )
    return content.encode("latin-1")


def _beside_digit(content: str, position: int) -> bool:
    around = content[max(position - 1, 0) : position] + content[position + 1 : position + 2]
    return any("0" <= letter <= "9" for letter in around)
