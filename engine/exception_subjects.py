"""What exceptions are about, as it is written: the number nobody has, the item that is paid, the
other customer's invoice. A clerk who reads of a reference wants to know which.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from engine import arrow_functions as pc
from engine.exception_codes import CODES, code_number
from engine.open_item_index import BLOCKED, CANCELLED, DISPUTED, PAID
from engine.reference_slots import NO_LINE
from engine.rounds import unread_slots
from engine.segments import expand_ranges, pick
from engine.text_columns import blanks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.intake import Intake
    from engine.reference_slots import ReferenceSlots

__all__ = ["exception_subjects"]

_NONE, _UNREAD, _SEVERAL, _STRANGE, _LOOSE, _STATUS = range(6)
_OF_STATUS: Final = {
    "REF-CLOSED": PAID,
    "REF-CANCELLED": CANCELLED,
    "ITM-DISPUTED": DISPUTED,
    "ITM-LOCKED": BLOCKED,
}
_KINDS: Final = {
    **dict.fromkeys(("REF-NOTFOUND", "REF-TRUNC", "REF-TYPO", "RMT-PARTIAL"), _UNREAD),
    "REF-DUPNO": _SEVERAL,
    "AMT-OVER": _LOOSE,
    **dict.fromkeys(("PAY-THIRD", "PAY-CROSS"), _STRANGE),
    **{code: _STATUS + status for code, status in _OF_STATUS.items()},
}
_KIND_OF: Final = np.array([_KINDS.get(code, _NONE) for code in CODES], dtype=np.int64)
"""By number of the code: which of a payment's readings it is about."""

_TOLD_MAX: Final = 3
_NUMBER: Final = re.compile(r"[^\s,;:()&+=]*\d[^\s,;:()&+=]*")
_TRUNC: Final = code_number("REF-TRUNC")


def exception_subjects(
    intake: Intake, payment: NDArray[np.int64], code: NDArray[np.int64]
) -> pa.StringArray:
    """What each exception (payment, code) is about, at most three of it; empty where the code says
    all there is to say.
    """
    kind = _KIND_OF[code]
    rows = kind.nonzero()[0]
    if not len(rows):
        return blanks(len(payment))
    told = [""] * len(payment)
    slots = intake.situation.slots
    first = slots.payment.searchsorted(payment[rows], side="left")
    last = slots.payment.searchsorted(payment[rows], side="right")
    owner, slot = expand_ranges(first, last)
    meant = _is_meant(intake, kind[rows][owner], slot)
    owner, slot = owner[meant], slot[meant]
    named: dict[int, list[str]] = {}
    for row, text in zip(rows[owner].tolist(), _texts(intake, slots, slot), strict=True):
        texts = named.setdefault(row, [])
        if text and text not in texts:
            texts.append(text)
    for row, texts in named.items():
        more = ["…"] if len(texts) > _TOLD_MAX else []
        told[row] = ", ".join(texts[:_TOLD_MAX] + more)
    return pa.array(told, pa.string())


def _is_meant(
    intake: Intake, kind: NDArray[np.int64], slot: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the slots an exception of its kind is about."""
    slots = intake.situation.slots
    item, hits, strong = slots.item[slot], slots.hits[slot], slots.strength[slot] > 1
    unread = unread_slots(intake.situation, closed=False, of_anybody=False)[slot]
    meant: NDArray[np.bool_] = (kind == _UNREAD) & unread
    meant |= (kind == _SEVERAL) & (item < 0) & (hits > 1) & strong
    meant |= (kind == _STRANGE) & (item >= 0) & strong & ~slots.family[slot]
    meant |= (kind == _LOOSE) & (item < 0) & (hits == 0) & ~slots.transfer[slot]
    status = pick(intake.index.status, item)
    meant |= (kind >= _STATUS) & (item >= 0) & (status == kind - _STATUS)
    return meant


def _texts(intake: Intake, slots: ReferenceSlots, slot: NDArray[np.int64]) -> list[str]:
    """Each of the slots as a clerk knows it: the item's number, and whose it is where it is not the
    payer's; what leads nowhere as the payer wrote it.
    """
    item, line = slots.item[slot], slots.line[slot]
    named = (item >= 0).nonzero()[0]
    place = (item >= 0).cumsum() - 1
    number = intake.index.text("document_number", item[named]).to_pylist()
    owner = pa.array(intake.index.customer[item[named]])
    customer = intake.directory.customer_ids.take(owner).to_pylist()
    payment = pa.array(slots.payment[slot])
    free = intake.payments.text("remittance_text").take(payment).to_pylist()
    row = pa.array(line, mask=line == NO_LINE)
    lines = pc.fill_null(intake.remittances.text("reference").take(row), "").to_pylist()
    found = []
    for at, of in enumerate(item.tolist()):
        if of >= 0 and not slots.family[slot[at]]:
            found.append(f"{number[place[at]]} of {customer[place[at]]}")
        elif of >= 0:
            found.append(number[place[at]])
        elif line[at] != NO_LINE:
            found.append(lines[at])
        else:
            found.append(_as_written(free[at], int(slots.digits[slot[at]])))
    return found


def _as_written(text: str, number: int) -> str:
    """The word of `text` whose digits are `number`, the bare number where they are spread."""
    for word in _NUMBER.findall(text):
        if int(re.sub(r"[^0-9]", "", word) or "0") == number:
            told: str = word.strip("-/.'\"")
            return told
    return str(number)
