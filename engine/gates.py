"""Gates of policy: what may not go through alone, however sure the match is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.batches import NO_DATE
from engine.segments import pick, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.candidates import Candidates
    from engine.open_item_index import OpenItemIndex
    from engine.policy_table import AssignedRules

__all__ = ["GATES", "Gates", "build_gates", "exported_days", "youngest_documents"]

GATES: Final = ("AMT-LARGE", "POL-APPROVAL", "POL-LIMIT", "POL-HOLD", "SYS-STALE")
"""Exception codes of the gates, in the order `Gates.of` tells them."""


class Gates(msgspec.Struct, frozen=True, kw_only=True):
    """Per payment: above the limit, its payer handled by hand, against items that are too old, and
    the most that may be written off, and granted as discount, without a clerk; per customer,
    whether it is handled by hand or only watched (shadow mode).
    """

    large: NDArray[np.bool_]
    write_off_max: NDArray[np.int64]
    discount_max: NDArray[np.int64]
    hold: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    held_customer: NDArray[np.bool_]
    watched_customer: NDArray[np.bool_]
    watched: NDArray[np.bool_]

    def of(self, candidates: Candidates, index: OpenItemIndex) -> NDArray[np.bool_]:
        """Which gate stops which candidate (shape: gates × candidates)."""
        payment, rows = candidates.payment, candidates.rows
        by_hand = self.hold[payment] | _touches(candidates, index, self.held_customer)
        closed = np.abs(rows.write_off) + np.abs(rows.deduction)
        granted = segment_sum(np.abs(rows.discount), rows.candidate, len(candidates))
        given_up = segment_sum(closed, rows.candidate, len(candidates))
        return np.array(
            [
                self.large[payment],
                given_up > self.write_off_max[payment],
                granted > self.discount_max[payment],
                by_hand,
                self.stale[payment],
            ]
        )

    def only_watched(self, candidates: Candidates, index: OpenItemIndex) -> NDArray[np.bool_]:
        """Candidates whose payer, or whose items' customer, is in shadow mode."""
        return self.watched[candidates.payment] | _touches(candidates, index, self.watched_customer)


def build_gates(
    assigned: AssignedRules,
    cash: NDArray[np.int64],
    payer: NDArray[np.int64],
    company: NDArray[np.int64],
    day: NDArray[np.int64],
    youngest: NDArray[np.int64],
) -> Gates:
    """Gates of payments of `cash`; `day` is the as-of day the age of open items is counted from,
    `youngest` as `youngest_documents` tells it.
    """
    rules, rule = assigned.table, assigned.rule
    return Gates(
        large=cash > rules.amount_limit[rule],
        write_off_max=rules.write_off_limit[rule],
        discount_max=rules.discount_limit[rule],
        hold=rules.hold[rule] | pick(assigned.hold, payer),
        stale=_too_old(rules.stale_days[rule], company, day, youngest),
        held_customer=assigned.hold,
        watched_customer=assigned.shadow,
        watched=rules.shadow[rule] | pick(assigned.shadow, payer),
    )


def youngest_documents(index: OpenItemIndex, companies: int) -> NDArray[np.int64]:
    """Day of the youngest document of each company, and of all (the last entry); `NO_DATE` where
    there is none.
    """
    dated = index.document_day != NO_DATE
    youngest = np.full(companies + 1, NO_DATE, dtype=np.int64)
    np.maximum.at(youngest, index.company[dated], index.document_day[dated])
    youngest[-1] = index.document_day[dated].max(initial=NO_DATE)
    return youngest


def exported_days(company: NDArray[np.int64], youngest: NDArray[np.int64]) -> NDArray[np.int64]:
    """Day of the open items of each payment's company, `NO_DATE` where it is not known.

    An export is as old as its youngest document: of the company or, where the payment's company
    is not known, of all. A company without items has no export.
    """
    exported = youngest[
        np.where(company < 0, len(youngest) - 1, np.minimum(company, len(youngest) - 1))
    ]
    return np.where(company >= len(youngest) - 1, NO_DATE, exported)


def _too_old(
    allowed: NDArray[np.int64],
    company: NDArray[np.int64],
    day: NDArray[np.int64],
    youngest: NDArray[np.int64],
) -> NDArray[np.bool_]:
    exported = exported_days(company, youngest)
    known = (exported != NO_DATE) & (day != NO_DATE) & (allowed > 0)
    old: NDArray[np.bool_] = known & (day - np.where(known, exported, day) > allowed)
    return old


def _touches(
    candidates: Candidates, index: OpenItemIndex, customers: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Candidates with an item of one of `customers`."""
    touches = np.zeros(len(candidates), dtype=np.bool_)
    rows = candidates.rows
    touches[rows.candidate[customers[index.customer[rows.item]]]] = True
    return touches
