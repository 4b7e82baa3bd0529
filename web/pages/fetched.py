"""The next exception, fetched while one is read: whether it may be shown as it was fetched.

A browser says which version of the next exception it holds. Where an act changed nothing of what
that page shows, the answer is what stands around it alone: what was done, and the queue as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tieout.v1 import cases_pb2
    from web.pages.case_data import CaseData, Neighbours

__all__ = ["FETCHED_HEADER", "VERSION_HEADER", "is_as_fetched", "version_shown"]

VERSION_HEADER: Final = "tieout-shows"
"""Of a page: the exception it shows, its version, and whose open items stand on it."""

FETCHED_HEADER: Final = "tieout-fetched"
"""Of an act: the version that the browser holds. Of its answer: the page held may be shown."""

_LENGTH_MAX: Final = 4_000


def version_shown(data: CaseData) -> str:
    """What a page of `data` says it shows."""
    summary = data.detail.case.summary
    owners = sorted({item.customer_id for item in data.items} | set(data.customers))
    pairs = [("case", summary.case_id), ("etag", summary.etag)]
    return urlencode([*pairs, *(("customer", one) for one in owners)])


def is_as_fetched(
    held: str, identity: str, neighbours: Neighbours, touched: Iterable[cases_pb2.CaseLine]
) -> bool:
    """Whether the page `held` still shows `identity` as it is, after the lines of an act."""
    said = parse_qs(held) if len(held) <= _LENGTH_MAX else {}
    now = next((one for one in neighbours.cases if one.case_id == identity), None)
    if now is None or said.get("case") != [identity] or said.get("etag") != [now.etag]:
        return False
    owners = {line.entry.customer_id for line in touched}
    return owners.isdisjoint((*said.get("customer", ()), now.customer_id))
