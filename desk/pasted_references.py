"""Invoice numbers as people paste them: any shape, read by the engine's own reading of references.

Each pasted line is read as a line of remittance of the payment. What it means is an entry with the
item's open amount, credit memos first, so that cash runs out on the last invoice and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from desk.cases import Entry
from engine.batches import RemittanceBatch
from engine.intake import take_in
from engine.match_input import MatchInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch
    from engine.intake import Intake

__all__ = ["PASTED_LINES_MAX", "PastedReferences", "read_pasted"]

PASTED_LINES_MAX = 2_000
"""Lines of one paste that are read; the longest advices have a few hundred."""


class PastedReferences(msgspec.Struct, frozen=True, kw_only=True):
    """The items a paste means, what of it means nothing here, and the cash that is left."""

    entries: tuple[Entry, ...]
    unread: tuple[str, ...]
    remainder_minor: int


def read_pasted(
    text: str,
    payment: PaymentBatch,
    undecided_minor: int,
    items: OpenItemBatch,
    customers: CustomerBatch,
) -> PastedReferences:
    """Read `text` for `payment` (one row); `items` are those it may mean."""
    lines = [line.strip() for line in text.splitlines() if line.strip()][:PASTED_LINES_MAX]
    if not lines:
        return PastedReferences(entries=(), unread=(), remainder_minor=undecided_minor)
    remittances = RemittanceBatch.from_columns(
        {
            "payment_id": payment.strings("payment_id") * len(lines),
            "line_number": list(range(1, len(lines) + 1)),
            "reference": lines,
            "currency": payment.strings("currency") * len(lines),
            "source": ["advice"] * len(lines),
        }
    )
    match_input = MatchInput(
        payments=payment, remittances=remittances, open_items=items, customers=customers
    )
    intake = take_in(match_input, _observe_nothing)
    found, read = _items_of(intake)
    unread = tuple(line for number, line in enumerate(lines) if number not in read)
    return _entries(intake, found, undecided_minor, unread)


def _observe_nothing(stage: str, row_count: int) -> None:
    """Nobody waits for the stages of a paste."""


def _items_of(intake: Intake) -> tuple[list[int], set[int]]:
    """Items in the order they were pasted, each once, and the lines that meant something."""
    situation = intake.situation
    line = np.concatenate([situation.slots.line, situation.shared.line])
    item = np.concatenate([situation.slots.item, situation.shared.item])
    meant = (item >= 0) & (line >= 0)
    order = np.argsort(line[meant], kind="stable")
    found = dict.fromkeys(item[meant][order].tolist())
    return list(found), set(line[meant].tolist())


def _entries(
    intake: Intake, found: list[int], undecided_minor: int, unread: tuple[str, ...]
) -> PastedReferences:
    index = intake.index
    rows = np.array(found, dtype=np.int64)
    open_minor = index.open_minor[rows]
    left = undecided_minor - int(open_minor[open_minor < 0].sum())
    names = {
        name: index.text(name, rows).to_pylist()
        for name in ("company_id", "open_item_id", "customer_id")
    }
    entries = []
    for place, amount in enumerate(open_minor.tolist()):
        cash = amount if amount < 0 else max(0, min(amount, left))
        left -= cash if amount > 0 else 0
        if cash:
            entries.append(
                Entry(
                    company_id=names["company_id"][place],
                    customer_id=names["customer_id"][place],
                    open_item_id=names["open_item_id"][place],
                    cash_minor=cash,
                )
            )
    return PastedReferences(
        entries=tuple(entries), unread=unread, remainder_minor=left - _short(open_minor, entries)
    )


def _short(open_minor: NDArray[np.int64], entries: list[Entry]) -> int:
    """What the items would take beyond the cash there is."""
    return int(open_minor.sum()) - sum(entry.cash_minor for entry in entries)
