"""What is only seen over several payments of a match: the same shortfall again and again, an item
that several payments pay together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.exception_codes import code_number
from engine.resolver import ItemAmounts
from engine.segments import first_of_runs, is_one_of, mix64
from engine.shortfalls import SCALABLE_MAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.candidates import Candidates
    from engine.open_item_index import OpenItemIndex

__all__ = ["codes_over_payments"]

_PAYMENTS_MIN = 3
_UNEXPLAINED = (code_number("AMT-SHORT"), code_number("DED-UNCODED"))
_STEPS = 400
"""A quarter percent: shares people agree on."""


def codes_over_payments(settling: Candidates, index: OpenItemIndex) -> NDArray[np.int64]:
    """The code of each settling candidate, seen beside the others.

    A short payment is none where others of this match pay the rest of its items. One customer's
    shortfalls of one amount, or of one step of a quarter percent, on at least three payments are a
    pattern.
    """
    rows = settling.rows
    unexplained = is_one_of(settling.code, _UNEXPLAINED)
    if not np.count_nonzero(unexplained):
        return settling.code
    opened, closes = index.open_minor[rows.item], rows.closes()
    total = ItemAmounts.of(settling, np.ones(len(settling), dtype=np.bool_)).at(rows.item)
    short = (opened > 0) & (closes < opened) & unexplained[rows.candidate]
    paid_up = short & (total == opened)
    code = settling.code.copy()
    still_short = np.zeros(len(settling), dtype=np.bool_)
    still_short[rows.candidate[short & ~paid_up]] = True
    together = np.zeros(len(settling), dtype=np.bool_)
    together[rows.candidate[paid_up]] = True
    code[unexplained & together & ~still_short] = 0
    at = (short & ~paid_up).nonzero()[0]
    repeated = _repeats(
        index.customer[rows.item[at]],
        settling.payment[rows.candidate[at]],
        opened[at],
        opened[at] - closes[at],
    )
    code[rows.candidate[at[repeated]]] = code_number("DED-REPEAT")
    return code


def _repeats(
    customer: NDArray[np.int64],
    payment: NDArray[np.int64],
    opened: NDArray[np.int64],
    short: NDArray[np.int64],
) -> NDArray[np.bool_]:
    repeated = np.zeros(len(short), dtype=np.bool_)
    if len(short) < _PAYMENTS_MIN:
        return repeated
    share = (np.minimum(short, SCALABLE_MAX) * _STEPS + opened // 2) // opened
    exact = np.abs(short * _STEPS - share * opened) <= _STEPS
    exact &= (share > 0) & (opened <= SCALABLE_MAX)
    share = np.where(exact, share, -1 - np.arange(len(short)))
    for kind, value in enumerate((short, share)):
        key = mix64(customer, np.full(len(short), kind), value).view(np.int64)
        order = np.lexsort((payment, key))
        group = first_of_runs(key[order]).cumsum() - 1
        payments = np.bincount(group[first_of_runs(key[order], payment[order])])
        repeated[order] |= (payments >= _PAYMENTS_MIN)[group]
    return repeated
