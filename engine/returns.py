"""Returned payments: whose money came back, and exactly what that re-opens.

The original is found by any reference the return names, among the payments of this match and then
among those earlier runs settled (`SettledBatch`); it must be of the currency and large enough, and
the only one that is. A whole return re-opens all its original settled, discounts and write-offs
too; of a part only the cash of an original that went to a single item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import ReversalBatch
from engine.segments import expand_ranges, first_of_runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from engine.batches import ApplicationBatch, PaymentBatch, SettledBatch
    from engine.intake import Intake

__all__ = ["Returns", "find_earlier_originals", "find_originals", "reverse_returns"]

_NAMES: Final = (
    "bank_reference",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
    "customer_reference",
    "payment_id",
)
"""What a bank may name the original by, the surest first."""

_RECALL: Final = (
    r"(?i:\brecall|\bcamt\.056\b|r(?:ue|ü)ckruf|terugroep|cancell?ation request|"
    r"return per odfi|request(?:ed)? (?:for )?return)|"
    r"(?m:^(?:FOCR|DUPL|TECH|FRAD|CUST)$)|\bFOCR\b|\bR06\b"
)
"""Words and codes with which a sender's bank asks for money back; all others say it was never
there. ISO 20022 cancellation reasons stand on a line of their own."""

_NOBODY: Final = -1


class Returns(msgspec.Struct, frozen=True, kw_only=True):
    """Per payment: is it a return, of which payment of this match (-1), of one an earlier run
    settled, and does the sender's bank ask for it back; and what all of them re-open.
    """

    original: NDArray[np.int64]
    posted: NDArray[np.bool_]
    recalled: NDArray[np.bool_]
    reversals: ReversalBatch


def find_originals(payments: PaymentBatch) -> dict[str, str]:
    """Id of each return whose original is among `payments`, and the original's id; a payment may
    be the original of several.
    """
    cash = payments.int64("amount_minor")
    returned, received = (cash < 0).nonzero()[0], (cash > 0).nonzero()[0]
    incoming = payments.take(received)
    at = _originals(payments, returned, incoming, cash[received])
    ids = payments.text("payment_id")
    found = at >= 0
    return dict(
        zip(
            ids.take(pa.array(returned[found])).to_pylist(),
            ids.take(pa.array(received[at[found]])).to_pylist(),
            strict=True,
        )
    )


def find_earlier_originals(payments: PaymentBatch, earlier: SettledBatch) -> dict[str, str]:
    """The same of originals among those earlier runs settled."""
    returned = (payments.int64("amount_minor") < 0).nonzero()[0]
    known, paid = _payments_of(earlier)
    at = _originals(payments, returned, known, paid)
    found = at >= 0
    return dict(
        zip(
            payments.text("payment_id").take(pa.array(returned[found])).to_pylist(),
            known.text("payment_id").take(pa.array(at[found])).to_pylist(),
            strict=True,
        )
    )


def reverse_returns(
    intake: Intake,
    applications: ApplicationBatch,
    earlier: SettledBatch,
    told: Mapping[str, str] | None = None,
) -> Returns:
    """Find the originals of all returns, and what their return re-opens.

    `told` are the originals of returns among all payments of the run (`find_originals`), where
    these are some of them.
    """
    payments, cash = intake.payments, intake.situation.cash
    returned = (cash < 0).nonzero()[0]
    original = np.full(len(payments), _NOBODY, dtype=np.int64)
    before = np.full(len(payments), _NOBODY, dtype=np.int64)
    recalled = np.zeros(len(payments), dtype=np.bool_)
    if not len(returned):
        return Returns(
            original=original,
            posted=recalled,
            recalled=recalled,
            reversals=ReversalBatch.empty(),
        )
    text = payments.text("remittance_text").take(pa.array(returned))
    said = pc.match_substring_regex(text, _RECALL).to_numpy(zero_copy_only=False)
    recalled[returned[said]] = True
    original[returned] = _among(payments, cash, returned, told)
    known, paid = _payments_of(earlier)
    unknown = returned[original[returned] < 0]
    before[unknown] = _originals(payments, unknown, known, paid)
    for found in (original, before):
        _come_back_once(found, returned, intake.precedence)
    decided = applications.record_batch.filter(pc.equal(applications.text("decision"), "auto"))
    reversals = [
        _reopened(payments, original, cash, payments.text("payment_id"), cash, _now(decided)),
        _reopened(payments, before, cash, known.text("payment_id"), paid, _then(earlier)),
    ]
    table = pa.concat_tables(reversals).sort_by(
        [("payment_id", "ascending"), ("open_item_id", "ascending")]
    )
    columns = {name: table[name] for name in ReversalBatch.SCHEMA.names}
    return Returns(
        original=original,
        posted=before >= 0,
        recalled=recalled,
        reversals=ReversalBatch.from_columns(columns),
    )


def _among(
    payments: PaymentBatch,
    cash: NDArray[np.int64],
    returned: NDArray[np.int64],
    told: Mapping[str, str] | None,
) -> NDArray[np.int64]:
    """Row of each return's original among `payments`."""
    if told is None:
        incoming = payments.take((cash > 0).nonzero()[0])
        at = _originals(payments, returned, incoming, incoming.int64("amount_minor"))
        return np.where(at >= 0, np.append((cash > 0).nonzero()[0], _NOBODY)[at], at)
    ids = payments.text("payment_id")
    named = [told.get(name) for name in ids.take(pa.array(returned)).to_pylist()]
    found = pc.index_in(pa.array(named, pa.string()), value_set=ids, skip_nulls=True)
    rows: NDArray[np.int64] = pc.fill_null(found, _NOBODY).to_numpy(zero_copy_only=False)
    return rows.astype(np.int64)


