"""What the store still allows of a result that was made elsewhere, and what becomes of the rest.

A line is fresh where its item is open, in its currency, and covers what all lines of the result
take of it. A payment with one line that is not is kept undecided: its money is a clerk's, what was
decided becomes its proposal, and an exception says why. So every cent of the result is in the
store, and nothing is applied to an item that has moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import (
    ApplicationBatch,
    Batch,
    ExceptionBatch,
    PaymentOutcomeBatch,
    ReversalBatch,
)
from engine.exception_codes import EXCEPTION_CODES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from engine.batches import OpenItemBatch, SettledBatch
    from parsers.result_columns import RunTables

__all__ = ["FreshResult", "StaleLine", "fresh_part", "without_payments"]

_CHANGED: Final = "ITM-CHANGED"
_NO_PAYMENT: Final = "RET-NOPAYMENT"
_TAKEN: Final = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")


class StaleLine(msgspec.Struct, frozen=True, kw_only=True):
    """A decided line that the store does not allow; `row_index` counts decided lines from 0."""

    row_index: int
    payment_id: str
    company_id: str
    open_item_id: str
    reason: str
    message: str
    asked_minor: int = 0
    available_minor: int = 0


class FreshResult(msgspec.Struct, frozen=True, kw_only=True):
    """A result as it may be kept, and what of it was stale."""

    bundle: RunTables
    stale: tuple[StaleLine, ...]
    stale_payments: frozenset[str]


def without_payments(bundle: RunTables, known: Collection[str]) -> RunTables:
    """`bundle` without what concerns payments that are kept already."""
    if not known:
        return bundle
    gone = pa.array(sorted(known), pa.string())
    changed: dict[str, Any] = {}
    for name in ("payments", "outcomes", "remittances", "applications", "reversals", "exceptions"):
        batch: Batch = getattr(bundle, name)
        kept = pc.invert(pc.is_in(batch.text("payment_id"), value_set=gone))
        changed[name] = type(batch).of_distinct(batch.record_batch.filter(kept))
    return msgspec.structs.replace(bundle, **changed)


def fresh_part(bundle: RunTables, items: OpenItemBatch, earlier: SettledBatch) -> FreshResult:
    """What may be kept of `bundle` against `items` as they are; `earlier`: what returns re-open."""
    lines = _Lines(bundle, items)
    reasons = lines.stale()
    lost = _unknown_returns(bundle, earlier, lines.payments_of(reasons))
    stale_payments = lines.payments_of(reasons)
    told = lines.told(reasons)
    told += [
        StaleLine(
            row_index=-1,
            payment_id=payment,
            company_id="",
            open_item_id="",
            reason="RETURN_UNKNOWN",
            message=f"return {payment}: what it takes back was not settled here",
        )
        for payment in sorted(lost)
    ]
    kept = msgspec.structs.replace(
        bundle,
        outcomes=_undecided(bundle.outcomes, stale_payments),
        applications=_as_proposals(bundle.applications, stale_payments),
        reversals=_without(bundle.reversals, lost),
        exceptions=_with_exceptions(bundle, stale_payments, lost, told),
    )
    return FreshResult(bundle=kept, stale=tuple(told), stale_payments=stale_payments | lost)


class _Lines:
    """The decided lines of a result beside their items."""

    def __init__(self, bundle: RunTables, items: OpenItemBatch) -> None:
        auto = bundle.applications.record_batch.filter(
            pc.equal(bundle.applications.text("decision"), "auto")
        )
        order = pc.sort_indices(auto, [("payment_id", "ascending"), ("open_item_id", "ascending")])
        self.rows = auto.take(order)
        owner = pc.index_in(self.rows["payment_id"], value_set=bundle.outcomes.text("payment_id"))
        self.company = bundle.outcomes.text("company_id").take(owner)
        keys = pc.binary_join_element_wise(self.company, self.rows["open_item_id"], "\x1f")
        found = pc.fill_null(pc.index_in(keys, value_set=items.key_strings()), -1)
        self._item = found.to_numpy().astype(np.int64)
        self._items = items
        self._payments = np.array(self.rows["payment_id"].to_pylist(), dtype=object)
        self.asked = np.zeros(len(self._item), dtype=np.int64)
        self.available = np.zeros(len(self._item), dtype=np.int64)

    def stale(self) -> NDArray[np.object_]:
        """Why each line is stale; empty where it is fresh."""
        there = self._item >= 0
        reasons = np.where(there, "", "ITEM_NOT_FOUND").astype(object)
        if not there.any():
            return reasons
        at = np.where(there, self._item, 0)
        status = self._items.text("status").take(pa.array(at))
        is_open = pc.equal(status, "open").to_numpy(zero_copy_only=False)
        currency = self._items.text("currency").take(pa.array(at))
        same = pc.equal(currency, self.rows["currency"]).to_numpy(zero_copy_only=False)
        reasons[there & ~is_open] = "ITEM_STATUS"
        reasons[there & is_open & ~same] = "ITEM_CURRENCY"
        opened = self._items.int64("open_minor")
        line = sum(self.rows[name].to_numpy() for name in _TAKEN)
        taken = np.zeros(len(opened), dtype=np.int64)
        np.add.at(taken, self._item[there], np.asarray(line)[there])
        beyond = (taken * np.sign(opened) > np.abs(opened)) | (taken * np.sign(opened) < 0)
        beyond |= (opened == 0) & (taken != 0)
        self.asked[there], self.available[there] = taken[at][there], opened[at][there]
        reasons[there & (reasons == "") & beyond[at]] = "ITEM_NOT_COVERED"
        # A payment stands or falls as a whole.
        fallen = set(self._payments[reasons != ""].tolist())
        others = np.array([one in fallen for one in self._payments], dtype=bool)
        reasons[others & (reasons == "")] = "PAYMENT_STALE"
        return reasons

    def payments_of(self, reasons: NDArray[np.object_]) -> frozenset[str]:
        """Payments with a line that is stale."""
        return frozenset(self._payments[reasons != ""].tolist())

    def told(self, reasons: NDArray[np.object_]) -> list[StaleLine]:
        """The stale lines in words."""
        found = []
        for row in np.flatnonzero(reasons != "").tolist():
            item = self.rows["open_item_id"][row].as_py()
            asked, available = int(self.asked[row]), int(self.available[row])
            found.append(
                StaleLine(
                    row_index=row,
                    payment_id=self._payments[row],
                    company_id=self.company[row].as_py(),
                    open_item_id=item,
                    reason=reasons[row],
                    message=_words(reasons[row], item, asked, available),
                    asked_minor=asked,
                    available_minor=available,
                )
            )
        return found


def _words(reason: str, item: str, asked: int, available: int) -> str:
    return {
        "ITEM_NOT_FOUND": f"item {item} is not open here",
        "ITEM_STATUS": f"item {item} is not open any more",
        "ITEM_CURRENCY": f"item {item} is in another currency",
        "ITEM_NOT_COVERED": f"item {item}: {asked} asked and {available} available",
        "PAYMENT_STALE": "another line of its payment is stale",
    }[reason]


def _unknown_returns(
    bundle: RunTables, earlier: SettledBatch, stale: frozenset[str]
) -> frozenset[str]:
    """Returns that re-open what nobody has settled, neither here nor in the result."""
    rows = bundle.reversals.record_batch.to_pylist()
    if not rows:
        return frozenset()
    settled = set(zip(earlier.strings("payment_id"), earlier.strings("open_item_id"), strict=True))
    auto = bundle.applications.record_batch.filter(
        pc.equal(bundle.applications.text("decision"), "auto")
    )
    own = zip(auto["payment_id"].to_pylist(), auto["open_item_id"].to_pylist(), strict=True)
    settled |= {pair for pair in own if pair[0] not in stale}
    return frozenset(
        row["payment_id"]
        for row in rows
        if (row["original_payment_id"], row["open_item_id"]) not in settled
    )


def _undecided(outcomes: PaymentOutcomeBatch, payments: frozenset[str]) -> PaymentOutcomeBatch:
    """What was applied of `payments` is undecided: of a known customer, or of nobody known."""
    if not payments:
        return outcomes
    stale = _is_one_of(outcomes.text("payment_id"), payments)
    known = pc.not_equal(outcomes.text("customer_id"), "").to_numpy(zero_copy_only=False)
    applied = np.where(stale, outcomes.int64("applied_minor"), 0)
    columns: dict[str, Any] = {
        name: outcomes.record_batch[name] for name in PaymentOutcomeBatch.SCHEMA.names
    }
    left = pa.array(np.where(known, "unapplied", "unidentified"), pa.string())
    return PaymentOutcomeBatch.from_columns(
        columns
        | {
            "applied_minor": outcomes.int64("applied_minor") - applied,
            "unapplied_minor": outcomes.int64("unapplied_minor") + np.where(known, applied, 0),
            "unidentified_minor": outcomes.int64("unidentified_minor")
            + np.where(known, 0, applied),
            "status": pc.if_else(pa.array(stale), left, outcomes.text("status")),
        }
    )


def _as_proposals(applications: ApplicationBatch, payments: frozenset[str]) -> ApplicationBatch:
    """What was decided of `payments` is proposed; what was proposed beside it rests on that."""
    if not payments:
        return applications
    stale = _is_one_of(applications.text("payment_id"), payments)
    auto = pc.equal(applications.text("decision"), "auto").to_numpy(zero_copy_only=False)
    columns: dict[str, Any] = {
        name: applications.record_batch[name] for name in ApplicationBatch.SCHEMA.names
    }
    decision = pc.if_else(pa.array(stale & auto), "proposed", applications.text("decision"))
    changed = ApplicationBatch.from_columns(columns | {"decision": decision})
    return changed.take(np.flatnonzero(~stale | auto))


def _without(reversals: ReversalBatch, payments: frozenset[str]) -> ReversalBatch:
    if not payments:
        return reversals
    return reversals.take(np.flatnonzero(~_is_one_of(reversals.text("payment_id"), payments)))


def _with_exceptions(
    bundle: RunTables, stale: frozenset[str], lost: frozenset[str], told: list[StaleLine]
) -> ExceptionBatch:
    """The exceptions, with one for each payment that is kept undecided; one primary each."""
    if not stale and not lost:
        return bundle.exceptions
    why: dict[str, str] = {}
    for line in told:
        if line.reason != "PAYMENT_STALE":
            why.setdefault(line.payment_id, line.message)
    amounts = dict(zip(bundle.payments.strings("payment_id"), _money(bundle), strict=True))
    added = [
        _exception(_NO_PAYMENT if one in lost else _CHANGED, one, why, amounts)
        for one in sorted(stale | lost)
    ]
    rows = [*bundle.exceptions.record_batch.to_pylist(), *added]
    first = _primary_codes(rows, stale | lost)
    for row in rows:
        if row["payment_id"] in first:
            row["is_primary"] = first[row["payment_id"]] == row["exception_id"]
    names = ExceptionBatch.SCHEMA.names
    return ExceptionBatch.from_columns({name: [row[name] for row in rows] for name in names})


def _money(bundle: RunTables) -> list[tuple[int, str]]:
    payments = bundle.payments
    amounts: list[int] = payments.int64("amount_minor").tolist()
    return list(zip(amounts, payments.strings("currency"), strict=True))


def _exception(
    code: str, payment: str, why: Mapping[str, str], amounts: Mapping[str, tuple[int, str]]
) -> dict[str, Any]:
    entry = EXCEPTION_CODES[code]
    amount_minor, currency = amounts[payment]
    return {
        "exception_id": f"{payment}-{code}",
        "payment_id": payment,
        "source_file": "",
        "remittance_id": "",
        "code": code,
        "is_primary": True,
        "amount_minor": amount_minor,
        "currency": currency,
        "message": f"Kept undecided: {why.get(payment, 'the open items changed since the run')}",
        "missing_fact": entry.missing_fact,
        "suggested_action": entry.suggested_action,
        "proposal_ranks": "" if code == _NO_PAYMENT else "1",
    }


def _primary_codes(rows: list[dict[str, Any]], payments: frozenset[str]) -> dict[str, str]:
    """The exception of each payment whose code comes first."""
    order = {code: at for at, code in enumerate(EXCEPTION_CODES)}
    first: dict[str, tuple[int, str]] = {}
    for row in rows:
        payment = row["payment_id"]
        if payment in payments:
            place = (order[row["code"]], row["exception_id"])
            first[payment] = min(first.get(payment, place), place)
    return {payment: exception for payment, (_, exception) in first.items()}


def _is_one_of(column: pa.Array, values: frozenset[str]) -> NDArray[np.bool_]:
    found = pc.is_in(column, value_set=pa.array(sorted(values), pa.string()))
    wanted: NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
    return wanted
