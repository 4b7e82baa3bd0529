"""What is missing where a payment's references cannot be used: the end of a number, some lines of
the advice, the advice itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engine.limits import FAMILY_COMPARED_MAX
from engine.open_item_index import OPEN
from engine.payment_words import says
from engine.reference_slots import NO_LINE
from engine.text_columns import is_empty

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.intake import Intake

__all__ = ["cut_off", "partly_read", "waits_for_advice"]

_CUT_DIGITS_MIN: Final = 10_000
_CUT_PLACES_MAX: Final = 4
_ADVICE: Final = (
    r"(?i:\b(?:see|per|siehe|lt\.?|laut|zie|voir|ver) (?:our |the )?(?:remittance|rem\.? ?adv\w*|"
    r"advice|avis\w*|separate|attached|attachment|list\w*|aufstellung|bijlage)|"
    r"\badvice (?:to follow|follows|sent|separate\w*)|\bavis folgt|\bremittance (?:sent|follows))"
)
"""Words that announce an advice apart from the money."""


def cut_off(intake: Intake, undecided: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Undecided payments with a number in free text nothing has, which is the beginning of the
    number of one open item of the payer's, and of one only: the rest was cut off.
    """
    situation, index, slots = intake.situation, intake.index, intake.situation.slots
    family = situation.payer_family[slots.payment]
    live = undecided[slots.payment] & (slots.hits == 0) & (slots.line == NO_LINE) & (family >= 0)
    live &= (slots.digits >= np.uint64(_CUT_DIGITS_MIN)) | slots.alike
    live &= index.family_bounds[family + 1] - index.family_bounds[family] <= FAMILY_COMPARED_MAX
    rows = live.nonzero()[0]
    if not len(rows):
        return np.zeros(len(undecided), dtype=np.bool_)
    owner, item = index.family_rows(family[rows])
    wanted, whole = slots.digits[rows][owner], index.joined_digits[item]
    begins = np.zeros(len(owner), dtype=np.bool_)
    for places in range(1, _CUT_PLACES_MAX + 1):
        begins |= whole // np.uint64(10**places) == wanted
    begins &= index.status[item] == OPEN
    only = np.bincount(owner[begins], minlength=len(rows)) == 1
    cut = np.zeros(len(undecided), dtype=np.bool_)
    cut[slots.payment[rows[only]]] = True
    return cut


def partly_read(intake: Intake) -> NDArray[np.bool_]:
    """Payments with several lines of advice, of which some name an item and some do not."""
    slots, count = intake.situation.slots, len(intake.payments)
    if not len(intake.situation.lines.payment):
        return np.zeros(count, dtype=np.bool_)
    lines = np.bincount(intake.situation.lines.payment, minlength=count)
    on_line = slots.line != NO_LINE
    read, unread = (np.zeros(count, dtype=np.bool_) for _ in range(2))
    read[slots.payment[on_line & (slots.item >= 0)]] = True
    unread[slots.payment[on_line & (slots.hits == 0)]] = True
    partly: NDArray[np.bool_] = (lines > 1) & read & unread
    return partly


def waits_for_advice(intake: Intake) -> NDArray[np.bool_]:
    """Payments without lines that announce an advice: by its id, or in words."""
    payments = intake.payments
    alone = np.bincount(intake.situation.lines.payment, minlength=len(payments)) == 0
    announced = says(payments.text("remittance_text"), _ADVICE)
    waits: NDArray[np.bool_] = alone & (announced | ~is_empty(payments.text("remittance_id")))
    return waits
