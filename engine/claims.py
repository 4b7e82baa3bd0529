"""Amounts a customer has claimed before: memos and items under dispute, open or long settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.open_item_index import DISPUTED
from engine.segments import is_among, mix64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex
    from engine.situation import Situation

__all__ = ["claim_keys", "claimed_before"]

_MEMOS: Final = ("debit_memo", "credit_memo")


def claim_keys(index: OpenItemIndex) -> NDArray[np.uint64]:
    """Sorted keys of (customer, currency, amount) of all that was claimed."""
    memo = pc.is_in(index.source.text("document_type"), pa.array(_MEMOS, pa.string()))
    is_claim = memo.to_numpy(zero_copy_only=False)[index.order] | (index.status == DISPUTED)
    rows = np.flatnonzero(is_claim)
    amounts = np.concatenate([index.open_minor[rows], index.original_minor[rows]])
    customer, currency = (np.tile(column[rows], 2) for column in (index.customer, index.currency))
    return np.sort(mix64(customer, currency, np.abs(amounts)))


def claimed_before(
    situation: Situation, item: NDArray[np.int64], short: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The shortfall of each item is an amount its customer has claimed before."""
    index, keys = situation.index, situation.claims
    wanted = mix64(index.customer[item], index.currency[item], short)
    return is_among(wanted, keys) & (short > 0)
