"""Path → binding and the fields that stand in it.

Paths are matched as they came, before percent-decoding: an id may hold `/` (`%2F`) and `:`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from web.json_door.bindings import Binding

__all__ = ["Found", "PathTable", "fields_of_path"]

_ID_LENGTH_MAX: Final = 2_000


class Found(msgspec.Struct, frozen=True):
    """The calls of a path by their HTTP method, and what stands in the path."""

    by_method: dict[str, Binding]
    fields: dict[str, str]


class _Template:
    """One path; a segment is a word, or a field in braces."""

    def __init__(self, path: str) -> None:
        *self.head, last = path.split("/")
        self.last, _, self.verb = last.partition(":")
        self.by_method: dict[str, Binding] = {}

    def fields(self, head: list[str], last: str) -> dict[str, str] | None:
        """What the path holds, None where it is another one."""
        if len(head) != len(self.head):
            return None
        found = {}
        for word, given in zip((*self.head, self.last), (*head, last), strict=True):
            if word.startswith("{"):
                text = _decoded(given)
                if not text:
                    return None
                found[word[1:-1]] = text
            elif word != given:
                return None
        return found


class PathTable:
    """Every path of the door."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        """The paths of `bindings`."""
        by_path: dict[str, _Template] = {}
        for binding in bindings:
            template = by_path.setdefault(binding.path, _Template(binding.path))
            template.by_method[binding.verb] = binding
        # Words come before fields: `cases:count` is no case.
        self._templates = sorted(by_path.values(), key=lambda one: one.last.startswith("{"))

    def find(self, raw_path: str) -> Found | None:
        """The calls at `raw_path`; None where there are none."""
        *head, last = raw_path.split("/")
        name, colon, verb = last.rpartition(":")
        readings = [(name, verb)] if colon else []
        for one, wanted in (*readings, (last, "")):
            for template in self._templates:
                if template.verb == wanted:
                    fields = template.fields(head, one)
                    if fields is not None:
                        return Found(template.by_method, fields)
        return None


def fields_of_path(path: str) -> list[str]:
    """Names of the fields in a template's path."""
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def _decoded(segment: str) -> str:
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return ""
    return text if len(text) <= _ID_LENGTH_MAX else ""
