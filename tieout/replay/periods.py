"""A match cut into days or weeks: each sees the items dated so far, less what earlier ones took.

What a period settles and learns about payers the next one knows (`tieout.replay.carried_memory`),
as with `--memory`: a return of Wednesday re-opens what Monday settled. Where the truth is known,
clerks work every evening: what a period leaves undecided is booked as the truth says, so that the
next one does not stumble over items that people had settled long ago; and whose payment it was is
learned.
"""

from __future__ import annotations

import datetime
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.audit import audit
from engine.batches import (
    NO_DATE,
    ApplicationBatch,
    ExceptionBatch,
    OpenItemBatch,
    PaymentOutcomeBatch,
    RemittanceBatch,
    ReversalBatch,
)
from engine.limits import DECIMAL_SCALE
from engine.match_input import MatchResult
from engine.matcher import match_payments
from engine.money import exponents_of
from tieout.evaluation.truth_matching import payments_of_keys
from tieout.progress import quiet
from tieout.replay.carried_memory import CarriedMemory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.match_input import MatchInput, StageObserver
    from tieout.evaluation.truth_tables import Truth

__all__ = ["Period", "match_by_period", "period_days"]

Period = Literal["day", "week"]
"""How long a history is matched at a time; weeks begin on Monday."""

_DAYS: Final = {"day": 1, "week": 7}
_MONDAY: Final = 4
"""1970-01-05 was a Monday."""

_CLOSES: Final = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")
_ORPHAN: Final = "RMT-ORPHAN"


def period_days(match_input: MatchInput, period: Period) -> NDArray[np.int64]:
    """First day of each payment's period: booking date, else value date, else the last of all."""
    booked = match_input.payments.days("booking_date")
    day = np.where(booked == NO_DATE, match_input.payments.days("value_date"), booked)
    day = np.where(day == NO_DATE, day.max(initial=0), day)
    length = _DAYS[period]
    first: NDArray[np.int64] = (day - _MONDAY) // length * length + _MONDAY
    return first


def match_by_period(
    match_input: MatchInput, observe: StageObserver, period: Period, truth: Truth | None = None
) -> MatchResult:
    """As `match_payments`, period after period; raises `ConservationError`."""
    first = period_days(match_input, period)
    dated = match_input.open_items.days("document_date")
    ledger = _Ledger(match_input.open_items)
    found: list[MatchResult] = []
    clerks = None if truth is None else _Clerks(match_input, truth, ledger)
    settled = [""] * len(first) if truth is None else _customers(match_input, truth)
    memory = CarriedMemory.of(match_input)
    for start in np.unique(first).tolist():
        rows = np.flatnonzero(first == start)
        last = start + _DAYS[period] - 1
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=last)
        observe(f"match {day.isoformat()}", len(rows))
        known = np.flatnonzero((dated == NO_DATE) | (dated <= last))
        cut = memory.into(_cut(match_input, rows, ledger.items(known), day))
        result = match_payments(cut, quiet)
        memory = memory.after(cut, result, [settled[row] for row in rows.tolist()])
        ledger.book(result)
        if clerks is not None:
            clerks.book(rows, result)
        found.append(result)
    whole = _together(match_input, found)
    observe("audit", len(match_input.payments))
    audit(
        match_input.payments,
        match_input.open_items,
        whole.outcomes,
        whole.applications,
        whole.reversals,
        match_input.earlier,
        match_input.policy,
    )
    return whole


def _customers(match_input: MatchInput, truth: Truth) -> list[str]:
    """Whose account each payment settles, empty where the truth does not say."""
    settled = [""] * len(match_input.payments)
    for row, customer in zip(
        payments_of_keys(truth.keys, match_input.payments.text).tolist(),
        truth.customers.to_pylist(),
        strict=True,
    ):
        if row >= 0:
            settled[row] = customer
    return settled


def _cut(
    match_input: MatchInput, rows: NDArray[np.int64], items: OpenItemBatch, day: datetime.date
) -> MatchInput:
    payments = match_input.payments.take(rows)
    lines = match_input.remittances
    own = pc.is_in(lines.text("payment_id"), value_set=payments.text("payment_id"))
    return msgspec.structs.replace(
        match_input,
        payments=payments,
        remittances=lines.take(np.flatnonzero(own.to_numpy(zero_copy_only=False))),
        open_items=items,
        as_of=day,
    )


