"""Amounts a customer has claimed before: memos and items under dispute, open or long settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.open_item_index import DISPUTED, ledger_rows
from engine.segments import is_among, mix64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex
    from engine.situation import Situation

__all__ = ["claim_keys", "claimed_before", "earlier_claims"]

_MEMOS: Final = ("debit_memo", "credit_memo")


def claim_keys(index: OpenItemIndex) -> NDArray[np.uint64]:
    """Sorted keys of (customer, currency, amount) of all that was claimed."""
    rows = _are_claims(index, np.arange(len(index))).nonzero()[0]
    amounts = np.concatenate([index.open_minor[rows], index.original_minor[rows]])
    customer, currency = (np.tile(column[rows], 2) for column in (index.customer, index.currency))
    return np.sort(mix64(customer, currency, np.abs(amounts)))


def _are_claims(index: OpenItemIndex, item: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which items are memos, or under dispute."""
    memo = pc.is_in(index.text("document_type", item), pa.array(_MEMOS, pa.string()))
    claims: NDArray[np.bool_] = memo.to_numpy(zero_copy_only=False).copy()
    claims |= index.status[item] == DISPUTED
    return claims


def earlier_claims(
    index: OpenItemIndex, item: NDArray[np.int64], short: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The claims of each item's customer that have its shortfall as their amount: place in `item`,
    and claim.
    """
    owner, other = ledger_rows(index, index.ledger[item])
    same = np.abs(index.open_minor[other]) == short[owner]
    same |= np.abs(index.original_minor[other]) == short[owner]
    owner, other = owner[same], other[same]
    claims = _are_claims(index, other)
    return owner[claims], other[claims]


def claimed_before(
    situation: Situation, item: NDArray[np.int64], short: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The shortfall of each item is an amount its customer has claimed before."""
    index, keys = situation.index, situation.claims
    wanted = mix64(index.customer[item], index.currency[item], short)
    return is_among(wanted, keys) & (short > 0)
