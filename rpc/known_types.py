"""What msgspec must know of every struct before the server has threads.

msgspec works out how a struct is decoded when it is decoded for the first time, and puts what it
has so far where other threads find it: two threads that met a new type at once have ended a
process. The threads beside the event loop decode what the store keeps, so all types are worked out
before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["learn_types"]


def learn_types() -> frozenset[type[msgspec.Struct]]:
    """Work out every struct that is loaded; gives those that can be decoded.

    What has annotations that exist for type checkers alone can be decoded by nobody.
    """
    return frozenset(kind for kind in set(_below(msgspec.Struct)) if _is_decodable(kind))


def _below(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def _is_decodable(kind: type[msgspec.Struct]) -> bool:
    try:
        msgspec.json.Decoder(kind)
    except (NameError, TypeError):
        return False
    return True