class _Ledger:
    """What is left of every item, in minor units."""

    def __init__(self, open_items: OpenItemBatch) -> None:
        """Begin with everything open."""
        self._batch = open_items
        self.left = open_items.int64("open_minor").copy()
        self.keys = open_items.key_strings()
        self.ids = open_items.text("open_item_id")

    def items(self, rows: NDArray[np.int64]) -> OpenItemBatch:
        """The items `rows` at what is left of them; what nothing is left of is paid."""
        batch = self._batch.record_batch
        was_open = batch.column("open_minor").to_numpy() != 0
        settled = pa.array(was_open & (self.left == 0))
        columns = {name: batch.column(name) for name in OpenItemBatch.SCHEMA.names}
        columns["open_minor"] = pa.array(self.left)
        columns["status"] = pc.if_else(settled, "paid", batch.column("status"))
        return OpenItemBatch.from_columns(columns).take(rows)

    def book(self, result: MatchResult) -> None:
        """Take off what `result` applied, put back what its returns re-open."""
        rows = result.applications.record_batch
        auto = rows.filter(pc.equal(rows.column("decision"), "auto"))
        closed = sum(auto.column(name).to_numpy() for name in _CLOSES)
        np.subtract.at(self.left, self._rows(auto, result), closed)
        back = result.reversals.record_batch
        np.add.at(self.left, self._rows(back, result), back.column("amount_minor").to_numpy())

    def _rows(self, rows: pa.RecordBatch, result: MatchResult) -> NDArray[np.int64]:
        owner = pc.index_in(rows.column("payment_id"), value_set=result.outcomes.text("payment_id"))
        company = result.outcomes.text("company_id").take(owner)
        keys = pc.binary_join_element_wise(company, rows.column("open_item_id"), "\x1f")
        exact = pc.index_in(keys, value_set=self.keys)
        by_id = pc.index_in(rows.column("open_item_id"), value_set=self.ids)
        found: NDArray[np.int32] = pc.coalesce(exact, by_id).to_numpy(zero_copy_only=False)
        return found.astype(np.int64)


class _Clerks:
    """People who know the truth: they book what was left undecided, as far as it is still open."""

    def __init__(self, match_input: MatchInput, truth: Truth, ledger: _Ledger) -> None:
        """Find the payment and the item of every line of `truth`."""
        of_payment = payments_of_keys(truth.keys, match_input.payments.text)
        self._line_payment = of_payment[truth.line_payment]
        items = pc.index_in(truth.line_item, value_set=ledger.ids)
        self._line_item = pc.fill_null(items, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        places = exponents_of(match_input.open_items.text("currency"))
        factor = np.power(np.int64(10), np.int64(DECIMAL_SCALE) - places[self._line_item])
        self._closes = truth.line_amounts.sum(axis=1) // factor
        self._ledger = ledger

    def book(self, rows: NDArray[np.int64], result: MatchResult) -> None:
        """Book the lines of the payments `rows` to which `result` applied nothing."""
        applied = result.outcomes.int64("applied_minor")
        undecided = rows[applied == 0]
        mine = np.isin(self._line_payment, undecided) & (self._line_item >= 0)
        item, closes = self._line_item[mine], self._closes[mine]
        left = self._ledger.left
        for row, amount in zip(item.tolist(), closes.tolist(), strict=True):
            if left[row] and (amount > 0) == (left[row] > 0):
                left[row] -= min(amount, int(left[row]), key=abs)


def _together(match_input: MatchInput, found: list[MatchResult]) -> MatchResult:
    """The results of all periods as one, outcomes in the payments' order."""
    outcomes = PaymentOutcomeBatch.concat([one.outcomes for one in found])
    order = pc.index_in(
        match_input.payments.text("payment_id"), value_set=outcomes.text("payment_id")
    )
    return MatchResult(
        outcomes=outcomes.take(order.to_numpy(zero_copy_only=False).astype(np.int64)),
        applications=ApplicationBatch.concat([one.applications for one in found]),
        reversals=ReversalBatch.concat([one.reversals for one in found]),
        exceptions=_exceptions(found),
        joined=RemittanceBatch.concat([one.joined for one in found]),
    )


def _exceptions(found: list[MatchResult]) -> ExceptionBatch:
    """Exceptions of all periods; an advice is an orphan only where no period had its payment."""
    every = ExceptionBatch.concat(
        [ExceptionBatch.of(_without_orphans(one.exceptions)) for one in found]
    )
    seen = Counter(
        identity
        for one in found
        for identity, code in zip(
            one.exceptions.strings("exception_id"), one.exceptions.strings("code"), strict=True
        )
        if code == _ORPHAN
    )
    always = [identity for identity, count in seen.items() if count == len(found)]
    last = found[-1].exceptions.record_batch
    lasting = last.filter(
        pc.is_in(last.column("exception_id"), value_set=pa.array(always, pa.string()))
    )
    return ExceptionBatch.concat([every, ExceptionBatch.of(lasting)])


def _without_orphans(exceptions: ExceptionBatch) -> pa.RecordBatch:
    batch = exceptions.record_batch
    return batch.filter(pc.not_equal(batch.column("code"), _ORPHAN))