def _payments_of(earlier: SettledBatch) -> tuple[SettledBatch, NDArray[np.int64]]:
    """One row per payment of earlier runs, and what each was paid."""
    order = pc.array_sort_indices(earlier.text("payment_id")).to_numpy().astype(np.int64)
    codes = pc.rank(earlier.text("payment_id").take(pa.array(order)), tiebreaker="dense")
    if not len(order):
        return earlier, earlier.int64("paid_minor")
    first = first_of_runs(codes.to_numpy(zero_copy_only=False).astype(np.int64))
    single = earlier.take(order[first])
    return single, single.int64("paid_minor")


def _originals(
    payments: PaymentBatch,
    returned: NDArray[np.int64],
    known: PaymentBatch | SettledBatch,
    paid: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Row in `known` of each return's original, by the first name that leads to a single one."""
    found = np.full(len(returned), _NOBODY, dtype=np.int64)
    if not len(known) or not len(returned):
        return found
    wanted = payments.text("original_reference").take(pa.array(returned))
    currency = payments.text("currency").take(pa.array(returned))
    amount = -payments.int64("amount_minor")[returned]
    for name in _NAMES:
        owner, row = _same_text(wanted, known.text(name))
        fits = pc.equal(currency.take(pa.array(owner)), known.text("currency").take(pa.array(row)))
        fits = fits.to_numpy(zero_copy_only=False) & (paid[row] >= amount[owner])
        owner, row = owner[fits], row[fits]
        for same in (paid[row] == amount[owner], np.ones(len(owner), dtype=np.bool_)):
            single = np.bincount(owner[same], minlength=len(returned))[owner] == 1
            hit = same & single & (found[owner] < 0)
            found[owner[hit]] = row[hit]
    return found


def _same_text(
    wanted: pa.StringArray, known: pa.StringArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (row of `wanted`, row of `known`) of equal texts that are not empty."""
    hit = pc.and_(pc.is_in(known, value_set=wanted), pc.not_equal(known, ""))
    rows = hit.to_numpy(zero_copy_only=False).nonzero()[0]
    place = pc.index_in(known.take(pa.array(rows)), value_set=wanted.unique())
    code = place.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(code, kind="stable")
    rows, code = rows[order], code[order]
    own = pc.index_in(wanted, value_set=wanted.unique()).to_numpy(zero_copy_only=False)
    owner, position = expand_ranges(
        code.searchsorted(own, side="left"), code.searchsorted(own, side="right")
    )
    return owner, rows[position]


def _come_back_once(
    found: NDArray[np.int64], returned: NDArray[np.int64], precedence: NDArray[np.int64]
) -> None:
    """A payment comes back once: a second return of it is of a payment nobody knows."""
    order = returned[np.lexsort((precedence[returned], found[returned]))]
    again = (found[order[1:]] == found[order[:-1]]) & (found[order[1:]] >= 0)
    found[order[1:][again]] = _NOBODY


def _now(decided: pa.RecordBatch) -> pa.Table:
    """What payments of this match settle: payment, item, currency, and what it takes off it."""
    closed = decided["applied_minor"]
    for name in ("discount_minor", "deduction_minor", "write_off_minor"):
        closed = pc.add(closed, decided[name])
    names = ("payment_id", "open_item_id", "currency")
    columns = {name: decided[name] for name in names}
    return pa.table(columns | {"applied": decided["applied_minor"], "closed": closed})


def _then(earlier: SettledBatch) -> pa.Table:
    """What payments of earlier runs settled, likewise."""
    rows = earlier.record_batch.filter(pc.not_equal(earlier.text("open_item_id"), ""))
    columns = {name: rows[name] for name in ("payment_id", "open_item_id", "currency")}
    return pa.table(columns | {"applied": rows["applied_minor"], "closed": rows["closed_minor"]})


def _reopened(
    payments: PaymentBatch,
    original: NDArray[np.int64],
    cash: NDArray[np.int64],
    known_ids: pa.StringArray,
    paid: NDArray[np.int64],
    settled: pa.Table,
) -> pa.Table:
    """Reversals of the returns that have an `original` (row of `known_ids` and `paid`)."""
    rows = (original >= 0).nonzero()[0]
    back, whole = -cash[rows], paid[original[rows]]
    return_of = pa.table(
        {
            "original_payment_id": known_ids.take(pa.array(original[rows])),
            "payment_id": payments.text("payment_id").take(pa.array(rows)),
            "back": back,
            "whole": back == whole,
            "paid": whole,
        }
    )
    settled = settled.rename_columns(
        ["original_payment_id", "open_item_id", "currency", "applied", "closed"]
    )
    joined = settled.join(return_of, "original_payment_id", join_type="inner")
    # Of a part it is only clear what it re-opens where everything went to one item.
    alone = pc.equal(joined["applied"], joined["paid"])
    joined = joined.append_column(
        "amount_minor", pc.if_else(joined["whole"], joined["closed"], joined["back"])
    )
    return joined.filter(pc.or_(joined["whole"], alone)).select(
        ["payment_id", "original_payment_id", "open_item_id", "currency", "amount_minor"]
    )
