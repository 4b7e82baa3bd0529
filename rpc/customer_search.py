"""Customers by what somebody knows of them: as it stands, or much like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rapidfuzz import fuzz, process, utils

if TYPE_CHECKING:
    from collections.abc import Collection

    from engine.batches import CustomerBatch
    from store.repository import Repository

__all__ = ["find_customers"]

_NAMES_MAX: Final = 50_000
"""Names compared with one that nothing has: some 0.05 s of the thread that answers."""

_LIKENESS_MIN: Final = 70


def find_customers(
    store: Repository,
    text: str,
    company_id: str,
    companies: Collection[str] | None,
    limit: int,
) -> CustomerBatch:
    """At most `limit` customers, the best first; of one company or, where it is empty, of all."""
    with store.reading():
        found = store.customers.matching(text, company_id, companies, limit)
        if len(found):
            return found
        named = store.customers.names(company_id, companies, _NAMES_MAX)
        alike = process.extract(
            text,
            [name for _, name in named],
            scorer=fuzz.token_set_ratio,
            processor=utils.default_process,
            limit=limit,
            score_cutoff=_LIKENESS_MIN,
        )
        return store.customers.find([named[place][0] for _, _, place in alike]).rows
