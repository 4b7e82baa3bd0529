"""Money of a file that an earlier file has told in another format, and that is kept already.

What is kept stays, whichever format is the better one: it may have been applied. A new row that is
proven to be a kept payment (`same_money_pairs`) counts once, as if it had come twice. A row that
may be one, that may be the sum of kept checks, or a check that a kept sum may hold, is held with
`IN-DUPPAY`: nothing of it is applied before somebody has looked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import DiagnosticBatch, PaymentBatch
from parsers.same_money import (
    deposit_rows,
    format_ranks,
    own_accounts,
    same_money_notes,
    with_code,
)
from parsers.same_money_deposits import find_sums
from parsers.same_money_pairs import Rows, find_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engine.batches import BankAccountBatch
    from parsers.same_money_pairs import Pairs

__all__ = ["ToldBefore", "told_before"]


class ToldBefore(msgspec.Struct, frozen=True, kw_only=True):
    """The payments that are new, and of the others which kept payment each is."""

    payments: PaymentBatch
    kept_as: dict[str, str]
    diagnostics: DiagnosticBatch


def told_before(
    payments: PaymentBatch, kept: PaymentBatch, bank_accounts: BankAccountBatch
) -> ToldBefore:
    """What of `payments` is not among the `kept` ones of files in other formats."""
    if not len(kept) or not len(payments):
        return ToldBefore(payments=payments, kept_as={}, diagnostics=DiagnosticBatch.empty())
    both = PaymentBatch.of_distinct(pa.concat_batches([kept.record_batch, payments.record_batch]))
    account = own_accounts(both, bank_accounts)
    is_new = np.arange(len(both)) >= len(kept)
    same: dict[int, int] = {}
    reasons = [""] * len(both)
    doubtful = np.zeros(len(both), dtype=np.bool_)
    for ours, theirs, pairs in _paired(both, account, is_new, same):
        # `ours` are the better format's rows; one of both sides is new.
        chosen = np.flatnonzero(pairs.better >= 0)
        better, other = ours[pairs.better[chosen]], theirs[chosen]
        fresh, known = (other, better) if is_new[theirs[0]] else (better, other)
        same |= dict(zip(fresh.tolist(), known.tolist(), strict=True))
        for row, reason in zip(fresh.tolist(), pairs.reasons(chosen).to_pylist(), strict=True):
            reasons[row] = reason
        unsure = theirs[pairs.is_doubtful]
        doubtful[unsure] = True
        doubtful |= is_new & _same_amount(both, unsure[~is_new[unsure]])
    left = is_new.copy()
    left[list(same)] = False
    doubtful |= _may_be_sums(both, account, is_new, left)
    held = pa.array(doubtful & left)
    codes = both.text("intake_codes")
    columns = {name: both.record_batch[name] for name in PaymentBatch.SCHEMA.names}
    columns["intake_codes"] = pc.if_else(held, with_code(codes, "IN-DUPPAY"), codes)
    rows = PaymentBatch.from_distinct(columns).take(np.flatnonzero(left))
    identity = both.text("payment_id")
    kept_as = {identity[new].as_py(): identity[old].as_py() for new, old in sorted(same.items())}
    gone = np.array(sorted(same), dtype=np.int64)
    instead = np.zeros(len(both), dtype=np.int64)
    instead[gone] = [same[row] for row in gone.tolist()]
    notes = same_money_notes(both, gone, instead, reasons, "FILE-SAME-MONEY")
    return ToldBefore(payments=rows, kept_as=kept_as, diagnostics=notes)


def _paired(
    both: PaymentBatch, account: NDArray[np.int64], is_new: NDArray[np.bool_], same: dict[int, int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Pairs]]:
    """Rows of a better format, rows of one of worse formats, and which are the same money."""
    rank, received = format_ranks(both), both.int64("amount_minor") > 0
    for level in sorted(set(rank[rank >= 0].tolist())):
        for is_ours in (~is_new, is_new):
            taken = np.isin(np.arange(len(both)), [*same, *same.values()])
            free = received & ~taken
            ours = np.flatnonzero(free & is_ours & (rank >= 0) & (rank < level))
            theirs = np.flatnonzero(free & ~is_ours & (rank == level))
            if len(ours) and len(theirs):
                pairs = find_pairs(
                    Rows(both, account[ours], ours), Rows(both, account[theirs], theirs)
                )
                yield ours, theirs, pairs


def _same_amount(both: PaymentBatch, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which payments have an amount and a currency of one of `rows`."""
    amounts = both.record_batch["amount_minor"].cast(pa.string())
    money = pc.binary_join_element_wise(amounts, both.text("currency"), "\x1f")
    found: NDArray[np.bool_] = pc.is_in(money, value_set=money.take(pa.array(rows))).to_numpy(
        zero_copy_only=False
    )
    return found


def _may_be_sums(
    both: PaymentBatch,
    account: NDArray[np.int64],
    is_new: NDArray[np.bool_],
    left: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """New rows that may be sums of kept ones, or parts of a kept sum."""
    is_booked, is_check, is_detail = deposit_rows(both)
    received = both.int64("amount_minor") > 0
    found = np.zeros(len(both), dtype=np.bool_)
    for booked, parts in ((left, ~is_new), (~is_new, left)):
        sums = find_sums(
            both,
            account,
            booked=np.flatnonzero(booked & is_booked & received),
            checks=np.flatnonzero(parts & is_check & received),
            details=np.flatnonzero(parts & is_detail & received),
        )
        rows = np.concatenate([sums.row, sums.doubtful])
        if booked is left:
            found[rows] = True
        elif len(rows):
            found |= left & (is_check | is_detail)
    return found
